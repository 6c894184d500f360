"""What systemd is told: ready, reloading, stopping; and a watchdog that wants the loops to turn."""

import re
import signal
import subprocess
import time
from pathlib import Path

import binary
import simple
from expectations import send_lines
from servers import wait_until
from supervisor import Supervisor


def start(setup, supervisor):
    with open(setup.directory / "supervised.log", "wb") as log:
        return subprocess.Popen(
            [str(binary.require_binary()), "run", "-c", str(setup.config())],
            env=supervisor.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )


def test_ready_reloading_stopping(accrued_config, kafka, redis):
    """Not ready before Redis answers: however fast it starts, it has something to say until then."""
    setup = accrued_config(simple.Case(), lanes={"count": 2})
    send_lines(kafka, setup.input, [simple.line(f"l-{i}") for i in range(10)])
    supervisor = Supervisor(watchdog_s=1)
    redis.freeze()
    process = start(setup, supervisor)
    try:
        wait_until(lambda: re.search(r"STATUS=Lane [01] ", "\n".join(supervisor.listen())),
                   lambda: supervisor.told)  # fmt: skip
        supervisor.wait_for("WATCHDOG=1")
        redis.thaw()
        ready = supervisor.wait_for("READY=1")
        early = "\n".join(supervisor.told[: ready - 1])
        assert "WATCHDOG=1" in early and "EXTEND_TIMEOUT_USEC=60000000" in early
        fed = supervisor.wait_for("WATCHDOG=1", after=ready)
        supervisor.wait_for("WATCHDOG=1", after=fed)
        process.send_signal(signal.SIGHUP)
        reloading = supervisor.wait_for("RELOADING=1", after=ready)
        supervisor.wait_for("READY=1", after=reloading)
        broken = setup.directory / "case" / "programs.yaml"
        broken.write_text("[")
        process.send_signal(signal.SIGHUP)
        reloading = supervisor.wait_for("RELOADING=1", after=reloading)
        supervisor.wait_for(
            "STATUS=working; the last reload was refused, see the log", after=reloading
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        supervisor.wait_for("STOPPING=1")
    finally:
        redis.thaw()
        process.kill()
        process.wait()
        supervisor.close()


def test_a_process_whose_loops_stand_still_is_not_fed(accrued_config):
    """Nothing feeds the watchdog but the thread that looks at the loops: a frozen process is
    silent, and a thawed one goes on."""
    setup = accrued_config(simple.Case(), partitions=1)
    supervisor = Supervisor(watchdog_s=1)
    process = start(setup, supervisor)
    try:
        supervisor.wait_for("READY=1")
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: states_of(process) == {"T"}, lambda: states_of(process))
        count = len(supervisor.listen())
        time.sleep(2)  # twice the watchdog's time
        assert len(supervisor.listen()) == count, "a stopped process was fed"
        process.send_signal(signal.SIGCONT)
        supervisor.wait_for("WATCHDOG=1", after=count)
    finally:
        process.kill()
        process.wait()
        supervisor.close()


def states_of(process):
    """Of all its threads."""
    stats = Path(f"/proc/{process.pid}/task").glob("*/stat")
    return {stat.read_text().rsplit(")", 1)[1].split()[0] for stat in stats}
