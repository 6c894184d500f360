"""An independent model of the accrual rules, for tests.

It shares no line with the program: plain Python, exact fractions, one line at a time, nothing
cached. Where the program and this package disagree, one of them misreads the page of the rules.

    days.py     the calendar
    exact.py    decimals in and out, the one rounding
    parse.py    the four files: programs, catalog, reference values, lines
    model.py    (line, reference, programs) -> accrual targets and forgone
    ledger.py   what was published, deltas, rating again
    offline.py  the files in, the events out
"""

from .ledger import from_scratch
from .offline import Oracle, run_files

__all__ = ["Oracle", "from_scratch", "run_files"]
