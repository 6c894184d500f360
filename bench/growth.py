"""How cost grows: with the links of a customer, with the programs, with the partitions, and with
the lines that the ledger holds. Each drain stands beside a yardstick that moved the same lines in
the same round. Each section yields rows (results.py)."""

import re
import shutil

from restarts import Restarts
from results import Row
from rig import ROOT, run

STEP = 10_000_000  # lines that are fed and drained at a time on the way to a large ledger


class Growth:
    """The lines that the parts share; as many for each customer as in the drain."""

    def __init__(self, rig):
        self.rig = rig
        options = rig.options
        self.count = options.growth_lines
        self.customers = max(options.customers * self.count // options.lines, 100)

    def topic(self, partitions):
        name = f"{self.rig.prefix}-grown{partitions}"
        if name not in self.rig.fed:
            self.rig.fed.add(name)
            self.rig.create_topics(name, name, **{"topics.partitions": partitions})
            self.rig.feed(name, self.count, customers=self.customers)
        return name

    def rounds(self, what, variants, partitions=4, load=lambda key: None):
        """variants: key -> options of the worker. -> key -> (rounds of it, of the yardstick)"""
        told = {key: ([], []) for key in variants}
        lines = self.topic(partitions)
        more = {"topics.partitions": partitions}
        for number in range(self.rig.options.rounds):
            for key, options in variants.items():
                load(key)
                name = f"{self.rig.prefix}-{what}{key}-{number}"
                told[key][1].append(self.rig.yardstick(f"{name}-raw", lines=lines, **more))
                told[key][0].append(self.rig.drain(name, lines, **more, **options))
                self.rig.tell({name: told[key][0][-1], "yardstick": told[key][1][-1]})
        return told

    def row(self, what, ours, raw):
        return Row(what, [told["us"] for told in ours], ".2f", [told["us"] for told in raw], more={
            "thousand lines/s": ([told["per_s"] / 1e3 for told in ours], ".0f"),
            "events a line": ([told["events"] for told in ours[:1] if "events" in told], ".2f"),
            "peak MB": ([told["peak_mb"] for told in ours], ".0f"),
        }, table="growth")  # fmt: skip


def growth_links(rig):
    growth = Growth(rig)

    def load(links):
        rig.load_reference(growth.customers, links, linked=100)

    told = growth.rounds("links", {links: {} for links in rig.options.growth_links}, load=load)
    rig.load_reference()
    for links, (ours, raw) in told.items():
        what = "each customer has 1 link" if links == 1 else f"… {links} links"
        yield growth.row(what, ours, raw)


def programs_file(rig, wanted):
    """The shipped programs, fewer of them, or further ones: copies under other ids."""
    text = (ROOT / "config" / "programs.yaml").read_text(encoding="utf-8")
    head, *shipped = re.split(r"^(?=  - id: )", text, flags=re.MULTILINE)
    programs = []
    for number in range(wanted):
        copy, which = divmod(number, len(shipped))
        program = shipped[which]
        if copy > 0:
            program = re.sub(r"^  - id: (\S+)", rf"  - id: \1-{copy}", program)
            program = re.sub(r"(?<=[\s,])([&*])([a-z]\w*)", rf"\1\2_{copy}", program)
        programs.append(program.rstrip() + "\n\n")
    path = rig.directory / f"programs-{wanted}.yaml"
    path.write_text(head + "".join(programs), encoding="utf-8")
    return path


def growth_programs(rig):
    growth = Growth(rig)
    rig.load_reference()
    told = growth.rounds(
        "programs", {count: {"rating.programs": programs_file(rig, count)}
         for count in rig.options.growth_programs})  # fmt: skip
    for count, (ours, raw) in told.items():
        yield growth.row("1 program" if count == 1 else f"{count} programs", ours, raw)


def growth_partitions(rig):
    growth = Growth(rig)
    rig.load_reference()
    for partitions in rig.options.growth_partitions:
        ((ours, raw),) = growth.rounds("partitions", {partitions: {}}, partitions).values()
        yield growth.row(f"{partitions} partitions", ours, raw)


# ---- the lines that a ledger holds


class LargeLedger:
    """One worker whose ledger grows: fed, drained, stopped, measured, and on. What the input and the
    outputs held goes once it is committed, so that the disk has room for the next step."""

    def __init__(self, rig, growth):
        self.rig, self.growth = rig, growth
        self.name, self.lines = f"{rig.prefix}-large", f"{rig.prefix}-large-lines"
        self.held = 0  # records fed, of which all are lines of their own
        rig.create_topics(self.name, self.lines)

    def drained(self, count, revisions):
        """Feeds and drains; what the worker had used when its ledger was there is taken off."""
        started = self.rig.start(self.name, self.lines)
        loaded = started.wait_ready()
        started.end()
        self.rig.feed(self.lines, count, self.held, revisions=revisions)
        worker = self.rig.start(self.name, self.lines)
        told = worker.drain(after=self.held)
        worker.end()
        self.held += count
        return {
            "us": (told["cpu_us"] - loaded["cpu_us"]) / count,
            "per_s": told["timed_records"] / max(told["wall_us"] / 1e6, 1e-6),
            "peak_mb": told["peak_kb"] / 1024,
        }

    def fill(self, wanted):
        while self.held < wanted:
            self.drained(min(STEP, wanted - self.held), 0)
            self.delete_what_was_read()
            self.rig.tell({"lines in the ledger": self.held})

    def delete_what_was_read(self):
        """Of the input and the accruals: the ledger has what the worker needs of them."""
        if self.rig.is_broker_ours:
            topics = (self.lines, f"{self.name}-accruals", f"{self.name}-accruals_forgone")
            self.rig.truncate(topics)

    def measure(self):
        """Rounds of lines, a tenth of them revisions of any that the ledger holds."""
        ours, raw, restarts = [], [], []
        for number in range(self.rig.options.rounds):
            name = f"{self.name}-{self.held}-{number}"
            raw.append(self.rig.yardstick(name, lines=self.growth.topic(4)))
            ours.append(self.drained(self.growth.count, 10))
            self.rig.tell({name: ours[-1], "yardstick": raw[-1]})
        again = Restarts(self.rig, self.name, self.lines, self.held)
        warm = []
        for _ in range(self.rig.options.rounds):
            worker, took = again.start()
            warm.append(took)
            worker.end()
            restarts.append(again.restored())
            self.rig.tell({"restart": warm[-1], **restarts[-1]})
        self.held = again.count
        return ours, raw, warm, restarts


def ledger_alone(rig, count):
    """bench_ledger with so many lines: (CPU-µs of a new line, of a revision, bytes of index a line,
    CPU-s to load the file); where it was built."""
    tool = rig.options.build / "bench" / "bench_ledger"
    if not tool.exists():
        return ((), (), (), ())
    directory = rig.directory / "ledger-alone"
    directory.mkdir()
    told = run(tool, "--directory", directory, "--lines", count, "--revisions",
               min(count, 1_000_000), "--others", 0, "--restores", 0)  # fmt: skip
    shutil.rmtree(directory)
    patterns = (r"new line\s+([\d.]+)", r"revision\s+([\d.]+)", r"([\d.]+) bytes of index",
                r"loading\s+([\d.]+)")  # fmt: skip
    return tuple((float(re.search(pattern, told).group(1)),) for pattern in patterns)


def growth_ledger(rig, sizes=None):
    growth = Growth(rig)
    rig.load_reference()
    large = LargeLedger(rig, growth)
    for size in sizes or rig.options.ledger_lines:
        large.fill(size)
        ours, raw, warm, restarts = large.measure()
        what = f"{size / 1e6:g} million"
        yield growth.row(f"{what} lines in the ledger", ours, raw)
        new, revision, index, load = ledger_alone(rig, size)
        yield Row(what, [], table="sizes", more={
            "`bench_ledger`: new line, CPU-µs": (new, ".2f"),
            "revision": (revision, ".2f"),
            "index, bytes a line": (index, ".1f"),
            "loading the file, CPU-s": (load, ".2f"),
            "start to first commit, s": (warm, ".2f"),
            "full restore, s": ([told["restore_s"] for told in restarts], ".2f"),
            "plain consumer, s": ([told["plain_s"] for told in restarts], ".2f"),
            "×": ([told["restore_s"] / told["plain_s"] for told in restarts], ".2f"),
        })  # fmt: skip
    rig.drop(large.name, large.lines)
    shutil.rmtree(rig.directory / large.name)


def growth_50m(rig):
    yield from growth_ledger(rig, (50_000_000,))


SECTIONS = {"growth-links": growth_links, "growth-programs": growth_programs,
            "growth-partitions": growth_partitions, "growth-ledger": growth_ledger,
            "growth-50m": growth_50m}  # fmt: skip
