"""Bad rows: told with file, row, column and value, kept, and never mixed up with good ones."""

import gzip
import json

import feeds
import pytest
from feeds import ingest, read_rejects, write_csv

ONETIME = "partner-center-onetime"
BAD = [
    ("Subtotal", "12,50", "not a decimal number"),
    ("Subtotal", "NaN", "not a decimal number"),
    ("Subtotal", "1" + "0" * 18, "more than 18 digits"),
    ("ChargeStartDate", "2/30/2020", "neither a month nor a date"),
    ("ChargeEndDate", "2/1/2020", "before charge_start_date"),
    ("Currency", "Euro", "currency"),
    ("Currency", "€", "currency"),
    ("SkuId", "x" * 1025, "1025 bytes"),
]


@pytest.mark.parametrize("column, value, reason", BAD)
def test_a_bad_value_is_told_and_kept(tmp_path, column, value, reason):
    path = write_csv(tmp_path / "feed.csv", ONETIME, {}, {column: value}, {"SkuId": "3"})
    done = ingest(path, code=1)
    assert len(done.lines) == 2
    (kept,) = read_rejects(tmp_path / "feed.csv.rejects.jsonl")
    assert kept["file"] == str(path)
    assert kept["row"] == 3
    assert kept["column"] == column
    assert kept["value"] == value
    assert reason in kept["reason"]
    assert kept["raw"] == path.read_text(encoding="utf-8").split("\n")[2].rstrip("\r")
    assert f"{path}:3: {column} " in done.told
    assert "2 lines, 1 rejected → " in done.told


@pytest.mark.parametrize(
    "column, field",
    [
        ("CustomerId", "customer_id"),
        ("Subtotal", "billed_amount"),
        ("Currency", "currency"),
        ("ChargeType", "charge_type"),
    ],
)
def test_what_is_missing_is_named(tmp_path, column, field):
    path = write_csv(tmp_path / "feed.csv", ONETIME, {column: ""})
    assert ingest(path, code=1).lines == []
    (kept,) = read_rejects(tmp_path / "feed.csv.rejects.jsonl")
    assert (kept["column"], kept["value"]) == (column, None)
    assert f"{field} is required" in kept["reason"]


def test_no_bad_row_no_reject_file(tmp_path):
    ingest(write_csv(tmp_path / "feed.csv", ONETIME))
    assert [path.name for path in tmp_path.iterdir()] == ["feed.csv"]


def test_the_reject_file_may_be_elsewhere(tmp_path):
    path = write_csv(tmp_path / "feed.csv", ONETIME, {"Subtotal": "x"})
    ingest("--rejects", tmp_path / "bad", path, code=1)
    assert len(read_rejects(tmp_path / "bad")) == 1
    done = ingest("--rejects", tmp_path / "no" / "bad", path, code=1)
    assert "say --rejects" in done.told


def test_strict_stops_at_the_first(tmp_path):
    path = write_csv(tmp_path / "feed.csv", ONETIME, {}, {"Subtotal": "x"}, {}, {"Subtotal": "y"})
    done = ingest("--strict", path, code=1)
    assert len(done.lines) == 1
    assert len(read_rejects(tmp_path / "feed.csv.rejects.jsonl")) == 1
    assert "stopped at the first bad row (--strict), row 3" in done.told


def test_many_bad_rows_do_not_flood_the_terminal(tmp_path):
    path = write_csv(tmp_path / "feed.csv", ONETIME, *[{"Subtotal": "x"}] * 500)
    done = ingest(path, code=1)
    assert len(read_rejects(tmp_path / "feed.csv.rejects.jsonl")) == 500
    assert len(done.told.splitlines()) < 30
    assert "500 rejected" in done.told


def test_a_row_is_its_line_in_the_file(tmp_path):
    path = write_csv(
        tmp_path / "feed.csv", ONETIME, {"ProductName": "two\nlines"}, {"Subtotal": "x"}
    )
    ingest(path, code=1)
    (kept,) = read_rejects(tmp_path / "feed.csv.rejects.jsonl")
    assert kept["row"] == 4


def test_too_few_and_too_many_cells(tmp_path):
    lines = write_csv(tmp_path / "feed.csv", ONETIME, {}, {}, {}).read_text().splitlines()
    lines[1] = lines[1].rpartition(",,")[0]
    lines[2] += ",surplus"
    lines[3] += ",,"  # empty ones do no harm
    (tmp_path / "feed.csv").write_text("\n".join(lines))
    assert len(ingest(tmp_path / "feed.csv", code=1).lines) == 1
    short, long = read_rejects(tmp_path / "feed.csv.rejects.jsonl")
    assert "where the header has 46" in short["reason"]
    assert "47 cells" in long["reason"]


def test_reading_goes_on_behind_a_broken_quote(tmp_path):
    lines = write_csv(tmp_path / "feed.csv", ONETIME, *[{}] * 4).read_text().splitlines()
    lines[2] = lines[2].replace("Microsoft 365 E3", '"Microsoft 365 E3')
    (tmp_path / "feed.csv").write_text("\n".join(lines) + "\n")
    assert len(ingest(tmp_path / "feed.csv", code=1).lines) == 3
    (kept,) = read_rejects(tmp_path / "feed.csv.rejects.jsonl")
    assert kept["row"] == 3 and "quotation mark" in kept["reason"]
    assert kept["raw"] == lines[2]


def test_broken_json_lines(tmp_path):
    item = json.dumps({feeds.camel(k): v for k, v in feeds.ONETIME_ROW.items()})
    path = tmp_path / "feed.jsonl"
    path.write_text("\n".join([item, item[:-1], "what?", '{"a": tru}', "{}", item]) + "\n")
    assert len(ingest(path, code=1).lines) == 2
    assert [kept["row"] for kept in read_rejects(tmp_path / "feed.jsonl.rejects.jsonl")] == [
        2,
        3,
        4,
        5,
    ]


def test_bytes_that_are_not_utf8(tmp_path):
    path = write_csv(tmp_path / "feed.csv", ONETIME, {}, {"ProductName": "\xe9"})
    path.write_bytes(path.read_bytes().replace("\xe9".encode(), b"\xe9"))
    assert len(ingest(path, code=1).lines) == 1
    (kept,) = read_rejects(tmp_path / "feed.csv.rejects.jsonl")
    assert kept["column"] == "ProductName" and "UTF-8" in kept["reason"]


@pytest.mark.parametrize("cut", [1, 8, 100, 1000])
def test_a_gzip_file_that_ends_too_early(tmp_path, cut):
    rows = [{"SkuId": str(number), "OrderId": f"{number * 7919 % 104729}"} for number in range(900)]
    path = write_csv(tmp_path / "feed.csv.gz", ONETIME, *rows)
    whole = ingest(path).lines
    path.write_bytes(path.read_bytes()[:-cut])
    done = ingest(path, code=1)
    assert "cannot be read on" in done.told
    strip = [{**line, "revision": 0} for line in done.lines]
    assert strip == [{**line, "revision": 0} for line in whole[: len(strip)]]


def test_a_gzip_file_with_a_flipped_bit(tmp_path):
    path = write_csv(tmp_path / "feed.csv.gz", ONETIME, *[{"SkuId": str(n)} for n in range(50)])
    data = bytearray(path.read_bytes())
    data[-6] ^= 1  # of the checksum
    path.write_bytes(data)
    assert "cannot be read on" in ingest(path, code=1).told


EMPTY = {"nothing": b"", "nothing, compressed": gzip.compress(b""), "a mark": b"\xef\xbb\xbf"}


# Compressed at a time, which no name of a test may tell: another worker would have another name.
@pytest.mark.parametrize("content", EMPTY.values(), ids=EMPTY)
def test_an_empty_file_is_a_mistake(tmp_path, content):
    (tmp_path / "feed.csv").write_bytes(content)
    assert "empty" in ingest(tmp_path / "feed.csv", code=1).told


def test_a_header_alone_is_a_file_without_charges(tmp_path):
    (tmp_path / "feed.csv").write_text(",".join(feeds.ONETIME) + "\n")
    assert ingest(tmp_path / "feed.csv").lines == []


@pytest.mark.parametrize("content", ["<html>\n", "a,b\n1,2\n", '{"a": 1}\n', "[1, 2]\n"])
def test_what_is_no_feed(tmp_path, content):
    (tmp_path / "feed").write_text(content)
    done = ingest(tmp_path / "feed", code=1)
    assert done.lines == []
    assert "no known format" in done.told or "a list of objects" in done.told


def test_semicolons(tmp_path):
    text = write_csv(tmp_path / "feed.csv", ONETIME).read_text()
    (tmp_path / "feed.csv").write_text(text.replace(",", ";"))
    done = ingest("--format", ONETIME, tmp_path / "feed.csv", code=1)
    assert "separated by commas" in done.told
