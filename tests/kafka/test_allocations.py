"""On the way of a line nothing of ours is allocated, in a whole worker: from the poll to the commit
of the transaction. tests/unit/lane/allocation_test.c holds the same of each step by itself."""

import shutil
import subprocess

import binary
import pytest
import simple
import wire
from kafka_io import Sender

LINES = 10_000
CUSTOMERS = 50
# A transaction, a poll, a second ask for something, whatever the lines; so slow is no machine.
ALLOCATIONS_MAX = LINES // 4
# It is frozen while lines are sent: however long that takes, it keeps its place in the group.
PATIENT = {"session_timeout_ms": 120_000, "max_poll_interval_ms": 150_000}


def start_counted(setup, monkeypatch):
    """A worker, and count() of what its own code has allocated so far."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    library = setup.directory / "count_allocations.so"
    source = binary.ROOT / "tests" / "support" / "count_allocations.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    numbers = setup.directory / "allocations"
    numbers.write_bytes(bytes(8))
    with monkeypatch.context() as only_here:
        only_here.setenv("LD_PRELOAD", str(library))
        only_here.setenv("ACCRUED_ALLOCATIONS", str(numbers))
        worker = setup.start()
    return worker, lambda: int.from_bytes(numbers.read_bytes(), "little")


def test_lines_are_worked_on_without_allocating(accrued_config, kafka, monkeypatch):
    setup = accrued_config(simple.Case(), kafka=PATIENT)
    worker, count = start_counted(setup, monkeypatch)
    counted = []
    for revision in range(3):
        lines = [
            simple.line(f"line-{i}", f"c-{i % CUSTOMERS}", revision, str(100 + i + revision))
            for i in range(LINES)
        ]
        records = [(wire.line_key(line), wire.line_value(line)) for line in lines]
        # All at once: what a transaction asks for is shared by many lines.
        worker.freeze()
        sender = Sender(kafka, setup.input)
        for key, value in records:
            sender.send(key, value)
        sender.flush()
        worker.thaw()
        setup.wait_until_drained()
        counted.append(count())
    assert counted[0] > 100, "the counting itself works"
    assert len(setup.accruals()) == 3 * LINES
    asked = [after - before for before, after in zip(counted, counted[1:], strict=False)]
    assert asked[-1] < ALLOCATIONS_MAX, asked
