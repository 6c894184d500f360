"""Lines flow while workers are killed, frozen and restarted and the broker goes down and up, at
random; at the end the books are checked with the oracle.

    python tests/kafka/soak.py [--seconds 600] [--seed N] [--keep]

Prints its seed and what it does. A run of 30 seconds is part of the kafka suite (test_soak.py).
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import kafka_io  # noqa: E402
import wire  # noqa: E402
from binary import rate_events  # noqa: E402
from expectations import check_all, records, stream_case  # noqa: E402
from servers import Kafka, Redis  # noqa: E402
from worker import make_setup  # noqa: E402

LINES_A_SECOND = 40
PROCESSES = 2
DRAIN_S = 180


class Feed:
    """Sends lines in order, one key always to one place, whatever the broker does."""

    def __init__(self, kafka, topic, lines):
        self.kafka, self.topic = kafka, topic
        self.lines = lines
        self.sent = 0
        self.halt = threading.Event()
        self.error = None
        self.sender = kafka_io.Sender(kafka, topic)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        started = time.monotonic()
        try:
            while self.sent < len(self.lines) and not self.halt.wait(0.05):
                due = int((time.monotonic() - started) * LINES_A_SECOND)
                for line in self.lines[self.sent : due]:
                    self.sender.send(wire.line_key(line), wire.line_value(line))
                self.sent = max(self.sent, min(due, len(self.lines)))
        except Exception as error:  # told by finish
            self.error = error

    def finish(self):
        """The lines that were sent, all of them delivered."""
        self.halt.set()
        self.thread.join(30)
        assert self.error is None, self.error
        self.sender.producer.flush(60)
        self.sender.flush()
        return self.lines[: self.sent]


class Soak:
    def __init__(self, setup, broker, seed, tell):
        self.setup, self.broker = setup, broker
        self.dice = random.Random(seed)
        self.tell = tell
        self.running = {}  # instance: worker
        self.frozen = {}  # instance: when it awakes
        self.counts = {}

    def start(self, instance):
        # More rebuilds than any broker restart asks for: the process may end, but not the test.
        self.running[instance] = self.setup.start(instance)
        self.running[instance].expected_to_run = False

    def begin(self):
        for number in range(PROCESSES):
            self.start(f"p{number}")

    def look(self):
        """Restarts what has ended, as a supervisor does, and wakes what has slept."""
        for instance, worker in list(self.running.items()):
            if worker.process.poll() is not None:
                self.note("ended", f"{instance} with {worker.process.returncode}")
                # SIGTERM: one that came before the process had a handler for it, or a second one,
                # which ends it at once.
                codes = (0, 1, -signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM)
                assert worker.process.returncode in codes, worker.tail()
                self.frozen.pop(instance, None)
                self.start(instance)
        for instance, until in list(self.frozen.items()):
            if time.monotonic() > until:
                self.running[instance].thaw()
                del self.frozen[instance]

    def note(self, what, detail):
        self.counts[what] = self.counts.get(what, 0) + 1
        self.tell(f"{time.strftime('%H:%M:%S')} {what} {detail}")

    def trouble(self):
        instance = self.dice.choice(sorted(self.running))
        worker = self.running[instance]
        kind = self.dice.choices(
            ["kill", "stop", "freeze", "broker", "disk", "nothing"], [4, 2, 3, 1, 1, 2]
        )[0]
        if kind == "kill" and instance not in self.frozen:
            worker.process.kill()
            worker.process.wait()
            self.note("kill", instance)
        elif kind == "stop" and instance not in self.frozen:
            worker.process.terminate()
            self.note("stop", instance)
        elif kind == "freeze" and instance not in self.frozen:
            seconds = self.dice.choice([1, 3, 9])  # the session ends after 6
            worker.freeze()
            self.frozen[instance] = time.monotonic() + seconds
            self.note("freeze", f"{instance} for {seconds} s")
        elif kind == "broker" and self.broker is not None:
            self.note("broker", "down and up")
            self.broker()
        elif kind == "disk" and instance not in self.frozen:
            worker.process.kill()
            worker.process.wait()
            shutil.rmtree(self.setup.settings["ledger"]["directory"], ignore_errors=True)
            self.note("disk", f"lost, {instance} killed")

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            self.trouble()
            time.sleep(self.dice.uniform(0.5, 4))
        for instance in list(self.frozen):
            self.running[instance].thaw()
        self.frozen = {}

    def drain(self):
        end = time.monotonic() + DRAIN_S
        while self.setup.committed() != self.setup.produced():
            self.look()
            assert time.monotonic() < end, f"not drained\n{self.setup.logs()}"
            time.sleep(0.3)


def soak(setup, seconds, seed, broker=None, tell=print):
    """Raises AssertionError if the books are wrong at the end. Returns what happened how often."""
    case = setup.case
    feed = Feed(setup.kafka, setup.input, records(case))
    run = Soak(setup, broker, seed, tell)
    run.begin()
    run.run(seconds)
    lines = feed.finish()
    run.drain()
    want, _ = check_all(setup, lines)
    tell(f"good: {len(lines)} lines, {len(want)} events, {run.counts}")
    return run.counts


def busy_case(directory, seed, lines):
    """A random case in which something is earned: some have programs that pay for nothing."""
    for attempt in range(50):
        case = stream_case(seed * 50 + attempt, lines)
        if len(rate_events(case.write(directory / "rated"), case.no_link)) > lines // 4:
            return case
    raise AssertionError(f"seed {seed}: no case in which much is earned")


def soak_setup(directory, kafka, redis, seconds, seed):
    case = busy_case(directory, seed, int(seconds * LINES_A_SECOND) + 1)
    setup = make_setup(
        directory,
        kafka,
        redis,
        case,
        batch={"lines_max": 20},
        kafka={"transaction_timeout_ms": 6000},
    )
    setup.case = case
    setup.create_topics()
    return setup


def main():
    options = argparse.ArgumentParser(description="A long run with trouble of every kind.")
    options.add_argument("--seconds", type=float, default=600)
    options.add_argument("--seed", type=int, default=None)
    options.add_argument("--keep", action="store_true", help="leave the directory")
    given = options.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1 << 31)
    directory = Path(tempfile.mkdtemp(prefix="accrued-soak-"))
    print(f"seed {seed}, {given.seconds:g} s, in {directory}", flush=True)
    with Kafka(directory / "kafka") as kafka, Redis(directory / "redis") as redis:
        setup = soak_setup(directory, kafka, redis, given.seconds, seed)

        def restart():
            kafka._local("down", "--dir", str(kafka.directory))
            time.sleep(random.Random(seed).uniform(0, 3))
            port = kafka.bootstrap_servers.rsplit(":", 1)[1]
            kafka._local("up", "--port", port, "--dir", str(kafka.directory))

        try:
            soak(setup, given.seconds, seed, restart if kafka.is_ours else None)
        finally:
            setup.end()
    if not given.keep:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
