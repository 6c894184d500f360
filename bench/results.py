"""The figures of a run as rows, each beside its yardstick of the same rounds: as JSON, and as the
tables of docs/performance.md."""

import json
import os
import re
import statistics
import subprocess
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The tables of the page, and the sections that fill them, in order.
GROWTH = ("growth-links", "growth-programs", "growth-partitions", "growth-ledger", "growth-50m")
TABLES = {
    "costs": ("drain", "latency", "idle", "restart", "rerate", "files"),
    "growth": GROWTH,
    "sizes": GROWTH[-2:],
    "steps": ("steps",),
}


@dataclass
class Row:
    """One figure, a value for each round; `beside`: what it is held against in these rounds."""

    what: str
    ours: list
    form: str = ".2f"
    beside: list = field(default_factory=list)
    name: str = ""  # of what is beside, where that is not the yardstick
    shows_ratio: bool = True
    more: dict = field(default_factory=dict)  # further columns: name -> (values, form)
    table: str = ""  # where its section fills several

    def ratio(self):
        if not self.beside:
            return None
        if len(self.beside) == len(self.ours):
            pairs = [a / b for a, b in zip(self.ours, self.beside, strict=True) if b]
            return statistics.median(pairs) if pairs else None
        middle = statistics.median(self.beside)
        return statistics.median(self.ours) / middle if middle else None

    def cells(self):
        ratio = self.ratio() if self.shows_ratio else None
        beside = spread(self.beside, self.form)
        first = (spread(self.ours, self.form), f"{beside} ({self.name})" if self.name else beside,
                 "" if ratio is None else f"{ratio:.2f}") if self.ours else ()  # fmt: skip
        return (self.what, *first, *(spread(*told) for told in self.more.values()))


def spread(values, form):
    """The median, and where there are several values the lowest and the highest."""
    if not values:
        return ""
    low, middle, high = (f"{value:,{form}}" for value in
                         (min(values), statistics.median(values), max(values)))  # fmt: skip
    return middle if low == high else f"{middle} ({low} to {high})"


def table(header, rows):
    header = (*header, *rows[0].more)
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row.cells()) + " |" for row in rows])


def versions(rig):
    """Where the figures are from: machine, versions, commit."""

    def first(*command, pattern=r"(\d[\w.]*)"):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError:
            return "?"
        found = re.search(pattern, done.stdout + done.stderr)
        return found.group(1) if found else "?"

    cpus = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text()).group(1))
    jars = sorted((rig.directory / "kafka").glob("kafka.log"))
    kafka = re.search(r"Kafka version: (\S+)", jars[0].read_text()) if jars else None
    return {
        "day": time.strftime("%-d %B %Y"),
        "commit": first("git", "-C", str(ROOT), "describe", "--always", "--dirty", pattern=r"(\S+)"),
        "machine": f"{len(cpus)} × {cpus[0]}, {memory / 1e6:.0f} GB",
        "load": f"{os.getloadavg()[0]:.1f}",
        "versions": f"Kafka {kafka.group(1) if kafka else '?'}, librdkafka "
        f"{first('pkg-config', '--modversion', 'rdkafka')}, Redis "
        f"{first('redis-server', '--version')}, GCC {first('cc', '-dumpfullversion')}",
    }


class Results:
    """What was measured, by section; a run of some sections leaves the others' as they are."""

    def __init__(self, directory):
        directory.mkdir(parents=True, exist_ok=True)
        self.json, self.markdown = directory / "results.json", directory / "results.md"
        self.sections = json.loads(self.json.read_text()) if self.json.exists() else {}

    def put(self, section, rows, where, command):
        self.sections[section] = {"where": {**where, "command": command},
                                  "rows": [asdict(row) for row in rows]}  # fmt: skip
        self.json.write_text(json.dumps(self.sections, indent=1, ensure_ascii=False) + "\n")
        told = [f"<!-- bench: {name} -->\n{text}\n<!-- end -->\n" for name, text in self.tables()]
        self.markdown.write_text("\n".join(told))

    def tables(self):
        for name, sections in TABLES.items():
            told = {section: [Row(**row) for row in self.sections[section]["rows"]
                              if row["table"] in ("", name)]
                    for section in sections if section in self.sections}  # fmt: skip
            there = [section for section, rows in told.items() if rows]
            rows = [row for section in there for row in told[section]]
            if there:
                yield name, self.provenance(there) + "\n\n" + FORMS[name](rows)

    def provenance(self, sections):
        """A sentence for each different origin."""
        origins = {}
        for section in sections:
            origins.setdefault(json.dumps(self.sections[section]["where"]), []).append(section)
        told = []
        for origin, names in origins.items():
            where = json.loads(origin)
            which = "" if len(origins) == 1 else f"{', '.join(names)}: "
            told.append(f"{which}`{where['command']}` on {where['day']}, commit {where['commit']}, "
                        f"{where['machine']}, load average {where['load']} at the start; "
                        f"{where['versions']}.")  # fmt: skip
        return "\n".join(told)

    def into(self, page):
        """Replaces the page's tables by those whose sections were measured."""
        text = page.read_text()
        for name, told in self.tables():
            mark = re.compile(rf"(<!-- bench: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
            text, count = mark.subn(lambda found, told=told: found[1] + told + "\n" + found[2], text)
            if count != 1:
                raise ValueError(f"{page} has {count} places for the table '{name}'")
        page.write_text(text)


def steps_table(rows):
    names = "| " + " | ".join(row.what for row in rows) + " |"
    return "\n".join([names, "|---" * len(rows) + "|",
                      "| " + " | ".join(spread(row.ours, row.form) for row in rows) + " |"])  # fmt: skip


COMPARED = ("", "`accrued`", "yardstick", "×")
FORMS = {
    "costs": lambda rows: table(COMPARED, rows),
    "growth": lambda rows: table(("CPU-µs a line", *COMPARED[1:]), rows),
    "sizes": lambda rows: table(("lines in the ledger",), rows),
    "steps": steps_table,
}
