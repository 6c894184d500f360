"""Real servers for tests: a Kafka broker and a Redis of our own, each in a directory of its own."""

import os
import socket
import subprocess
import time
from pathlib import Path

import binary
import redis

KAFKA_LOCAL = binary.ROOT / "scripts" / "kafka-local"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(holds, what, timeout=20.0, pause=0.02):
    """Returns the first true value of holds(); fails with `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what() if callable(what) else what}")
        time.sleep(pause)


class Kafka:
    """A broker from scripts/kafka-local, or the one that ACCRUED_TEST_KAFKA names (host:port)."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.bootstrap_servers = os.environ.get("ACCRUED_TEST_KAFKA", "")
        self.is_ours = not self.bootstrap_servers

    def __enter__(self):
        if self.is_ours:
            port = free_port()
            self._local("up", "--port", str(port), "--dir", str(self.directory))
            self.bootstrap_servers = f"127.0.0.1:{port}"
        return self

    def __exit__(self, *_):
        if self.is_ours:
            self._local("down", "--dir", str(self.directory), "--purge")

    def tool(self, name, *arguments):
        """What one of Kafka's own command line tools prints."""
        where = ("--dir", str(self.directory)) if self.is_ours else ()
        server = () if self.is_ours else ("--bootstrap-server", self.bootstrap_servers)
        return self._local("tool", *where, name, *server, *arguments)

    def _local(self, *arguments):
        done = subprocess.run(
            [str(KAFKA_LOCAL), *arguments],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"kafka-local {arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout


class Redis:
    """A redis-server without persistence."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.port = free_port()
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def __enter__(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        with open(self.directory / "redis.log", "wb") as log:
            self.process = subprocess.Popen(
                [
                    "redis-server",
                    "--port",
                    str(self.port),
                    "--bind",
                    "127.0.0.1",
                    "--save",
                    "",
                    "--appendonly",
                    "no",
                    "--dir",
                    str(self.directory),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        self.client = redis.Redis(port=self.port)
        wait_until(self._answers, lambda: f"redis-server on port {self.port} answers")
        return self

    def _answers(self):
        assert self.process.poll() is None, (self.directory / "redis.log").read_text()
        try:
            return self.client.ping()
        except redis.ConnectionError:
            return False

    def __exit__(self, *_):
        self.client.close()
        self.process.terminate()
        self.process.wait(20)
