"""line_id and revision: the same file changes nothing, a corrected one yields revisions."""

import os

import feeds
import pytest
from binary import ROOT
from feeds import ingest, write_csv

ONETIME = "partner-center-onetime"
DEMO = ROOT / "config" / "demo" / "feeds"
# A value per format that a correction may change, and one that names another charge.
CHANGES = {
    "partner-center-license": ({"Subtotal": "12"}, {"OrderId": "566890604832738112"}),
    "partner-center-usage": ({"PretaxCharges": "60"}, {"ResourceGuid": "another"}),
    "partner-center-onetime": ({"Subtotal": "300"}, {"SkuId": "0003"}),
    "partner-center-daily": ({"BillingPreTaxTotal": "1"}, {"UsageDate": "3/13/2020"}),
    "focus": ({"BilledCost": "1"}, {"ResourceId": "another"}),
    "azure-cost": ({"Cost": "1"}, {"ResourceId": "another"}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_same_file_again_is_the_same(tmp_path, name):
    correction, other = CHANGES[name]
    path = write_csv(tmp_path / "feed.csv", name, {}, other, {}, correction)
    first, second = ingest(path), ingest(path)
    assert first.lines == second.lines
    assert len(first.by_id()) == 4


@pytest.mark.parametrize("name", CHANGES)
def test_a_correction_keeps_the_line_id(tmp_path, name):
    correction, other = CHANGES[name]
    plain = ingest(write_csv(tmp_path / "a.csv", name)).line
    assert (
        ingest(write_csv(tmp_path / "b.csv", name, correction)).line["line_id"]
        == (plain["line_id"])
    )
    assert ingest(write_csv(tmp_path / "c.csv", name, other)).line["line_id"] != plain["line_id"]


def test_another_reseller_keeps_the_line_id(tmp_path):
    plain = ingest(write_csv(tmp_path / "a.csv", ONETIME)).line
    moved = ingest(write_csv(tmp_path / "b.csv", ONETIME, {"ResellerMPNID": "6048880"})).line
    assert moved["line_id"] == plain["line_id"]
    assert moved["reseller_mpn_id"] == "6048880"


def test_equal_rows_are_numbered_in_the_order_of_the_file(tmp_path):
    rows = [{"Subtotal": str(amount)} for amount in range(1, 6)]
    lines = ingest(write_csv(tmp_path / "a.csv", ONETIME, *rows)).by_id()
    # A row of another identity in between makes no difference.
    rows.insert(2, {"SkuId": "0003", "Subtotal": "9"})
    mixed = ingest(write_csv(tmp_path / "b.csv", ONETIME, *rows)).by_id()
    for line_id, line in lines.items():
        assert mixed[line_id]["billed_amount"] == line["billed_amount"]


def test_the_invoice_names_the_charge(tmp_path):
    one = write_csv(tmp_path / "a.csv", "partner-center-license")
    plain = ingest(one).line
    january, again = (ingest("--invoice", "D1", one).line for _ in range(2))
    february = ingest("--invoice", "D2", one).line
    assert january["line_id"] == again["line_id"]
    assert len({plain["line_id"], january["line_id"], february["line_id"]}) == 3
    assert january["invoice_id"] == "D1"


def test_options_that_do_not_name_the_charge(tmp_path):
    path = write_csv(tmp_path / "a.csv", ONETIME)
    plain = ingest(path).line
    other = ingest("--billing-period", "2021-01", "--reseller", "1", "--revision", "3", path).line
    assert other["line_id"] == plain["line_id"]


def test_the_revision_is_the_files_date(tmp_path):
    path = write_csv(tmp_path / "a.csv", ONETIME)
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert ingest(path).line["revision"] == 1_600_000_000
    assert ingest("--revision", 7, path).line["revision"] == 7


def test_an_invoice_date_stands_in_where_there_is_no_file(tmp_path):
    columns = [*feeds.ONETIME, "InvoiceDate"]
    text = feeds.csv_text(columns, [{**feeds.ONETIME_ROW, "InvoiceDate": "4/8/2020"}])
    assert ingest("-", stdin=text.encode()).line["revision"] == 18360 * 86400


def test_replaces_voids_what_is_no_more(tmp_path):
    old = write_csv(
        tmp_path / "old.csv",
        ONETIME,
        {"SkuId": "1"},
        {"SkuId": "2"},
        {"SkuId": "2", "Subtotal": "5"},
        {"SkuId": "3"},
    )
    before = ingest("--revision", 1, old).by_id()
    new = write_csv(tmp_path / "new.csv", ONETIME, {"SkuId": "2"}, {"SkuId": "1"}, {"SkuId": "4"})
    done = ingest("--revision", 2, "--replaces", old, new)
    after = done.by_id()
    voids = {k: line for k, line in after.items() if line["status"] == "VOID"}
    assert [(line["sku_id"], line["billed_amount"]) for line in voids.values()] == [
        ("2", "5"),
        ("3", "320"),
    ]
    assert set(voids) < set(before)
    assert set(before) - set(voids) == {k for k in after if k in before and k not in voids}
    assert {line["revision"] for line in after.values()} == {2}
    assert "2 void" in done.told
    # Once more: nothing new.
    assert ingest("--revision", 2, "--replaces", old, new).lines == done.lines


def test_what_replaces_is_newer_whatever_the_dates_say(tmp_path):
    old = write_csv(tmp_path / "old.csv", ONETIME)
    new = write_csv(tmp_path / "new.csv", ONETIME, {"SkuId": "4"})
    os.utime(old, (1_600_000_000, 1_600_000_000))
    os.utime(new, (1_500_000_000, 1_500_000_000))
    lines = ingest("--replaces", old, new).lines
    assert {line["revision"] for line in lines} == {1_600_000_001}


def test_rejected_rows_void_nothing(tmp_path):
    old = write_csv(tmp_path / "old.csv", ONETIME, {"SkuId": "1"}, {"SkuId": "2"})
    new = write_csv(
        tmp_path / "new.csv", ONETIME, {"SkuId": "1"}, {"SkuId": "2", "Subtotal": "oops"}
    )
    done = ingest("--replaces", old, new, code=1)
    assert [line["status"] for line in done.lines] == ["ACTIVE"]
    assert "no line of" in done.told and "has been voided" in done.told


def test_the_shipped_feeds_show_a_correction():
    old, new = DEMO / "onetime-2020-03.csv", DEMO / "onetime-2020-03-corrected.csv"
    before = ingest("--revision", 1, old).by_id()
    after = ingest("--revision", 2, "--replaces", old, new).by_id()
    assert set(after) == set(before)
    changed = {
        name: sum(after[k][name] != before[k][name] for k in before)
        for name in ("status", "billed_amount", "reseller_mpn_id", "quantity")
    }
    assert changed == {"status": 1, "billed_amount": 3, "reseller_mpn_id": 1, "quantity": 1}
    assert len(ingest(DEMO / "daily-2020-03.csv").by_id()) == 60
