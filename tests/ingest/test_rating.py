"""From feed file to accrual: what comes again earns nothing, a correction earns the difference."""

import json
from collections import Counter
from decimal import Decimal

import pytest
from binary import ROOT, rate_events
from families import families
from feeds import command

DEMO = ROOT / "config" / "demo"
FEEDS = DEMO / "feeds"


def lines_of(*arguments):
    done = command("--quiet", "--to", "-", *arguments)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture
def rated(tmp_path):
    """rated(output, …) -> accruals of these lines, one output after the other."""
    reference = tmp_path / "reference.jsonl"
    reference.write_bytes(
        (DEMO / "partners.jsonl").read_bytes() + (DEMO / "customers.jsonl").read_bytes()
    )

    def rate(*outputs):
        (tmp_path / "lines.jsonl").write_bytes(b"".join(outputs))
        events = rate_events(
            {
                "programs": ROOT / "config" / "programs.yaml",
                "catalog": ROOT / "config" / "catalog.yaml",
                "reference": reference,
                "lines": tmp_path / "lines.jsonl",
            }
        )
        assert [event for event in events if event["type"] == "dead_letter"] == []
        return [event for event in events if event["type"] == "accrual"]

    return rate


def totals(accruals):
    total = Counter()
    for each in accruals:
        key = (each["program_id"], each["partner_mpn_id"], each["currency"])
        total[key] += Decimal(each["amount"])
    return {key: amount for key, amount in total.items() if amount}


@pytest.mark.parametrize("name", ["onetime-2020-03.csv", "daily-2020-03.csv"])
def test_the_same_file_again_earns_nothing(rated, name):
    once = rated(lines_of(FEEDS / name))
    assert once
    again = rated(lines_of(FEEDS / name), lines_of("--revision", 2_000_000_000, FEEDS / name))
    assert again == once


def test_a_corrected_file_earns_the_difference(rated):
    old, new = FEEDS / "onetime-2020-03.csv", FEEDS / "onetime-2020-03-corrected.csv"
    before = lines_of("--revision", 1, old)
    after = lines_of("--revision", 2, "--replaces", old, new)
    both = rated(before, after)
    assert totals(both) == totals(rated(lines_of("--revision", 2, new)))
    first = len(rated(before))
    touched = {each["line_id"] for each in both[first:]}
    assert len(touched) == 5  # three amounts, one reseller, one line that is no more
    # The old file sent again, late, wins nothing back.
    assert rated(before, after, before) == both


def test_daily_usage_earns_on_consumption_where_a_program_says_so(rated):
    accruals = rated(lines_of(FEEDS / "daily-2020-03.csv"))
    lines = {
        line["line_id"]: line
        for line in (
            json.loads(text)["line"] for text in lines_of(FEEDS / "daily-2020-03.csv").splitlines()
        )
    }
    reservations = [each for each in accruals if each["product_family"] == "azure_reservation"]
    assert reservations
    for each in reservations:
        line = lines[each["line_id"]]
        assert line["billed_amount"] == "0"
        assert each["measure"] == line["consumed_amount"] != "0"


NAMES = [  # product name, meter or service, family: as exports and price lists have them
    ("Tables - LRS Data Stored", "Storage Accounts", "azure"),
    ("Microsoft Defender for Key Vault", "Advanced Threat Protection", "azure"),
    ("SQL Server Exp (LI) on db.t3.micro", "Amazon Relational Database Service", None),
    ("Aurora PostgreSQL Serverless", "Amazon Relational Database Service", None),
    ("Linux/UNIX spot instance", "AWS Lambda", None),
    ("PostgreSQL Server on Ubuntu", None, None),
    ("Azure Database for MySQL Server", None, "azure"),
    ("SQL Server Standard - 2 Core License Pack - 1 year", None, "strategic_software"),
]


def test_names_that_only_look_alike_are_told_apart(tmp_path):
    line = {"billing_period": "2024-09", "customer_id": "c", "charge_type": "usage"}
    line |= {"charge_start_date": "2024-09-01", "charge_end_date": "2024-09-01", "currency": "USD"}
    lines = [
        {**line, "line_id": str(number), "product_name": name, "meter_category": meter}
        for number, (name, meter, _) in enumerate(NAMES)
    ]
    wanted = {str(number): family for number, (_, _, family) in enumerate(NAMES) if family}
    assert families(lines, tmp_path) == wanted
