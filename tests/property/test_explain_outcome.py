"""What `accrued explain` says of a line is what `accrued rate` has published for it, and what it
says of today is what rating everything again would publish."""

import json
import subprocess
from fractions import Fraction

import binary
import pytest
from experiments import SEEDS
from generator import make_case
from totals import standing

LINES_A_CASE = 3
AUDIT = b'{"rerate": {"scope": "all", "request_id": "audit"}}'


def explain(case, paths, customer, line):
    command = [str(binary.require_binary()), "explain", "--json"]
    for name, path in paths.items():
        command += [f"--{name}", str(path)]
    command += ["--no-link"] if case.no_link else []
    command += ["--customer", customer, "--", line]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def of_line(events, customer, line):
    return [e for e in events if (e.get("customer_id"), e.get("line_id")) == (customer, line)]


def last_forgone(events):
    """{(program, partner): (reason, amount)} of what stands, no zeros."""
    last = {}
    for event in events:
        if event["type"] == "forgone":
            key = event["program_id"], event["partner_mpn_id"]
            last[key] = event["reason_code"], Fraction(event["amount"])
    return {key: value for key, value in last.items() if value[1]}


def side(told, name):
    """Accrued and forgone of the ledger, or of today, as the functions above give them."""
    accrued, forgone = {}, {}
    for earner in told["earners"]:
        key, has = (earner["program_id"], earner["partner_mpn_id"]), earner[name]
        if has and Fraction(has["cumulative_amount"]):
            accrued[key] = Fraction(has["cumulative_amount"])
        if has and Fraction(has["forgone_amount"]):
            forgone[key] = has["forgone_reason"], Fraction(has["forgone_amount"])
    return accrued, forgone


def accrued_of(events):
    sums = {}
    for (_, program, partner, _, _), amount in standing(events).items():
        sums[(program, partner)] = sums.get((program, partner), 0) + amount
    return sums


def check_line(case, paths, events, audited, key):
    told = explain(case, paths, *key)
    before, after = of_line(events, *key), of_line(audited, *key)
    if not told["known"]:
        assert before == []
        return
    assert side(told, "ledger") == (accrued_of(before), last_forgone(before))
    published = [(e["type"], e["amount"], e.get("sequence")) for e in told["published"]]
    assert published == [(e["type"], e["amount"], e.get("sequence")) for e in before]
    if "code" not in told:
        assert side(told, "today") == (accrued_of(after), last_forgone(after))
        assert told["agrees"] == (len(after) == len(before))
    for program in told["programs"]:
        winners = [link for link in program.get("links", []) if link["wins"]]
        assert len(winners) <= len(program.get("partners", []))


@pytest.mark.parametrize("seed", list(SEEDS)[::10])
def test_the_explanation_is_what_is_published(seed, tmp_path):
    case = make_case(seed + 4_000_000)
    paths = case.write(tmp_path)
    events = binary.rate_events(paths, case.no_link)
    keys = sorted({(e["customer_id"], e["line_id"]) for e in events if e["type"] != "dead_letter"})
    case.lines = [*case.lines, AUDIT]
    (tmp_path / "audited").mkdir()
    audited = binary.rate_events(case.write(tmp_path / "audited"), case.no_link)
    for key in keys[:: max(1, len(keys) // LINES_A_CASE)][:LINES_A_CASE]:
        check_line(case, paths, events, audited, key)
