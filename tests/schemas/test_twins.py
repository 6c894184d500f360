"""A bounded run of twins.py; by hand it runs for as long as one likes."""

import binary
import pytest
import twins

TWIN = binary.BINARY.parent / "twin_avro"
SECONDS = 15


def test_three_decoders_agree(tmp_path):
    if not TWIN.exists():
        pytest.skip(f"needs {TWIN}")
    counts = twins.run(TWIN, tmp_path, SECONDS, seed=1)
    assert counts["schemas"] > 20, counts
    assert counts["lines"] > counts["records"] // 10, counts
    assert counts["fastavro"] > 100 and counts["avro_c"] > 100 and counts["malformed"] > 100, counts
