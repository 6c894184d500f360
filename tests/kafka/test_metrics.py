"""docs/metrics.md, the alert rules and the dashboard against what a running service answers."""

import json
import re
import shutil
import subprocess

import binary
import pytest
import yaml
from expectations import records, send_lines, stream_case
from kafka_io import Sender
from scrape import scrape, unconserved
from servers import wait_until

PAGE = binary.ROOT / "docs" / "metrics.md"
ROW = re.compile(r"^\| `([a-z_]+)` \| (counter|gauge|histogram) \| ([a-z_, ]*?) *\| (.+?) \| (.*?) *\|$")
METRIC = re.compile(r"\b(?:accrued|process)_[a-z_]+\b")
UNKNOWN_PRODUCT = {"product_family": None, "product_id": "ZZ", "sku_id": "ZZ",
                   "product_name": "Nothing that a catalog knows", "meter_category": None}


def documented():
    """{metric: (type, {labels})}"""
    found = {}
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("| `"):
            row = ROW.match(line)
            assert row, line
            assert row[1] not in found, row[1]
            labels = {label.strip() for label in row[3].split(",") if label.strip()}
            found[row[1]] = (row[2], labels)
    return found


@pytest.fixture
def answer(accrued_config, kafka):
    """A scrape of a worker to which everything has happened that a metric needs to be there."""
    case = stream_case(62, 120)
    setup = accrued_config(case, http={"listen": "127.0.0.1:0"})
    lines = [{**line, **UNKNOWN_PRODUCT} if i % 5 == 0 else line
             for i, line in enumerate(records(case))]
    url = setup.start().url()
    send_lines(kafka, setup.input, lines)
    sender = Sender(kafka, setup.input)
    sender.send(b"somebody", b"not a billing line", partition=1)
    sender.flush()
    setup.wait_until_drained()

    def settled():
        """A commit is seen by others a little before the worker counts what was in it."""
        one = scrape(url)
        lag = one.by("accrued_partition_lag_lines", "partition")
        counted = sum(one.by("accrued_lines_in_total", "partition").values())
        return one if len(lag) == 4 and not any(lag.values()) and counted > len(lines) else None

    return wait_until(settled, lambda: scrape(url).text)


def labels_of(one):
    """{family: {labels of its series}}; a histogram's le is the format's."""
    found = {}
    for name, labels in one.series:
        found.setdefault(one.family_of(name), set()).update(k for k, _ in labels if k != "le")
    return found


def test_what_is_documented_is_there_and_what_is_there_is_documented(answer):
    kinds = {name: kind for name, (kind, _) in answer.families.items()}
    assert kinds == {name: kind for name, (kind, _) in documented().items()}
    assert labels_of(answer) == {name: labels for name, (_, labels) in documented().items()}
    assert answer.by("accrued_dead_letters_total", "code")["avro_malformed"] == 1
    assert answer.by("accrued_unclassified_lines_total") > 0
    assert unconserved(answer) == {}
    assert_promtool_accepts(answer.text)
    assert_rules_and_dashboard_ask_for_what_is_there(answer)


def assert_promtool_accepts(text):
    promtool = shutil.which("promtool")
    assert promtool, "needs promtool (scripts/setup --tests)"
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True
    )
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr


def assert_rules_and_dashboard_ask_for_what_is_there(answer):
    rules = yaml.safe_load((binary.ROOT / "config/prometheus/rules.yaml").read_text("utf-8"))
    exprs = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    board = json.loads((binary.ROOT / "config/grafana/accrued.json").read_text("utf-8"))
    exprs += [t["expr"] for panel in board["panels"] for t in panel.get("targets", ())]
    assert len(exprs) > 50
    asked = {answer.family_of(name) for name in METRIC.findall(" ".join(exprs))}
    assert asked - set(answer.families) == set()
