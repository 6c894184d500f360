"""The page with made-up numbers: the real server in a process of the tests' own (page_server.c)."""

import subprocess
from contextlib import contextmanager

import binary

PROGRAM = binary.require_binary().parent / "page_server"


@contextmanager
def page_server(state="full"):
    """(URL, process)"""
    process = subprocess.Popen(
        [str(PROGRAM), state], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), url
        yield url, process
    finally:
        process.stdin.close()
        assert process.wait(60) == 0
        process.stdout.close()
