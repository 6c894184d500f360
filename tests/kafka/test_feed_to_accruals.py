"""The whole way: a feed file → `ingest` → Kafka → `run` → an independent consumer, whose sums per
partner, program, currency and period equal a computation from the same file that shares nothing
with the program."""

import csv
import json
import os

import binary
import pytest
from expectations import published
from oracle import from_scratch, parse
from totals import check_deltas, per_partner, standing

CONFIG = binary.ROOT / "config"
RULES = {"programs": str(CONFIG / "programs.yaml"), "catalog": str(CONFIG / "catalog.yaml")}
DEMO = CONFIG / "demo"
RESELLER = "6048879"


def rows_of(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def nothing_if(value, word):
    return None if value in ("", word) else value


def account_of(row):
    """Microsoft writes the id of a billing account as a path."""
    return row["BillingAccountId"].rsplit("/", 1)[-1]


def focus_line(number, row):
    """A row of a FOCUS 1.0 file as a billing line, read by hand."""

    def text(name):
        return nothing_if(row[name], "NULL")

    return {
        "line_id": f"row-{number}",
        "billing_period": row["BillingPeriodStart"][:7],
        "customer_id": account_of(row),
        "subscription_id": (text("SubAccountId") or "").rsplit("/", 1)[-1],
        "reseller_mpn_id": RESELLER,
        "product_id": text("SkuPriceId"),
        "sku_id": text("SkuId"),
        "product_name": text("ChargeDescription") or text("ServiceName"),
        "meter_category": text("ServiceName"),
        "charge_type": row["ChargeCategory"].lower(),
        "charge_start_date": row["ChargePeriodStart"][:10],
        "charge_end_date": row["ChargePeriodEnd"][:10],
        "currency": row["BillingCurrency"],
        "billed_amount": row["BilledCost"],
        "consumed_amount": text("ListCost"),
    }


def onetime_line(number, row):
    """A row of a Partner Center one-time file as a billing line, read by hand."""
    month, day, year = row["ChargeStartDate"].split(" ")[0].split("/")
    end_month, end_day, end_year = row["ChargeEndDate"].split(" ")[0].split("/")
    return {
        "line_id": f"row-{number}",
        "billing_period": f"{year}-{int(month):02}",
        "customer_id": row["CustomerId"],
        "subscription_id": row["SubscriptionId"],
        "reseller_mpn_id": nothing_if(row["ResellerMPNID"], "0"),
        "product_id": row["ProductId"],
        "sku_id": row["SkuId"],
        "product_name": row["ProductName"] or row["SkuName"],
        "charge_type": row["ChargeType"],
        "charge_start_date": f"{year}-{int(month):02}-{int(day):02}",
        "charge_end_date": f"{end_year}-{int(end_month):02}-{int(end_day):02}",
        "currency": row["Currency"],
        "billed_amount": row["Subtotal"],
    }


def expected(lines, reference_texts):
    config = parse.load_config(RULES["programs"], RULES["catalog"])
    reference = parse.Reference()
    for text in reference_texts:
        ((kind, record),) = parse.parse_json(text.encode()).items()
        reference.put(kind, record)
    parsed = [parse.parse_line(parse.parse_json(json.dumps(line).encode())) for line in lines]
    return per_partner(from_scratch(config, parsed, reference))


def earned(accrued_config, feed, reference_files, *options):
    """The standing sums that the consumer sees after the file has gone its way."""
    setup = accrued_config(None, rating=RULES)
    config = setup.config()
    setup.command("reference", "load", "-c", config, *reference_files)
    setup.start()
    setup.command("ingest", "-c", config, feed, *options)
    setup.wait_until_drained()
    assert setup.dead_letters() == []
    events = published(setup)
    check_deltas(events)
    return per_partner(standing(events))


def test_the_shipped_feed(accrued_config):
    feed = DEMO / "feeds" / "onetime-2020-03.csv"
    files = [DEMO / "partners.jsonl", DEMO / "customers.jsonl"]
    texts = [line for path in files for line in path.read_text().splitlines() if line]
    want = expected([onetime_line(n, row) for n, row in enumerate(rows_of(feed))], texts)
    assert len({program for _, program, _, _ in want}) >= 3
    assert earned(accrued_config, feed, files) == want


def test_a_real_focus_file(accrued_config, tmp_path):
    default = binary.ROOT.parent / "shared" / "realdata"
    feed = os.path.join(os.environ.get("ACCRUED_REALDATA", default), "focus_1.0_sample_1000.csv")
    if not os.path.exists(feed):
        pytest.skip(f"no real data at {feed}; set ACCRUED_REALDATA")
    rows = rows_of(feed)
    always = {"from": "2018-01-01", "to": None}
    customers = [
        {
            "customer": {
                "customer_id": account,
                "added_on": "2024-08-15",
                "links": [
                    {"link_id": f"P{n}", "type": "PAL", "partner_mpn_id": "4200001", **always},
                    {"link_id": f"Q{n}", "type": "PAL", "partner_mpn_id": "4200002", **always},
                    {"link_id": f"D{n}", "type": "DPOR", "partner_mpn_id": "4200003", **always},
                ],
            }
        }
        for n, account in enumerate(sorted({account_of(row) for row in rows}))
    ]
    more = tmp_path / "customers.jsonl"
    more.write_text("".join(json.dumps(value) + "\n" for value in customers))
    files = [DEMO / "partners.jsonl", more]
    texts = [line for path in files for line in path.read_text().splitlines() if line]
    want = expected([focus_line(n, row) for n, row in enumerate(rows)], texts)
    assert len(want) >= 3, want
    assert earned(accrued_config, feed, files, "--reseller", RESELLER) == want
