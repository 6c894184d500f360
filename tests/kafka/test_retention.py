"""Closed billing periods: what comes for them is for a person to look at, for ever."""

import datetime
import shutil

import pytest
import wire
from expectations import check_all, published, records, send_lines, stream_case

MONTHS = 12
TODAY = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m")


def codes(setup):
    return [dict(letter.headers)["accrued.error.code"].decode() for letter in setup.dead_letters()]


def raised(line):
    return line | {"revision": wire.parse.Number(str(int(line.get("revision") or 0) + 100))}


def lines_of_2020(seed):
    case = stream_case(seed, 150)
    return case, [line for line in records(case) if line["billing_period"] < "2021"]


@pytest.mark.parametrize("keeps_file", [True, False])
def test_a_closed_period_stays_closed(accrued_config, kafka, keeps_file):
    case, lines = lines_of_2020(61)
    setup = accrued_config(case)
    send_lines(kafka, setup.input, lines)
    worker = setup.start()
    setup.wait_until_drained()
    check_all(setup, lines)
    before = sorted(map(str, published(setup)))
    worker.stop()

    worker = setup.start(ledger={"retention_months": MONTHS})
    moved = [raised(line) | {"billing_period": TODAY} for line in lines[:20]]
    again = [raised(line) for line in lines[20:40]]
    fresh = [line | {"line_id": f"new-{n}"} for n, line in enumerate(lines[:10])]
    send_lines(kafka, setup.input, moved + again + fresh)
    setup.wait_until_drained()
    assert codes(setup) == ["period_expired"] * 50
    assert sorted(map(str, published(setup))) == before

    opened = [
        line | {"line_id": f"open-{n}", "billing_period": TODAY} for n, line in enumerate(lines)
    ]
    send_lines(kafka, setup.input, opened)
    setup.wait_until_drained()
    assert len(codes(setup)) == 50
    assert len(published(setup)) > len(before)
    worker.stop()
    if not keeps_file:
        shutil.rmtree(setup.settings["ledger"]["directory"])

    # The horizon stands in the ledger: it does not come back with a longer retention.
    setup.start()
    send_lines(kafka, setup.input, [raised(raised(line)) for line in lines[:20]])
    setup.wait_until_drained()
    assert codes(setup) == ["period_expired"] * 70
