"""A running worker with its page, and what an operator looks at."""

import re
import urllib.error
import urllib.request

from servers import PATIENCE_S, wait_until


def url_of(worker):
    found = []

    def told():
        found[:] = re.findall(r"page=(http://\S+)", worker.log.read_text(errors="replace"))
        return found

    wait_until(told, worker.tail)
    return found[0]


def answer(url):
    """(status, text)"""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metrics(url):
    """{name with labels: value} of /metrics"""
    status, text = answer(url + "/metrics")
    assert status == 200
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")
    return {name: float(value) for name, value in pairs}


def wait_until_ready(url):
    wait_until(lambda: answer(url + "/readyz")[0] == 200, lambda: answer(url + "/readyz")[1])


def wait_until_waiting(url, *reasons):
    """/readyz says that the worker waits, and for one of these reasons, if any are given."""

    def waits():
        status, text = answer(url + "/readyz")
        return status == 503 and "waits for reference data" in text and (
            not reasons or any(reason in text for reason in reasons)
        )

    wait_until(waits, lambda: f"{reasons}: {answer(url + '/readyz')}")
