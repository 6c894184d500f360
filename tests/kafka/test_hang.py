"""A lane that hangs in a call of Kafka's client is bounded by the process's end."""

import os
import signal

import pytest
from confluent_kafka import KafkaException
from expectations import check_all, records, send_lines, stream_case
from kafka_io import Watcher
from servers import Kafka, wait_until
from worker import make_setup

SILENCE_MS = 10_000


def wait_for_end(worker, timeout):
    wait_until(lambda: worker.process.poll() is not None, worker.tail, timeout)
    return worker.process.returncode


def is_drained(setup):
    """A broker that wakes registers anew; a client that asked before keeps what it was told then."""
    try:
        return setup.committed() == setup.produced()
    except KafkaException:
        setup.watcher.close()
        setup.watcher = Watcher(setup.kafka, setup.group, patience_s=5)
        return False


def test_a_lane_that_stands_still_ends_the_process(tmp_path, redis):
    """The broker freezes while transactions are open: the commit waits for an answer."""
    case = stream_case(91, 3000)
    with Kafka(tmp_path / "broker") as broker:
        if not broker.is_ours:
            pytest.skip("needs a broker that it may freeze")
        setup = make_setup(
            tmp_path, broker, redis, case, lanes={"silence_ms_max": SILENCE_MS}
        )
        setup.create_topics()
        lines = records(case)
        send_lines(broker, setup.input, lines)
        (pid_file,) = (tmp_path / "broker").glob("*.pid")
        broker_pid = int(pid_file.read_text())
        try:
            # A transaction for each line: it is amid them for seconds.
            worker = setup.start(batch={"lines_max": 1})
            wait_until(lambda: sum(setup.committed()) > 0, worker.tail)
            os.kill(broker_pid, signal.SIGSTOP)
            code = wait_for_end(worker, SILENCE_MS / 1000 + 60)
            assert code == 1, worker.tail()
            assert "lane_hangs" in worker.tail() and "silence_ms_max" in worker.tail()
            setup.workers.remove(worker)
        finally:
            os.kill(broker_pid, signal.SIGCONT)
        try:
            setup.watcher.patience_s = 5
            # Not bounded as tightly: it may meet a broker that is not awake yet.
            worker = setup.start(lanes={"silence_ms_max": 120_000})
            wait_until(lambda: is_drained(setup), worker.tail, 150)
            check_all(setup, lines)
        finally:
            setup.end()
