"""What scripts/bench measures beside the drain of a backlog: latency, idling, restarts, rating
again, files, and single steps. Each section returns rows for the table: (name, figure, beside)."""

import json
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

RAW_CYCLES_MS = (0, 5, 100)  # 0: commits when the input is drained
WARM_S = 8  # of bench_trickle
REVISION = 1700000000


def ms(us):
    return f"{us / 1000:.0f}"


def latency_text(told):
    return f"p50 {ms(told['p50_us'])}, p99 {ms(told['p99_us'])}, p99.9 {ms(told['p999_us'])} ms"


def trickle(bench, name, rate, seconds):
    return bench.tool(
        "trickle", "--bootstrap", bench.bootstrap, "--to", f"{name}-lines", "--from",
        f"{name}-accruals", "--rate", rate, "--seconds", seconds, "--partners",
        bench.options.partners, "--customers", bench.options.customers)  # fmt: skip


def raw_latency(bench, rate, seconds, cycle_ms):
    name = f"{bench.prefix}-raw{rate}-{cycle_ms}"
    bench.create_topics(name, f"{name}-lines")
    yardstick = subprocess.Popen(
        [str(part) for part in (
            bench.options.build / "bench" / "bench_yardstick", "--bootstrap", bench.bootstrap,
            "--from", f"{name}-lines", "--to", f"{name}-accruals", "--seconds",
            seconds + WARM_S + 6, "--cycle-ms", cycle_ms)],
        stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        return trickle(bench, name, rate, seconds)
    finally:
        yardstick.terminate()
        yardstick.wait(30)


def worker_latency(bench, rate, seconds):
    name = f"{bench.prefix}-steady{rate}"
    bench.create_topics(name, f"{name}-lines")
    worker = bench.start_worker(name, f"{name}-lines")
    try:
        return trickle(bench, name, rate, seconds)
    finally:
        bench.stop_worker(worker, name)


def latency(bench):
    """Worker and raw variants in turn; the best raw one is what the worker is held against."""
    seconds = bench.options.seconds
    for rate in bench.options.rates:
        raw = {}
        for cycle_ms in RAW_CYCLES_MS:
            raw[cycle_ms] = raw_latency(bench, rate, seconds, cycle_ms)
            how = "when drained" if cycle_ms == 0 else f"every {cycle_ms} ms"
            yield f"{rate}/s, raw, commits {how}", latency_text(raw[cycle_ms]), ""
        ours = worker_latency(bench, rate, seconds)
        p50 = min(told["p50_us"] for told in raw.values())
        p99 = min(told["p99_us"] for told in raw.values())
        yield (f"{rate}/s, accrued run", latency_text(ours),
               f"{ours['p50_us'] / p50:.2f} and {ours['p99_us'] / p99:.2f} × the best raw")  # fmt: skip


def idle(bench):
    name = f"{bench.prefix}-resting"
    bench.create_topics(name, f"{name}-lines")
    worker = bench.start_worker(name, f"{name}-lines")
    seconds = bench.options.idle
    try:
        time.sleep(6)
        before = bench.tool("watch", "--pid", worker.pid)
        time.sleep(seconds)
        after = bench.tool("watch", "--pid", worker.pid)
    finally:
        bench.stop_worker(worker, name)
    share = (after["cpu_us"] - before["cpu_us"]) / (seconds * 1e4)
    yield "nothing to do", f"{share:.2f} % of a core", f"{after['rss_kb'] / 1024:.0f} MB"


class Restarts:
    """A worker of its own that has drained the lines, stopped and started again."""

    def __init__(self, bench):
        self.bench = bench
        self.name = f"{bench.prefix}-again"
        self.fed = 0

    def first_commit_s(self):
        """From the start of the process to the commit of lines that waited."""
        self.bench.feed(self.bench.lines, 100, self.bench.options.lines + self.fed)
        self.fed += 100
        started = time.monotonic()
        worker = self.bench.start_worker(self.name)
        self.bench.tool("watch", "--bootstrap", self.bench.bootstrap, "--topic", self.bench.lines,
                        "--group", self.name, "--pid", worker.pid)  # fmt: skip
        return worker, time.monotonic() - started

    def stop(self, worker):
        worker.send_signal(signal.SIGTERM)
        worker.wait(60)

    def forget_cache(self):
        """The files of the ledger leave the page cache: what follows is cold."""
        for path in (self.bench.directory / self.name).iterdir():
            subprocess.run(["dd", f"of={path}", "oflag=nocache", "conv=notrunc,fdatasync", "count=0"],
                           check=True, capture_output=True)  # fmt: skip


def restart(bench):
    again = Restarts(bench)
    bench.create_topics(again.name)
    worker, _ = again.first_commit_s()
    again.stop(worker)
    for what, prepare in (("warm", None), ("cold", again.forget_cache)):
        if prepare is not None:
            prepare()
        worker, took = again.first_commit_s()
        again.stop(worker)
        yield f"start to first commit, {what} local file", f"{took:.2f} s", ""
    shutil.rmtree(bench.directory / again.name)
    worker, took = again.first_commit_s()
    yield "start to first commit, no file: all from the topic", f"{took:.2f} s", ""
    started = time.monotonic()
    read = bench.tool("count", "--bootstrap", bench.bootstrap, "--topic", f"{again.name}-ledger")
    plain = time.monotonic() - started
    yield ("  a plain consumer of the same topic", f"{plain:.2f} s",
           f"{read['value_bytes'] / 1e6:.0f} MB")  # fmt: skip
    yield from rerate(bench, again.name)
    again.stop(worker)


def rerate(bench, name):
    """Everything is rated again; nothing has changed, so that nothing is published."""
    started = time.monotonic()
    bench.run_binary("rerate", "--all", "--wait", *bench.settings(name))
    took = time.monotonic() - started
    yield ("rating all lines again", f"{bench.options.lines / took:.0f} lines/s",
           f"{took:.2f} s in all")  # fmt: skip


def make_feed(path, count):
    import feeds

    columns, row = feeds.ROWS["partner-center-license"]
    number = next(c for c in columns if c.lower() == "subscriptionid")
    rows = ({**row, number: f"00000000-0000-4000-8000-{i:012x}"} for i in range(count))
    path.write_text(feeds.csv_text(columns, rows), encoding="utf-8")


def files(bench):
    count = bench.options.file_lines
    feed, lines = bench.directory / "feed.csv", bench.directory / "lines.jsonl"
    make_feed(feed, count)
    for what in ("cold", "warm"):
        if what == "cold":
            subprocess.run(["dd", f"of={feed}", "oflag=nocache", "conv=notrunc,fdatasync", "count=0"],
                           check=True, capture_output=True)  # fmt: skip
        started = time.monotonic()
        with open(lines, "wb") as to:
            subprocess.run([bench.binary, "ingest", "--quiet", "--revision", str(REVISION), "--to",
                            "-", feed], stdout=to, check=True)  # fmt: skip
        took = time.monotonic() - started
        yield f"ingest of a feed file to JSON lines, {what}", f"{count / took:.0f} lines/s", ""
    name = f"{bench.prefix}-ingest"
    bench.create_topics(name, f"{name}-lines")
    started = time.monotonic()
    bench.run_binary("ingest", "--quiet", *bench.settings(name, f"{name}-lines"), feed)
    took = time.monotonic() - started
    yield "ingest of a feed file to Kafka", f"{count / took:.0f} lines/s", ""
    config = ROOT / "config"
    started = time.monotonic()
    bench.run_binary("rate", "--programs", config / "programs.yaml", "--catalog",
                     config / "catalog.yaml", "--reference", bench.directory / "reference.jsonl",
                     "--lines", lines)  # fmt: skip
    took = time.monotonic() - started
    yield "rate on files", f"{count / took:.0f} lines/s", ""


def steps(bench):
    rounds = [bench.tool("steps", "--root", ROOT, "--lines", bench.options.step_lines)
              for _ in range(bench.options.rounds)]  # fmt: skip
    for key in rounds[0]:
        if key.endswith("_ns"):
            values = sorted(told[key] for told in rounds)
            yield (key[:-3], f"{statistics.median(values):.0f} ns a line",
                   f"{values[0]:.0f} to {values[-1]:.0f}")  # fmt: skip


SECTIONS = {"latency": latency, "idle": idle, "restart": restart, "files": files, "steps": steps}


def machine():
    """Where the figures are from."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()).group(1)
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text()).group(1))
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"],
                            capture_output=True, text=True, check=False).stdout.strip()  # fmt: skip
    load = Path("/proc/loadavg").read_text().split()[0]
    cores = sum(1 for line in open("/proc/cpuinfo") if line.startswith("processor"))
    return json.dumps({"commit": commit, "cpu": cpu, "cores": cores, "memory_mb": memory // 1024,
                       "load": load, "day": time.strftime("%Y-%m-%d")})  # fmt: skip
