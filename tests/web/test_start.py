"""What is wrong is said before anything is begun."""

import os
import subprocess

import binary
import pytest

CONFIG = binary.ROOT / "config" / "accrued.yaml"
NOBODY = "127.0.0.1:9"


def start(command, **variables):
    environment = {n: v for n, v in os.environ.items() if not n.startswith("ACCRUED_")}
    return subprocess.run(
        [
            str(binary.require_binary()),
            command,
            *("--config", str(CONFIG)),
            *("-o", f"kafka.bootstrap_servers={NOBODY}", "-o", f"redis.address={NOBODY}"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**environment, **variables},
    )


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize("name", ["ACCRUED_KAFKA_BOOTSTRAP", "ACCRUED_KAFAK_BOOTSTRAP_SERVERS"])
def test_a_misspelt_variable_is_an_error_with_a_suggestion(command, name):
    done = start(command, **{name: "broker:9092"})
    told = done.stdout + done.stderr
    wanted = f'{name}: unknown variable, did you mean "ACCRUED_KAFKA_BOOTSTRAP_SERVERS"?'
    assert wanted in told
    assert done.returncode == 1, told
