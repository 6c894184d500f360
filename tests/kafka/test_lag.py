"""Lag, against what Kafka's own tool says: while lines wait, while somebody's transaction hangs, and
when nothing is left to do."""

import operator
import os
import signal
import time
from contextlib import contextmanager

import pytest
import wire
from confluent_kafka import Producer
from expectations import records, send_lines, stream_case
from kafka_io import Sender
from scrape import get, scrape, unconserved
from servers import Redis, wait_until
from worker import make_setup

PARTITIONS = 2
RECORD_AGE_S = 500
EVENT_AGE_S = 7000
AGE = "accrued_partition_lag_seconds"
EVENT_AGE = "accrued_partition_event_lag_seconds"


def by_partition(one, name):
    return {int(partition): int(value) for partition, value in one.by(name, "partition").items()}


def told_by_us(url):
    """{partition: (next offset, high watermark, lag, held back)}"""
    one = scrape(url)
    columns = [
        by_partition(one, f"accrued_partition_{name}")
        for name in ("next_offset", "high_watermark", "lag_lines", "lag_blocked_lines")
    ]
    return {p: tuple(column.get(p) for column in columns) for p in columns[0]}


def told_by_kafka(setup):
    """{partition: (current offset, log end offset, lag)} of consumer-groups --describe"""
    told = setup.kafka.tool("consumer-groups", "--describe", "--group", setup.group)
    rows = [line.split() for line in told.splitlines() if setup.input in line.split()]
    return {int(row[2]): tuple(map(int, row[3:6])) for row in rows}


def assert_both_agree(setup, url, work, held_back):
    """work, held_back: lines over all partitions."""

    def settled():
        ours = told_by_us(url)
        return (
            len(ours) == PARTITIONS
            and sum(row[2] or 0 for row in ours.values()) == work
            and sum(row[3] or 0 for row in ours.values()) == held_back
        )

    wait_until(settled, lambda: f"work {work}, held back {held_back}: {told_by_us(url)}")

    def both():
        ours, kafkas = told_by_us(url), told_by_kafka(setup)
        return {p: (row[0], row[1], row[2] + row[3]) for p, row in ours.items()}, kafkas

    # Asked one after the other, while a commit may still be on its way to one of them.
    wait_until(lambda: operator.eq(*both()), both)


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@contextmanager
def frozen(process):
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


@contextmanager
def hanging_transaction(setup, key, values):
    """Somebody's transaction on the input that is neither committed nor aborted."""
    producer = Producer(
        {
            "bootstrap.servers": setup.kafka.bootstrap_servers,
            "transactional.id": f"{setup.group}-somebody",
            "transaction.timeout.ms": 60000,
            "partitioner": "murmur2_random",
        }
    )
    producer.init_transactions(60)
    producer.begin_transaction()
    for value in values:
        producer.produce(setup.input, value, key)
    assert producer.flush(60) == 0
    yield
    producer.abort_transaction(60)


@pytest.fixture
def world(tmp_path, kafka):
    case = stream_case(61, 160)
    with Redis(tmp_path / "own-redis") as redis:
        setup = make_setup(
            tmp_path, kafka, redis, case, partitions=PARTITIONS, http={"listen": "127.0.0.1:0"}
        )
        setup.create_topics()
        try:
            yield setup, records(case)
        finally:
            setup.end()


def assert_ages(url, name, seconds, since):
    """All partitions are that old: since then a little has passed. Lag and ages are looked at one
    after the other."""

    def are_right():
        ages = scrape(url).by(name, "partition")
        passed = time.time() - since
        return len(ages) == PARTITIONS and all(
            seconds - 2 <= float(age) <= seconds + passed + 2 for age in ages.values()
        )

    wait_until(are_right, lambda: f"{seconds} s old: {scrape(url).by(name, 'partition')}")


def test_lag_is_what_kafka_s_own_tool_says(world):
    setup, lines = world
    half = len(lines) // 2
    send_lines(setup.kafka, setup.input, lines[:half])
    url = setup.start().url()
    setup.wait_until_drained()
    assert_both_agree(setup, url, work=0, held_back=0)
    assert_ages(url, AGE, 0, time.time())

    since = time.time()
    with frozen(setup.redis.process):
        wait_until(lambda: get(url + "/readyz")[0] == 503, "Redis is missed")
        sender = Sender(setup.kafka, setup.input)
        for line in lines[half:]:
            line["event_time"] = iso(since - EVENT_AGE_S)
            sender.send(
                wire.line_key(line),
                wire.line_value(line),
                timestamp=int((since - RECORD_AGE_S) * 1000),
            )
        places = sender.flush().places
        assert {partition for partition, _ in places} == set(range(PARTITIONS))
        assert_both_agree(setup, url, work=len(lines) - half, held_back=0)
        assert_ages(url, AGE, RECORD_AGE_S, since)
        # A partition whose lines a lane has not gathered yet has no event_time to go by.

        def oldest():
            return max(scrape(url).by(EVENT_AGE, "partition").values())

        wait_until(lambda: oldest() >= EVENT_AGE_S - 2, oldest)
        assert oldest() <= EVENT_AGE_S + time.time() - since + 2
    setup.wait_until_drained()
    assert_both_agree(setup, url, work=0, held_back=0)
    assert_ages(url, EVENT_AGE, 0, time.time())

    line = lines[0]
    with hanging_transaction(setup, wire.line_key(line), [wire.line_value(line)] * 7):
        assert_both_agree(setup, url, work=0, held_back=7)
        assert_ages(url, AGE, 0, time.time())
    # The aborted records and their marker are passed, too.
    assert_both_agree(setup, url, work=0, held_back=0)
    wait_until(lambda: scrape(url).by("accrued_lines_in_total") == len(lines), "counted")
    wait_until(lambda: unconserved(scrape(url)) == {}, lambda: unconserved(scrape(url)))


def test_lines_that_wait_for_a_restart_are_as_old_as_they_are(world):
    """Not as old as the process: it sees what it has not gathered."""
    setup, lines = world
    half = len(lines) // 2
    send_lines(setup.kafka, setup.input, lines[:half])
    worker = setup.start()
    setup.wait_until_drained()
    worker.stop()
    since = time.time()
    sender = Sender(setup.kafka, setup.input)
    for line in lines[half:]:
        sender.send(
            wire.line_key(line), wire.line_value(line), timestamp=int((since - RECORD_AGE_S) * 1000)
        )
    sender.flush()
    with frozen(setup.redis.process):
        url = setup.start().url()

        def seen():
            one = scrape(url)
            ages = one.by(AGE, "partition")
            return len(ages) == PARTITIONS and min(ages.values()) > RECORD_AGE_S - 2

        wait_until(seen, lambda: scrape(url).text)
        assert_both_agree(setup, url, work=len(lines) - half, held_back=0)
        assert_ages(url, AGE, RECORD_AGE_S, since)
    setup.wait_until_drained()
    assert_both_agree(setup, url, work=0, held_back=0)
