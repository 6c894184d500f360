"""The benchmarks run from end to end, on a little of everything. What they measure on a busy
machine is no matter here, only that there is a figure of each kind and that it is one."""

import re
import subprocess

import binary

SECTIONS = ("drain", "latency", "idle", "restart", "files", "steps")


def test_the_benchmarks_run():
    done = subprocess.run(
        [binary.ROOT / "scripts" / "bench", "--smoke", "--build", binary.BINARY.parent],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    parts = re.split(r"^## (\w+)", done.stdout, flags=re.MULTILINE)[1:]
    told = dict(zip(parts[::2], parts[1::2], strict=True))
    assert tuple(told) == SECTIONS
    for name, table in told.items():
        rows = [line for line in table.splitlines() if line.startswith("| ") and "|---" not in line]
        figures = [row for row in rows if re.search(r"[1-9]", row)]
        assert len(figures) >= 1, (name, table)
    assert len([line for line in told["drain"].splitlines() if "accrued run" in line]) == 2
    assert "× the best raw" in told["latency"]
