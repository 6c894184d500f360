"""The benchmarks run from end to end, on a little of everything. What they measure on a busy
machine is no matter here, only that there is a figure of each kind and that it is one: zero is one
where nothing was to do, and so is less than zero where what a start costs was taken off."""

import json
import math
import re
import subprocess

import binary

COSTS = ("drain", "latency", "idle", "restart", "rerate", "files", "steps")
GROWTH = ("growth-links", "growth-programs", "growth-partitions", "growth-ledger")


FIGURE = re.compile(r"-?\d[\d,]*(\.\d+)?( \(.*\))?")


def rows_of(text):
    """The cells of each row of all its tables, without their headers."""
    lines = text.splitlines()
    starts = {at for at, line in enumerate(lines) if line.startswith("|---")}
    rows = [line for at, line in enumerate(lines) if not {at, at + 1} & starts]
    return [[cell.strip() for cell in row[1:-1].split("|")] for row in rows if row.startswith("| ")]


def check_figures(name, text):
    """Each row has one at least, and nothing that is none; all of them zero is for idling only."""
    rows = rows_of(text)
    assert rows, (name, text)
    told = []
    for row in rows:
        figures = [cell for cell in (row if name == "steps" else row[1:]) if cell]
        assert figures and all(map(FIGURE.fullmatch, figures)), (name, row)
        told += figures
    assert name == "idle" or re.search(r"[1-9]", " ".join(told)), (name, text)


def check_beside(row, cells):
    """A row of the page: its figure, its yardstick's and their ratio, as they were measured."""
    (ours,), (beside,) = row["ours"], row["beside"]
    assert math.isfinite(ours) and beside > 0, row
    figures = [re.sub(r" \(.*\)", "", cell) for cell in cells[1:]]
    form = row["form"]
    assert figures == [f"{ours:,{form}}", f"{beside:,{form}}", f"{ours / beside:.2f}"], row


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
        check_figures(name, table)

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
    for section, what in (("drain", "drain, two lanes"), ("latency", "latency at 500 lines/s"),
                          ("restart", "full restore from the topic")):  # fmt: skip
        (row,) = [row for row in results[section]["rows"] if row["what"].startswith(what)]
        (cells,) = [cells for cells in rows_of(tables["costs"]) if cells[0] == row["what"]]
        check_beside(row, cells)
    for name, table in tables.items():
        assert results["drain"]["where"]["commit"] in table, name
