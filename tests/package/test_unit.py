"""The systemd units: what systemd itself says of them."""

import re
import shutil
import subprocess

import binary
import pytest

UNIT = binary.ROOT / "config" / "accrued.service"
BALANCES = binary.ROOT / "config" / "accrued-balances.service"
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


@pytest.mark.parametrize("unit", [UNIT, BALANCES], ids=lambda unit: unit.stem)
def test_little_of_the_machine_is_open_to_it(unit):
    assert exposure(unit) <= EXPOSURE_MAX


def test_the_fence_is_the_same_for_both():
    """But for the ledger's files, which only one of them has."""

    def fence(path):
        text = path.read_text().partition("User=")[2]
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        return [line for line in lines if not line.startswith("StateDirectory")]

    assert fence(UNIT) == fence(BALANCES) and len(fence(UNIT)) > 25


def test_a_hole_in_the_fence_is_seen(tmp_path):
    unit = tmp_path / "accrued.service"
    unit.write_text(UNIT.read_text().replace("ProtectSystem=strict\n", ""))
    assert exposure(unit) > EXPOSURE_MAX


def verify(tmp_path, change=lambda text: text, of=UNIT):
    """The unit with a program that is there."""
    unit = tmp_path / of.name
    text = of.read_text().replace("/usr/bin/accrued", str(binary.require_binary()))
    unit.write_text(change(text))
    return analyze("verify", "--man=no", str(unit))


@pytest.mark.parametrize("unit", [UNIT, BALANCES], ids=lambda unit: unit.stem)
def test_systemd_understands_it(tmp_path, unit):
    done = verify(tmp_path, of=unit)
    assert done.returncode == 0 and done.stderr == "", done.stderr


def test_a_mistake_is_seen(tmp_path):
    assert "WatchdogSecs" in verify(tmp_path, lambda t: t.replace("WatchdogSec", "WatchdogSecs")).stderr
