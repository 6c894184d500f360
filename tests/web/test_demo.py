"""`accrued demo` from outside: what it prints, what it serves, and that nothing of it stays."""

import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import urllib.request
from collections import Counter
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import binary
import pytest
from browser import emulate, screenshot, violations
from feeds import command
from scrape import scrape, unconserved
from selenium.webdriver.common.by import By
from servers import wait_until
from service import wait_until_ready
from test_page import text_of

DEMO = binary.ROOT / "config" / "demo"
FEEDS = DEMO / "feeds"
TOTAL = re.compile(r"(\d{7}) (\S+) +(money|recognition) +(\d+) +(-?[\d.]+) ([A-Z]{3})")
TERMINAL_COLUMNS = 80


@pytest.fixture
def place():
    """Where the demo keeps its own things; short, because a socket's path must be."""
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        yield Path(name)


def demo_command(*arguments, http="127.0.0.1:0"):
    program = str(binary.require_binary())
    return [program, "demo", "--home", str(binary.ROOT), "--http", http, *arguments]


def environment(place):
    return {**os.environ, "TMPDIR": str(place)}


def run(place, *arguments, **more):
    return subprocess.run(
        demo_command(*arguments, **more),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        stdin=subprocess.DEVNULL,
        env=environment(place),
    )


def processes_with(text):
    """{process id: command line} of all processes that name this text, but for this one."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue  # it has ended meanwhile
        if text in line and int(path.parent.name) != os.getpid():
            found[int(path.parent.name)] = line
    return found


def assert_nothing_left(place):
    assert processes_with(str(place)) == {}
    assert list(place.iterdir()) == []


def last_totals(told):
    """{(partner, program, currency): (pays, accruals, amount)} of the last table."""
    table = told.rpartition("Totals per partner")[2]
    return {(p, g, c): (y, int(n), Decimal(a)) for p, g, y, n, a, c in TOTAL.findall(table)}


def totals_of_the_offline_form(directory):
    """The same feeds and reference files through `ingest --to -` and `rate`."""
    old, new = FEEDS / "onetime-2020-03.csv", FEEDS / "onetime-2020-03-corrected.csv"
    feeds = [
        ("--revision", 1, old),
        ("--revision", 1, FEEDS / "daily-2020-03.csv"),
        ("--revision", 2, "--replaces", old, new),
    ]
    lines = b""
    for arguments in feeds:
        done = command("--quiet", "--to", "-", *arguments)
        assert done.returncode == 0, done.stderr.decode()
        lines += done.stdout
    (directory / "lines.jsonl").write_bytes(lines)
    (directory / "reference.jsonl").write_bytes(
        (DEMO / "partners.jsonl").read_bytes() + (DEMO / "customers.jsonl").read_bytes()
    )
    events = binary.rate_events(
        {
            "programs": binary.ROOT / "config" / "programs.yaml",
            "catalog": binary.ROOT / "config" / "catalog.yaml",
            "reference": directory / "reference.jsonl",
            "lines": directory / "lines.jsonl",
        }
    )
    amounts, counts, pays = Counter(), Counter(), {}
    for event in events:
        assert event["type"] != "dead_letter", json.dumps(event)
        if event["type"] == "accrual":
            key = (event["partner_mpn_id"], event["program_id"], event["currency"])
            amounts[key] += Decimal(event["amount"])
            counts[key] += 1
            pays[key] = event["pays"]
    return {key: (pays[key], counts[key], amounts[key]) for key in amounts}


def test_its_totals_are_those_of_the_offline_form(place, tmp_path):
    done = run(place, "--seconds", "1")
    assert done.returncode == 0, done.stderr
    assert re.search(r"http://127\.0\.0\.1:[1-9]\d*/ ", done.stdout)
    want = totals_of_the_offline_form(tmp_path)
    assert len(want) > 5
    assert last_totals(done.stdout) == want
    assert_nothing_left(place)


def read_terminal(terminal):
    told = b""
    while True:
        try:
            some = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            return told.decode()
        if not some:
            return told.decode()
        told += some


def test_in_a_terminal_tables_fit_and_no_number_is_cut(place, tmp_path):
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, TERMINAL_COLUMNS, 0, 0))
    process = subprocess.Popen(
        demo_command("--seconds", "0"),
        stdin=subprocess.DEVNULL,
        stdout=its,
        stderr=subprocess.DEVNULL,
        env=environment(place),
    )
    os.close(its)
    told = read_terminal(ours)
    os.close(ours)
    assert process.wait(60) == 0
    lines = told.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("CUSTOMER"))
    assert max(len(line) for line in lines[head : head + 20]) <= TERMINAL_COLUMNS
    assert all(re.search(r" -?[\d.]+ USD ", line) for line in lines[head + 1 : head + 20])
    assert last_totals(told) == totals_of_the_offline_form(tmp_path)


@contextmanager
def running(place, *arguments):
    """(process, URL) of a demo that has printed its accruals."""
    process = subprocess.Popen(
        # A shell that starts the tests in the background has them ignore it.
        ["env", "--default-signal=INT", *demo_command(*arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(place),
    )
    try:
        url = None
        while url is None:
            line = process.stdout.readline()
            assert line, "it ended before its page was up"
            found = re.search(r"(http://\S+)/ ", line)
            url = found and found[1]
        yield process, url
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
        process.stdout.close()


def get(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert answer.status == 200
        return answer.read().decode()


def test_it_serves_while_it_runs(place):
    with running(place) as (_, url):
        get(url + "/healthz")
        wait_until_ready(url)

        def counted():
            """What was in a commit is counted a little after it."""
            one = scrape(url)
            return one.by("accrued_lines_total", "outcome")["posted"] == 176 and one

        one = wait_until(counted, lambda: scrape(url).text)
        metrics = one.text
        wait_until(lambda: unconserved(scrape(url)) == {}, lambda: unconserved(scrape(url)))
        assert 'accrued_program_info{program="dpor-recognition",pays="recognition"} 1\n' in metrics
        assert re.search(r'^accrued_reference_fresh_age_seconds{lane="0"} \d', metrics, re.MULTILINE)
        page = get(url + "/")
        assert "176 <em>posted</em>" in page
        assert "Payable" in page
    assert_nothing_left(place)


def redis_of(place):
    """The process id of the demo's own Redis."""
    (found,) = [pid for pid, line in processes_with(str(place)).items() if "redis" in line]
    return found


def test_its_page_follows_it_from_work_to_waiting_and_back(place, browser):
    """In a real Chromium, on the real service: drained, without Redis, with it again."""
    pictures = os.environ.get("ACCRUED_SCREENSHOTS", "")
    with running(place) as (_, url):
        emulate(browser)
        browser.get(url)

        def state():
            return text_of(browser, "#state")

        def picture(name):
            if pictures:
                screenshot(browser, Path(pictures) / f"demo-{name}.png")
                emulate(browser)

        wait_until(lambda: state() == "Ready", state)
        wait_until(lambda: "drained" in text_of(browser, ".tile"), "0")
        wait_until(lambda: "176 posted" in text_of(browser, ".key"), "all of them")
        assert violations(browser) == []
        picture("drained")
        redis = redis_of(place)
        os.kill(redis, signal.SIGSTOP)
        try:
            wait_until(lambda: state() == "Not ready", state)
            wanted = "Lane 0 waits for reference data: "
            wait_until(lambda: text_of(browser, ".notes.warn").startswith(wanted), wanted)
            picture("waiting")
        finally:
            os.kill(redis, signal.SIGCONT)
        wait_until(lambda: state() == "Ready", state)
        wait_until(
            lambda: browser.find_elements(By.CSS_SELECTOR, ".notes.warn") == [], "no more warnings"
        )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_its_redis(place, number):
    with running(place) as (process, _):
        assert redis_of(place)
        process.send_signal(number)
        assert process.wait(60) == 0
    assert_nothing_left(place)


def test_a_port_in_use_is_said_plainly(place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run(place, "--seconds", "1", http=address)
    assert done.returncode == 1
    assert f"accrued demo: {address} is in use: " in done.stderr
    assert_nothing_left(place)
