"""What scripts/bench measures one thing after the other: drain, latency, idling, rating again,
files, and single steps. Each section yields rows (results.py)."""

import os
import statistics
import subprocess
import sys
import time

from results import Row
from rig import ROOT, forget_cache

sys.path.insert(0, str(ROOT / "tests" / "support"))

RAW_CYCLES_MS = (0, 5, 100)  # 0: commits when the input is drained
REVISION = 1700000000


def each(rounds, what, divided=1):
    return [told[what] / divided for told in rounds]


# ---- drain

ONE, TWO = "accrued run, one lane", "accrued run, two lanes"
RAW, AS_MUCH = "yardstick", "yardstick, as much as the worker"


def drain(rig):
    """Yardsticks and workers in turn."""
    rig.feed_all()
    rounds = {}
    for number in range(rig.options.rounds):
        name = f"{rig.prefix}-r{number}"
        takes = {
            RAW: lambda name=name: rig.yardstick(f"{name}-raw"),
            ONE: lambda name=name: rig.drain(f"{name}-one"),
            AS_MUCH: lambda name=name: rig.yardstick(f"{name}-much", like=rounds[ONE][-1]),
            TWO: lambda name=name: rig.drain(f"{name}-two", lanes=2),
        }
        for kind, take in takes.items():
            rounds.setdefault(kind, []).append(take())
            rig.tell({kind: rounds[kind][-1]})
    rig.yardsticks_us += each(rounds[RAW], "us")
    for kind, name in ((ONE, "drain, one lane"), (TWO, "drain, two lanes")):
        yield Row(f"{name}: CPU-µs a line", each(rounds[kind], "us"), ".2f", each(rounds[RAW], "us"))
        yield Row("… beside a yardstick that writes as much", each(rounds[kind], "us"), ".2f",
                  each(rounds[AS_MUCH], "us"))  # fmt: skip
        yield Row("… the broker's CPU-µs a line", each(rounds[kind], "broker_us"), ".2f",
                  each(rounds[RAW], "broker_us"))  # fmt: skip
        yield Row("… thousand lines/s", each(rounds[kind], "per_s", 1e3), ".0f",
                  each(rounds[RAW], "per_s", 1e3))  # fmt: skip
        yield Row("… peak memory, MB", each(rounds[kind], "peak_mb"), ".0f",
                  each(rounds[RAW], "peak_mb"))  # fmt: skip
    yield Row("two lanes beside one: thousand lines/s", each(rounds[TWO], "per_s", 1e3), ".0f",
              each(rounds[ONE], "per_s", 1e3), "one lane")  # fmt: skip


# ---- latency


def trickle(rig, name, rate, seconds):
    return rig.tool(
        "trickle", "--bootstrap", rig.bootstrap, "--to", f"{name}-lines", "--from",
        f"{name}-accruals", "--rate", rate, "--seconds", seconds, "--warm", rig.options.warm,
        "--partners", rig.options.partners, "--customers", rig.options.customers)  # fmt: skip


def raw_latency(rig, name, rate, seconds, cycle_ms):
    rig.create_topics(name, f"{name}-lines")
    yardstick = subprocess.Popen(
        [str(part) for part in (
            rig.options.build / "bench" / "bench_yardstick", "--bootstrap", rig.bootstrap,
            "--from", f"{name}-lines", "--to", f"{name}-accruals", "--seconds",
            seconds + rig.options.warm + 60, "--cycle-ms", cycle_ms)],
        stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        return trickle(rig, name, rate, seconds)
    finally:
        yardstick.terminate()
        yardstick.wait(30)
        rig.drop(name, f"{name}-lines")


def worker_latency(rig, name, rate, seconds):
    rig.create_topics(name, f"{name}-lines")
    worker = rig.start(name, f"{name}-lines")
    worker.wait_ready()
    try:
        return trickle(rig, name, rate, seconds)
    finally:
        worker.stop()
        rig.drop(name, f"{name}-lines")


def latency(rig):
    """Worker and raw variants in turn; the best raw one of a round is what the worker is held
    against."""
    seconds = rig.options.seconds
    for rate in rig.options.rates:
        ours, raw = [], []
        for number in range(rig.options.rounds):
            name = f"{rig.prefix}-at{rate}-{number}"
            variants = {}
            for cycle_ms in RAW_CYCLES_MS:
                variants[cycle_ms] = raw_latency(rig, f"{name}-raw{cycle_ms}", rate, seconds, cycle_ms)
                rig.tell({f"{rate}/s, raw, commits after {cycle_ms} ms": variants[cycle_ms]})
            ours.append(worker_latency(rig, name, rate, seconds))
            rig.tell({f"{rate}/s, accrued": ours[-1]})
            raw.append({what: min(told[what] for told in variants.values()) for what in ours[-1]})
        for what, key in (("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p999_us")):
            first = f"latency at {rate:,} lines/s: " if what == "p50" else "… "
            yield Row(f"{first}{what}, ms", each(ours, key, 1e3), ".0f", each(raw, key, 1e3))


# ---- idle


def idle(rig):
    name = f"{rig.prefix}-resting"
    rig.create_topics(name, f"{name}-lines")
    worker = rig.start(name, f"{name}-lines")
    worker.wait_ready()
    time.sleep(2)
    before, started = worker.usage(), time.monotonic()
    time.sleep(rig.options.idle)
    after, seconds = worker.usage(), time.monotonic() - started
    worker.stop()
    share = (after["cpu_us"] - before["cpu_us"]) / (seconds * 1e4)
    yield Row("nothing to do: % of a core", [share], ".2f")


# ---- rating again


def rerate(rig):
    """Everything is rated again by a worker that has nothing else to do: as it is, and with the tax
    profiles of three quarters of the resellers gone and back, an accrual and a forgone event each."""
    rig.feed_all()
    name = f"{rig.prefix}-again"
    rig.create_topics(name)
    worker = rig.start(name)
    worker.drain()
    told = {what: ([], []) for what in ("nothing changes", "three resellers of four change")}
    for _ in range(rig.options.rounds):
        for generation, what in ((2, "three resellers of four change"),
                                 (1, "three resellers of four change"),
                                 (1, "nothing changes")):  # fmt: skip
            rig.load_reference(generation=generation)
            before, started = worker.usage()["cpu_us"], time.monotonic()
            rig.accrued("rerate", "--all", "--wait", *rig.settings(name))
            told[what][0].append((worker.usage()["cpu_us"] - before) / rig.options.lines)
            told[what][1].append(rig.options.lines / (time.monotonic() - started) / 1e3)
    worker.stop()
    rig.drop(name)
    for what, (cpu_us, per_s) in told.items():
        yield Row(f"rating all lines again, {what}: CPU-µs a line", cpu_us, ".2f",
                  [rig.yardstick_us()])  # fmt: skip
        yield Row("… thousand lines/s", per_s, ".0f")


# ---- files


def make_feed(path, count):
    import feeds

    columns, row = feeds.ROWS["partner-center-license"]
    number = next(c for c in columns if c.lower() == "subscriptionid")
    rows = ({**row, number: f"00000000-0000-4000-8000-{i:012x}"} for i in range(count))
    path.write_text(feeds.csv_text(columns, rows), encoding="utf-8")


def timed(rig, to, *arguments):
    """(thousand lines a second, CPU-µs a line) of a command that works on the feed's lines."""
    with open(to or os.devnull, "wb") as out:
        started = time.monotonic()
        process = subprocess.Popen([str(part) for part in (rig.binary, *arguments)], stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{arguments[0]} ended with {process.returncode}")
    count = rig.options.file_lines
    return count / took / 1e3, (usage.ru_utime + usage.ru_stime) * 1e6 / count


def files(rig):
    rig.load_reference()
    feed, lines = rig.directory / "feed.csv", rig.directory / "lines.jsonl"
    make_feed(feed, rig.options.file_lines)
    ingest = ("ingest", "--quiet", "--revision", REVISION)
    config = ROOT / "config"
    rate = ("rate", "--programs", config / "programs.yaml", "--catalog", config / "catalog.yaml",
            "--reference", rig.directory / "reference.jsonl", "--lines", lines)  # fmt: skip
    told = {}
    for number in range(rig.options.rounds):
        name = f"{rig.prefix}-ingest{number}"
        rig.create_topics(name, f"{name}-lines")
        forget_cache(feed)
        takes = {
            "`ingest` of a feed file to JSON lines, cold": (lines, *ingest, "--to", "-", feed),
            "`ingest` of a feed file to JSON lines, warm": (lines, *ingest, "--to", "-", feed),
            "`ingest` of a feed file to Kafka": (
                None, *ingest, *rig.settings(name, f"{name}-lines"), feed),
            "`rate` on files": (None, *rate),
        }  # fmt: skip
        for what, (to, *arguments) in takes.items():
            told.setdefault(what, []).append(timed(rig, to, *arguments))
        rig.drop(name, f"{name}-lines")
    for what, rounds in told.items():
        yield Row(f"{what}: CPU-µs a line", [cpu_us for _, cpu_us in rounds], ".2f",
                  [rig.yardstick_us()])  # fmt: skip
        yield Row("… thousand lines/s", [per_s for per_s, _ in rounds], ".0f")


# ---- single steps


def steps(rig):
    rounds = [rig.tool("steps", "--root", ROOT, "--lines", rig.options.step_lines)
              for _ in range(rig.options.rounds)]  # fmt: skip
    for key in rounds[0]:
        if key.endswith("_ns"):
            yield Row(key[:-3], [statistics.median(each(rounds, key))], ".0f")


SECTIONS = {"drain": drain, "latency": latency, "idle": idle, "rerate": rerate, "files": files,
            "steps": steps}  # fmt: skip
