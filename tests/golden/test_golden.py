"""The program and the oracle both give what the golden and the conformance cases expect."""

import json
import os
import subprocess
import sys
from pathlib import Path

import binary
import pytest
from oracle import run_files

HERE = Path(__file__).resolve().parent
CONFORMANCE = Path(
    os.environ.get("ACCRUED_CONFORMANCE", binary.ROOT.parent / "shared" / "conformance")
)
COMPARER = CONFORMANCE / "compare.py"
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


def judged(case, written, tmp_path):
    """What the comparer of the conformance cases says -> the completed process."""
    actual = tmp_path / "actual.jsonl"
    actual.write_bytes(written)
    return subprocess.run(
        [sys.executable, str(COMPARER), str(case / "expected.jsonl"), str(actual)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def require_comparer():
    if not COMPARER.is_file():
        pytest.skip(f"no comparer at {COMPARER}")


@pytest.mark.parametrize("case", cases())
def test_the_program_by_the_comparer(case, tmp_path):
    require_comparer()
    paths, no_link = inputs(case)
    done = binary.rate(paths, no_link)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    verdict = judged(case, done.stdout, tmp_path)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


def test_the_comparer_finds_a_missing_event(tmp_path):
    require_comparer()
    case = next(CONFORMANCE.glob("case-*/expected.jsonl")).parent
    lines = (case / "expected.jsonl").read_bytes().splitlines(keepends=True)
    assert judged(case, b"".join(lines), tmp_path).returncode == 0
    assert judged(case, b"".join(lines[:-1]), tmp_path).returncode != 0


def test_the_conformance_cases_are_there():
    if not CONFORMANCE.is_dir():
        pytest.skip(f"no conformance cases at {CONFORMANCE}")
    assert len(list(CONFORMANCE.glob("case-*/expected.jsonl"))) >= 8
