"""The page's answer to "why this much": from the lane that has the line, as plain HTML."""

import json
import tempfile
import urllib.parse
import urllib.request
from html.parser import HTMLParser
from pathlib import Path

import pytest
from feeds import command
from test_demo import FEEDS, running


class Outline(HTMLParser):
    """Tags that are open and never closed, and every text."""

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.tags, self.inputs = [], [], [], {}

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "input":
            self.inputs[dict(attributes)["name"]] = dict(attributes)["value"]
        if tag not in ("meta", "link", "input", "wbr", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def read(url):
    """(outline, headers) of a page that is well-formed."""
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert answer.status == 200
        outline = Outline()
        outline.feed(answer.read().decode())
        assert outline.open == []
        return outline, answer.headers


def explain(url, **fields):
    return read(f"{url}/explain?{urllib.parse.urlencode(fields)}")


def a_line():
    """(customer, line) of the demo's feed."""
    done = command("--quiet", "--to", "-", "--revision", 1, FEEDS / "onetime-2020-03.csv")
    line = json.loads(done.stdout.splitlines()[0])["line"]
    return line["customer_id"], line["line_id"]


@pytest.fixture(scope="module")
def url():
    with tempfile.TemporaryDirectory(prefix="demo-") as name, running(Path(name)) as (_, served):
        yield served


def test_a_line_is_explained_by_its_lane(url):
    front, headers = read(url + "/?refresh=off")
    assert "form-action 'self'" in headers["Content-Security-Policy"]
    assert set(front.inputs) == {"customer", "line"}
    customer, line = a_line()
    page, headers = explain(url, customer=customer.upper(), line=line)
    assert "script" not in page.tags
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert page.inputs == {"customer": customer, "line": line}
    assert f"Line {line} of customer {customer}" in page.text
    assert "Program csp-indirect-reseller" in page.text
    assert "would publish nothing" in page.text
    for _ in range(20):
        again, _ = explain(url, customer=customer, line=line)
        assert "Ledger and today" in again.text
    unknown, _ = explain(url, customer=customer, line="nobody-knows-it")
    assert "It never came" in unknown.text


@pytest.mark.parametrize(
    ("customer", "line"),
    [
        ("<script>alert(1)</script>", "\"'><img src=x onerror=y>"),
        ("&lt;i&gt;", "x" * 1024),
        ("é\x1b[31m", "%00"),
    ],
)
def test_what_is_asked_for_is_only_text(url, customer, line):
    page, _ = explain(url, customer=customer, line=line)
    assert page.inputs == {"customer": customer, "line": line}
    assert not {"script", "img", "i"} & set(page.tags)
    assert "It never came" in page.text


def test_what_cannot_be_asked_is_said(url):
    for query in ("", "?customer=a", "?line=b", "?customer=&line=b", "?customer=%FF&line=b"):
        page, _ = read(f"{url}/explain{query}")
        assert "Give a customer's id" in page.text
    page, _ = explain(url, customer="a", line="x" * 1025)
    assert "Give a customer's id" in page.text
