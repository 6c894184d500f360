"""Stops, kills and company in the middle of the stream: the totals stay exact, nothing twice."""

import random
import signal
import threading
import time

import kafka_io
import pytest
import wire
from expectations import check_all, records, send_lines, stream_case
from scrape import scrape, unconserved
from servers import wait_until


class Flow:
    """Sends lines from a thread, a few at a time, until told to pause; the rest at the end. The more
    it has sent, the slower: it does not run dry before what is to happen amid it has happened."""

    def __init__(self, kafka, topic, lines, chunk=20, pause_s=0.01):
        self.sender = kafka_io.Sender(kafka, topic)
        self.lines, self.chunk, self.pause_s = list(lines), chunk, pause_s
        self.sent = 0
        self.halt = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.halt.wait(self.pause_s):
            left = len(self.lines) - self.sent
            if left > len(self.lines) // 2:
                self._send(self.chunk)
            elif left > 1 and not self.halt.wait(0.1):
                self._send(1)

    def _send(self, count):
        for line in self.lines[self.sent : self.sent + count]:
            self.sender.send(wire.line_key(line), wire.line_value(line))
        self.sent = min(len(self.lines), self.sent + count)
        self.sender.flush()

    def pause(self):
        """Stops sending; the number of lines that are still to come."""
        self.halt.set()
        self.thread.join(60)
        return len(self.lines) - self.sent

    def finish(self):
        self.pause()
        self._send(len(self.lines))


def progress(setup):
    return sum(setup.committed())


def wait_for_progress(setup, count):
    for worker in setup.workers:
        worker.check_alive()
    wait_until(
        lambda: progress(setup) >= count,
        lambda: f"{count} lines committed; {setup.committed()} so far\n{setup.logs()}",
    )


# A transaction for each line: a process that is to be hit amid its work is at it for seconds.
ONE_BY_ONE = {"lines_max": 1}


def test_stop_and_start_in_the_middle(accrued_config, kafka):
    case = stream_case(21, 1500)
    setup = accrued_config(case, batch={"lines_max": 30})
    lines = records(case)
    flow = Flow(kafka, setup.input, lines)
    for share in (4, 2):
        worker = setup.start()
        wait_for_progress(setup, len(lines) // (2 * share))
        worker.stop()
        done = progress(setup)
        assert 0 < done < len(lines)
    setup.start()
    flow.finish()
    setup.wait_until_drained()
    check_all(setup, lines)


@pytest.mark.parametrize("seed", [22, 23])
def test_kill_and_start_in_the_middle(accrued_config, kafka, seed):
    """kill -9 with most of the input still unread, then the same instance again."""
    case = stream_case(seed, 1500)
    setup = accrued_config(case, batch={"lines_max": 5})
    lines = records(case)
    send_lines(kafka, setup.input, lines)
    worker = setup.start(batch=ONE_BY_ONE)
    wait_for_progress(setup, len(lines) // 10)
    worker.kill()
    done = progress(setup)
    assert done < len(lines), "killed too late to show anything"
    setup.start()
    setup.wait_until_drained()
    check_all(setup, lines)


def test_kill_and_another_instance_takes_over(accrued_config, kafka):
    """The one that takes over has another transactional id: the broker ends the dead one's
    transaction, and the group gives its partitions away."""
    case = stream_case(24, 800)
    setup = accrued_config(case, batch={"lines_max": 5}, kafka={"transaction_timeout_ms": 6000})
    lines = records(case)
    send_lines(kafka, setup.input, lines)
    worker = setup.start("first", batch=ONE_BY_ONE)
    wait_for_progress(setup, len(lines) // 10)
    worker.kill()
    assert progress(setup) < len(lines)
    setup.start("second")
    setup.wait_until_drained()
    check_all(setup, lines)


def check_books(worker):
    """The worker's own account of what it did, whatever it went through."""
    url = worker.url()

    def are_right():
        one = scrape(url)
        aborted = one.by("accrued_transactions_total", "result")["aborted"]
        return (
            one.by("accrued_lines_in_total") > 0
            and unconserved(one) == {}
            and one.by("accrued_transaction_aborts_total") == aborted
        )

    # It may be in the middle of adding up; broken books would stay so.
    wait_until(are_right, lambda: f"{unconserved(scrape(url))}\n{scrape(url).text}")


def test_a_second_process_joins_and_leaves(accrued_config, kafka):
    case = stream_case(25, 2000)
    setup = accrued_config(
        case, partitions=6, batch={"lines_max": 25}, http={"listen": "127.0.0.1:0"}
    )
    lines = records(case)
    flow = Flow(kafka, setup.input, lines, chunk=3)
    setup.start("first")
    wait_for_progress(setup, 100)
    second = setup.start("second")

    def both_work():
        for worker in setup.workers:
            worker.check_alive()
        shares = list(kafka_io.members(kafka, setup.group).values())
        return len(shares) == 2 and all(shares) and sum(shares) == 6

    wait_until(both_work, lambda: f"both own partitions\n{setup.logs()}", pause=0.1)
    wait_for_progress(setup, progress(setup) + 100)
    assert flow.pause() > 0, "all lines were sent before the second process had joined"
    url = second.url()
    wait_until(lambda: unconserved(scrape(url)) == {}, lambda: unconserved(scrape(url)))
    second.stop()
    flow.finish()
    setup.wait_until_drained()
    check_all(setup, lines)
    check_books(setup.workers[0])
    wait_for_members(setup, [6])


def wait_for_members(setup, shares):
    def are_there():
        return sorted(kafka_io.members(setup.kafka, setup.group).values()) == shares

    wait_until(are_there, lambda: f"members with {shares} partitions\n{setup.logs()}", pause=0.1)


def test_lanes_of_one_process_share_the_partitions(accrued_config, kafka):
    case = stream_case(26, 600)
    setup = accrued_config(case, partitions=5, lanes={"count": 3}, batch={"lines_max": 25})
    lines = records(case)
    worker = setup.start()
    wait_for_members(setup, [1, 2, 2])
    send_lines(kafka, setup.input, lines)
    setup.wait_until_drained()
    check_all(setup, lines)
    worker.stop()
    wait_for_members(setup, [])


def test_a_frozen_process_that_comes_back_writes_nothing_twice(accrued_config, kafka):
    """Stopped past its session, its partitions go to another; awake again, it must not write what the other has written."""
    case = stream_case(27, 900)
    setup = accrued_config(
        case,
        batch={"lines_max": 5},
        kafka={"transaction_timeout_ms": 6000},
        http={"listen": "127.0.0.1:0"},
    )
    lines = records(case)
    send_lines(kafka, setup.input, lines[:600])
    first = setup.start("first", batch=ONE_BY_ONE)
    wait_for_progress(setup, 60)
    first.freeze()
    assert progress(setup) < 600
    setup.start("second")
    setup.wait_until_drained()
    first.thaw()
    send_lines(kafka, setup.input, lines[600:])
    setup.wait_until_drained()
    check_all(setup, lines)

    def knows():
        """Frozen amid a transaction it is fenced; frozen between two it only hears that its partitions are gone."""
        now = scrape(first.url())
        aborted = now.by("accrued_transactions_total", "result")["aborted"]
        lost = "event=partition_revoked lane=0 partition=0 lost=true" in first.log.read_text()
        return lost or aborted + now.by("accrued_lane_rebuilds_total")

    # The other may have had all the lines before this one finds out.
    wait_until(knows, setup.logs)
    check_books(first)


def test_processes_that_are_stopped_as_they_join_end_well(accrued_config):
    """librdkafka before 2.3 aborts where a member that has joined is destroyed without an assignment."""
    setup = accrued_config(stream_case(28, 1))
    chance = random.Random(28)
    for pair in range(12):
        workers = []
        for name, pause_s in ((f"a{pair}", 0.25), (f"b{pair}", 0.35)):
            workers.append(setup.start(name))
            time.sleep(chance.random() * pause_s)
        for worker in workers:
            worker.expected_to_run = False
            worker.process.send_signal(signal.SIGTERM)
        for worker in workers:
            # A signal may come before there is anybody to hear it.
            assert worker.process.wait(60) in (0, -signal.SIGTERM), worker.tail()
