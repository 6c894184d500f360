"""The benchmarks run from end to end, on a little of everything. What they measure on a busy
machine is no matter here, only that there is a figure of each kind and that it is one."""

import json
import re
import subprocess

import binary

COSTS = ("drain", "latency", "idle", "restart", "rerate", "files", "steps")
GROWTH = ("growth-links", "growth-programs", "growth-partitions", "growth-ledger")


def rows_of(table):
    return [line for line in table.splitlines() if line.startswith("| ") and "|---" not in line]


def test_the_benchmarks_run(tmp_path):
    bench = [binary.ROOT / "scripts" / "bench", "--results", tmp_path]
    done = subprocess.run(
        [*bench, "--smoke", "--build", binary.BINARY.parent],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    parts = re.split(r"^## (\S+)", done.stdout, flags=re.MULTILINE)[1:]
    told = dict(zip(parts[::2], parts[1::2], strict=True))
    assert tuple(told) == COSTS + GROWTH
    for name, table in told.items():
        figures = [row for row in rows_of(table) if re.search(r"[1-9]", row)]
        assert len(figures) >= 1, (name, table)

    # The page's own tables are replaced by these, and nothing else is.
    page = tmp_path / "performance.md"
    before = (binary.ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    page.write_text(before, encoding="utf-8")
    subprocess.run([*bench, "--page", page], check=True, timeout=60)
    after = page.read_text(encoding="utf-8")
    table = re.compile(r"(?<=<!-- bench: )(\w+) -->\n(.*?)<!-- end -->", re.DOTALL)
    assert table.sub("", after) == table.sub("", before)
    tables = dict(table.findall(after))
    assert set(tables) == {"costs", "growth", "sizes", "steps"}
    results = json.loads((tmp_path / "results.json").read_text())
    assert tuple(results) == COSTS + GROWTH
    for what in ("drain, two lanes", "full restore from the topic", "latency at 500 lines/s"):
        (row,) = [row for row in rows_of(tables["costs"]) if row.startswith(f"| {what}")]
        _, ours, yardstick, ratio = re.sub(r"\([^)]*\)|,", "", row).strip("| ").split("|")
        assert float(ratio) > 0 and float(ours) >= 0 and float(yardstick) > 0, row
    for name, table in tables.items():
        assert results["drain"]["where"]["commit"] in table, name
