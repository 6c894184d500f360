"""`accrued` as its user runs it: a configuration file, commands, the worker process."""

import re
import signal
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import binary
import kafka_io
import yaml
from servers import PATIENCE_S, wait_until

GIVE_UP_S = 180


def merged(base, more):
    result = dict(base)
    for name, value in more.items():
        inner = isinstance(value, dict) and isinstance(result.get(name), dict)
        result[name] = merged(result[name], value) if inner else value
    return result


@dataclass(frozen=True)
class Through:
    """A Redis that the worker reaches by another address."""

    redis: object
    address: str

    @property
    def client(self):
        return self.redis.client


@dataclass
class Setup:
    """One configuration with topics, a group and Redis keys of its own."""

    directory: Path
    kafka: object
    redis: object
    settings: dict
    workers: list = field(default_factory=list)

    def __post_init__(self):
        self.watcher = kafka_io.Watcher(self.kafka, self.group)

    @property
    def topics(self):
        return self.settings["topics"]

    @property
    def partition_count(self):
        return self.settings["topics"]["partitions"]

    @property
    def input(self):
        return self.topics["billing_lines"]

    @property
    def group(self):
        return self.settings["kafka"]["group_id"]

    def config(self, name="accrued.yaml", **changes):
        """Writes the configuration (with changes) and returns its path."""
        path = self.directory / name
        path.write_text(yaml.safe_dump(merged(self.settings, changes)), encoding="utf-8")
        return path

    # ------------------------------------------------------------ commands

    def command(self, *arguments, check=True, timeout=GIVE_UP_S, stdin=None):
        done = subprocess.run(
            [str(binary.require_binary()), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
        )
        told = f"accrued {' '.join(map(str, arguments))}: {done.returncode}\n{done.stderr[-3000:]}"
        assert not check or done.returncode == 0, told
        return done

    def create_topics(self):
        self.command("topics", "create", "-c", self.config())

    def store(self, value):
        """Puts a reference value (an object of the offline form) where the worker looks it up."""
        ((kind, record),) = value.items()
        identity = record["mpn_id"] if kind == "partner" else record["customer_id"]
        if kind == "customer":
            identity = kafka_io.parse.fold(identity)
        prefix = self.settings["redis"]["key_prefix"]
        self.redis.client.set(
            f"{prefix}{kind}:{identity}".encode(), kafka_io.to_json(record).encode()
        )

    # ------------------------------------------------------------ the worker

    def start(self, instance="one", **changes):
        worker = Worker(self, instance, changes)
        self.workers.append(worker)
        return worker

    def end(self):
        for worker in self.workers:
            worker.kill()
        self.watcher.close()

    # ------------------------------------------------------------ watching

    def committed(self):
        return self.watcher.committed(self.input, self.partition_count)

    def produced(self):
        return self.watcher.ends(self.input, self.partition_count)

    def wait_until_drained(self, timeout=PATIENCE_S):
        def drained():
            for worker in self.workers:
                worker.check_alive()
            return self.committed() == self.produced()

        wait_until(
            drained,
            lambda: f"drained: {self.committed()} of {self.produced()}\n{self.logs()}",
            timeout,
        )

    def logs(self):
        return "\n".join(f"--- {w.log.name}\n{w.tail()}" for w in self.workers)

    def accruals(self):
        return kafka_io.read_all(self.kafka, self.topics["accruals"])

    def forgone(self):
        return kafka_io.read_all(self.kafka, self.topics["accruals_forgone"])

    def dead_letters(self):
        return kafka_io.read_all(self.kafka, self.topics["billing_lines_dlq"])


class Worker:
    """A running `accrued run`."""

    def __init__(self, setup, instance, changes):
        number = len(setup.workers)
        self.log = setup.directory / f"run-{number}-{instance}.log"
        config = setup.config(
            f"accrued-{number}-{instance}.yaml",
            **merged({"kafka": {"instance": instance}}, changes),
        )
        self.expected_to_run = True
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(binary.require_binary()), "run", "-c", str(config)],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def url(self):
        """Of its page, once it is up."""
        found = []

        def told():
            self.check_alive()
            found[:] = re.findall(r"page=(http://\S+)", self.log.read_text(errors="replace"))
            return found

        wait_until(told, self.tail)
        return found[0]

    def tail(self, size=3000):
        return self.log.read_text(errors="replace")[-size:]

    def check_alive(self):
        if self.expected_to_run:
            code = self.process.poll()
            assert code is None, f"the worker ended with {code}:\n{self.tail()}"

    def stop(self, timeout=40):
        """SIGTERM; the worker must end by itself and well."""
        self.expected_to_run = False
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still there {timeout} s after SIGTERM:\n{self.tail()}") from None
        assert code == 0, f"ended with {code} after SIGTERM:\n{self.tail()}"

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.expected_to_run = False
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def make_setup(directory, kafka, redis, case=None, /, partitions=4, **changes):
    """A Setup with fresh names; `case` brings programs, catalog and reference values."""
    name = f"t{uuid.uuid4().hex[:10]}"
    settings = {
        "kafka": {
            "bootstrap_servers": kafka.bootstrap_servers,
            "group_id": name,
            "environment": name,
            "instance": "one",
            "session_timeout_ms": 6000,
            "max_poll_interval_ms": 40000,
            "transaction_timeout_ms": 10000,
        },
        "topics": {
            "billing_lines": f"{name}-billing-lines",
            "billing_lines_dlq": f"{name}-billing-lines-dlq",
            "accruals": f"{name}-accruals",
            "accruals_forgone": f"{name}-accruals-forgone",
            "accrual_balances": f"{name}-accrual-balances",
            "ledger": f"{name}-ledger",
            "rerate_requests": f"{name}-rerate-requests",
            "partitions": partitions,
            "replication_factor": 1,
            "min_insync_replicas": 1,
        },
        "redis": {"address": redis.address, "key_prefix": f"{name}:"},
        "ledger": {"directory": str(directory / "ledger")},
        "schemas": {"directory": str(binary.ROOT / "schemas")},
        "http": {"listen": ""},
    }
    if case is not None:
        paths = case.write(directory / "case")
        settings["rating"] = {
            "programs": str(paths["programs"]),
            "catalog": str(paths["catalog"]),
            "no_link": case.no_link,
        }
    setup = Setup(directory, kafka, redis, merged(settings, changes))
    for text in case.reference if case is not None else []:
        setup.store(kafka_io.load_json(text))
    return setup
