"""The near cache as Redis sees it: by its own counters, not by what the worker says of itself."""

import json

import pytest
import wire
from expectations import check_all, published, records, run_oracle, send_lines, stream_case
from kafka_io import load_json
from oracle import parse
from proxy import Proxy
from servers import wait_until
from service import metrics, url_of, wait_until_ready
from worker import Through

# Pings would be counted as well: with this patience there is one every 15 s.
SELDOM = {"fresh_ms": 60000}
# Replies are kept back for a while, and that is no outage.
HELD = {
    "redis": {"timeout_ms": 20_000},
    "kafka": {"transaction_timeout_ms": 60_000, "max_poll_interval_ms": 120_000},
}


def wanted_keys(setup, lines):
    """What a worker must know for these lines: customers, resellers, partners that links name."""
    _, oracle = run_oracle(setup, lines)
    wanted = set()
    for line in lines:
        customer = wire.line_key(line).decode()
        wanted.add(f"customer:{customer}")
        if line.get("reseller_mpn_id"):
            wanted.add(f"partner:{line['reseller_mpn_id']}")
        known = oracle.reference.customers.get(customer)
        for link in known.links if known is not None else ():
            wanted.add(f"partner:{link.partner_mpn_id}")
    return wanted


def tracking(redis):
    """(flags, redirect) of each connection of a lane that carries values; ids of those that hear."""
    clients = redis.client.client_list()
    values = [c for c in clients if "t" in c["flags"]]
    return values, {c["id"] for c in clients if "P" in c["flags"]}


def test_two_round_trips_when_cold_and_none_when_warm(setup_on, own_redis):
    case = stream_case(501, 400)
    # A batch is worked on in portions, but Redis is asked once for all that is left of it.
    batch = {"wait_ms": 1000, "portion_lines": 16}
    setup = setup_on(own_redis, case, reference=SELDOM, batch=batch)
    lines = records(case)
    redis, kafka = own_redis, setup.kafka
    # Some customers are nobody's: negative entries.
    gone = sorted(k for k in redis.client.scan_iter(b"*customer:*"))[::4]
    assert gone
    redis.client.delete(*gone)
    worker = setup.start()
    url = url_of(worker)
    wait_until_ready(url)
    values, news = tracking(redis)
    assert len(values) == 1, values
    assert "B" in values[0]["flags"] and values[0]["redir"] in news, (values, news)

    wanted = wanted_keys(setup, lines)
    redis.client.config_resetstat()
    send_lines(kafka, setup.input, lines)
    setup.wait_until_drained()
    told = metrics_of(url, len(lines))
    batches = told["accrued_batch_lines_count"]
    reads = redis.client.info("stats")["total_reads_processed"]
    own_reads = 2  # CONFIG RESETSTAT's answer is counted after it; this INFO
    assert redis.calls("get") == len(wanted), "each key once, also those that are missing"
    assert told["accrued_reference_round_trips_total"] <= 2 * batches
    # A pipeline of many keys is read in pieces of 16 kB.
    pieces = sum(len(key) + 64 for key in wanted) / 16384
    pings = redis.calls("ping")
    assert reads - own_reads - pings <= 2 * batches + pieces, (reads, batches, pieces, pings)

    redis.client.config_resetstat()
    send_lines(kafka, setup.input, lines)
    setup.wait_until_drained()
    assert redis.calls("get") == 0
    stats = redis.client.info("commandstats")
    assert set(stats) <= {"cmdstat_ping", "cmdstat_info", "cmdstat_config|resetstat"}, stats
    told = metrics_of(url, 2 * len(lines))
    assert told["accrued_reference_missing_hits_total"] > 0
    assert told["accrued_reference_misses_total"] == len(wanted)
    check_all(setup, lines + lines)


def metrics_of(url, line_count):
    """A commit is seen by others a little before the worker counts what was in it."""

    def counted():
        told = metrics(url)
        return told if lines_in(told) == line_count else None

    return wait_until(counted, lambda: metrics(url))


def lines_in(told):
    return sum(value for name, value in told.items() if name.startswith("accrued_lines_in_total"))


def entries_of(url):
    return metrics(url).get('accrued_reference_entries{lane="0"}', 0)


def test_bounds(setup_on, redis):
    """A cache that holds next to nothing: it stays within its bounds but for what the one line of
    a batch needs at once, and the books are right."""
    case = stream_case(502, 80)
    setup = setup_on(redis, case, reference={"cache_entries_max": 2}, batch={"lines_max": 1})
    lines = records(case)
    bound = 2 + max(len(wanted_keys(setup, [line])) for line in lines)
    assert bound < len(wanted_keys(setup, lines)), "they would all fit in"
    url = url_of(setup.start())
    most = 0

    def drained():
        nonlocal most
        most = max(most, entries_of(url))
        return setup.committed() == setup.produced()

    send_lines(setup.kafka, setup.input, lines)
    wait_until(drained, "drained")
    assert 0 < most <= bound
    assert metrics_of(url, len(lines))["accrued_reference_evictions_total"] > 50
    check_all(setup, lines)


def test_bounds_in_bytes(setup_on, redis):
    case = stream_case(503, 80)
    setup = setup_on(redis, case, reference={"cache_bytes_max": 65536}, batch={"lines_max": 1})
    prefix = setup.settings["redis"]["key_prefix"]
    # Nobody asks for competencies of such names, but they take room.
    long = [{"name": f"{i}".zfill(1000), "level": "silver"} for i in range(30)]
    for key in redis.client.scan_iter(f"{prefix}partner:*".encode()):
        value = json.loads(redis.client.get(key))
        redis.client.set(key, json.dumps({**value, "competencies": value["competencies"] + long}))
    lines = records(case)
    url = url_of(setup.start())
    send_lines(setup.kafka, setup.input, lines)
    setup.wait_until_drained()
    told = metrics_of(url, len(lines))
    assert told["accrued_reference_evictions_total"] > 20
    most = max(len(wanted_keys(setup, [line])) for line in lines)
    assert told['accrued_reference_bytes{lane="0"}'] <= 65536 + most * 40000
    check_all(setup, lines)


def customer_of(case):
    """A line whose reseller is a partner that Redis has."""
    partners = {
        value["partner"]["mpn_id"]
        for value in map(load_json, case.reference)
        if "partner" in value
    }
    return next(line for line in records(case) if line.get("reseller_mpn_id") in partners)


def test_a_reply_that_raced_an_invalidation_is_not_kept(setup_on, own_redis):
    """The reply is on its way, the value changes, the news of it overtakes the reply."""
    case = stream_case(504, 60)
    proxy = Proxy(own_redis.port)
    through = Through(own_redis, proxy.address)
    setup = setup_on(through, case, **HELD, reference=SELDOM)
    try:
        worker = setup.start()
        wait_until_ready(url_of(worker))
        line = customer_of(case)
        key = f"{setup.settings['redis']['key_prefix']}partner:{line['reseller_mpn_id']}"
        own_redis.client.config_resetstat()
        proxy.hold_replies()
        send_lines(setup.kafka, setup.input, [line])
        wait_until(lambda: own_redis.calls("get") > 0, "it asks")
        value = json.loads(own_redis.client.get(key))
        value["mpn_active"] = []
        own_redis.client.set(key, json.dumps(value))
        proxy.heal()
        setup.wait_until_drained()
        own_redis.client.config_resetstat()
        send_lines(setup.kafka, setup.input, [{**line, "revision": parse.Number("9")}])
        setup.wait_until_drained()
        assert own_redis.calls("get") == 1, "the overtaken one is asked for again, and no other"
        # The later revision must have been rated on the later value.
        setup.command("rerate", "--all", "-c", setup.config("c.yaml"), "--wait", "--timeout", "120")
        assert not [e for e in published(setup) if e.get("reason") == "RERATE"]
    finally:
        proxy.close()


@pytest.mark.parametrize("kind", ["values", "news"])
def test_the_loss_of_either_connection_empties_the_cache(setup_on, redis, kind):
    case = stream_case(505, 60)
    setup = setup_on(redis, case)
    worker = setup.start()
    url = url_of(worker)
    lines = records(case)
    send_lines(setup.kafka, setup.input, lines[:30])
    setup.wait_until_drained()
    values, _ = tracking(redis)
    before = metrics(url)
    victim = values[-1]["id" if kind == "values" else "redir"]
    redis.client.client_kill_filter(_id=victim, skipme=True)
    connects, flushes = "accrued_reference_connects_total", "accrued_reference_flushes_total"

    def is_back():
        told = metrics(url)
        return told if told[connects] > before[connects] and told[flushes] > before[flushes] else None

    told = wait_until(is_back, lambda: metrics(url))
    assert told[flushes] == before[flushes] + 1
    send_lines(setup.kafka, setup.input, lines[30:])
    setup.wait_until_drained()
    after, _ = tracking(redis)
    assert [c for c in after if c["id"] not in {v["id"] for v in values}], "tracking is on again"
    check_all(setup, lines)
