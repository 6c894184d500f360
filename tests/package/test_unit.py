"""The systemd unit: what systemd itself says of it."""

import re
import shutil
import subprocess

import binary
import pytest

UNIT = binary.ROOT / "config" / "accrued.service"
# Of 10; what is left is the network that it lives by. Lower it when it sinks.
EXPOSURE_MAX = 1.2


def analyze(*arguments):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def exposure(unit):
    done = analyze("security", "--offline=true", str(unit))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])


def test_little_of_the_machine_is_open_to_it():
    assert exposure(UNIT) <= EXPOSURE_MAX


def test_a_hole_in_the_fence_is_seen(tmp_path):
    unit = tmp_path / "accrued.service"
    unit.write_text(UNIT.read_text().replace("ProtectSystem=strict\n", ""))
    assert exposure(unit) > EXPOSURE_MAX


def verify(tmp_path, change=lambda text: text):
    """The unit with a program that is there."""
    unit = tmp_path / "accrued.service"
    text = UNIT.read_text().replace("/usr/bin/accrued", str(binary.require_binary()))
    unit.write_text(change(text))
    return analyze("verify", "--man=no", str(unit))


def test_systemd_understands_it(tmp_path):
    done = verify(tmp_path)
    assert done.returncode == 0 and done.stderr == "", done.stderr


def test_a_mistake_is_seen(tmp_path):
    assert "WatchdogSecs" in verify(tmp_path, lambda t: t.replace("WatchdogSec", "WatchdogSecs")).stderr
