"""Billing lines through a real Kafka and a real Redis: what comes out is what the rules say."""

import subprocess

import pytest
import wire
from expectations import check_all, check_keys, published, records, send_lines, stream_case
from kafka_io import read_all


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_what_is_published_is_what_the_rules_say(accrued_config, kafka, seed):
    case = stream_case(seed, 250)
    setup = accrued_config(case, batch={"lines_max": 40}, lanes={"count": 1 + seed % 2})
    lines = records(case)
    places = send_lines(kafka, setup.input, lines).places
    setup.start()
    setup.wait_until_drained()
    want, got = check_all(setup, lines)
    assert len(want) > 50
    assert setup.dead_letters() == []
    check_keys(setup)
    check_sources(setup, lines, places, got)


def check_sources(setup, lines, places, events):
    """Each event names the record that caused it, and that record was a revision of its line."""
    lines_by_place = {place: line for place, line in zip(places, lines)}
    for event in events:
        assert event["source_topic"] == setup.input
        line = lines_by_place[(event["source_partition"], event["source_offset"])]
        assert wire.line_key(line).decode() == event["customer_id"]
        assert wire.parse.fold(line["line_id"]) == event["line_id"]
        assert int(line["revision"]) == event["line_revision"]
        if event["type"] == "accrual":
            assert event["accrued_at"] and event["reference_hash"]


def test_lines_that_come_while_the_worker_runs(accrued_config, kafka):
    """A quiet stream commits at once; nothing waits for a batch to fill."""
    case = stream_case(11, 60)
    setup = accrued_config(case)
    setup.start()
    lines = records(case)
    for line in lines[:5]:
        send_lines(kafka, setup.input, [line])
        setup.wait_until_drained()
    send_lines(kafka, setup.input, lines[5:])
    setup.wait_until_drained()
    check_all(setup, lines)


def test_the_same_records_again_publish_nothing(accrued_config, kafka):
    """A redelivered winner yields nothing, before and after a restart."""
    case = stream_case(12, 120)
    setup = accrued_config(case)
    lines = records(case)
    send_lines(kafka, setup.input, lines)
    worker = setup.start()
    setup.wait_until_drained()
    before = published(setup)
    winners = {}
    for line in lines:
        key = (wire.line_key(line), wire.parse.fold(line["line_id"]))
        if key not in winners or int(line["revision"]) >= int(winners[key]["revision"]):
            winners[key] = line
    send_lines(kafka, setup.input, winners.values())
    setup.wait_until_drained()
    worker.stop()
    setup.start()
    send_lines(kafka, setup.input, winners.values())
    setup.wait_until_drained()
    assert published(setup) == before


def test_kcat_reads_what_is_published(accrued_config, kafka):
    case = stream_case(13, 60)
    setup = accrued_config(case)
    send_lines(kafka, setup.input, records(case))
    setup.start()
    setup.wait_until_drained()
    for name in ("accruals", "accruals_forgone"):
        topic = setup.topics[name]
        told = subprocess.run(
            [
                "kcat",
                "-C",
                "-q",
                "-e",
                "-b",
                kafka.bootstrap_servers,
                "-t",
                topic,
                "-X",
                "isolation.level=read_committed",
                "-o",
                "beginning",
                "-f",
                "%p %o %S %K %k\n",
            ],
            capture_output=True,
            timeout=90,
            check=True,
        ).stdout
        want = {
            f"{r.partition} {r.offset} {len(r.value)} {len(r.key)} {r.key.decode()}"
            for r in read_all(kafka, topic)
        }
        assert set(told.decode().splitlines()) == want
        assert want
