"""Bad visitors of the page: slow ones, many, and ones that say too much. Good ones get through."""

import os
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from made_up import page_server
from scrape import get, scrape

PLACES = 32


@pytest.fixture(scope="module")
def server():
    with page_server() as (url, process):
        yield url, process


def connect(url):
    place = urlsplit(url)
    return socket.create_connection((place.hostname, place.port), timeout=60)


def say(url, request, patience=60):
    """What comes back for raw bytes, until the server closes or is silent."""
    with connect(url) as wire:
        wire.settimeout(patience)
        told = b""
        try:
            for at in range(0, len(request), 65536):
                wire.sendall(request[at : at + 65536])
            while some := wire.recv(65536):
                told += some
        except OSError:
            pass  # closed while we still spoke
        return told


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer else None


@contextmanager
def dribbling(url, count):
    """So many connections, each of which sends its request a byte at a time, for ever."""
    request = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: " + b"a" * 10000
    wires, closed, over = [connect(url) for _ in range(count)], [], threading.Event()

    def dribble():
        at = 0
        while not over.wait(0.05):
            for wire in [w for w in wires if w not in closed]:
                try:
                    wire.send(request[at : at + 1])
                except OSError:
                    closed.append(wire)
            at += 1

    thread = threading.Thread(target=dribble)
    thread.start()
    try:
        yield closed
    finally:
        over.set()
        thread.join()
        for wire in wires:
            wire.close()


def descriptors(process):
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))


def resident_kb(process):
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1])


def test_slow_requests_do_not_shut_others_out(server):
    url, _ = server
    with dribbling(url, 2 * PLACES) as closed:
        for _ in range(3):
            assert get(url + "/healthz")[0] == 200
            assert get(url + "/metrics")[0] == 200
        deadline = time.monotonic() + 90
        while len(closed) < PLACES:
            assert time.monotonic() < deadline, f"only {len(closed)} were sent away"
            time.sleep(0.1)
    assert get(url + "/readyz")[0] == 200


def test_many_connections_are_bounded_and_others_get_through(server):
    url, process = server
    before = descriptors(process)
    with ExitStack() as idle:
        for _ in range(3 * PLACES):
            try:
                idle.enter_context(connect(url))
            except OSError:
                break  # not even the queue takes more
        assert descriptors(process) <= before + PLACES
        assert get(url + "/metrics")[0] == 200
    assert get(url + "/")[0] == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-Y: z\r\n" * 100_000 + b"\r\n",
        b"a" * 1_000_000,
    ],
    ids=["path", "header", "headers", "noise"],
)
def test_a_request_that_is_too_large_is_refused(server, request_bytes):
    url, process = server
    before = resident_kb(process)
    assert status_of(say(url, request_bytes)) in (None, 400, 413, 414, 431)
    assert resident_kb(process) < before + 4096
    assert get(url + "/healthz")[0] == 200


def test_a_body_is_not_waited_for(server):
    url, _ = server
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n"
    begin = time.monotonic()
    assert status_of(say(url, head + b"a" * 10)) == 405
    assert time.monotonic() - begin < 9, "it waited for the rest, for which ten seconds are given"


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n", 421),
        (b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n", 200),
        (b"HEAD / HTTP/1.1\r\nHost: localhost\r\n", 200),
        (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n", 404),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n", 404),
        (b"DELETE / HTTP/1.1\r\nHost: localhost\r\n", 405),
    ],
)
def test_who_may_ask_for_what(server, request_head, status):
    url, _ = server
    answer = say(url, request_head + b"Connection: close\r\n\r\n")
    assert status_of(answer) == status
    assert b"X-Content-Type-Options: nosniff" in answer
    assert b"Content-Security-Policy: default-src 'none'" in answer


def test_what_is_not_so_says_why():
    with page_server("alarm") as (url, _):
        status, told = get(url + "/readyz")
        assert status == 503 and "has not answered" in told
        assert get(url + "/healthz") == (200, "ok\n")
    with page_server("hung") as (url, _):
        status, told = get(url + "/healthz")
        assert status == 503 and "loop has not turned" in told


def test_a_scrape_is_of_one_moment_and_well_formed(server):
    url, _ = server
    one = scrape(url)
    assert one.by("accrued_lines_in_total") == one.by("accrued_lines_total")
    assert one.by("process_open_fds") > 3
    assert one.by("process_cpu_seconds_total") < 3600
    assert os.path.exists(f"/proc/{server[1].pid}")
