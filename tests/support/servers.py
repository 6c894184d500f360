"""Real servers for tests: a Kafka broker and a Redis of our own, each in a directory of its own."""

import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path

import binary
import redis
from confluent_kafka.admin import AdminClient
from redis.backoff import NoBackoff
from redis.retry import Retry

KAFKA_LOCAL = binary.ROOT / "scripts" / "kafka-local"


# What a test waits for comes in a second, or never: a machine may be slow, and is not what is tested.
PATIENCE_S = 90.0

# Below those that systems give to whoever asks for any, and those of scripts/kafka-local.
PORTS = range(10000, 20000)
RESERVED = []  # sockets


def free_port():
    """A port that nobody else is given while this process lives, also between two servers on it.
    Of UDP it is ours: that is how tests beside this one know."""
    while True:
        port = random.choice(PORTS)
        mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            mark.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            mark.close()
            continue
        RESERVED.append(mark)
        return port


def wait_until(holds, what, timeout=PATIENCE_S, pause=0.02):
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
            timeout=240,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"kafka-local {arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout


class SecureKafka(Kafka):
    """A broker whose clients must speak TLS, log in, and may do only what ACLs allow. The tests' own
    clients come by its other port, where everybody may do everything."""

    def __init__(self, directory, **passwords):
        super().__init__(directory)
        self.is_ours = True
        self.passwords = passwords

    def __enter__(self):
        self._up("0")
        return self

    def _up(self, port):
        users = [f"{name}:{password}" for name, password in self.passwords.items()]
        users = [word for user in users for word in ("--user", user)]
        self._local("up", "--port", port, "--dir", str(self.directory), "--secure", *users)
        listeners = self._properties()["listeners"].replace("://127.0.0.1", "").split(",")
        ports = dict(listener.rsplit(":", 1) for listener in listeners)
        self.bootstrap_servers = f"127.0.0.1:{ports['PLAINTEXT']}"
        self.secure_servers = f"127.0.0.1:{ports['SECURE']}"
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})

    def restart(self):
        """Every connection is new afterwards; so is the port of the tests' own clients."""
        self._local("down", "--dir", str(self.directory))
        self._up(self.secure_servers.rsplit(":", 1)[1])

    def _properties(self):
        lines = (self.directory / "server.properties").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def settings(self, user, mechanism="PLAIN", **more):
        """The section `kafka` for a user."""
        return {
            "bootstrap_servers": self.secure_servers,
            "sasl_username": user,
            "properties": {
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": mechanism,
                "ssl.ca.location": str(self.directory / "ca.pem"),
            },
            **more,
        }


class Redis:
    """A redis-server in a directory of its own, which keeps its values if it `persists`; started,
    stopped and frozen at will on the same port. Further `options` are of its command line."""

    def __init__(self, directory, *options, persists=False, port=None, password=None):
        self.directory = Path(directory)
        self.port = port or free_port()
        self.options = options
        self.password = password
        self.persists = persists
        self.process = None
        self.client = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def command(self):
        keeps = ["--save", "", "--appendonly", "yes" if self.persists else "no"]
        return [
            "redis-server",
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            *keeps,
            "--dir",
            str(self.directory),
            *map(str, self.options),
        ]

    def start(self, *more, waits=True):
        self.directory.mkdir(parents=True, exist_ok=True)
        with open(self.directory / "redis.log", "ab") as log:
            self.process = subprocess.Popen(
                [*self.command(), *map(str, more)],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        if self.client is None:
            # What a test asks is how the server is now; it asks again by itself.
            at_once = Retry(NoBackoff(), 0)
            self.client = redis.Redis(port=self.port, password=self.password, retry=at_once)
        if waits:
            wait_until(self.answers, lambda: f"redis-server on port {self.port} answers")
        return self

    def __enter__(self):
        return self.start()

    def answers(self):
        assert self.process.poll() is None, (self.directory / "redis.log").read_text()
        try:
            return self.client.ping()
        except redis.exceptions.BusyLoadingError:
            return False
        except redis.ConnectionError:
            return False

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """-9."""
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def calls(self, command):
        """How often Redis has run a command, by its own count."""
        return self.client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"]

    def __exit__(self, *_):
        self.client.close()
        if self.process.poll() is None:
            self.thaw()
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


class Sentinel(Redis):
    """A redis-sentinel that watches one master under the name `mymaster`; two must agree."""

    def __init__(self, directory, master_port, password=None):
        super().__init__(directory)
        self.settings = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {self.directory}",
            f"sentinel monitor mymaster 127.0.0.1 {master_port} 2",
            # So long no master is silent that only waits for its turn on a loaded machine.
            "sentinel down-after-milliseconds mymaster 3000",
            "sentinel failover-timeout mymaster 3000",
        ]
        if password is not None:
            self.settings.append(f"sentinel auth-pass mymaster {password}")

    def command(self):
        path = self.directory / "sentinel.conf"
        if not path.exists():
            path.write_text("".join(f"{line}\n" for line in self.settings), encoding="utf-8")
        return ["redis-sentinel", str(path)]

    def start(self, *more, waits=True):
        super().start(*more, waits=waits)
        # What it does every ten seconds, or two, or one: a test has no time.
        hurry = "INFO-PERIOD 300 PUBLISH-PERIOD 200 ASK-PERIOD 200 PING-PERIOD 200"
        self.client.execute_command("SENTINEL", "DEBUG", *hurry.split())
        return self

    def master_port(self):
        return int(self.client.sentinel_get_master_addr_by_name("mymaster")[1])
