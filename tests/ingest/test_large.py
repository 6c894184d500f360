"""A file larger than what may be held: bounded memory, and fast enough to be used daily."""

import gzip
import json
import resource
import subprocess
import time
from decimal import Decimal
from pathlib import Path

import feeds
import pytest
from binary import require_binary

SIZE = 300_000_000
RSS_MAX_KIB = 60_000
SECONDS_MAX = 10.0
BLOCK_ROWS = 1000


def csv_block():
    """(header, block): 1,000 rows with a place for a number that makes their identity."""
    row = {
        **feeds.DAILY_ROW,
        "ResourceURI": "/subscriptions/@@@@@@/resourceGroups/rg-one/providers/vm",
        "AdditionalInfo": '{"ServiceType": "Standard_D2s_v3", "UsageType": "ComputeHR", "x": "'
        + "y" * 300
        + '"}',
    }
    rows = [{**row, "MeterId": f"meter-{number}"} for number in range(BLOCK_ROWS)]
    header, _, block = feeds.csv_text(feeds.DAILY, rows).partition("\r\n")
    return (header + "\r\n").encode(), block.encode()


def json_block():
    item = {feeds.camel(k): v for k, v in feeds.DAILY_ROW.items()}
    item.update(resourceUri="/subscriptions/@@@@@@/vm", additionalInfo="y" * 300)
    return b"", "".join(
        json.dumps({**item, "meterId": f"meter-{number}"}) + "\n" for number in range(BLOCK_ROWS)
    ).encode()


@pytest.fixture(params=["csv", "json"])
def large(request, tmp_path):
    """(path, rows) of a gzip file of 300 MB in which no two rows are equal."""
    header, block = csv_block() if request.param == "csv" else json_block()
    path = tmp_path / f"large.{request.param}.gz"
    blocks = SIZE // len(block) + 1
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header)
        for number in range(blocks):
            file.write(block.replace(b"@@@@@@", b"%06d" % number))
    yield path, blocks * BLOCK_ROWS
    path.unlink()


def peak_kib(pid):
    """The process's own peak; `ru_maxrss` would begin with that of the Python that started it."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next((int(row.split()[1]) for row in status.splitlines() if "VmHWM" in row), 0)


def test_memory_stays_small(large):
    path, rows = large
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(
        [str(require_binary()), "ingest", "--to", "-", str(path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, peak_kib(process.pid))
        time.sleep(0.02)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    told = process.stderr.read().decode()
    process.stderr.close()
    assert process.returncode == 0, told
    assert f"{rows:,} lines, 0 rejected" in told
    if "asan" not in str(require_binary()) and "sanitize" not in str(require_binary()):
        assert 0 < peak < RSS_MAX_KIB
        assert seconds < SECONDS_MAX


def test_the_sum_of_many_rows_is_exact(tmp_path):
    rows = [{"Subtotal": f"{number}.{number:010d}E-3"} for number in range(20_000)]
    done = feeds.ingest(feeds.write_csv(tmp_path / "a.csv.gz", "partner-center-onetime", *rows))
    assert len(done.by_id()) == 20_000
    wanted = sum(Decimal(row["Subtotal"]).quantize(Decimal("1e-10")) for row in rows)
    assert sum(Decimal(line["billed_amount"]) for line in done.lines) == wanted
