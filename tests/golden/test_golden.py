"""The program and the oracle both give what the golden and the conformance cases expect."""

import json
import os
from pathlib import Path

import binary
import pytest
from oracle import run_files

HERE = Path(__file__).resolve().parent
CONFORMANCE = Path(
    os.environ.get("ACCRUED_CONFORMANCE", binary.ROOT.parent / "shared" / "conformance")
)
FILES = {
    "programs": "programs.yaml",
    "catalog": "catalog.yaml",
    "reference": "reference.jsonl",
    "lines": "lines.jsonl",
}


def cases():
    found = sorted(HERE.glob("*/expected.jsonl")) + sorted(CONFORMANCE.glob("*/expected.jsonl"))
    return [pytest.param(path.parent, id=path.parent.name) for path in found]


def expected(case):
    with open(case / "expected.jsonl", encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def inputs(case):
    return {name: case / file for name, file in FILES.items()}, (case / "no-link").exists()


@pytest.mark.parametrize("case", cases())
def test_the_program(case):
    paths, no_link = inputs(case)
    told = binary.difference(expected(case), binary.rate_events(paths, no_link))
    assert told is None, told


@pytest.mark.parametrize("case", cases())
def test_the_oracle(case):
    paths, no_link = inputs(case)
    events, _ = run_files(**paths, no_link=no_link)
    told = binary.difference(expected(case), events)
    assert told is None, told


def test_the_conformance_cases_are_there():
    if not CONFORMANCE.is_dir():
        pytest.skip(f"no conformance cases at {CONFORMANCE}")
    assert len(list(CONFORMANCE.glob("case-*/expected.jsonl"))) >= 8
