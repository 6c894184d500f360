"""A scrape of /metrics, read strictly: the text form of Prometheus, nothing more."""

import re
import urllib.error
import urllib.request
from decimal import Decimal

SERIES = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? '
    r"(-?\d+(?:\.\d+)?)"
)
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")


def get(url, timeout=90):
    """(status, text)"""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Scrape:
    """families: {name: (type, help)}; series: {(name, labels in order of names): value}"""

    def __init__(self, text):
        self.text = text
        self.families, self.series = {}, {}
        for line in text.splitlines():
            if line.startswith("# HELP "):
                name, _, told = line[7:].partition(" ")
                assert name not in self.families, f"{name}: twice"
                self.families[name] = (None, told)
            elif line.startswith("# TYPE "):
                name, kind = line[7:].split(" ")
                self.families[name] = (kind, self.families[name][1])
            else:
                self._take(line)

    def _take(self, line):
        found = SERIES.fullmatch(line)
        assert found, line
        labels = tuple(sorted(LABEL.findall(found[2] or "")))
        assert (found[1], labels) not in self.series, f"{line}: twice"
        assert self.family_of(found[1]) in self.families, f"{line}: without a TYPE"
        self.series[found[1], labels] = Decimal(found[3])

    def family_of(self, name):
        for part in HISTOGRAM_PARTS:
            base = name[: -len(part)]
            if name.endswith(part) and self.families.get(base, ("",))[0] == "histogram":
                return base
        return name

    def by(self, name, *labels):
        """{values of these labels: sum}; without labels the sum of all, None if there is none."""
        sums = {}
        for (its_name, its_labels), value in self.series.items():
            if its_name == name:
                place = tuple(dict(its_labels).get(label) for label in labels)
                sums[place] = sums.get(place, 0) + value
        if not labels:
            return sums.get(())
        return {key[0] if len(key) == 1 else key: value for key, value in sums.items()}


def scrape(url):
    status, text = get(url + "/metrics")
    assert status == 200
    return Scrape(text)


def unconserved(one):
    """Partitions whose lines in and outcomes differ, by the counters and by the gauge."""
    lines_in, outcomes = (
        one.by("accrued_lines_in_total", "partition"),
        one.by("accrued_lines_total", "partition"),
    )
    gauge = one.by("accrued_conservation_difference_lines", "partition")
    assert set(lines_in) == set(outcomes) == set(gauge)
    return {p: (lines_in[p], outcomes[p], gauge[p]) for p in lines_in
            if lines_in[p] != outcomes[p] or gauge[p] != 0}
