"""`accrued reference load` beside a running worker: the past is put right by itself, and a load that
dies between Redis and Kafka is finished by the next."""

import contextlib
import json
import os
import random
import re
import subprocess
import sys
import time

import binary
import pytest
import wire
from expectations import published, records, send_lines, stream_case
from generator import make_case, to_json
from kafka_io import load_json, read_all
from proxy import Proxy
from servers import wait_until
from story import WAIT, Story

CONFIG = binary.ROOT / "config"
RULES = {
    "programs": str(CONFIG / "programs.yaml"),
    "catalog": str(CONFIG / "catalog.yaml"),
    "no_link": False,
}
EVER = [{"from": "2018-01-01", "to": None}]
COMPETENT = [{"name": "cloud-productivity", "level": "silver", "from": "2018-01-01", "to": None}]


def partner(mpn_id, **changes):
    standing = dict.fromkeys(("mpn_active", "indirect_reseller", "bank_profile", "tax_profile"), EVER)
    return {"mpn_id": mpn_id, **standing, "competencies": COMPETENT, **changes}


def line(number, month, workload="exchange"):
    return {
        "line_id": f"line-{number}",
        "billing_period": f"2020-{month:02}",
        "customer_id": "customer-1",
        "subscription_id": f"s-{number % 3}",
        "reseller_mpn_id": "4200001",
        "product_family": "office_365",
        "workload": workload,
        "charge_type": "cycleFee",
        "charge_start_date": f"2020-{month:02}-01",
        "charge_end_date": f"2020-{month:02}-28",
        "currency": "EUR",
        "billed_amount": f"{100 + number}.37",
    }


@pytest.fixture
def past(setup_on, redis, kafka):
    """Half a year of lines that are rated under the shipped programs, with two partners and no link;
    the worker runs."""
    setup = setup_on(redis, rating=RULES, partitions=2)
    for mpn_id in ("4200001", "4200007"):
        setup.store({"partner": partner(mpn_id)})
    setup.store({"customer": {"customer_id": "customer-1", "links": []}})
    story = Story(setup, kafka)
    lines = [line(number, 1 + number % 6) for number in range(24)]
    setup.start()
    send_lines(kafka, setup.input, lines)
    setup.wait_until_drained()
    story.lines = lines
    story.check_standing(lines)
    return story


def load(story, name, text):
    """Loads a file beside the running worker and waits until the books say what they should."""
    path = story.setup.directory / name
    path.write_text(text, encoding="utf-8")
    done = story.setup.command("reference", "load", path, "-c", story.config())
    refreshed = Story(story.setup, story.setup.kafka)  # what stands in Redis now

    def is_right():
        with contextlib.suppress(AssertionError):
            refreshed.check_standing(story.lines)
            return True
        return False

    wait_until(is_right, lambda: refreshed.check_standing(story.lines), pause=0.2)
    return done.stderr


def earned(story, mpn_id, program):
    events = published(story.setup)
    return [e for e in events if (e["partner_mpn_id"], e["program_id"]) == (mpn_id, program)]


def test_a_retroactive_link_yields_its_true_ups(past):
    """The CPOR link begins in March; it is loaded when June is rated."""
    assert not earned(past, "4200007", "osu-m365")
    told = load(
        past,
        "links.csv",
        "customer_id,link_id,type,partner_mpn_id,workload,from,to\n"
        "customer-1,L-1,CPOR,4200007,exchange,2020-03-01,\n",
    )
    assert told == "0 new, 1 changed, 0 same\n"
    events = [e for e in earned(past, "4200007", "osu-m365") if e["type"] == "accrual"]
    assert {e["billing_period"] for e in events} == {"2020-03", "2020-04", "2020-05", "2020-06"}
    assert {e["reason"] for e in events} == {"RERATE"}
    assert len(events) == 16, "four lines a month"
    assert {e["link_id"] for e in events} == {"L-1"}
    # And it is withdrawn again: all of it comes back.
    told = load(past, "gone.jsonl", '{"customer": {"customer_id": "customer-1"}}\n')
    assert told == "0 new, 1 changed, 0 same\n"
    last = {e["line_id"]: e for e in earned(past, "4200007", "osu-m365") if e["type"] == "accrual"}
    assert {e["cumulative_amount"] for e in last.values()} == {"0"}


def test_a_partner_loses_and_regains_its_standing_in_the_past(past):
    program = "csp-indirect-reseller"
    before = [e for e in earned(past, "4200001", program) if e["type"] == "accrual"]
    assert len(before) == 24
    lost = partner("4200001", bank_profile=[{"from": "2018-01-01", "to": "2020-03-01"}])
    load(past, "lost.jsonl", json.dumps({"partner": lost}) + "\n")
    events = [e for e in earned(past, "4200001", program) if e["type"] == "accrual"]
    taken = [e for e in events if e["reason"] == "RERATE"]
    assert len(taken) == 16 and all(e["cumulative_amount"] == "0" for e in taken)
    forgone = [e for e in earned(past, "4200001", program) if e["type"] == "forgone"]
    assert {e["reason_code"] for e in forgone} == {"bank_profile_missing"}
    load(past, "again.jsonl", json.dumps({"partner": partner("4200001")}) + "\n")
    last = {e["line_id"]: e for e in earned(past, "4200001", program) if e["type"] == "accrual"}
    first = {e["line_id"]: e["cumulative_amount"] for e in before}
    assert {name: e["cumulative_amount"] for name, e in last.items()} == first


def test_the_example_on_the_page_works_as_written(setup_on, own_redis, kafka):
    """docs/reference.md's script: Redis first, then the request."""
    page = (binary.ROOT / "docs" / "reference.md").read_text("utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    topics = {"rerate_requests": "rerate-requests"}
    setup = setup_on(
        own_redis, rating=RULES, topics=topics, redis={"key_prefix": "accrued:"}, partitions=1
    )
    setup.store({"partner": partner("4200007")})
    link = {"link_id": "L-1", "type": "CPOR", "partner_mpn_id": "4200007", "from": "2019-10-01"}
    setup.store({"customer": {"customer_id": "customer-1", "links": [link]}})
    lines = [line(number, 1) for number in range(5)]
    setup.start()
    send_lines(kafka, setup.input, lines)
    setup.wait_until_drained()
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=binary.ROOT,
        env={
            **os.environ,
            "REDIS_URL": f"redis://{own_redis.address}",
            "KAFKA_SERVERS": kafka.bootstrap_servers,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    setup.command("rerate", "--partner", "nobody", "-c", setup.config("c.yaml"), *WAIT)
    story = Story(setup, kafka)
    story.check_standing(lines)
    reruns = [e for e in published(setup) if e.get("reason") == "RERATE"]
    taken = {e["rerate_id"] for e in reruns if e["partner_mpn_id"] == "4200007"}
    assert taken == {done.stdout.strip()}
    assert len(reruns) == 5


# ---- a load that dies


LONG = {"transaction_timeout_ms": 60_000, "max_poll_interval_ms": 120_000}


def through(proxy):
    """What is held back is no outage."""
    return {"address": proxy.address, "timeout_ms": 20_000}


class Loads:
    """`accrued reference load` of random values through a proxy, to be killed on the way."""

    def __init__(self, setup, proxy, path):
        self.setup, self.proxy, self.path = setup, proxy, path
        self.config = setup.config("load.yaml", redis=through(proxy), kafka=LONG)

    def write(self, values):
        self.path.write_text("".join(f"{to_json(value)}\n" for value in values), encoding="utf-8")

    def start(self):
        return subprocess.Popen(
            [binary.require_binary(), "reference", "load", self.path, "-c", self.config],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )

    def killed_at(self, words):
        """Dies by -9 when it is about to send this to Redis."""
        self.proxy.is_holding = False
        self.proxy.hold(words)
        process = self.start()
        wait_until(lambda: self.proxy.is_holding or process.poll() is not None, "it gets there")
        assert process.poll() is None, process.stderr.read()
        process.kill()
        process.communicate()
        self.proxy.cut()  # what was held back is lost
        self.proxy.heal()

    def outbox(self):
        prefix = self.setup.settings["redis"]["key_prefix"]
        return self.setup.redis.client.hgetall(f"{prefix}outbox:rerate")

    def requests(self):
        """{(scope, id)} that were asked for."""
        topic = self.setup.topics["rerate_requests"]
        found = [wire.read(r.value) for r in read_all(self.setup.kafka, topic)]
        return [(request["scope"], request["id"]) for request in found]

    def finish(self, *arguments):
        return self.setup.command("reference", "load", *arguments, "-c", self.config).stderr


@pytest.fixture
def loads(setup_on, redis, kafka, tmp_path):
    case = stream_case(541, 120)
    proxy = Proxy(redis.port)
    setup = setup_on(redis, case)
    loads = Loads(setup, proxy, tmp_path / "values.jsonl")
    loads.lines = records(case)
    loads.values = [load_json(text) for text in make_case(641, lines=1).reference]
    loads.write(loads.values)
    loads.asked_for = {
        (kind.upper(), value["mpn_id"] if kind == "partner" else value["customer_id"].lower())
        for item in loads.values
        for kind, value in item.items()
    }
    yield loads
    proxy.close()


TOUCH = b"redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])"
REMOVE = b"HDEL"


@pytest.mark.parametrize(("words", "resumes"), [(TOUCH, "--resume"), (TOUCH, None), (REMOVE, None)])
def test_a_load_that_dies_between_redis_and_kafka(loads, kafka, words, resumes):
    """Before: values are new, nobody was asked, and the next load found nothing to ask for."""
    setup = loads.setup
    story = Story(setup, kafka)
    setup.start()
    send_lines(kafka, setup.input, loads.lines)
    setup.wait_until_drained()
    loads.killed_at(words)
    left = len(loads.outbox())
    assert left > 3
    assert len(loads.requests()) == (0 if words is TOUCH else left)
    told = loads.finish(*([resumes] if resumes else [loads.path]))
    same = f"0 new, 0 changed, {len(loads.values)} same\n"
    assert told == (f"{left} requests sent\n" if resumes else same)
    assert not loads.outbox()
    assert len(set(loads.requests())) == left
    # The same requests, not others, where they were sent twice.
    records_sent = read_all(kafka, setup.topics["rerate_requests"])
    assert len({r.key for r in records_sent}) == left
    setup.command("rerate", "--partner", "nobody", "-c", setup.config("c.yaml"), *WAIT)
    Story(setup, kafka).check_standing(loads.lines)
    assert story is not None


def test_a_load_that_dies_anywhere(loads):
    """At random moments; every value that was written is asked for in the end."""
    dice = random.Random(7)
    ids, deaths, whole_s = [], 0, 0.0
    for round_number in range(7):
        ids += [f"p{round_number}-{i}" for i in range(1500)]  # each load has work of its own
        loads.write([{"partner": {"mpn_id": mpn_id, "mpn_active": EVER}} for mpn_id in ids])
        begun, process = time.monotonic(), loads.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(dice.uniform(0.1, 0.8) * whole_s if round_number > 0 else 120)
        if process.poll() is not None:
            whole_s = time.monotonic() - begun  # what one takes on this machine, now
            assert process.returncode == 0, process.stderr.read()
        deaths += process.poll() is None
        process.kill()
        process.communicate()
    loads.finish(loads.path)
    assert deaths > 0
    assert not loads.outbox()
    asked = set(loads.requests())
    assert asked == {("PARTNER", mpn_id) for mpn_id in ids}
    assert loads.finish(loads.path) == f"0 new, 0 changed, {len(ids)} same\n"


def test_somebody_else_writes_in_between(loads):
    """A table that keeps what it does not name must not keep what is no more."""
    client, prefix = loads.setup.redis.client, loads.setup.settings["redis"]["key_prefix"]
    key = f"{prefix}partner:p"
    client.set(key, json.dumps({"mpn_id": "p", "bank_profile": EVER}))
    table = loads.path.with_suffix(".csv")
    table.write_text("mpn_id,mpn_active_from,mpn_active_to\np,2020-01-01,\n", encoding="utf-8")
    loads.path = table
    loads.proxy.hold(b"redis.call('SET', KEYS[1], ARGV[3])")
    process = loads.start()
    wait_until(lambda: loads.proxy.is_holding, "it is about to write")
    client.set(key, json.dumps({"mpn_id": "p", "bank_profile": [], "note": "mine"}))
    loads.proxy.heal()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    value = json.loads(client.get(key))
    assert (value["bank_profile"], value["note"]) == ([], "mine"), "the other's change stands"
    assert value["mpn_active"] == [{"from": "2020-01-01", "to": None}]
    assert loads.requests() == [("PARTNER", "p")]


def test_without_asking_nothing_is_left_to_ask(loads):
    loads.finish("--no-rerate", loads.path)
    assert not loads.outbox() and not loads.requests()


def test_kafka_away_and_nothing_is_written(loads):
    config = loads.setup.config("nowhere.yaml", kafka={"bootstrap_servers": "127.0.0.1:1"})
    path = loads.path.with_name("new.jsonl")
    path.write_text('{"partner": {"mpn_id": "brand-new"}}\n', encoding="utf-8")
    done = loads.setup.command("reference", "load", path, "-c", config, check=False)
    assert done.returncode == 1 and "nothing was written" in done.stderr, done.stderr
    prefix = loads.setup.settings["redis"]["key_prefix"]
    assert loads.setup.redis.client.get(f"{prefix}partner:brand-new") is None
    assert not loads.outbox()
