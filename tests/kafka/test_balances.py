"""`accrued balances`: its sums against a reader that adds up the accruals itself."""

import json
import re
import signal
import subprocess
import threading
import time
import urllib.request
from collections import defaultdict
from fractions import Fraction

import binary
import kafka_io
import pytest
import wire
import yaml
from expectations import check_all, send_lines, stream_case
from servers import free_port, wait_until
from service import wait_until_ready
from supervisor import Supervisor
from test_dead_letters import GOOD, PROGRAM
from totals import entry_key

KEY = ("partner_mpn_id", "program_id", "billing_period", "currency")


def encoded(text):
    return text.replace("%", "%25").replace("/", "%2F").replace("|", "%7C")


class Process:
    """A running `accrued balances`; quacks like a Worker where a Setup ends its workers."""

    def __init__(self, setup, instance="b1", environment=None, **changes):
        number = len(setup.workers)
        self.setup = setup
        self.log = setup.directory / f"balances-{number}-{instance}.log"
        kafka = {"instance": instance, **changes.pop("kafka", {})}
        config = setup.config(f"balances-{number}-{instance}.yaml", kafka=kafka, **changes)
        self.expected_to_run = True
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(binary.require_binary()), "balances", "-c", str(config)],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
            )
        setup.workers.append(self)

    def tail(self, size=3000):
        return self.log.read_text(errors="replace")[-size:]

    def check_alive(self):
        if self.expected_to_run:
            assert self.process.poll() is None, self.tail()

    def kill(self):
        self.expected_to_run = False
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self):
        self.expected_to_run = False
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.tail()

    def failure(self, timeout=60):
        """Waits until it gives up; its last words."""
        self.expected_to_run = False
        assert self.process.wait(timeout) == 1, self.tail()
        return self.tail()


def balances_topic(setup):
    return setup.topics["accrual_balances"]


def published(setup):
    """{key: (record, value)} of the last balance of each key; checks order and place."""
    latest = {}
    for record in kafka_io.read_all(setup.kafka, balances_topic(setup)):
        value = wire.read(record.value)
        key = tuple(value[name] for name in KEY)
        assert record.key.decode() == "|".join(map(encoded, key))
        if key in latest:
            assert latest[key][1]["source_offset"] < value["source_offset"], key
        latest[key] = (record, value)
    return latest


def independent(setup):
    """{key: (sum, lines, last accrual id, its partition, its offset)} from the accruals alone."""
    sums, standing, last = defaultdict(Fraction), defaultdict(dict), {}
    for record in kafka_io.read_all(setup.kafka, setup.topics["accruals"]):
        value = wire.read(record.value)
        key = tuple(value[name] for name in KEY)
        sums[key] += Fraction(value["amount"])
        standing[key][entry_key(value)] = Fraction(value["cumulative_amount"])
        last[key] = (value["accrual_id"], record.partition, record.offset)
    return {
        key: (total, sum(1 for x in standing[key].values() if x), *last[key])
        for key, total in sums.items()
    }


def told(setup):
    return {
        key: (
            Fraction(value["cumulative_amount"]),
            value["lines"],
            value["last_accrual_id"],
            record.partition,
            value["source_offset"],
        )
        for key, (record, value) in published(setup).items()
    }


def wait_until_right(setup):
    want = independent(setup)
    try:
        wait_until(lambda: told(setup) == want, "", pause=0.2)
    except AssertionError as error:
        got = told(setup)
        unlike = {k: (want.get(k), got.get(k)) for k in set(want) | set(got) if want.get(k) != got.get(k)}
        raise AssertionError(
            f"(want, got) of {len(unlike)}: {list(unlike.items())[:3]}\n"
            f"now as it should be: {independent(setup) == got}, wanted then: {want == got}\n"
            f"{error}\n{setup.logs()}"
        ) from None
    assert want, "nothing was earned"
    return want


def verify(setup, check=True):
    return setup.command("balances", "--verify", "-c", setup.config(), check=check)


def revised(lines, factor):
    """The lines again with a higher revision and other amounts, some of them void."""
    again = []
    for number, line in enumerate(lines):
        changed = dict(line, revision=wire.parse.Number(str(factor)))
        if number % 5 == 0:
            changed["status"] = "VOID" if factor % 2 else "ACTIVE"
        elif number % 7 == 0:
            changed["currency"] = ["GBP", "USD"][factor % 2]
        elif number % 3 == 0:
            changed["billed_amount"] = str(factor * 7 + number)
        again.append(changed)
    return again


PARTNERS = ["4200001", "4200002", "4200003", "4200004", "4200005", "a|b", "a%7Cb", "a/b"]


def open_partners(setup):
    value = {"mpn_active": [{"from": None, "to": None}], "indirect_reseller": []}
    value |= {"bank_profile": [], "tax_profile": [], "competencies": []}
    for partner in PARTNERS:
        setup.store({"partner": {"mpn_id": partner, **value}})


def many_lines(count):
    """Every line earns; several lines per partner, period and currency."""
    return [
        dict(
            GOOD,
            line_id=f"L-{number}",
            customer_id=f"C-{number % 40}",
            reseller_mpn_id=PARTNERS[number % len(PARTNERS)],
            billing_period=f"2020-0{number % 3 + 1}",
            currency=["USD", "EUR"][number // 7 % 2],
            billed_amount=f"{number * 37 % 1000 + 1}.{number % 100:02d}",
        )
        for number in range(count)
    ]


@pytest.fixture
def setup(accrued_config):
    case = stream_case(61, 10)
    case.programs = PROGRAM
    made = accrued_config(case, batch={"lines_max": 50})
    open_partners(made)
    made.lines = many_lines(300)
    return made


def test_balances_are_the_sums_under_revisions_and_restarts(setup, kafka):
    setup.start()
    first = Process(setup)
    send_lines(kafka, setup.input, setup.lines)
    setup.wait_until_drained()
    wait_until_right(setup)
    sent = list(setup.lines)
    first.stop()
    sent += revised(setup.lines, 102)
    send_lines(kafka, setup.input, revised(setup.lines, 102))
    setup.wait_until_drained()
    second = Process(setup)
    wait_until_right(setup)
    sent += revised(setup.lines, 103)
    send_lines(kafka, setup.input, revised(setup.lines, 103))
    setup.wait_until_drained()
    want = wait_until_right(setup)
    assert any(lines > 1 for _, lines, *_ in want.values())
    assert any(lines == 0 for _, lines, *_ in want.values())
    assert {key[0] for key in want} == set(PARTNERS)
    done = verify(setup)
    assert f"{len(want)} balances of " in done.stderr and " 0 wrong; 0 accruals not" in done.stderr
    second.stop()
    check_all(setup, sent)


def test_systemd_is_told_and_sighup_reloads(setup, kafka):
    """Ready when it is restored, fed while it turns; log level by SIGHUP, nonsense refused."""
    setup.start()
    send_lines(kafka, setup.input, setup.lines[:20])
    setup.wait_until_drained()
    supervisor = Supervisor(watchdog_s=1)
    process = Process(setup, environment=supervisor.environment)
    config = setup.directory / "balances-1-b1.yaml"
    good = config.read_text()
    try:
        ready = supervisor.wait_for("READY=1")
        supervisor.wait_for("WATCHDOG=1", after=ready)
        wait_until_right(setup)

        def reload(text, told, after):
            config.write_text(text)
            process.process.send_signal(signal.SIGHUP)
            reloading = supervisor.wait_for("RELOADING=1", after=after)
            return supervisor.wait_for(told, after=reloading)

        refused = "STATUS=working; the last reload was refused, see the log"
        at = reload("[", refused, ready)
        assert "reload_refused" in process.tail()
        changed = yaml.safe_load(good)
        changed["log"] = {"format": "json"}
        changed["balances"] = {"on_missing_accruals": "continue"}
        reload(json.dumps(changed), "READY=1", at)
        told = [json.loads(line) for line in process.tail().splitlines() if line.startswith("{")]
        assert [line["event"] for line in told] == ["config_reloaded", "reload_needs_restart"]
        assert told[1]["options"] == "balances.on_missing_accruals"
        send_lines(kafka, setup.input, revised(setup.lines, 101))
        setup.wait_until_drained()
        wait_until_right(setup)
        process.stop()
        supervisor.wait_for("STOPPING=1")
    finally:
        supervisor.close()


def test_kill_9_again_and_again(setup, kafka):
    """Killed at work, each time a little later; a static member is taken back at once."""
    setup.start()
    stop = threading.Event()

    def feed():
        factor = 100
        while not stop.is_set():
            factor += 1
            send_lines(kafka, setup.input, revised(setup.lines, factor))
            time.sleep(0.2)

    send_lines(kafka, setup.input, setup.lines)
    static = {"group_instance_id": "the-same"}
    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        for number in range(5):
            process = Process(setup, batch={"lines_max": 5}, kafka=static)
            wait_until(lambda: process.tail(50_000).count("partition_ready") >= 4, setup.logs)
            time.sleep(number * 0.07)
            process.check_alive()
            process.kill()
    finally:
        stop.set()
        feeder.join()
    setup.wait_until_drained()
    Process(setup, kafka=static)
    wait_until_right(setup)
    assert " 0 wrong; 0 accruals not" in verify(setup).stderr


def test_members_come_and_go(setup, kafka):
    setup.start()
    first = Process(setup, "b1", batch={"lines_max": 5})
    send_lines(kafka, setup.input, setup.lines)
    second = Process(setup, "b2", batch={"lines_max": 5})
    for factor in (101, 102, 103):
        send_lines(kafka, setup.input, revised(setup.lines, factor))
        time.sleep(0.5)
    wait_until(lambda: "partition_ready" in second.tail(100_000), setup.logs)
    first.process.send_signal(signal.SIGSTOP)
    try:
        send_lines(kafka, setup.input, revised(setup.lines, 104))
        setup.wait_until_drained()
        # After its session a frozen member's partitions go to the other.
        wait_until_right(setup)
    finally:
        first.process.send_signal(signal.SIGCONT)
    send_lines(kafka, setup.input, revised(setup.lines, 105))
    setup.wait_until_drained()
    wait_until_right(setup)
    second.stop()
    send_lines(kafka, setup.input, revised(setup.lines, 106))
    setup.wait_until_drained()
    wait_until_right(setup)
    assert " 0 wrong; 0 accruals not" in verify(setup).stderr


def send_accruals(setup, kafka, count):
    """Straight into the topic: a backlog that takes a while to add up."""
    send_lines(kafka, setup.input, setup.lines[:1])
    setup.wait_until_drained()
    (record,) = setup.accruals()
    template = wire.read(record.value)
    sender = kafka_io.Sender(kafka, setup.topics["accruals"])
    for number in range(count):
        partner = f"P{number % 50}"
        changed = dict(template, accrual_id=f"a-{number}", line_id=f"a-{number}")
        changed["partner_mpn_id"] = partner
        sender.send(partner.encode(), wire.value(changed, wire.ACCRUAL))
    sender.flush()


def test_frozen_amid_a_backlog_it_adds_nothing_twice(setup, kafka):
    """It stands still while it gathers or writes; another takes over; then it wakes up."""
    setup.start()
    send_accruals(setup, kafka, 60_000)
    # In transactions as small as these it is at it for several seconds.
    first = Process(setup, "b1", batch={"lines_max": 20})
    group = kafka_io.Watcher(kafka, f"{setup.group}-balances")
    topic = setup.topics["accruals"]
    try:
        wait_until(lambda: sum(group.committed(topic, 4)) > 2000, setup.logs)
        first.process.send_signal(signal.SIGSTOP)
        done, ends = sum(group.committed(topic, 4)), sum(group.ends(topic, 4))
        assert done < ends, "it was too fast to be frozen at work"
        second = Process(setup, "b2")
        wait_until(lambda: sum(group.committed(topic, 4)) >= ends, setup.logs, 150)
    finally:
        first.process.send_signal(signal.SIGCONT)
        group.close()
    send_lines(kafka, setup.input, revised(setup.lines, 101))
    setup.wait_until_drained()
    wait_until_right(setup)
    second.check_alive()
    assert " 0 wrong; 0 accruals not" in verify(setup).stderr


def test_lost_group_offsets_count_nothing_twice(setup, kafka):
    from confluent_kafka.admin import AdminClient

    setup.start()
    process = Process(setup)
    send_lines(kafka, setup.input, setup.lines)
    setup.wait_until_drained()
    want = wait_until_right(setup)
    process.stop()
    group = f"{setup.group}-balances"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    admin.delete_consumer_groups([group], request_timeout=60)[group].result()
    before = len(kafka_io.read_all(kafka, balances_topic(setup)))
    again = Process(setup)
    wait_until(lambda: again.tail(100_000).count("partition_ready") >= 4, setup.logs)
    send_lines(kafka, setup.input, revised(setup.lines, 101)[:40])
    setup.wait_until_drained()
    wait_until_right(setup)
    changed = len(kafka_io.read_all(kafka, balances_topic(setup))) - before
    assert 0 < changed < 4 * len(want)
    assert " 0 wrong" in verify(setup).stderr


def test_another_balances_topic_begins_anew_under_the_same_group(setup, kafka):
    setup.start()
    process = Process(setup)
    send_lines(kafka, setup.input, setup.lines)
    setup.wait_until_drained()
    want = wait_until_right(setup)
    process.stop()
    setup.topics["accrual_balances"] += "-2"
    setup.create_topics()
    Process(setup)
    assert wait_until_right(setup) == want


def delete_before(kafka, topic, partition, offset):
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for future in admin.delete_records([TopicPartition(topic, partition, offset)]).values():
        future.result(60)


def test_accruals_that_are_gone_are_never_skipped_silently(setup, kafka):
    worker = setup.start()
    send_lines(kafka, setup.input, setup.lines)
    setup.wait_until_drained()
    worker.stop()
    accruals = kafka_io.read_all(kafka, setup.topics["accruals"])
    partition = accruals[0].partition
    delete_before(kafka, setup.topics["accruals"], partition, accruals[0].offset + 1)
    text = Process(setup).failure()
    assert "deleted before they were added up" in text
    assert verify(setup, check=False).returncode == 1
    Process(setup, balances={"on_missing_accruals": "continue"})
    left = independent(setup)
    wait_until(
        lambda: {k: v[0] for k, v in told(setup).items()} == {k: v[0] for k, v in left.items()},
        setup.logs,
    )


def test_a_wrong_balance_is_found(setup, kafka):
    """Somebody writes into the topic; --verify names the key."""
    setup.start()
    process = Process(setup)
    send_lines(kafka, setup.input, setup.lines)
    setup.wait_until_drained()
    wait_until_right(setup)
    process.stop()
    record, value = next(iter(published(setup).values()))
    forged = dict(value, cumulative_amount=value["cumulative_amount"] + 1)
    sender = kafka_io.Sender(kafka, balances_topic(setup))
    sender.send(record.key, wire.value(forged, wire.BALANCE), partition=record.partition)
    sender.flush()
    done = verify(setup, check=False)
    assert done.returncode == 1 and ", 1 wrong" in done.stderr
    assert done.stdout.startswith(record.key.decode())


def test_metrics_and_readiness_on_its_own_address(setup, kafka):
    port = free_port()
    setup.start()
    Process(setup, balances={"listen": f"127.0.0.1:{port}"})
    send_lines(kafka, setup.input, setup.lines)
    setup.wait_until_drained()
    wait_until_right(setup)

    def families():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            types = re.findall(r"^# TYPE (accrued_balances\w*) (\w+)$", answer.read().decode(), re.M)
            return set(types)

    page = (binary.ROOT / "docs" / "topics.md").read_text("utf-8")
    wanted = set(re.findall(r"^\| `(accrued_balances\w*)` \| (\w+) \|", page, re.M))
    wait_until(lambda: families() == wanted, lambda: (families(), wanted))

    def metrics():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            pairs = (x.rsplit(" ", 1) for x in answer.read().decode().splitlines() if x[0] != "#")
            return {name: float(number) for name, number in pairs}

    wait_until_ready(f"http://127.0.0.1:{port}")
    count = len(kafka_io.read_all(kafka, setup.topics["accruals"]))
    wait_until(lambda: metrics()["accrued_balances_accruals_total"] == count, metrics)
    seen = wait_until(lambda: metrics() if lag(metrics()) == 0 else None, metrics)
    assert seen['accrued_balances_transactions_total{result="committed"}'] > 0
    assert sum(v for k, v in seen.items() if k.startswith("accrued_balances{")) == len(told(setup))


def lag(metrics):
    found = [v for k, v in metrics.items() if k.startswith("accrued_partition_lag_lines")]
    return sum(found) if found else None
