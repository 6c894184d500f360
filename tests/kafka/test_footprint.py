"""What a process takes: memory under load with the small setting, and CPU time with nothing to do.
Counted, not timed; the bounds are far above what was measured and below what a leak, a queue
without a bound or a spinning thread would take."""

import time

import kafka_io
import simple
import wire
import yaml
from binary import ROOT
from servers import wait_until

LINES = 20_000
CUSTOMERS = 2_000
SMALL_PEAK_MB = 96
IDLE_S = 4.0
IDLE_SHARE_MAX = 0.05


def small():
    return yaml.safe_load((ROOT / "config" / "small.yaml").read_text(encoding="utf-8"))


def cpu_s(pid):
    """Of all its threads, not in ticks: the number of a process' CPU clock is made of its own."""
    return time.clock_gettime(~pid << 3 | 2)


def peak_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(row.split()[1]) for row in file if row.startswith("VmHWM:")) / 1024


def send(setup, count):
    """Lines that differ in their ids, encoded once."""
    sender = kafka_io.Sender(setup.kafka, setup.input)
    value = wire.line_value(simple.line("l-00000", customer="c-0000"))
    for i in range(count):
        customer = f"c-{i % CUSTOMERS:04}".encode()
        named = value.replace(b"l-00000", f"l-{i:05}".encode())
        sender.send(customer, named.replace(b"c-0000", customer))
    sender.flush()


def test_the_small_setting_stays_small(accrued_config):
    setup = accrued_config(simple.Case(), **small())
    send(setup, LINES)
    worker = setup.start()
    setup.wait_until_drained()
    peak = peak_mb(worker.process.pid)
    assert 10 < peak <= SMALL_PEAK_MB, peak
    assert len(setup.accruals()) == LINES
    worker.stop()


def test_a_worker_with_nothing_to_do_rests(accrued_config):
    setup = accrued_config(simple.Case(), http={"listen": "127.0.0.1:0"})
    send(setup, 1)
    worker = setup.start()
    setup.wait_until_drained()
    shares = []

    def rests():
        """What is left of the start may be in the first while."""
        before, since = cpu_s(worker.process.pid), time.monotonic()
        time.sleep(IDLE_S)
        shares.append((cpu_s(worker.process.pid) - before) / (time.monotonic() - since))
        return shares[-1] < IDLE_SHARE_MAX

    wait_until(rests, lambda: shares, 30)
    assert shares[-1] > 0, "the measuring itself works"
    worker.stop()
