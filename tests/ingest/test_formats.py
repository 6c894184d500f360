"""Each format: a row with the vendor's own columns → the fields of one billing line."""

import gzip
import json

import feeds
import pytest
from feeds import CUSTOMER, DAILY_ROW, LICENSE_ROW, ONETIME_ROW, USAGE_ROW, ingest, write_csv

NOTHING = {"product_family": None, "workload": None, "event_time": None, "status": "ACTIVE"}
WANTED = {
    "partner-center-license": {
        "invoice_id": None,
        "billing_period": "2019-02",
        "customer_id": CUSTOMER,
        "subscription_id": "1f58acd7-fe51-4705-9567-d009c9ada150",
        "reseller_mpn_id": "6048879",
        "product_id": "2F707C7C-2433-49A5-A437-9CA7CF40D3EB",
        "sku_id": "AAA5B3F0-0EE2-431B-A42F-3F18F3C6D540",
        "product_name": "Exchange Online (Plan 2)",
        "meter_category": None,
        "charge_type": "cycleFee",
        "charge_start_date": "2019-02-01",
        "charge_end_date": "2019-02-28",
        "currency": "USD",
        "billed_amount": "11",
        "consumed_amount": None,
        "quantity": "2",
    },
    "partner-center-usage": {
        "invoice_id": "D010008Y0C",
        "billing_period": "2019-09",
        "customer_id": CUSTOMER,
        "subscription_id": "87f4b92f-a490-485e-ad34-5b70cb000000",
        "reseller_mpn_id": "6048879",
        "product_id": "505db374-df8a-44df-9d8c-13c14b61dee1",
        "sku_id": "7UD-00001",
        "product_name": "Microsoft Azure",
        "meter_category": "Azure App Service",
        "charge_type": "assessUsageFeeForCurrentCycle",
        "charge_start_date": "2019-08-02",
        "charge_end_date": "2019-09-01",
        "currency": "USD",
        "billed_amount": "63.33",
        "consumed_amount": "63.325",
        "quantity": "745",
    },
    "partner-center-onetime": {
        "invoice_id": "G002297372",
        "billing_period": "2020-03",
        "customer_id": CUSTOMER,
        "subscription_id": "281e26fe-9ce7-415b-911c-f39232000000",
        "reseller_mpn_id": "6048879",
        "product_id": "CFQ7TTC0LFLX",
        "sku_id": "0002",
        "product_name": "Microsoft 365 E3",
        "meter_category": None,
        "charge_type": "new",
        "charge_start_date": "2020-03-01",
        "charge_end_date": "2020-03-31",
        "currency": "EUR",
        "billed_amount": "320",
        "consumed_amount": None,
        "quantity": "10",
    },
    "partner-center-daily": {
        "invoice_id": "G002297373",
        "billing_period": "2020-03",
        "customer_id": CUSTOMER,
        "subscription_id": "b0000001-91d4-4f5e-a3c2-7e8801b6d4f3",
        "reseller_mpn_id": "6048879",
        "product_id": "DZH318Z0BPS6",
        "sku_id": "0001",
        "product_name": "Azure plan",
        "meter_category": "Virtual Machines",
        "charge_type": "new",
        "charge_start_date": "2020-03-12",
        "charge_end_date": "2020-03-12",
        "currency": "EUR",
        "billed_amount": "0.0001618686",
        "consumed_amount": "0.0001904337",
        "quantity": "0.005001",
    },
    "focus": {
        "invoice_id": None,
        "billing_period": "2024-09",
        "customer_id": "1234567890123",
        "subscription_id": "64e355d7-997c-491d-b0c1-8414dccfcf42",
        "reseller_mpn_id": None,
        "product_id": "G95FST5FTYV3JSRX.JRTCKXETXF",
        "sku_id": "G95FST5FTYV3JSRX",
        "product_name": "A request",
        "meter_category": "A Queue",
        "charge_type": "usage",
        "charge_start_date": "2024-09-18",
        "charge_end_date": "2024-09-18",
        "currency": "USD",
        "billed_amount": "0.0000008",
        "consumed_amount": "0.000001",
        "quantity": "2",
    },
    "azure-cost": {
        "invoice_id": None,
        "billing_period": "2023-09",
        "customer_id": "8611537",
        "subscription_id": "ed570627-0265-4620-bb42-bae06bcfa914",
        "reseller_mpn_id": None,
        "product_id": "ec8c7b49-9790-4261-b46f-293dabb53fd9",
        "sku_id": "AAA-44981",
        "product_name": "Virtual Machines Dv3/DSv3 Series - D2 v3/D2s v3 - US South Central",
        "meter_category": "Virtual Machines",
        "charge_type": "usage",
        "charge_start_date": "2023-09-04",
        "charge_end_date": "2023-09-04",
        "currency": "USD",
        "billed_amount": "2.64",
        "consumed_amount": "2.88",
        "quantity": "24",
    },
}


def check(line, name, **changes):
    line_id = line.pop("line_id")
    line.pop("revision")
    assert line == {**NOTHING, **WANTED[name], **changes}
    assert len(line_id.rpartition("-")[2]) == 32
    return line_id


@pytest.mark.parametrize("name", WANTED)
def test_a_row_of_each_format(tmp_path, name):
    done = ingest(write_csv(tmp_path / "feed.csv", name))
    check(done.line, name)
    assert f"read as {name}" in done.told


@pytest.mark.parametrize("name", WANTED)
def test_a_named_format_is_not_guessed(tmp_path, name):
    done = ingest("--format", name, write_csv(tmp_path / "feed.csv", name))
    check(done.line, name)
    assert "read as" not in done.told


@pytest.mark.parametrize("name", WANTED)
def test_gzip_byte_order_mark_and_quotes_make_no_difference(tmp_path, name):
    plain = check(ingest(write_csv(tmp_path / "a.csv", name)).line, name)
    zipped = write_csv(tmp_path / "a.csv.gz", name, encoding="utf-8-sig")
    assert check(ingest(zipped).line, name) == plain
    text = (tmp_path / "a.csv").read_text().splitlines()
    quoted = "\n".join('"' + '","'.join(line.split(",")) + '"' for line in text)
    if not any('"' in line for line in text):
        (tmp_path / "q.csv").write_bytes(b"\xef\xbb\xbf" + quoted.encode())
        assert check(ingest(tmp_path / "q.csv").line, name) == plain


@pytest.mark.parametrize("name", WANTED)
def test_order_case_and_extra_columns_make_no_difference(tmp_path, name):
    columns = feeds.ROWS[name][0]
    plain = check(ingest(write_csv(tmp_path / "a.csv", name)).line, name)
    turned = ["Extra", *reversed(columns), "x_Other"]
    other = write_csv(tmp_path / "b.csv", name, {"Extra": "1", "x_Other": "a,b"}, columns=turned)
    assert check(ingest(other).line, name) == plain
    text = (tmp_path / "a.csv").read_text()
    header, _, rest = text.partition("\n")
    (tmp_path / "c.csv").write_text(header.replace("Id", "_ID").upper() + "\n" + rest)
    assert check(ingest(tmp_path / "c.csv").line, name) == plain


def items(name, row, object_type=None):
    item = {feeds.camel(column): value for column, value in row.items()}
    if object_type:
        item["attributes"] = {"objectType": object_type}
    return item


API = [
    ("partner-center-license", LICENSE_ROW, "LicenseBasedLineItem"),
    ("partner-center-usage", USAGE_ROW, "UsageBasedLineItem"),
    ("partner-center-onetime", ONETIME_ROW, "OneTimeInvoiceLineItem"),
    ("partner-center-daily", DAILY_ROW, "DailyRatedUsageLineItem"),
]


@pytest.mark.parametrize("name, row, object_type", API)
@pytest.mark.parametrize("form", ["page", "array", "lines", "lines.gz", "untyped"])
def test_api_items_are_the_same_lines_as_the_csv(tmp_path, name, row, object_type, form):
    wanted = check(ingest(write_csv(tmp_path / "feed.csv", name)).line, name)
    item = items(name, row, None if form == "untyped" else object_type)
    text = {
        "page": json.dumps({"totalCount": 1, "items": [item], "links": {"self": {}}}, indent=1),
        "array": json.dumps([item]),
    }.get(form, json.dumps(item) + "\n")
    path = tmp_path / f"feed.{form}.json"
    path.write_bytes(gzip.compress(text.encode()) if form == "lines.gz" else text.encode())
    for options in ([], ["--format", "partner-center-api"]):
        assert check(ingest(*options, path).line, name) == wanted


def test_items_of_several_types_in_one_file(tmp_path):
    path = tmp_path / "all.jsonl"
    path.write_text("".join(json.dumps(items(n, row, kind)) + "\n" for n, row, kind in API))
    lines = ingest(path).lines
    assert [line["line_id"].partition("-")[0] for line in lines] == ["pcl", "pcu", "pco", "pcd"]
    for (name, _, _), line in zip(API, lines):
        check(line, name)


def test_standard_input(tmp_path):
    text = write_csv(tmp_path / "a.csv", "focus").read_bytes()
    for stdin in (text, gzip.compress(text)):
        done = ingest("--revision", 5, "-", stdin=stdin)
        assert done.line["revision"] == 5
    done = feeds.command("--to", "-", "-", stdin=text)
    assert done.returncode == 1
    assert b"say --revision" in done.stderr


def test_several_files_count_equal_rows_apart(tmp_path):
    one = write_csv(tmp_path / "1.csv", "focus", {}, {})
    two = write_csv(tmp_path / "2.csv", "focus", {}, {})
    first, second, third, fourth = ingest(one, two).lines
    assert first["line_id"] == third["line_id"] != second["line_id"] == fourth["line_id"]


def test_supplied_values(tmp_path):
    path = write_csv(tmp_path / "a.csv", "focus")
    line = ingest(
        *("--customer", CUSTOMER.upper(), "--reseller", "6048880"),
        *("--billing-period", "2024-10", "--invoice", "I-1", path),
    ).line
    assert line["customer_id"] == CUSTOMER
    assert line["reseller_mpn_id"] == "6048880"
    assert line["billing_period"] == "2024-10"
    assert line["invoice_id"] == "I-1"
    path = write_csv(tmp_path / "b.csv", "partner-center-onetime", {}, {"ResellerMPNID": "-1"})
    lines = ingest("--reseller", "6048880", "--invoice", "I-1", path).lines
    assert [line["reseller_mpn_id"] for line in lines] == ["6048879", "6048880"]
    assert {line["invoice_id"] for line in lines} == {"G002297372"}


def test_a_file_of_the_basic_attribute_set_is_refused(tmp_path):
    columns = [c for c in feeds.DAILY if c not in ("MpnId", "Tier2MpnId")]
    changes = {"Tier2MpnId": None, "MpnId": None}
    text = feeds.csv_text(columns, [{k: v for k, v in DAILY_ROW.items() if k not in changes}])
    (tmp_path / "basic.csv").write_text(text)
    done = feeds.command("--to", "-", tmp_path / "basic.csv")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"Tier2MpnId" in done.stderr and b"basic attribute set" in done.stderr
    assert ingest("--reseller", "6048879", tmp_path / "basic.csv").line["quantity"] == "0.005001"


def test_every_older_or_newer_azure_spelling(tmp_path):
    row = {
        "CustomerTenantId": CUSTOMER,
        "ResellerMpnId": "6048879",
        "SubscriptionGuid": "ed570627-0265-4620-bb42-bae06bcfa914",
        "UsageDateTime": "2023-09-04",
        "meterId": "m1",
        "MeterCategory": "Storage",
        "UsageQuantity": "1",
        "PreTaxCost": "1E-3",
        "Currency": "eur",
    }
    (tmp_path / "old.csv").write_text(feeds.csv_text(list(row), [row]))
    line = ingest(tmp_path / "old.csv").line
    assert (line["customer_id"], line["reseller_mpn_id"]) == (CUSTOMER, "6048879")
    assert (line["billed_amount"], line["currency"]) == ("0.001", "EUR")
    assert (line["charge_type"], line["billing_period"]) == ("usage", "2023-09")
    row = {**feeds.AZURE_ROW, "CostInBillingCurrency": "3", "PaygCostInBillingCurrency": "4"}
    (tmp_path / "mca.csv").write_text(feeds.csv_text(list(row), [row]))
    line = ingest(tmp_path / "mca.csv").line
    assert (line["billed_amount"], line["consumed_amount"]) == ("3", "4")
