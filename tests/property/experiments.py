"""Seeds of the property tests, and what to do with one that fails."""

import os
import shutil
import tempfile
from pathlib import Path

import binary
from oracle import run_files

CASE_COUNT = int(os.environ.get("ACCRUED_PROPERTY_CASES", "150"))
FIRST_SEED = int(os.environ.get("ACCRUED_PROPERTY_SEED", "1"))
SEEDS = range(FIRST_SEED, FIRST_SEED + CASE_COUNT)
KEPT = Path(tempfile.gettempdir()) / "accrued-property"


def mismatch(case, directory):
    """None, or how the program's output differs from the oracle's."""
    paths = case.write(directory)
    want, _ = run_files(**paths, no_link=case.no_link)
    try:
        got = binary.rate_events(paths, case.no_link)
    except AssertionError as error:
        return str(error)
    return binary.difference(want, got)


def shrink(case, fails):
    """Leaves out input lines, then reference values, as long as the case still fails."""
    for name in ("lines", "reference"):
        items = getattr(case, name)
        size = len(items)
        while size:
            start = 0
            while start < len(items):
                fewer = items[:start] + items[start + size :]
                setattr(case, name, fewer)
                if fails(case):
                    items = fewer
                else:
                    start += size
            setattr(case, name, items)
            size //= 2
    return case


def keep(case, directory, kind, fails):
    """Stores a failing case, made as small as it gets, where the next run does not delete it."""
    place = KEPT / f"{kind}-{case.seed}"
    shutil.rmtree(place, ignore_errors=True)
    case.write(place / "whole")
    shrink(case, lambda smaller: fails(smaller, directory)).write(place)
    flag = " --no-link" if case.no_link else ""
    return f"seed {case.seed}, kept in {place}: accrued rate{flag} …"
