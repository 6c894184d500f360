"""Half a minute of soak.py, without the broker's restarts: other tests use the same one."""

import pytest
from soak import soak, soak_setup


@pytest.mark.parametrize("seed", [1])
def test_half_a_minute_of_trouble(tmp_path, kafka, redis, seed):
    setup = soak_setup(tmp_path, kafka, redis, 30, seed)
    try:
        counts = soak(setup, 30, seed)
    finally:
        setup.end()
    assert sum(counts.values()) > 5
