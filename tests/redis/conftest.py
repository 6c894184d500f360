import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import fixtures  # noqa: E402
import pytest  # noqa: E402
from fixtures import kafka, redis  # noqa: E402, F401
from servers import Redis  # noqa: E402


@pytest.fixture
def own_redis(tmp_path):
    """One to be killed; what is in it survives."""
    with Redis(tmp_path / "own-redis", persists=True) as server:
        yield server


plain_setup_on = fixtures.setup_on


@pytest.fixture
def setup_on(plain_setup_on):
    """The same with one partition and a page, where readiness is asked for."""

    def make(server, case=None, /, partitions=1, **changes):
        changes = {"http": {"listen": "127.0.0.1:0"}, **changes}
        return plain_setup_on(server, case, partitions=partitions, **changes)

    return make
