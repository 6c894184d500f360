"""`accrued statement`: its sums are those of an independent reader of the topic."""

import csv
import io
import re
from collections import defaultdict
from decimal import Decimal

import wire
from expectations import records, send_lines, stream_case


def months(setup):
    """{(partner, period): {(program, currency): amount}} and the same by line, from the topic."""
    sums, lines = defaultdict(lambda: defaultdict(Decimal)), defaultdict(lambda: defaultdict(Decimal))
    for record in setup.accruals():
        event = wire.read(record.value)
        key = event["partner_mpn_id"], event["billing_period"]
        sums[key][(event["program_id"], event["currency"])] += event["amount"]
        line = event["program_id"], event["customer_id"], event["line_id"], event["currency"]
        lines[key][line] += event["amount"]
    return sums, lines


def test_sums_are_those_of_the_topic(accrued_config, kafka):
    case = stream_case(31, 250)
    setup = accrued_config(case)
    setup.start()
    send_lines(kafka, setup.input, records(case))
    setup.wait_until_drained()
    sums, lines = months(setup)
    config = setup.config("command.yaml")
    largest = sorted(sums, key=lambda key: -len(lines[key]))[:3]
    assert len(lines[largest[0]]) > 3
    for partner, period in largest:
        done = setup.command(
            "statement", "-c", config, "--period", period, "--csv", "--", partner
        )
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        got = {
            (r["program_id"], r["customer_id"], r["line_id"], r["currency"]): Decimal(r["amount"])
            for r in rows
        }
        assert got == dict(lines[(partner, period)])
        assert {(r["partner_mpn_id"], r["billing_period"]) for r in rows} == {(partner, period)}
    partner, period = largest[0]
    done = setup.command("statement", "-c", config, "--period", period, "--total", "--", partner)
    rows = re.findall(
        r"^(\S+) +(?:money|recognition) +\d+ +\d+ +(\S+) (\S+)$", done.stdout, re.MULTILINE
    )
    totals = {(program, currency): Decimal(amount) for program, amount, currency in rows}
    assert totals == dict(sums[(partner, period)])
    whole = setup.command("statement", "-c", config, "--period", period, "--", partner)
    assert done.stdout.splitlines()[-1] in whole.stdout
    nobody = setup.command("statement", "-c", config, "--period", period, "nobody")
    assert "Nothing was accrued" in nobody.stdout
    for wrong in (["--period", "2020-13", "x"], ["x"], ["--period", "2020-01"]):
        assert setup.command("statement", "-c", config, *wrong, check=False).returncode == 2
