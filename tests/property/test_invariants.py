"""What must hold of the program's output whatever the rules are, checked on that output alone.

1. For each (line, program, partner, currency, billing period) the amounts sum to the last
   cumulative amount. 2. The sequences of a (line, program, partner) are 1, 2, 3 …. 3. After a
   re-rate of everything, what stands is what a run over the winning lines alone would give with
   the reference values of that moment, published by a ledger that never saw anything else.
"""

import json
from fractions import Fraction

import binary
import pytest
from experiments import SEEDS, keep
from generator import make_case
from oracle import from_scratch, parse
from totals import check_deltas, standing

AUDIT = b'{"rerate": {"scope": "all", "request_id": "audit"}}'


def accepted_lines(case, events):
    """The lines that the program did not refuse, parsed, in input order."""
    refused = {e["line_number"] for e in events if e["type"] == "dead_letter"}
    for number, source in enumerate(case.lines, 1):
        if number not in refused and source.startswith(b'{"line"'):
            yield parse.parse_line(
                json.loads(source, parse_int=parse.Number, parse_float=parse.Number)["line"]
            )


def todays_reference(case):
    reference = parse.Reference()
    for source in [text.encode() for text in case.reference] + case.lines:
        if source.startswith((b'{"partner"', b'{"customer"')):
            ((kind, record),) = parse.parse_json(source).items()
            reference.put(kind, record)
    return reference


def broken(case, directory):
    """None, or what does not hold."""
    case.lines = [line for line in case.lines if line != AUDIT] + [AUDIT]
    paths = case.write(directory)
    try:
        events = binary.rate_events(paths, case.no_link)
        check_deltas(events)
    except AssertionError as error:
        return str(error)
    config = parse.load_config(paths["programs"], paths["catalog"])
    want = from_scratch(config, accepted_lines(case, events), todays_reference(case))
    got = standing(events)
    for key in sorted(set(want) | set(got), key=repr):
        if want.get(key, Fraction(0)) != got.get(key, Fraction(0)):
            return f"{key}: from scratch {want.get(key)}, published {got.get(key)}"
    return None


@pytest.mark.parametrize("seed", SEEDS)
def test_deltas_add_up_and_the_audit_finds_the_truth(seed, tmp_path):
    case = make_case(seed + 1_000_000)
    told = broken(case, tmp_path)
    if told:
        pytest.fail(f"{keep(case, tmp_path, 'invariant', broken)}\n{told}", pytrace=False)


@pytest.mark.parametrize("seed", list(SEEDS)[::10])
def test_a_second_audit_finds_nothing(seed, tmp_path):
    case = make_case(seed + 2_000_000)
    case.lines += [AUDIT, AUDIT.replace(b"audit", b"again")]
    events = binary.rate_events(case.write(tmp_path), case.no_link)
    assert [e for e in events if e.get("rerate_id") == "again"] == []


@pytest.mark.parametrize("seed", list(SEEDS)[::10])
def test_the_same_file_twice_adds_nothing_without_revision_ties(seed, tmp_path):
    """Redelivery: every line again, at the revision that stands, yields nothing."""
    case = make_case(seed + 3_000_000, bad=False, rerates=False)
    once = [line for line in case.lines if line.startswith(b'{"line"')]
    again = list(winners(once).values())
    case.lines = once
    first = binary.rate_events(case.write(tmp_path), case.no_link)
    case.lines = once + again
    both = binary.rate_events(case.write(tmp_path), case.no_link)
    assert binary.difference(first, both) is None


def winners(sources):
    """{line key: the source of the line that stands}"""
    found = {}
    for source in sources:
        line = parse.parse_line(parse.parse_json(source)["line"])
        known = found.get(line.key)
        if known is None or line.revision >= known[0]:
            found[line.key] = (line.revision, source)
    return {key: source for key, (_, source) in found.items()}
