"""Real Sentinels, a master and a replica: the worker finds the new master by itself, with an empty
cache and tracking on; a load does not ask for re-rates before the replica has the values."""

import json

import kafka_io
import pytest
import redis
from expectations import records, stream_case
from kafka_io import read_all
from proxy import Proxy
from servers import Redis, Sentinel, wait_until
from service import metrics, url_of, wait_until_ready
from story import Story

PASSWORD = "s3cret"


class Cluster:
    """Whoever is the master now; what a Setup needs of a Redis."""

    def __init__(self, directory, proxied=False):
        login = ("--requirepass", PASSWORD, "--masterauth", PASSWORD)
        quick = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
        self.servers = [
            Redis(directory / "a", *login, *quick, persists=True, password=PASSWORD),
            Redis(directory / "b", *login, *quick, persists=True, password=PASSWORD),
        ]
        self.servers[0].start()
        self.servers[1].start("--replicaof", "127.0.0.1", self.servers[0].port)
        # Sentinels and workers reach the first master through a proxy, which can part them.
        self.proxy = Proxy(self.servers[0].port) if proxied else None
        port = int(self.proxy.address.split(":")[1]) if proxied else self.servers[0].port
        self.ports = {port: self.servers[0], self.servers[1].port: self.servers[1]}
        self.sentinels = [Sentinel(directory / f"s{i}", port, PASSWORD) for i in range(3)]
        wait_until(self.is_replicated, "the replica follows")
        for sentinel in self.sentinels:
            sentinel.start()
        wait_until(self.knows_all, "the Sentinels know each other and the replica")

    def is_replicated(self):
        return self.servers[1].client.info("replication")["master_link_status"] == "up"

    def knows_all(self):
        told = [s.client.sentinel_master("mymaster") for s in self.sentinels]
        return all(m["num-other-sentinels"] == 2 and m["num-slaves"] == 1 for m in told)

    @property
    def master(self):
        return self.ports[self.sentinels[0].master_port()]

    @property
    def replica(self):
        return next(server for server in self.servers if server is not self.master)

    @property
    def address(self):
        return "127.0.0.1:1"  # nobody: what counts is redis.sentinels

    @property
    def client(self):
        return self.master.client

    def settings(self):
        # The first is nobody: the next is asked.
        nobody = "127.0.0.1:1"
        addresses = ", ".join([nobody, *(s.address for s in self.sentinels)])
        return {"sentinels": addresses, "master_name": "mymaster", "password": PASSWORD}

    def close(self):
        for server in (*self.sentinels, *self.servers):
            server.__exit__()
        if self.proxy is not None:
            self.proxy.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Each test leaves it as it was: the same master, the same replica."""
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.close()


def role(server):
    """None where its connections were just cut, as a Sentinel does with a role that changes."""
    try:
        return server.client.info("replication")["role"]
    except redis.ConnectionError:
        return None


def other_values(story, seed):
    for text in stream_case(seed, 1).reference:
        story.change(kafka_io.load_json(text))


def test_failover(setup_on, kafka, cluster):
    case = stream_case(521, 160)
    setup = setup_on(cluster, case, redis=cluster.settings())
    story, lines = Story(setup, kafka), records(case)
    worker = setup.start()
    url = url_of(worker)
    story.send(lines[:40])
    wait_until_ready(url)
    before = metrics(url)
    old = cluster.master
    members = kafka_io.members(kafka, setup.group)

    # The master dies without a word.
    cluster.client.wait(1, 5000)
    old.kill()
    wait_until(lambda: cluster.master is not old, "another is master")
    new = cluster.master
    wait_until(lambda: role(new) == "master", "and knows it")
    wait_until_ready(url)
    # A change on the new master is seen by the next line: tracking is on there.
    other_values(story, 621)
    story.send(lines[40:80])
    told = metrics(url)
    assert told["accrued_reference_flushes_total"] > before["accrued_reference_flushes_total"]

    def tracked():
        return [c["flags"] for c in new.client.client_list() if "t" in c["flags"]]

    wait_until(lambda: len(tracked()) == 1 and "B" in tracked()[0], tracked)
    other_values(story, 622)
    story.send(lines[80:120])

    # The old one comes back, as a replica; then the Sentinels give it its place again.
    old.start()
    wait_until(lambda: role(old) == "slave", "it follows")
    wait_until(lambda: old.client.info("replication")["master_link_status"] == "up", "it has all")
    wait_until(
        lambda: cluster.sentinels[1].client.sentinel_master("mymaster")["num-slaves"] == 1, "known"
    )
    new.client.wait(1, 5000)

    def is_master_again():
        if cluster.master is old:
            return True
        try:  # again and again: a slow machine may not promote in time, and one at a time is allowed
            cluster.sentinels[0].client.execute_command("SENTINEL FAILOVER mymaster")
        except redis.RedisError:
            pass
        return False

    wait_until(is_master_again, "it is master again", 120, 1)
    wait_until(lambda: role(old) == "master", "and knows it")
    wait_until(
        lambda: [c for c in old.client.client_list() if "t" in c["flags"]], "the worker is there"
    )
    other_values(story, 623)
    story.send(lines[120:])
    story.check()
    assert kafka_io.members(kafka, setup.group) == members


def test_a_master_that_is_cut_off_from_its_sentinels(setup_on, kafka, tmp_path):
    """It lives, calls itself master and answers the worker: but the world goes on elsewhere."""
    cluster = Cluster(tmp_path / "cluster", proxied=True)
    try:
        case = stream_case(522, 80)
        setup = setup_on(cluster, case, redis=cluster.settings())
        story, lines = Story(setup, kafka), records(case)
        url = url_of(setup.start())
        story.send(lines[:40])
        wait_until_ready(url)
        old = cluster.master
        # Sentinels name their connections; a worker's hold CLIENT TRACKING or SUBSCRIBE to changes.
        cluster.proxy.swallow(lambda wire: b"sentinel-" in wire.asked)
        wait_until(lambda: cluster.master is not old, "another is master")
        new = cluster.master
        wait_until(lambda: role(new) == "master", "and knows it")
        assert old.client.info("replication")["role"] == "master", "the old one knows of nothing"
        wait_until(
            lambda: [c for c in new.client.client_list() if "t" in c["flags"]],
            lambda: setup.workers[0].tail(),
        )
        other_values(story, 624)
        story.send(lines[40:])
        story.check()
        assert "the Sentinels say that" in setup.workers[0].log.read_text()
    finally:
        cluster.close()


def test_a_load_waits_for_the_replica(setup_on, kafka, cluster, tmp_path):
    setup = setup_on(cluster, redis={**cluster.settings(), "wait_timeout_ms": 700})
    path = tmp_path / "partner.jsonl"
    path.write_text('{"partner": {"mpn_id": "p-1"}}\n', encoding="utf-8")
    config = setup.config("load.yaml")
    prefix = setup.settings["redis"]["key_prefix"]
    replica = cluster.replica
    replica.freeze()
    try:
        done = setup.command("reference", "load", path, "-c", config, check=False)
        assert done.returncode == 1
        assert "0 of 1 replicas have what was written after 700 ms" in done.stderr, done.stderr
        assert "--resume" in done.stderr
        assert json.loads(cluster.client.get(f"{prefix}partner:p-1")) == {"mpn_id": "p-1"}
        assert not read_all(kafka, setup.topics["rerate_requests"])
        # A later attempt does not take for replicated what another connection wrote.
        done = setup.command("reference", "load", "--resume", "-c", config, check=False)
        assert done.returncode == 1 and "0 of 1 replicas" in done.stderr, done.stderr
        assert not read_all(kafka, setup.topics["rerate_requests"])
    finally:
        replica.thaw()
    wait_until(lambda: cluster.client.wait(1, 1000) == 1, "the replica follows again")
    config = setup.config("patient.yaml", redis={"wait_timeout_ms": 20_000})
    done = setup.command("reference", "load", "--resume", "-c", config)
    assert done.stderr == "1 request sent\n"
    assert len(read_all(kafka, setup.topics["rerate_requests"])) == 1
    done = setup.command("reference", "load", path, "-c", config)
    assert done.stderr == "0 new, 0 changed, 1 same\n"
    assert len(read_all(kafka, setup.topics["rerate_requests"])) == 1
    # More replicas than there are: it says so and asks for nothing.
    path.write_text('{"partner": {"mpn_id": "p-2"}}\n', encoding="utf-8")
    two = setup.config("two.yaml", redis={"wait_replicas": 2, "wait_timeout_ms": 3000})
    done = setup.command("reference", "load", path, "-c", two, check=False)
    assert done.returncode == 1 and "1 of 2 replicas" in done.stderr, done.stderr


def test_sentinels_that_know_nothing(setup_on, cluster):
    setup = setup_on(cluster, redis=cluster.settings())
    wrong = setup.config("wrong.yaml", redis={"master_name": "nobody"})
    done = setup.command("check", "-c", wrong, check=False)
    assert done.returncode == 1
    assert 'knows no master "nobody": correct redis.master_name' in done.stderr
    nobody = setup.config("nobody.yaml", redis={"sentinels": "127.0.0.1:1,127.0.0.1:2"})
    done = setup.command("check", "-c", nobody, check=False)
    assert "no Sentinel says who is the master; the last: Redis at 127.0.0.1:2" in done.stderr
    replica = setup.config("r.yaml", redis={"sentinels": cluster.replica.address})
    done = setup.command("check", "-c", replica, check=False)
    assert "correct redis.sentinels" in done.stderr
    good = setup.command("check", "-c", setup.config("good.yaml"), check=False)
    assert "good  redis     127.0.0.1:1, " in good.stderr
