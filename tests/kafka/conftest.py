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
    """A real Redis, for all tests of the session; each test has a key prefix of its own."""
    with Redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def accrued_config(tmp_path, kafka, redis):
    """accrued_config(case, partitions=…, section={…}) -> a Setup with topics that exist."""
    made = []

    def make(case=None, **changes):
        setup = make_setup(tmp_path, kafka, redis, case, **changes)
        made.append(setup)
        setup.create_topics()
        return setup

    yield make
    for setup in made:
        setup.end()
