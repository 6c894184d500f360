"""`accrued topics` against a real broker."""

import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)
from kafka_io import partitions_of
from servers import wait_until
from worker import make_setup


class World:
    """A configuration whose topics nobody has made yet, and an admin client."""

    def __init__(self, setup):
        self.setup = setup
        self.topics = setup.topics
        self.admin = AdminClient({"bootstrap.servers": setup.kafka.bootstrap_servers})

    def run(self, *arguments, code=0):
        done = self.setup.command("topics", *arguments, "-c", self.setup.config(), check=False)
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def bad(self, *arguments, code=1):
        """The lines that are not good, without topic prefix and repairs."""
        lines = self.run("check", *arguments, code=code).stdout.splitlines()
        return [line for line in lines if line.startswith(("wrong", "doubtful"))]

    def make(self, name, partitions, **settings):
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=settings)
        self.admin.create_topics([topic])[name].result()
        partitions_of(self.admin, name)

    def alter(self, name, setting, value):
        entry = ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
        for future in self.admin.incremental_alter_configs([resource]).values():
            future.result()
        # The broker answers from a copy that follows the controller's log.
        wait_until(lambda: self.settings(name)[setting] == value, f"{setting} is {value}")

    def settings(self, name):
        partitions_of(self.admin, name)
        resource = ConfigResource(ResourceType.TOPIC, name)
        (future,) = self.admin.describe_configs([resource]).values()
        return {key: entry.value for key, entry in future.result().items()}

    def partitions(self, name):
        return len(partitions_of(self.admin, name))


@pytest.fixture
def world(tmp_path, kafka, redis):
    setup = make_setup(tmp_path, kafka, redis, partitions=3)
    yield World(setup)
    setup.end()


def topic_names(world):
    counts = ("partitions", "replication_factor", "min_insync_replicas")
    return [name for option, name in world.topics.items() if option not in counts]


def test_create_makes_all_and_again_nothing(world):
    first = world.run("create").stdout
    assert first.count("created") == 7 and "there" not in first
    assert world.partitions(world.topics["ledger"]) == 3
    assert world.partitions(world.topics["rerate_requests"]) == 1
    ledger = world.settings(world.topics["ledger"])
    assert ledger["cleanup.policy"] == "compact"
    assert ledger["unclean.leader.election.enable"] == "false"
    assert world.settings(world.topics["billing_lines"])["cleanup.policy"] == "delete"
    again = world.run("create").stdout
    assert again.count("there") == 7 and "created" not in again
    assert world.bad("--strict", code=0) == []


def test_check_names_what_is_missing(world):
    bad = world.bad()
    assert len(bad) == 7
    for name in topic_names(world):
        assert any(f" {name}: existence: missing" in line for line in bad), name


def test_create_leaves_what_exists_and_names_it(world):
    ledger = world.topics["ledger"]
    world.make(ledger, 3, **{"cleanup.policy": "delete"})
    done = world.run("create", code=1)
    assert f"there     {ledger}" in done.stdout
    assert f"wrong     {ledger}: cleanup.policy: delete, wanted: compact" in done.stdout
    assert f"--entity-name {ledger} --add-config cleanup.policy=compact" in done.stdout
    assert world.settings(ledger)["cleanup.policy"] == "delete"


@pytest.mark.parametrize(
    ("option", "setting", "value"),
    [
        ("ledger", "cleanup.policy", "compact,delete"),
        ("billing_lines", "cleanup.policy", "compact"),
        ("accruals", "cleanup.policy", "compact"),
        ("ledger", "unclean.leader.election.enable", "true"),
        ("billing_lines_dlq", "max.message.bytes", "1000000"),
        ("ledger", "min.insync.replicas", "2"),
    ],
)
def test_a_wrong_setting_is_the_only_one_named(world, option, setting, value):
    world.run("create")
    name = world.topics[option]
    world.alter(name, setting, value)
    (line,) = world.bad()
    assert line.startswith(f"wrong     {name}: {setting}: {value}, wanted: "), line


def test_retention_is_only_doubtful(world):
    world.run("create")
    name = world.topics["accruals"]
    world.alter(name, "retention.ms", "604800000")
    (line,) = world.bad(code=0)
    assert line.startswith(f"doubtful  {name}: retention.ms: 604800000, wanted: at least ")
    assert len(world.bad("--strict")) == 1


def test_dead_letters_follow_the_input(world):
    world.run("create")
    world.alter(world.topics["billing_lines"], "max.message.bytes", "5000000")
    (line,) = world.bad()
    assert f"{world.topics['billing_lines_dlq']}: max.message.bytes: 4194352, wanted: at least 20000000" in line


def test_run_does_not_start_on_a_wrong_topic(world):
    world.run("create")
    ledger = world.topics["ledger"]
    world.alter(ledger, "cleanup.policy", "compact,delete")
    done = world.setup.command("run", "-c", world.setup.config(), check=False)
    assert done.returncode == 1
    assert f"topic {ledger}: cleanup.policy: compact,delete, wanted: compact" in done.stderr
    assert f"--entity-name {ledger} --add-config cleanup.policy=compact" in done.stderr


def test_the_ledger_has_the_partitions_of_the_input(world):
    world.make(world.topics["ledger"], 2, **{"cleanup.policy": "compact"})
    assert f"{world.topics['ledger']}: partitions: 2, wanted: 3" in world.run(
        "create", code=1
    ).stdout


def test_a_replication_that_the_cluster_cannot_give_is_told(world):
    done = world.run("create", "-o", "topics.replication_factor=3", code=1)
    assert "topics.replication_factor" in done.stderr


def test_nobody_there(world):
    done = world.run("check", "-o", "kafka.bootstrap_servers=127.0.0.1:1", code=1)
    assert "127.0.0.1:1: no answer about topic" in done.stderr


def test_print_needs_no_server(world):
    nowhere = ("-o", "kafka.bootstrap_servers=127.0.0.1:1")
    table = world.run("print", *nowhere).stdout
    assert all(name in table for name in topic_names(world))
    commands = world.run("print", "--commands", *nowhere).stdout
    assert commands.count("kafka-topics.sh --bootstrap-server 127.0.0.1:1 --create") == 7


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ([], "create, check or print"),
        (["chek"], 'did you mean "check"'),
        (["check", "this"], '"this" is too much'),
        (["check", "--commands"], "--commands goes with print"),
        (["print", "--strict"], "--strict goes with check and create"),
    ],
)
def test_mistakes_in_the_arguments(world, arguments, hint):
    assert hint in world.run(*arguments, code=2).stderr
