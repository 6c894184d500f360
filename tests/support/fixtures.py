"""Servers and set-ups that several suites share: a conftest.py names those that it wants."""

import pytest
from servers import Kafka, Redis
from worker import make_setup


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
def setup_on(tmp_path, kafka):
    """setup_on(server, case, section={…}) -> a Setup with topics that exist."""
    made = []

    def make(server, case=None, /, **changes):
        setup = make_setup(tmp_path, kafka, server, case, **changes)
        made.append(setup)
        setup.create_topics()
        return setup

    yield make
    for setup in made:
        setup.end()


@pytest.fixture
def accrued_config(setup_on, redis):
    """accrued_config(case, partitions=…, section={…}): the same on the Redis of all."""
    return lambda case=None, **changes: setup_on(redis, case, **changes)
