import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import pytest  # noqa: E402
from binary import ROOT  # noqa: E402


@pytest.fixture
def realdata():
    """Files of real vendors, used where they are; never copied into the project."""
    default = ROOT.parent / "shared" / "realdata"
    place = Path(os.environ.get("ACCRUED_REALDATA", default))
    if not place.is_dir():
        pytest.skip(f"no real data at {place}; set ACCRUED_REALDATA")
    return place
