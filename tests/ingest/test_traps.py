"""What real files have that their documentation does not say (domain notes, type traps)."""

import json

import feeds
import pytest
from feeds import ingest, write_csv

ONETIME = "partner-center-onetime"


def line_of(tmp_path, name=ONETIME, **changes):
    return ingest(write_csv(tmp_path / "feed.csv", name, changes)).line


@pytest.mark.parametrize("spelling", ["0", "-1", "", " ", " 0 "])
def test_resellers_that_are_none(tmp_path, spelling):
    assert line_of(tmp_path, ResellerMPNID=spelling)["reseller_mpn_id"] is None


@pytest.mark.parametrize("value", [0, "0", "", -1, "-1", None])
def test_resellers_that_are_none_in_json(tmp_path, value):
    item = {feeds.camel(k): v for k, v in feeds.ONETIME_ROW.items()}
    path = tmp_path / "feed.jsonl"
    path.write_text(json.dumps({**item, "resellerMpnId": value}))
    assert ingest(path).line["reseller_mpn_id"] is None


def test_numbers_may_be_texts_and_texts_numbers(tmp_path):
    item = {feeds.camel(k): v for k, v in feeds.ONETIME_ROW.items()}
    path = tmp_path / "feed.jsonl"
    item.update(billableQuantity=10, subtotal=320.00, resellerMpnId=6048879)
    path.write_text(json.dumps(item))
    numbers = ingest(path).line
    item.update(billableQuantity="10", subtotal="320.00", resellerMpnId="6048879")
    path.write_text(json.dumps(item))
    assert {**ingest(path).line, "revision": 0} == {**numbers, "revision": 0}


def test_ids_lose_org_and_case(tmp_path):
    plain = line_of(tmp_path)
    other = line_of(tmp_path, CustomerId="org:" + feeds.CUSTOMER.upper())
    assert other["customer_id"] == feeds.CUSTOMER
    assert other["line_id"] == plain["line_id"]


@pytest.mark.parametrize(
    "spelling, wanted",
    [
        ("3/1/2020", "2020-03-01"),
        ("03/01/2020", "2020-03-01"),
        ("3/1/2020 0:00", "2020-03-01"),
        ("3/1/2020 12:00:00 AM", "2020-03-01"),
        ("2020-03-01", "2020-03-01"),
        ("20200301", "2020-03-01"),
        ("2020-03-01T00:00:00Z", "2020-03-01"),
        ("2020-03-01T23:22:40.1767993-08:00", "2020-03-01"),
        ("2020-03-01 00:00:00", "2020-03-01"),
    ],
)
def test_dates_as_vendors_write_them(tmp_path, spelling, wanted):
    line = line_of(tmp_path, ChargeStartDate=spelling)
    assert line["charge_start_date"] == wanted
    assert line["line_id"] == line_of(tmp_path)["line_id"]


@pytest.mark.parametrize("spelling", ["0001-01-01T00:00:00", "1/1/0001 12:00:00 AM", ""])
def test_year_one_is_nothing(tmp_path, spelling):
    line = line_of(
        tmp_path,
        **{"ChargeStartDate": spelling, "ChargeEndDate": spelling},
        SubscriptionStartDate="2020-03-05T00:00:00",
        SubscriptionEndDate="2020-04-04T00:00:00",
    )
    assert line["charge_start_date"] == "2020-03-05"
    assert line["charge_end_date"] == "2020-04-04"
    assert line["billing_period"] == "2020-03"


@pytest.mark.parametrize(
    "spelling, wanted",
    [
        ("New", "new"),
        ("new", "new"),
        ("NEW", "new"),
        ("AddQuantity", "addQuantity"),
        ("Cycle fee", "cycleFee"),
        ("CycleCharge", "cycleCharge"),
        ("One Time Refund", "oneTimeRefund"),
        ("Offset a line item", "offsetALineItem"),
        ("Something Nobody Knows", "Something Nobody Knows"),
    ],
)
def test_charge_types_in_any_case_and_unknown_ones(tmp_path, spelling, wanted):
    assert line_of(tmp_path, ChargeType=spelling)["charge_type"] == wanted


@pytest.mark.parametrize(
    "spelling, wanted",
    [
        ("1.6E-05", "0.000016"),
        ("-1.6e-5", "-0.000016"),
        ("1E3", "1000"),
        ("+12.50", "12.5"),
        (" 12.5 ", "12.5"),
        ("-0", "0"),
        ("0.00000000005", "0"),
        ("0.00000000015", "0.0000000002"),
        ("30.7197334080551", "30.7197334081"),
        ("999999999999999999.9999999999", "999999999999999999.9999999999"),
    ],
)
def test_amounts_are_exact(tmp_path, spelling, wanted):
    assert line_of(tmp_path, Subtotal=spelling)["billed_amount"] == wanted


def test_cells_with_commas_quotes_and_lines(tmp_path):
    text = 'Licence, "large"\r\nsecond line'
    path = write_csv(tmp_path / "feed.csv", ONETIME, {"ProductName": text}, {"Subtotal": "1"})
    first, second = ingest(path).lines
    assert first["product_name"] == text
    assert second["billed_amount"] == "1"


def test_qualifiers_as_list_or_text_and_members_unheard_of(tmp_path):
    item = {feeds.camel(k): v for k, v in feeds.ONETIME_ROW.items()}
    path = tmp_path / "feed.jsonl"
    ids = set()
    for more in (
        {"productQualifiers": ["Add-on"]},
        {"productQualifiers": "Add-on"},
        {"discountDetails": {"a": {"b": [1, 2]}}, "isNew": True},
        {"additionalInfo": '{  "ImageType": null }'},
    ):
        path.write_text(json.dumps({**item, **more}))
        ids.add(ingest(path).line["line_id"])
    assert len(ids) == 1


def test_null_as_a_word_in_focus(tmp_path):
    line = line_of(tmp_path, "focus", SubAccountId="NULL", SkuId="NULL", ListCost="NULL")
    assert line["subscription_id"] is None
    assert line["sku_id"] is None
    assert line["consumed_amount"] is None


def test_taxes_are_no_charges(tmp_path):
    path = write_csv(tmp_path / "feed.csv", "focus", {}, {"ChargeCategory": "Tax"})
    done = ingest(path)
    assert done.line["charge_type"] == "usage"
    assert "1 skipped" in done.told


def test_daily_details_of_usage_files_are_no_charges(tmp_path):
    detail = {
        "PretaxCharges": "",
        "Currency": "",
        "ListPrice": "",
        "ChargeType": "",
        "UsageDate": "8/5/2019",
    }
    done = ingest(write_csv(tmp_path / "feed.csv", "partner-center-usage", {}, detail, detail))
    assert done.line["billed_amount"] == "63.33"
    assert "2 skipped" in done.told


def test_usage_files_may_leave_out_their_last_columns(tmp_path):
    text = feeds.csv_text(feeds.USAGE, [feeds.USAGE_ROW])
    assert text.endswith(",,,,,,,\r\n")
    (tmp_path / "feed.csv").write_text(text.rstrip(",\r\n") + "\n")
    assert ingest(tmp_path / "feed.csv").line["billed_amount"] == "63.33"


def test_pairs_of_refund_and_charge_are_two_lines(tmp_path):
    refund = {"ChargeType": "addQuantity", "Subtotal": "-3.87"}
    charge = {"ChargeType": "addQuantity", "Subtotal": "7.74"}
    lines = ingest(write_csv(tmp_path / "feed.csv", ONETIME, refund, charge)).by_id()
    assert sorted(line["billed_amount"] for line in lines.values()) == ["-3.87", "7.74"]


def test_a_header_in_the_middle_of_joined_files(tmp_path):
    text = write_csv(tmp_path / "a.csv", ONETIME).read_text()
    (tmp_path / "b.csv").write_text(text + text)
    assert len(ingest(tmp_path / "b.csv").by_id()) == 2


def test_unix_and_windows_lines_and_no_last_line_end(tmp_path):
    text = write_csv(tmp_path / "a.csv", ONETIME, {}, {}).read_text()
    wanted = [line["line_id"] for line in ingest(tmp_path / "a.csv").lines]
    for other in (text.replace("\r\n", "\n"), text.rstrip("\r\n"), text + "\r\n\r\n"):
        (tmp_path / "b.csv").write_bytes(other.encode())
        assert [line["line_id"] for line in ingest(tmp_path / "b.csv").lines] == wanted
