"""The offline form: files in, events out, in the order that the rules give."""

from . import parse
from .ledger import Ledger


class Oracle:
    """Feed it the bytes of one input line after the other."""

    def __init__(self, config, reference=None, no_link=False, strict=False):
        self.reference = reference or parse.Reference()
        self.ledger = Ledger(config, no_link, strict)
        self.accepted = []  # the lines that were not refused, stale ones included

    def feed(self, source, line_number):
        """The events (dicts) that this input line gives rise to."""
        try:
            kind, value = parse.parse_input(source)
            if kind == "line":
                events = self.ledger.post(value, self.reference)
                self.accepted.append(value)
                return events
            if kind == "rerate":
                return list(self.ledger.rerate(value, self.reference))
            self.reference.put(kind, value)
            return []
        except parse.Bad as bad:
            return [
                {
                    "type": "dead_letter",
                    "code": bad.code,
                    "message": bad.message,
                    "line_number": line_number,
                    "raw": source.rstrip(b"\r\n").decode("utf-8", "replace"),
                }
            ]

    def run(self, sources):
        for line_number, source in enumerate(sources, 1):
            if source.strip():
                yield from self.feed(source, line_number)


def run_files(programs, catalog, reference, lines, no_link=False, strict=False):
    """(events, the oracle afterwards)"""
    config = parse.load_config(programs, catalog)
    oracle = Oracle(config, parse.load_reference(reference), no_link, strict)
    with open(lines, "rb") as file:
        return list(oracle.run(file)), oracle
