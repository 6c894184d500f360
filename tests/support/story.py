"""A service and the oracle that go through the same events, for tests that rate lines again."""

import json

from expectations import check_events, numbers_raw, published, reference_of, send_lines
from generator import to_json
from oracle import Oracle, from_scratch, parse
from totals import check_deltas, standing

WAIT = ("--wait", "--timeout", "120")


class Story:
    """The service and the oracle go through the same events in the same order."""

    def __init__(self, setup, kafka):
        self.setup, self.kafka = setup, kafka
        rating = setup.settings["rating"]
        config = parse.load_config(rating["programs"], rating["catalog"])
        self.oracle = Oracle(config, reference_of(setup), rating["no_link"])
        self.want = []

    def send(self, lines):
        send_lines(self.kafka, self.setup.input, lines)
        self.setup.wait_until_drained()
        for line in lines:
            self.want += self.feed({"line": numbers_raw(line)})

    def feed(self, value):
        events = self.oracle.feed(to_json(value).encode(), 1)
        assert not [event for event in events if event["type"] == "dead_letter"], events
        return events

    def change(self, value):
        """A reference value changes, in Redis and for the oracle."""
        self.setup.store(value)
        self.feed(value)

    def rerate(self, request, *arguments):
        """Asks, waits; the oracle does the same. Returns the oracle's events."""
        done = self.setup.command("rerate", *options_of(request), "-c", self.config(), *arguments)
        assert done.stdout.strip() == request["request_id"]
        events = self.feed({"rerate": request})
        self.want += events
        return events

    def dry_run(self, request):
        done = self.setup.command(
            "rerate", *options_of(request), "--dry-run", "-c", self.config()
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    def config(self):
        return self.setup.config("command.yaml")

    def check(self):
        check_events(self.want, published(self.setup))

    def check_standing(self, lines):
        """For when live lines and the re-rate ran beside each other."""
        accepted = [parse.parse_line(line) for line in lines]
        got = published(self.setup)
        check_deltas(got)
        config = self.oracle.ledger.config
        assert standing(got) == from_scratch(config, accepted, self.oracle.reference)
        return got


def options_of(request):
    options = ["--request-id", request["request_id"]]
    options += ["--all"] if request["scope"] == "all" else [f"--{request['scope']}", request["id"]]
    for name in ("from", "to"):
        if request.get(name) is not None:
            options += [f"--{name}", request[name]]
    return options
