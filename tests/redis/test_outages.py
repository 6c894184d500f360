"""Redis that does not do what it should, in every way that docs/faults.md lists: the worker waits
and says why, keeps its place in the group, goes on by itself, and the books are right."""

import contextlib
import json
import re
import time

import kafka_io
import pytest
import redis as redis_client
import wire
from expectations import check_all, published, records, send_lines, stream_case
from oracle import parse
from proxy import Proxy
from servers import Redis, wait_until
from service import answer, metrics, url_of, wait_until_ready, wait_until_waiting
from story import WAIT, Story
from worker import Through, make_setup

LINES_PER_FAULT = 40
# Short patience, so that a test is short.
QUICK = {"connect_timeout_ms": 500, "timeout_ms": 500}


class Service:
    """One worker, one Redis behind a proxy, and lines that flow; faults come one after another."""

    def __init__(self, directory, kafka):
        self.kafka = kafka
        self.redis = Redis(directory / "redis", persists=True).start()
        self.proxy = Proxy(self.redis.port)
        self.case = stream_case(511, LINES_PER_FAULT * 30)
        self.setup = make_setup(
            directory,
            kafka,
            Through(self.redis, self.proxy.address),
            self.case,
            partitions=2,
            http={"listen": "127.0.0.1:0"},
            redis=QUICK,
        )
        self.setup.create_topics()
        self.lines, self.sent = records(self.case), 0
        self.worker = self.setup.start()
        self.url = url_of(self.worker)
        self.send()
        self.setup.wait_until_drained()
        wait_until_ready(self.url)

    def send(self, count=LINES_PER_FAULT):
        assert self.sent + count <= len(self.lines)
        send_lines(self.kafka, self.setup.input, self.lines[self.sent : self.sent + count])
        self.sent += count

    def forget_cache(self):
        """So that the next lines need Redis."""
        self.redis.client.client_kill_filter(_type="normal", skipme=True)

    def membership(self):
        return kafka_io.members(self.kafka, self.setup.group), self.counted("rebalances_total")

    def counted(self, name):
        return metrics(self.url)[f"accrued_{name}"]

    def check(self):
        check_all(self.setup, self.lines[: self.sent])

    def close(self):
        self.proxy.close()
        self.setup.end()
        self.redis.__exit__()


@pytest.fixture(scope="module")
def service(tmp_path_factory, kafka):
    """Its values stay as they are: each test checks the lines of all before it."""
    made = Service(tmp_path_factory.mktemp("outages"), kafka)
    yield made
    made.close()


@pytest.fixture
def own_service(tmp_path, kafka):
    made = Service(tmp_path, kafka)
    yield made
    made.close()


def killed(service):
    service.redis.kill()
    return service.redis.start


def frozen(service):
    service.redis.freeze()
    return service.redis.thaw


def garbage(service):
    service.proxy.garble()
    return service.proxy.heal


def loading(service):
    """A Redis that reads its values back slowly, and says LOADING meanwhile."""
    client = service.redis.client
    client.set("filler:0", b"x")
    with client.pipeline(transaction=False) as pipe:
        for number in range(40000):
            pipe.set(f"filler:{number}", b"x" * 100)
        pipe.execute()
    service.redis.kill()
    slowly = ("--key-load-delay", "400", "--loading-process-events-interval-bytes", "1024")
    service.redis.start(*slowly, waits=False)

    def says_loading():
        with contextlib.suppress(redis_client.ConnectionError):
            try:
                client.ping()
            except redis_client.exceptions.BusyLoadingError:
                return True
        return False

    wait_until(says_loading, "it loads")

    def heal():
        client.config_set("key-load-delay", "0")  # or it would go on for another while
        wait_until(service.redis.answers, "loaded")

    return heal


def read_only(service):
    service.proxy.answer_all(b"-READONLY You can't write against a read only replica.\r\n")
    return service.proxy.heal


def out_of_memory(service):
    service.proxy.answer_all(b"-OOM command not allowed when used memory > 'maxmemory'.\r\n")
    return service.proxy.heal


def slow_by_seconds(service):
    service.proxy.slow(2.5)
    return service.proxy.heal


def silent(service):
    """Nothing passes and nothing is closed: a firewall that has forgotten."""
    service.proxy.swallow(lambda wire: True)
    return service.proxy.heal


FAULTS = {
    "killed and started again": (killed, ["Connection refused", "Server closed", "reset"]),
    "frozen": (frozen, ["in time"]),
    "garbage": (garbage, ["protocol", "answer", "Redis at"]),
    "LOADING": (loading, ["LOADING", "in time"]),
    "READONLY": (read_only, ["READONLY"]),
    "OOM": (out_of_memory, ["OOM"]),
    "slow by seconds": (slow_by_seconds, ["in time", "slowly"]),
    "silent": (silent, ["in time"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_worker_waits_and_goes_on_by_itself(service, fault):
    inject, reasons = FAULTS[fault]
    before, done = service.membership(), service.setup.committed()
    heal = inject(service)
    if fault != "frozen":
        with contextlib.suppress(redis_client.RedisError):
            service.forget_cache()
    try:
        # Also without lines: readiness is not found out by accident.
        wait_until_waiting(service.url, *reasons)
        service.send()
        time.sleep(0.7)
        assert service.setup.committed() == done, "nothing is guessed"
        assert answer(service.url + "/healthz")[0] == 200
        wait_until_waiting(service.url)
    finally:
        heal()
    service.setup.wait_until_drained()
    wait_until_ready(service.url)
    assert service.membership() == before, "it kept its place in the group"
    service.check()


def test_connections_that_are_cut_at_random(service):
    before = service.membership()
    failures = service.counted("reference_failures_total")
    service.proxy.cut_often(0.2)
    try:
        for _ in range(6):
            service.send(20)
            time.sleep(0.3)
        # Pings are cut as well as lines' questions.
        wait_until(lambda: service.counted("reference_failures_total") > failures, "one is cut")
    finally:
        service.proxy.heal()
    service.setup.wait_until_drained()
    assert service.membership() == before
    service.check()


def test_bytes_that_are_corrupted_now_and_then(service):
    """Some replies are whole, some are not. What is damaged inside a value cannot be told from a
    value; what is checked here is that nothing crashes, hangs or loses a line."""
    before = service.membership()
    service.redis.client.config_set("save", "")
    service.proxy.garble(0.3)
    try:
        wait_until_waiting(service.url)
        time.sleep(2)
    finally:
        service.proxy.heal()
    service.send(20)
    service.setup.wait_until_drained()
    assert service.membership() == before
    service.check()


def test_slow_but_within_patience_is_no_outage(service):
    service.proxy.slow(0.1)
    try:
        service.send(20)
        service.setup.wait_until_drained()
    finally:
        service.proxy.heal()
    wait_until_ready(service.url)
    service.check()


def changed_standing(service):
    """A reseller of coming lines whose standing is about to change."""
    coming = service.lines[service.sent : service.sent + LINES_PER_FAULT]
    prefix = service.setup.settings["redis"]["key_prefix"]
    for line in coming:
        key = f"{prefix}partner:{line.get('reseller_mpn_id')}"
        held = service.redis.client.get(key)
        if held is not None and json.loads(held).get("mpn_active"):
            return key, json.loads(held)
    raise AssertionError("no line of a partner that is active")


def test_a_redirect_target_that_died_silently(own_service):
    """The connection that hears of changes is dead and nobody says so: RESP2 does not. The value
    changes; no line that comes a second later is rated on the old one."""
    service = own_service
    key, value = changed_standing(service)
    service.setup.wait_until_drained()
    flushes = service.counted("reference_flushes_total")
    service.proxy.swallow(lambda wire: wire.is_news)
    service.redis.client.set(key, json.dumps({**value, "mpn_active": []}))
    time.sleep(1.2)  # reference.fresh_ms, and a little
    try:
        service.send()
        wait_until(lambda: service.counted("reference_flushes_total") > flushes, "flushed")
    finally:
        service.proxy.heal()
    service.setup.wait_until_drained()
    before = published(service.setup)
    # Had any line been rated on the old value, this would publish the difference.
    service.setup.command("rerate", "--all", "-c", service.setup.config("c.yaml"), *WAIT)
    new = [e for e in published(service.setup) if e not in before]
    recent = {wire.line_key(line) for line in service.lines[service.sent - LINES_PER_FAULT :]}
    names = {
        line["line_id"].lower()
        for line in service.lines[service.sent - LINES_PER_FAULT : service.sent]
    } - {line["line_id"].lower() for line in service.lines[: service.sent - LINES_PER_FAULT]}
    assert recent
    assert names, "lines that did not exist before the change"
    assert not [e for e in new if e["line_id"] in names]


class TestServeStale:
    """Policy serve-stale: from the cache for a while, misses wait, then all waits."""

    def test_from_the_cache_up_to_an_age(self, setup_on, own_redis, kafka):
        case = stream_case(512, 120)
        stale = {"outage": "serve-stale"}
        setup = setup_on(own_redis, case, redis=QUICK, reference=stale)
        lines = records(case)
        worker = setup.start()
        url = url_of(worker)
        send_lines(kafka, setup.input, lines)
        setup.wait_until_drained()
        own_redis.kill()
        later = [{**line, "revision": parse.Number("50")} for line in lines[:30]]
        send_lines(kafka, setup.input, later)
        setup.wait_until_drained()
        wait_until(lambda: metrics(url)["accrued_reference_stale_hits_total"] > 0, "counted")
        wait_until_ready(url)  # it works
        # A customer that it has never heard of is not guessed.
        stranger = {**lines[0], "customer_id": "stranger", "line_id": "s-1"}
        send_lines(kafka, setup.input, [stranger])
        wait_until_waiting(url, "Redis at")
        assert setup.committed() != setup.produced()
        own_redis.start()
        setup.wait_until_drained()
        wait_until_ready(url)
        # And again, without lines, beyond the age.
        worker.stop()
        url = url_of(setup.start(reference={"stale_max_ms": 1500}))
        send_lines(kafka, setup.input, later)
        setup.wait_until_drained()
        own_redis.kill()
        wait_until_waiting(url, "Redis at")
        send_lines(kafka, setup.input, later[:5])
        time.sleep(0.5)
        assert setup.committed() != setup.produced()
        own_redis.start()
        setup.wait_until_drained()
        check_all(setup, [*lines, *later, stranger, *later, *later[:5]])


def test_values_that_change_during_an_outage_are_seen_after_it(setup_on, own_redis, kafka):
    case = stream_case(513, 80)
    setup = setup_on(own_redis, case, redis=QUICK)
    story = Story(setup, kafka)
    url = url_of(setup.start())
    lines = records(case)
    story.send(lines[:40])
    own_redis.freeze()
    wait_until_waiting(url, "in time")
    own_redis.thaw()
    for text in stream_case(613, 1).reference:
        story.change(kafka_io.load_json(text))
    story.send(lines[40:])
    story.check()
    assert re.search(r"event=reference_data_away .*in time", setup.workers[0].log.read_text())
