"""docs/guarantees.md: its consumer as it stands on the page, and the checker of the books, on a real
run with corrections, re-rates and a killed worker."""

import re
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal

import binary
import kafka_io
import wire
from expectations import check_all, send_lines, stream_case
from kafka_io import Sender
from servers import wait_until
from test_balances import PARTNERS, PROGRAM, Process, many_lines, open_partners, revised
from totals import per_partner, standing

PAGE = (binary.ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
CHECKER = binary.ROOT / "tests" / "support" / "check_books.py"


def example(directory):
    """The page's consumer as a file, byte for byte."""
    found = re.search(
        r"<!-- example:begin -->\n```python\n(.*?)```\n<!-- example:end -->", PAGE, re.DOTALL
    )
    path = directory / "consume.py"
    path.write_text(found[1], encoding="utf-8")
    return path


def consume(setup, script, check=True):
    topic, schema = setup.topics["accruals"], wire.SCHEMAS / "accrual.avsc"
    command = [sys.executable, script, setup.kafka.bootstrap_servers, topic, schema]
    done = subprocess.run(
        [*map(str, command), str(setup.directory / "books.sqlite")],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def totals_of(text):
    return {
        tuple(line.rsplit(" ", 4)[:4]): Decimal(line.rsplit(" ", 1)[1]) for line in text.splitlines()
    }


def wanted(setup):
    sums = per_partner(standing([wire.event(r.value) for r in setup.accruals()]))
    return {
        (partner, program, period, currency): amount
        for (partner, program, currency, period), amount in sums.items()
        if amount
    }


def check_books(setup, check=True):
    command = [sys.executable, CHECKER, setup.kafka.bootstrap_servers, setup.topics["accruals"]]
    command += ["--schemas", wire.SCHEMAS, "--balances", setup.topics["accrual_balances"]]
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False, timeout=180
    )
    assert not check or done.returncode == 0, done.stdout[:2000] + done.stderr
    return done


def make(accrued_config):
    case = stream_case(71, 10)
    case.programs = PROGRAM
    setup = accrued_config(case, batch={"lines_max": 40})
    open_partners(setup)
    return setup


def test_the_pages_consumer_has_the_books_right(accrued_config, kafka, tmp_path):
    setup = make(accrued_config)
    script = example(tmp_path)
    lines = many_lines(200)
    sent = list(lines)
    worker = setup.start()
    Process(setup)
    send_lines(kafka, setup.input, lines)
    setup.wait_until_drained()
    first = totals_of(consume(setup, script).stdout)
    assert {k: v for k, v in first.items() if v} == wanted(setup) and len(first) > 10
    for factor in (101, 102):
        sent += revised(lines, factor)
        send_lines(kafka, setup.input, revised(lines, factor))
        if factor == 101:
            worker.kill()
            setup.start()
    setup.wait_until_drained()
    consume(setup, script)
    # A partner loses its standing in the past: true-ups by a re-rate.
    closed = {"mpn_id": PARTNERS[0], "mpn_active": [], "indirect_reseller": []}
    closed |= {"bank_profile": [], "tax_profile": [], "competencies": []}
    check_all(setup, sent)
    setup.store({"partner": closed})
    setup.command("rerate", "--partner", PARTNERS[0], "--wait", "-c", setup.config())
    last = totals_of(consume(setup, script).stdout)
    assert {k: v for k, v in last.items() if v} == wanted(setup)
    assert not any(v for k, v in last.items() if k[0] == PARTNERS[0])
    again = totals_of(consume(setup, script).stdout)
    assert again == last, "a run that finds nothing new changes nothing"
    check_against_balances(setup, last)
    done = check_books(setup)
    assert " 0 contradictions" in done.stderr and " 0 balances" not in done.stderr


def check_against_balances(setup, last):
    def balances():
        latest = {}
        for record in kafka_io.read_all(setup.kafka, setup.topics["accrual_balances"]):
            value = wire.read(record.value)
            latest[record.key] = value
        return {
            (v["partner_mpn_id"], v["program_id"], v["billing_period"], v["currency"]): v[
                "cumulative_amount"
            ]
            for v in latest.values()
        }

    wait_until(lambda: balances() == last, setup.logs)


def test_contradictions_are_found(accrued_config, kafka, tmp_path):
    """An accrual twice, one that is missing, one that is off by a millionth, a wrong balance."""
    setup = make(accrued_config)
    setup.start()
    send_lines(kafka, setup.input, many_lines(30) + revised(many_lines(30), 102))
    setup.wait_until_drained()
    assert " 0 contradictions" in check_books(setup).stderr
    records = [(r, wire.read(r.value)) for r in setup.accruals()]
    groups = defaultdict(list)
    for record, value in records:
        groups[value["customer_id"], value["line_id"], value["partner_mpn_id"]].append(
            (record, value)
        )
    (record, value) = max(groups.values(), key=len)[-1]
    forged = {
        "is there twice": value,
        "of its line": dict(value, sequence=value["sequence"] + 2, accrual_id="x/1"),
        "amounts add up to": dict(
            value, sequence=value["sequence"] + 3, accrual_id="x/2", amount=Decimal("0.000001")
        ),
    }
    for complaint, made in forged.items():
        sender = Sender(kafka, setup.topics["accruals"])
        sender.send(record.key, wire.value(made, wire.ACCRUAL), partition=record.partition)
        sender.flush()
        done = check_books(setup, check=False)
        assert done.returncode == 1 and complaint in done.stdout, done.stdout
    balance = {
        "partner_mpn_id": value["partner_mpn_id"],
        "program_id": value["program_id"],
        "billing_period": value["billing_period"],
        "currency": value["currency"],
        "cumulative_amount": Decimal("1.000000"),
        "lines": 1,
        "last_accrual_id": value["accrual_id"],
        "source_offset": record.offset,
        "updated_at": value["accrued_at"],
    }
    sender = Sender(kafka, setup.topics["accrual_balances"])
    sender.send(b"k", wire.value(balance, wire.BALANCE), partition=record.partition)
    sender.flush()
    assert "balance" in check_books(setup, check=False).stdout
    told = consume(setup, example(tmp_path), check=False)
    assert told.returncode != 0 and "expected sequence" in told.stderr
