"""Files that nobody here wrote, used where they are: every row is a line, every sum is the file's."""

import csv
import json
from collections import Counter
from decimal import ROUND_HALF_EVEN, Context, Decimal

from families import families
from feeds import CUSTOMER, ingest, read_rejects

AZURE_EXPORT = "finops_toolkit_EA_ActualCost_Small.csv"
EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
TEN = Decimal("1e-10")


def measure(text):
    return Decimal(text).quantize(TEN, context=EXACT)


def sums(lines, field="billed_amount"):
    total = Counter()
    for line in lines:
        total[line["currency"]] += Decimal(line[field])
    return total


def file_sums(rows, currency, amount):
    total = Counter()
    for row in rows:
        total[row[currency]] += measure(row[amount])
    return total


def read_csv(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_focus(realdata, tmp_path):
    path = realdata / "focus_1.0_sample_1000.csv"
    rows = read_csv(path)
    done = ingest("--rejects", tmp_path / "rejects", path)
    lines = done.by_id()
    assert len(lines) == len(rows) == 1000
    assert sums(done.lines) == file_sums(rows, "BillingCurrency", "BilledCost")
    assert sums(done.lines, "consumed_amount") == file_sums(rows, "BillingCurrency", "ListCost")
    for row, line in zip(rows, done.lines):
        assert Decimal(line["billed_amount"]) == measure(row["BilledCost"])
        assert line["billing_period"] == row["BillingPeriodStart"][:7]
        assert line["charge_start_date"] == row["ChargePeriodStart"][:10]
        assert line["meter_category"] == row["ServiceName"]
        assert (line["sku_id"] or "NULL") == row["SkuId"]
    assert Counter(line["charge_type"] for line in done.lines) == {
        "usage": 997,
        "adjustment": 2,
        "credit": 1,
    }
    assert ingest("--rejects", tmp_path / "rejects", path).lines == done.lines


def test_of_all_providers_rows_only_microsofts_are_its_products(realdata, tmp_path):
    """Amazon's "PostgreSQL Serverless" is no SQL Server, and "Storage Accounts" are Azure."""
    path = realdata / "focus_1.0_sample_1000.csv"
    rows = read_csv(path)
    lines = ingest("--rejects", tmp_path / "rejects", path).lines
    providers = {line["line_id"]: row["ProviderName"] for row, line in zip(rows, lines)}
    found = families(lines, tmp_path)
    assert Counter((providers[line], family) for line, family in found.items()) == {
        ("Microsoft", "azure"): 51
    }


def test_every_row_of_an_azure_export_is_azure(realdata, tmp_path):
    lines = ingest("--rejects", tmp_path / "rejects", realdata / AZURE_EXPORT).lines
    assert Counter(families(lines, tmp_path).values()) == {"azure": 10, "azure_reservation": 1}


def test_azure_actual_cost(realdata, tmp_path):
    path = realdata / AZURE_EXPORT
    rows = read_csv(path)
    done = ingest("--customer", CUSTOMER, "--rejects", tmp_path / "rejects", path)
    assert len(done.by_id()) == len(rows) == 11
    assert sums(done.lines) == file_sums(rows, "BillingCurrency", "Cost")
    for row, line in zip(rows, done.lines):
        month, day, year = row["Date"].split("/")
        assert line["charge_start_date"] == f"{year}-{month}-{day}"
        assert line["billing_period"] == "2023-09"
        assert line["customer_id"] == CUSTOMER
        assert line["subscription_id"] == row["SubscriptionId"].lower()
        exact = EXACT.multiply(Decimal(row["PayGPrice"]), Decimal(row["Quantity"]))
        assert Decimal(line["consumed_amount"]) == exact.quantize(TEN, context=EXACT)
    purchase = [line for line in done.lines if line["charge_type"] == "purchase"]
    assert [line["product_name"] for line in purchase] == [
        "Reserved VM Instance, Standard_B1s, UK South, 3 Years"
    ]


# By objectType: the format's tag and the amount; None: rows without money.
TYPES = {
    "LicenseBasedLineItem": ("pcl", "subtotal", "currency"),
    "UsageBasedLineItem": ("pcu", "pretaxCharges", "currency"),
    "OneTimeInvoiceLineItem": ("pco", "subtotal", "currency"),
    "DailyRatedUsageLineItem": ("pcd", "billingPreTaxTotal", "billingCurrency"),
    "DailyUsageLineItem": None,
}


def load(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(text, parse_float=Decimal, parse_int=Decimal).get("items", [])


def test_partner_center_api(realdata, tmp_path):
    paths = sorted((realdata / "partner_center_api_samples").glob("*.json"))
    assert paths
    taken = 0
    for path in paths:
        items = load(path)
        done = ingest("--customer", CUSTOMER, "--rejects", tmp_path / "rejects", path)
        charges = [item for item in items if TYPES[item["attributes"]["objectType"]]]
        assert len(done.by_id()) == len(charges), path
        for item, line in zip(charges, done.lines):
            tag, amount, currency = TYPES[item["attributes"]["objectType"]]
            assert line["line_id"].startswith(tag + "-")
            assert Decimal(line["billed_amount"]) == measure(item[amount])
            assert line["currency"] == item[currency]
            assert line["reseller_mpn_id"] is None  # 0, "" and -1, all of them
            assert line["charge_type"] in ("new", "assessUsageFeeForCurrentCycle")
        taken += len(items)
    assert taken == sum(len(load(path)) for path in paths)


def test_partner_center_api_items_without_a_customer_are_rejected(realdata, tmp_path):
    for path in sorted((realdata / "partner_center_api_samples").glob("*.json")):
        items = [i for i in load(path) if TYPES[i["attributes"]["objectType"]]]
        nobody = [item for item in items if not item["customerId"]]
        rejects = tmp_path / f"{path.stem}.rejects"
        done = ingest("--rejects", rejects, path, code=1 if nobody else 0)
        assert len(done.lines) == len(items) - len(nobody)
        assert all(not line["customer_id"].startswith("org:") for line in done.lines)
        if nobody:
            assert {kept["column"] for kept in read_rejects(rejects)} == {"customerId"}
