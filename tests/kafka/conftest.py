import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fixtures import accrued_config, kafka, redis, setup_on  # noqa: E402, F401
