"""The service as operations meet it: stops, servers that go away, a lane that cannot go on."""

import os
import re
import signal
import threading

import pytest
from confluent_kafka import KafkaException, Producer
from expectations import check_all, records, send_lines, stream_case
from scrape import scrape, unconserved
from servers import Kafka, Redis, free_port, wait_until
from service import answer, url_of, wait_until_ready, wait_until_waiting
from worker import make_setup


def wait_for_end(worker):
    worker.expected_to_run = False
    wait_until(lambda: worker.process.poll() is not None, worker.tail)
    return worker.process.returncode


@pytest.fixture
def own_redis(tmp_path):
    with Redis(tmp_path / "own-redis") as server:
        yield server


def test_a_frozen_redis_is_waited_for(tmp_path, kafka, own_redis):
    case = stream_case(81, 200)
    setup = make_setup(tmp_path, kafka, own_redis, case, http={"listen": "127.0.0.1:0"})
    setup.create_topics()
    lines = records(case)
    half = len(lines) // 2
    try:
        worker = setup.start()
        send_lines(kafka, setup.input, lines[:half])
        setup.wait_until_drained()
        url = url_of(worker)
        wait_until_ready(url)
        os.kill(own_redis.process.pid, signal.SIGSTOP)
        try:
            send_lines(kafka, setup.input, lines[half:])
            wait_until_waiting(url, "Lane 0 waits for reference data: ")
            wait_until(lambda: scrape(url).by("accrued_reference_waiting") == 1, "it is counted")
            assert answer(url + "/healthz")[0] == 200
            assert setup.committed() != setup.produced()
        finally:
            os.kill(own_redis.process.pid, signal.SIGCONT)
        setup.wait_until_drained()
        wait_until_ready(url)
        check_all(setup, lines)
        wait_until(lambda: scrape(url).by("accrued_lines_total", "outcome")["posted"], "counted")
        worker.stop()
    finally:
        setup.end()


def test_a_second_signal_ends_it_at_once(tmp_path, redis):
    case = stream_case(82, 50)
    with Kafka(tmp_path / "broker") as broker:
        setup = make_setup(tmp_path, broker, redis, case, http={"listen": "127.0.0.1:0"})
        setup.create_topics()
        lines = records(case)
        broker_pid = None
        try:
            worker = setup.start()
            send_lines(broker, setup.input, lines)
            setup.wait_until_drained()
            if not broker.is_ours:
                pytest.skip("needs a broker that it may freeze")
            (pid_file,) = (tmp_path / "broker").glob("*.pid")
            broker_pid = int(pid_file.read_text())
            os.kill(broker_pid, signal.SIGSTOP)
            url = worker.url()

            def is_missed():
                status, text = answer(url + "/readyz")
                return status == 503 and broker.bootstrap_servers in text

            wait_until(is_missed, lambda: answer(url + "/readyz"))
            assert answer(url + "/healthz")[0] == 200
            worker.process.send_signal(signal.SIGTERM)
            wait_until(lambda: "service_stopping" in worker.tail(), worker.tail)
            worker.process.send_signal(signal.SIGTERM)
            # Its own way of ending has another code.
            assert wait_for_end(worker) == 128 + signal.SIGTERM, worker.tail()
            os.kill(broker_pid, signal.SIGCONT)
            broker_pid = None
            setup.start("one")
            setup.wait_until_drained()
            check_all(setup, lines)
        finally:
            if broker_pid:
                os.kill(broker_pid, signal.SIGCONT)
            setup.end()


def test_no_broker_is_told(tmp_path, redis):
    class Nobody:
        bootstrap_servers = f"127.0.0.1:{free_port()}"

    setup = make_setup(tmp_path, Nobody, redis)
    try:
        worker = setup.start()
        assert wait_for_end(worker) == 1
        assert Nobody.bootstrap_servers in worker.tail()
        assert "bootstrap_servers" in worker.tail()
    finally:
        for one in setup.workers:
            one.kill()


def test_a_lane_that_cannot_go_on_ends_the_process(accrued_config, kafka):
    """An unknown program in the ledger is nothing that a rebuild repairs."""
    case = stream_case(83, 120)
    setup = accrued_config(case)
    lines = records(case)
    worker = setup.start()
    send_lines(kafka, setup.input, lines)
    setup.wait_until_drained()
    worker.stop()
    programs = tmp = setup.directory / "fewer.yaml"
    text = open(setup.settings["rating"]["programs"], encoding="utf-8").read()
    first = re.search(r"- id: (\S+)", text).group(1)
    tmp.write_text(text.replace(first, f"{first}-renamed"))
    worker = setup.start(rating={"programs": str(programs)})
    assert wait_for_end(worker) == 1
    assert first in worker.tail() and "retired" in worker.tail()


def test_rebuilds_are_bounded(accrued_config, kafka):
    """Two processes under one name fence each other: a rebuild is tried, then the process ends."""
    case = stream_case(84, 150)
    setup = accrued_config(case, http={"listen": "127.0.0.1:0"})
    lines = records(case)
    first = setup.start("same", lanes={"rebuilds_max": 0})
    send_lines(kafka, setup.input, lines[:50])
    setup.wait_until_drained()
    first.expected_to_run = False
    setup.start("same", lanes={"rebuilds_max": 50})
    wait_until(lambda: "partition_ready" in setup.workers[1].tail(), setup.logs)
    send_lines(kafka, setup.input, lines[50:])
    assert wait_for_end(first) == 1
    assert "lane_failed" in first.tail() and "verdict=rebuild" in first.tail().lower()
    setup.wait_until_drained()
    check_all(setup, lines)
    url = setup.workers[1].url()
    # It may be in the middle of adding up; broken books would stay so.
    wait_until(lambda: unconserved(scrape(url)) == {}, lambda: unconserved(scrape(url)))


def fence(kafka, setup):
    """Whoever takes the lane's transactional id fences it."""
    name = f"accrued-{setup.settings['kafka']['environment']}-one-0"
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": name})
    producer.init_transactions(60)


def test_rebuilds_in_a_row_are_counted(accrued_config, kafka):
    """A rebuild that led to a commit is forgotten, however many there were; rebuilds_max of them
    without one, and the next failure ends the process."""
    case = stream_case(85, 200)
    setup = accrued_config(
        case,
        lanes={"rebuilds_max": 2, "rebuild_backoff_ms": 50},
        http={"listen": "127.0.0.1:0"},
    )
    lines = records(case)
    sent = []

    def send(count):
        more = lines[len(sent) : len(sent) + count]
        send_lines(kafka, setup.input, more)
        sent.extend(more)

    worker = setup.start()
    url = worker.url()
    send(20)
    setup.wait_until_drained()
    for rebuilds in (1, 2, 3):
        fence(kafka, setup)
        send(20)
        setup.wait_until_drained()
        assert scrape(url).by("accrued_lane_rebuilds_total") == rebuilds
    assert set(re.findall(r"lane_rebuild lane=0 attempt=(\d+)", worker.tail(10**6))) == {"1"}

    has_ended = threading.Event()

    def fence_on():
        while not has_ended.is_set():
            try:
                fence(kafka, setup)
            except KafkaException:
                pass  # the lane was faster: once more

    fencer = threading.Thread(target=fence_on)
    fencer.start()
    try:
        worker.expected_to_run = False

        def ends():
            if setup.committed() == setup.produced():
                send(1)  # a lane that came to a commit in between meets the next fence
            return worker.process.poll() is not None

        wait_until(ends, worker.tail, 150, pause=0.2)
    finally:
        has_ended.set()
        fencer.join(60)
    told = worker.tail(10**6)
    assert worker.process.returncode == 1, told[-3000:]
    assert re.findall(r"lane_rebuild lane=0 attempt=(\d+)", told)[-2:] == ["1", "2"]
    assert "event=lane_failed lane=0 verdict=rebuild rebuilds=2 " in told.lower()
    setup.start()
    setup.wait_until_drained()
    check_all(setup, sent)
