"""The status page in a real Chromium: without complaints, true, alive, narrow, by keyboard, without
scripts. With ACCRUED_SCREENSHOTS=DIR each state leaves a picture there."""

import os
import re
import urllib.request
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from browser import (
    FOCUSABLE,
    allow_scripts,
    complaints,
    emulate,
    screenshot,
    violations,
)
from made_up import page_server
from scrape import get, scrape
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from servers import wait_until

STATES = ("full", "empty", "alarm", "restoring", "hung")
PICTURES = os.environ.get("ACCRUED_SCREENSHOTS", "")


@pytest.fixture(scope="module")
def servers():
    """{state: (URL, process)}, each started when it is asked for first."""
    running = {}

    def of(state):
        if state not in running:
            context = page_server(state)
            running[state] = (context, context.__enter__())
        return running[state][1]

    yield of
    for context, _ in running.values():
        context.__exit__(None, None, None)


@contextmanager
def without_scripts(browser):
    allow_scripts(browser, False)
    try:
        yield
    finally:
        allow_scripts(browser, True)


def visit(browser, url):
    """With a clean console: axe sets styles, which the page's policy forbids, and that is told."""
    browser.get("about:blank")
    complaints(browser)
    browser.get(url)


def text_of(browser, selector):
    """The page may change, or be loaded again, between finding and reading."""

    def read():
        try:
            return [browser.find_element(By.CSS_SELECTOR, selector).text]
        except (NoSuchElementException, StaleElementReferenceException):
            return None

    return wait_until(read, selector)[0]


def posted(url):
    return scrape(url).by("accrued_lines_total", "outcome")["posted"]


def add_lines(url, process, thousands=1):
    """The server has them when this returns; -> how many were posted in all."""
    wanted = posted(url) + 1000 * thousands
    process.stdin.write("more\n" * thousands)
    process.stdin.flush()
    wait_until(lambda: posted(url) == wanted, lambda: (posted(url), wanted))
    return wanted


def numbers(text):
    """The page's numbers, in the order in which they stand: 1,234.5 and −12."""
    return [
        Decimal(found.replace(",", "").replace("−", "-"))
        for found in re.findall(r"−?\d[\d,]*(?:\.\d+)?", text)
    ]


def facts(browser):
    """{term: what is said of it} of all description lists."""
    terms = browser.find_elements(By.CSS_SELECTOR, "dt")
    told = browser.find_elements(By.CSS_SELECTOR, "dd")
    return dict(zip((t.text for t in terms), (d.text for d in told)))


VIEWS = [(state, *view) for state in STATES for view in ((1280, "light"), (360, "dark"))]


@pytest.mark.parametrize(
    ("state", "width", "light"), [*VIEWS, ("full", 360, "light"), ("full", 1280, "dark")]
)
def test_each_state_by_day_and_night_wide_and_narrow(browser, servers, state, width, light):
    """No complaint of the console, none of axe (contrast, labels, landmarks …), nothing wider than
    the screen."""
    url, _ = servers(state)
    emulate(browser, width=width, dark=light == "dark")
    visit(browser, url)
    assert complaints(browser) == []
    wide = browser.execute_script(
        "return [document.documentElement.scrollWidth,document.documentElement.clientWidth]"
    )
    assert wide[0] <= wide[1] == width
    narrow = "return Math.min(...Array.from(document.querySelectorAll('dt')).map(e=>e.clientWidth))"
    assert browser.execute_script(narrow) >= 80, "what a number means stands a letter a line"
    if PICTURES:
        screenshot(browser, Path(PICTURES) / f"{state}-{light}-{width}.png")
    assert violations(browser) == []


def test_its_numbers_are_those_of_metrics(browser, servers):
    url, _ = servers("full")
    emulate(browser)
    browser.get(url)
    one = scrape(url)
    tiles = {
        tile.find_element(By.TAG_NAME, "h2").text: tile.text
        for tile in browser.find_elements(By.CSS_SELECTOR, ".tile")
    }
    assert numbers(tiles["Lines a second"])[-1] == one.by("accrued_lines_in_total")
    assert numbers(tiles["Behind"])[1] == one.by("accrued_partition_lag_lines")
    results = one.by("accrued_transactions_total", "result")
    assert numbers(tiles["Transactions"])[:2] == [results["committed"], results["aborted"]]
    assert numbers(tiles["Dead letters"])[0] == one.by("accrued_dead_letters_total")
    outcomes = one.by("accrued_lines_total", "outcome")
    assert numbers(text_of(browser, ".key")) == list(outcomes.values())
    assert amounts(browser, "Accrued by program and currency") == {
        key: value for key, value in one.by("accrued_accrued_amount", "program", "currency").items()
    } | payable(one)
    assert amounts(browser, "Forgone by reason") == one.by(
        "accrued_forgone_amount", "reason", "currency"
    )
    unclassified = text_of(browser, "[aria-labelledby=flow] .sum")
    assert f"{one.by('accrued_unclassified_lines_total')} matched no rule" in unclassified
    assert numbers(unclassified)[1] == one.by("accrued_unclassified_amount")
    assert_partitions(browser, one)
    told = facts(browser)
    for term, name in (
        ("Hits", "accrued_reference_hits_total"),
        ("Misses", "accrued_reference_misses_total"),
        ("Round trips to Redis", "accrued_reference_round_trips_total"),
        ("Entries", "accrued_reference_entries"),
        ("Lanes rebuilt", "accrued_lane_rebuilds_total"),
        ("Ledger lines", "accrued_ledger_lines"),
        ("Requests to rate again", "accrued_rerate_requests_pending"),
        ("Lines rated again", "accrued_rerate_lines_total"),
    ):
        assert numbers(told[term]) == [one.by(name)], term


def amounts(browser, label):
    """{(first column, currency): amount} of a table of money."""
    found, head = {}, None
    for row in browser.find_elements(By.CSS_SELECTOR, f"[aria-label='{label}'] tbody tr"):
        heads = row.find_elements(By.TAG_NAME, "th")
        head = heads[0].text.split("\n")[0] if heads else head
        cells = row.find_elements(By.TAG_NAME, "td")
        found[head, cells[0].text] = numbers(cells[1].text)[0]
    return found


def payable(one):
    sums, pays = {}, one.by("accrued_program_info", "program", "pays")
    for (program, currency), value in one.by(
        "accrued_accrued_amount", "program", "currency"
    ).items():
        if (program, "money") in pays:
            sums["Payable", currency] = sums.get(("Payable", currency), 0) + value
    return sums


def assert_partitions(browser, one):
    rows = browser.find_elements(By.CSS_SELECTOR, "[aria-label=Partitions] tbody tr")
    lag = one.by("accrued_partition_lag_lines", "partition")
    held = one.by("accrued_partition_lag_blocked_lines", "partition")
    following = one.by("accrued_partition_next_offset", "partition")
    assert [row.find_element(By.TAG_NAME, "th").text for row in rows] == sorted(lag)
    for row in rows:
        partition = row.find_element(By.TAG_NAME, "th").text
        cells = [cell.text for cell in row.find_elements(By.TAG_NAME, "td")]
        assert numbers(cells[1]) == [lag[partition]]
        assert numbers(cells[4]) == [held[partition]]
        assert numbers(cells[5]) == [following[partition]]
        line = row.find_element(By.CSS_SELECTOR, "svg.spark path.line").get_attribute("d")
        assert line.startswith("M") and line.count("L") > 50, "a picture over time"
    assert "rating again" in rows[3].text and "42 %" in rows[3].text


def test_it_brings_itself_up_to_date_and_leaves_the_reader_alone(browser, servers):
    url, process = servers("full")
    emulate(browser, height=500)
    visit(browser, url)
    browser.execute_script(
        "window.same=document.querySelector('.tile');"
        "document.querySelector('details').open=true;"
        "document.querySelector('.letters').scrollTop=30;window.scrollTo(0,400);"
        "document.querySelector('.letters').focus({preventScroll:true})"
    )
    fields = browser.find_elements(By.CSS_SELECTOR, "form input")
    if fields:
        browser.execute_script("arguments[0].value='half a cust'", fields[0])
    before = numbers(text_of(browser, ".key"))[0]
    wanted = add_lines(url, process, 3)
    wait_until(lambda: numbers(text_of(browser, ".key"))[0] == wanted > before, "the new number")
    assert browser.execute_script(
        "return [window.same===document.querySelector('.tile'),"
        "document.querySelector('details').open,document.querySelector('.letters').scrollTop,"
        "window.scrollY,document.activeElement.className]"
    ) == [True, True, 30, 400, "letters"]
    if fields:
        assert fields[0].get_attribute("value") == "half a cust"
    assert complaints(browser) == []
    # What is for readers without scripts is still text, and no link that nobody sees.
    assert browser.execute_script("return document.querySelectorAll('noscript *').length") == 0


def test_it_can_be_paused_by_keyboard(browser, servers):
    url, process = servers("full")
    emulate(browser)
    browser.get(url)
    button = browser.find_element(By.ID, "pause")
    assert button.is_displayed() and button.text == "Pause"
    button.send_keys(Keys.ENTER)
    assert button.text == "Resume"
    before = text_of(browser, ".key")
    add_lines(url, process)
    browser.execute_async_script("setTimeout(arguments[0],2600)")
    assert text_of(browser, ".key") == before
    button.send_keys(Keys.SPACE)
    wait_until(lambda: text_of(browser, ".key") != before, "it goes on")


def test_a_process_that_is_gone_is_said_to_be(browser):
    with page_server("full") as (url, _):
        emulate(browser)
        browser.get(url)
        assert text_of(browser, "#state") == "Ready"
    wait_until(lambda: text_of(browser, "#state") == "No answer", "No answer")
    assert text_of(browser, ".key"), "the last numbers stay"
    complaints(browser)  # of a connection that was refused


def test_the_keyboard_reaches_everything_in_reading_order(browser, servers):
    url, _ = servers("full")
    emulate(browser)
    browser.get(url)
    wanted = browser.execute_script(
        f"return [...document.querySelectorAll(\"{FOCUSABLE}\")]"
        ".filter(e=>e.checkVisibility()).map(e=>e.outerHTML.slice(0,120))"
    )
    assert len(wanted) > 8
    reached = []
    body = browser.find_element(By.TAG_NAME, "body")
    for _ in wanted:
        (reached and browser.switch_to.active_element or body).send_keys(Keys.TAB)
        reached.append(
            browser.execute_script("return document.activeElement.outerHTML.slice(0,120)")
        )
        outline = browser.execute_script(
            "return getComputedStyle(document.activeElement).outlineStyle"
        )
        assert outline != "none", reached[-1]
    assert reached == wanted
    assert "skip" in reached[0]


def test_landmarks_and_headings(browser, servers):
    url, _ = servers("full")
    browser.get(url)
    roles = "header,main,footer"
    assert [e.tag_name for e in browser.find_elements(By.CSS_SELECTOR, roles)] == roles.split(",")
    assert len(browser.find_elements(By.TAG_NAME, "h1")) == 1
    for section in browser.find_elements(By.TAG_NAME, "section"):
        label = section.get_attribute("aria-labelledby")
        assert browser.find_element(By.ID, label).text, section.text
    for picture in browser.find_elements(By.CSS_SELECTOR, "svg[role=img]"):
        assert picture.get_attribute("aria-label")
    assert browser.find_element(By.ID, "state").get_attribute("role") == "status"


def test_without_scripts_all_of_it_is_there_and_is_loaded_again(browser, servers):
    url, process = servers("full")
    emulate(browser)
    with without_scripts(browser):
        browser.get(url)
        one = scrape(url)
        page = browser.page_source
        assert 'http-equiv="refresh"' in page
        assert not browser.find_element(By.ID, "pause").is_displayed()
        key = browser.find_element(By.CSS_SELECTOR, ".key")
        assert numbers(key.text) == list(one.by("accrued_lines_total", "outcome").values())
        wanted = add_lines(url, process)
        wait_until(
            lambda: numbers(text_of(browser, ".key"))[0] == wanted, "loaded again", pause=0.5
        )
        browser.get(url + "/?refresh=off")
        assert 'http-equiv="refresh"' not in browser.page_source


def test_nothing_comes_from_elsewhere_and_no_secret_is_told(servers):
    url, _ = servers("full")
    status, page = get(url + "/")
    assert status == 200
    assert re.findall(r'(?:src|href|action)="(?!/|#|data:)[^"]*', page) == []
    assert "@import" not in page and "url(" not in page
    assert "hunter2" not in page and "hunter2" not in get(url + "/metrics")[1]
    assert re.search(r"password: (&quot;|\")\*+", page)
    assert "kafka:" in page and "bootstrap_servers" in page
    with urllib.request.urlopen(url + "/", timeout=60) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    nonces = re.findall(r"nonce-([0-9a-f]{32})", policy)
    assert len(nonces) == 2 and len(set(nonces)) == 1
    assert set(re.findall(r'<(?:style|script) nonce="(\w+)"', page)) != set(nonces), "used once"


def test_dead_letters_are_text_whatever_they_say(browser, servers):
    url, _ = servers("full")
    browser.get(url)
    letters = browser.find_elements(By.CSS_SELECTOR, ".letters li")
    assert len(letters) == 13
    assert "wrong_partition" in letters[0].text and "<b>ACME</b>" in letters[0].text
    assert "2 @ 324925" in letters[0].text


def test_what_is_wrong_is_said_first(browser, servers):
    url, _ = servers("alarm")
    browser.get(url)
    assert text_of(browser, "#state") == "Not ready"
    assert "Redis at 127.0.0.1:6379 has not answered" in text_of(browser, ".notes.warn")
    assert "lines in and outcomes differ by −7" in text_of(browser, ".notes.bad")
    assert "1,200 held back" in text_of(browser, ".tile")
    url, _ = servers("restoring")
    browser.get(url)
    assert "restoring 90,112 left" in text_of(browser, "[aria-label=Partitions]")
    assert "restoring from its file, 43 %" in text_of(browser, "[aria-label=Partitions]")
    url, _ = servers("hung")
    browser.get(url)
    assert text_of(browser, "#state") == "Unhealthy"
