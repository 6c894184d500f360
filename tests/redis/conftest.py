import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import pytest  # noqa: E402
from servers import Kafka, Redis  # noqa: E402
from worker import make_setup  # noqa: E402


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    """A real broker, for all tests of the session."""
    with Kafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def redis(tmp_path_factory):
    """A real Redis for the tests that do it no harm; each test has a key prefix of its own."""
    with Redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def own_redis(tmp_path):
    """One to be killed; what is in it survives."""
    with Redis(tmp_path / "own-redis", persists=True) as server:
        yield server


@pytest.fixture
def setup_on(tmp_path, kafka):
    """setup_on(server, case, section={…}) -> a Setup with topics that exist."""
    made = []

    def make(server, case=None, /, partitions=1, **changes):
        changes = {"http": {"listen": "127.0.0.1:0"}, **changes}
        setup = make_setup(tmp_path, kafka, server, case, partitions=partitions, **changes)
        made.append(setup)
        setup.create_topics()
        return setup

    yield make
    for setup in made:
        setup.end()
