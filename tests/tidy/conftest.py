import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import pytest  # noqa: E402
from planting import Copy  # noqa: E402


@pytest.fixture
def copy(tmp_path):
    """A copy of the source tree, for planting a violation: so that each rule is known to bite."""
    return Copy(tmp_path / "tree")
