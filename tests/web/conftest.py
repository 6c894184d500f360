import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import pytest  # noqa: E402
from browser import chromium  # noqa: E402


@pytest.fixture(scope="session")
def browser():
    """A real Chromium, for all tests of the session."""
    with chromium() as one:
        yield one
