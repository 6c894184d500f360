import itertools
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import binary  # noqa: E402
import pytest  # noqa: E402
from servers import Redis  # noqa: E402

PREFIXES = itertools.count()


@pytest.fixture(scope="session")
def redis(tmp_path_factory):
    """A real Redis, for all tests of the session; each test has a key prefix of its own."""
    with Redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


class Reference:
    """`accrued reference` in a directory, on keys of its own."""

    def __init__(self, directory, redis):
        self.directory = directory
        self.client = redis.client
        self.address = redis.address
        # What a glob would take for more than itself: export must not.
        self.prefix = f"t[{next(PREFIXES)}]*:"

    def run(self, *arguments, options=()):
        command = [str(binary.require_binary()), "reference", *map(str, arguments)]
        for option in (f"redis.address={self.address}", f"redis.key_prefix={self.prefix}"):
            command += ["-o", option]
        command += options
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, cwd=self.directory
        )

    def write(self, name, text):
        (self.directory / name).write_text(text, encoding="utf-8", newline="")
        return name

    def load(self, *arguments):
        """Loads, which must end well -> (new, changed, same)."""
        done = self.run("load", "--no-rerate", *arguments)
        assert done.returncode == 0, done.stderr
        words = done.stderr.split()
        assert words[1::2] == ["new,", "changed,", "same"], done.stderr
        return tuple(int(word) for word in words[::2])

    def stored(self):
        """{key behind the prefix: value}"""
        keys = [key for key in self.client.keys("*") if key.startswith(self.prefix.encode())]
        return {key[len(self.prefix) :].decode(): self.client.get(key).decode() for key in keys}

    def put(self, key, value):
        self.client.set(self.prefix + key, value)


@pytest.fixture
def reference(tmp_path, redis):
    return Reference(tmp_path, redis)
