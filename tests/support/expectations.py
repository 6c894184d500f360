"""What the topics must hold, from the oracle, and how that is compared with what they do hold.

Only the order within one (line, program, partner) can be seen from outside: everything else may
lie in different partitions.
"""

from collections import defaultdict

import wire
from generator import Raw, make_case, to_json
from kafka_io import Sender, load_json, partitions_of
from oracle import Oracle, from_scratch, parse
from totals import check_deltas, standing

# Fields of the topics that the offline form leaves out.
ONLINE_ONLY = ("source_topic", "source_partition", "source_offset", "accrued_at", "reference_hash")


def stream_case(seed, lines):
    """A random case whose lines are all good and whose reference values stay as they are."""
    case = make_case(seed, lines=lines, bad=False, rerates=False)
    case.lines = [line for line in case.lines if line.startswith(b'{"line"')]
    return case


def records(case):
    return [load_json(source.decode())["line"] for source in case.lines]


def send_lines(kafka, topic, lines):
    sender = Sender(kafka, topic)
    for line in lines:
        sender.send(wire.line_key(line), wire.line_value(line))
    return sender.flush()


def run_oracle(setup, lines):
    """(events, the oracle afterwards) for lines in the order in which they were sent."""
    config = parse.load_config(
        setup.settings["rating"]["programs"], setup.settings["rating"]["catalog"]
    )
    oracle = Oracle(config, reference_of(setup), setup.settings["rating"].get("no_link", False))
    sources = [to_json({"line": numbers_raw(line)}).encode() for line in lines]
    events = list(oracle.run(sources))
    assert not [event for event in events if event["type"] == "dead_letter"]
    return events, oracle


def numbers_raw(line):
    """Numbers again as JSON numbers, where they came as such."""
    return {k: Raw(v) if isinstance(v, parse.Number) else v for k, v in line.items()}


def reference_of(setup):
    """The reference values as they stand in Redis."""
    reference = parse.Reference()
    prefix = setup.settings["redis"]["key_prefix"].encode()
    for key in setup.redis.client.scan_iter(prefix + b"*"):
        kind = key[len(prefix) :].split(b":", 1)[0].decode()
        reference.put(kind, parse.parse_json(setup.redis.client.get(key)))
    return reference


def grouped(events):
    groups = defaultdict(list)
    for event in events:
        plain = {name: value for name, value in event.items() if name not in ONLINE_ONLY}
        place = (
            event["type"],
            event["customer_id"],
            event["line_id"],
            event["program_id"],
            event["partner_mpn_id"] or "",
        )
        groups[place].append(plain)
    return groups


def published(setup):
    """All accruals and forgone of the topics in the offline form."""
    return [wire.event(r.value) for r in setup.accruals() + setup.forgone()]


def check_events(want, got):
    """The same events, in the same order within each line, program and partner."""
    want, got = grouped(want), grouped(got)
    for place in sorted(set(want) | set(got)):
        wanted, found = want.get(place, []), got.get(place, [])
        for w, g in zip(wanted, found):
            unlike = {
                n: (w.get(n, "absent"), g.get(n, "absent"))
                for n in set(w) | set(g)
                if w.get(n, "absent") != g.get(n, "absent")
            }
            assert not unlike, f"{place}: (want, got) {unlike}"
        assert len(wanted) == len(found), f"{place}: want {wanted}, got {found}"


def check_keys(setup):
    for record in setup.accruals():
        event = wire.event(record.value)
        assert record.key == event["partner_mpn_id"].encode()
        assert record.partition == wire.partition_of(record.key, topic_size(setup, "accruals"))
    for record in setup.forgone():
        event = wire.event(record.value)
        assert record.key == (event["partner_mpn_id"] or event["customer_id"]).encode()


def topic_size(setup, name):
    return len(partitions_of(setup.watcher.consumer, setup.topics[name]))


def check_all(setup, lines):
    """Everything that must hold once the input is drained."""
    want, oracle = run_oracle(setup, lines)
    got = published(setup)
    check_deltas(got)
    config, reference = oracle.ledger.config, oracle.reference
    assert standing(got) == from_scratch(config, oracle.accepted, reference)
    check_events(want, got)
    assert setup.committed() == setup.produced()
    return want, got
