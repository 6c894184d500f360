"""`accrued rate --diff` says what two runs of `accrued rate`, one under each file, differ in."""

import json
import re
import subprocess
from fractions import Fraction

import binary
import pytest
from experiments import SEEDS
from generator import make_case
from test_explain_outcome import last_forgone, of_line
from totals import standing


def rate_diff(paths, other, no_link, *more):
    command = [str(binary.require_binary()), "rate", "--diff", str(other["programs"])]
    if other.get("catalog"):
        command += ["--diff-catalog", str(other["catalog"])]
    for name, path in paths.items():
        command += [f"--{name}", str(path)]
    command += ["--no-link"] if no_link else []
    done = subprocess.run([*command, *more], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def what_stands(events):
    """{(customer, line, program, partner): (amount, forgone reason, forgone amount)}, no zeros."""
    found = {}
    for (line, program, partner, _, _), amount in standing(events).items():
        found[(*line, program, partner)] = (amount, None, 0)
    for line in {(e["customer_id"], e["line_id"]) for e in events if e["type"] == "forgone"}:
        for (program, partner), (reason, amount) in last_forgone(of_line(events, *line)).items():
            found[(*line, program, partner)] = (0, reason, amount)
    return found


def side(value):
    if value is None:
        return None
    entry = (
        Fraction(value["cumulative_amount"]),
        value.get("forgone_reason"),
        Fraction(value.get("forgone_amount", 0)),
    )
    return entry if entry[0] or entry[2] else None


def told_differences(told):
    return {
        (d["customer_id"], d["line_id"], d["program_id"], d["partner_mpn_id"]): (
            side(d["today"]),
            side(d["other"]),
        )
        for d in told
        if d["type"] == "difference"
    }


@pytest.mark.parametrize("seed", list(SEEDS)[::10])
def test_the_differences_are_those_of_two_runs(seed, tmp_path):
    case, rules = make_case(seed + 5_000_000), make_case(seed + 6_000_000)
    (tmp_path / "other").mkdir()
    paths, others = case.write(tmp_path), rules.write(tmp_path / "other")
    other = {name: others[name] for name in ("programs", "catalog")}
    told, _ = rate_diff(paths, other, case.no_link)
    today = what_stands(binary.rate_events(paths, case.no_link))
    then = what_stands(binary.rate_events({**paths, **other}, case.no_link))
    want = {
        key: (today.get(key), then.get(key))
        for key in set(today) | set(then)
        if today.get(key) != then.get(key)
    }
    assert told_differences(told) == want
    for difference in told:
        if difference["type"] == "difference":
            before, after = side(difference["today"]), side(difference["other"])
            amount = (after[0] if after else 0) - (before[0] if before else 0)
            assert Fraction(difference["difference"]) == amount


def test_the_totals(tmp_path):
    case = binary.ROOT / "tests" / "golden" / "links"
    paths = {n: case / f"{n}.yaml" for n in ("programs", "catalog")}
    paths |= {n: case / f"{n}.jsonl" for n in ("reference", "lines")}
    other = binary.ROOT / "tests" / "golden" / "explain" / "other.yaml"
    told, summary = rate_diff(paths, {"programs": other}, False, "--summary")
    assert "lines" in summary
    rows = re.findall(r"^(\S+) +(\S+) +(USD) +(\S+) +(\S+) +(\S+) +(\d+)$", summary, re.MULTILINE)
    assert rows
    for program, mpn, _, before, after, difference, lines in rows:
        mine = [d for d in told if (d["program_id"], d["partner_mpn_id"]) == (program, mpn)]
        assert len(mine) == int(lines)
        assert sum(Fraction(d["difference"]) for d in mine) == Fraction(difference)
        assert Fraction(after) - Fraction(before) == Fraction(difference)
    assert {(d["program_id"], d["partner_mpn_id"]) for d in told} == {row[:2] for row in rows}


def test_the_same_rules_differ_in_nothing(tmp_path):
    case = make_case(7_000_001, bad=False)
    paths = case.write(tmp_path)
    told, _ = rate_diff(paths, {"programs": paths["programs"]}, case.no_link)
    assert told == []
