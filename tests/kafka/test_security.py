"""A broker that wants TLS, a log-in, and gives each user exactly the rights that docs/security.md
lists."""

import re
import subprocess
import time

import binary
import confluent_kafka
import kafka_io
import pytest
import simple
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from expectations import published, send_lines
from feeds import write_csv
from generator import to_json
from kafka_io import Sender, Watcher
from servers import SecureKafka, wait_until
from worker import make_setup

PASSWORDS = {"accrued": "run-Secret-1", "tools": "tools-Secret-2"}
TABLE = re.compile(r"<!-- acls:begin -->\n(.*?)<!-- acls:end -->", re.DOTALL)
RESOURCES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional id": ResourceType.TRANSACTIONAL_ID,
}
OPERATIONS = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Create": AclOperation.CREATE,
    "Delete": AclOperation.DELETE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
}
DEFAULT_TOPICS = {
    "billing-lines": "billing_lines",
    "billing-lines-dlq": "billing_lines_dlq",
    "accruals": "accruals",
    "accruals-forgone": "accruals_forgone",
    "accrual-balances": "accrual_balances",
    "accrued-ledger": "ledger",
    "rerate-requests": "rerate_requests",
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with SecureKafka(tmp_path_factory.mktemp("secure"), **PASSWORDS) as made:
        yield made


@pytest.fixture
def setup(tmp_path, broker, redis):
    password = tmp_path / "password"
    password.write_text(PASSWORDS["accrued"] + "\n")
    made = make_setup(
        tmp_path,
        broker,
        redis,
        simple.Case(),
        kafka=broker.settings("accrued", sasl_password_file=str(password)),
    )
    yield made
    made.end()
    revoke_all(broker)


def rows():
    """(for, resource, name, operations) of docs/security.md."""
    text = (binary.ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    for line in TABLE.search(text)[1].splitlines()[2:]:
        who, resource, name, operations, _ = (cell.strip() for cell in line.split("|")[1:-1])
        yield who, resource, name.strip("`"), [word.strip() for word in operations.split(",")]


def bindings(setup, user, *wanted):
    """What the rows for `wanted` grant, with the names of this setup."""
    for who, resource, name, operations in rows():
        if who not in wanted:
            continue
        pattern, names = ResourcePatternType.LITERAL, [name]
        if name == "each of the seven":
            names = [setup.topics[key] for key in DEFAULT_TOPICS.values()]
        elif resource == "topic":
            names = [setup.topics[DEFAULT_TOPICS[name]]]
        elif resource == "group":
            names = [setup.group + name.removeprefix("accrued")]
        else:
            pattern = ResourcePatternType.PREFIXED
            names = [f"accrued-{setup.settings['kafka']['environment']}-"]
        for name in names:
            for operation in operations:
                yield AclBinding(
                    RESOURCES[resource], name, pattern, f"User:{user}", "*",
                    OPERATIONS[operation], AclPermissionType.ALLOW,
                )  # fmt: skip


def grant(broker, granted):
    for future in broker.admin.create_acls(list(granted)).values():
        future.result(60)


def revoke(broker, binding):
    any_of = AclBindingFilter(
        binding.restype, binding.name, binding.resource_pattern_type, binding.principal,
        binding.host, binding.operation, binding.permission_type,
    )  # fmt: skip
    for future in broker.admin.delete_acls([any_of]).values():
        assert len(future.result(60)) == 1
    wait_until(lambda: not broker.admin.describe_acls(any_of).result(60), "revoked")


def revoke_all(broker):
    anything = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY,
        AclPermissionType.ANY,
    )  # fmt: skip
    for future in broker.admin.delete_acls([anything]).values():
        future.result(60)


def create_topics(setup):
    """As a super user, by the other port."""
    path = setup.config(
        "super.yaml",
        kafka={
            "bootstrap_servers": setup.kafka.bootstrap_servers,
            "sasl_username": "",
            "sasl_password_file": "",
            "properties": {"security.protocol": "plaintext"},
        },
    )
    setup.command("topics", "create", "-c", path)


def granted(setup, broker, user, *wanted):
    """Grants, and waits until the broker goes by it."""
    given = list(bindings(setup, user, *wanted))
    assert given, wanted
    grant(broker, given)
    mine = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, f"User:{user}", None, AclOperation.ANY,
        AclPermissionType.ANY,
    )  # fmt: skip
    wait_until(lambda: len(broker.admin.describe_acls(mine).result(60)) >= len(given), "granted")
    return given


def config_of(setup, broker, user, **more):
    password = setup.directory / f"password-{user}"
    password.write_text(PASSWORDS[user])
    return setup.config(
        f"{user}.yaml",
        kafka=broker.settings(user, sasl_password_file=str(password), **more),
    )


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_the_service_runs_with_exactly_these_rights(setup, broker, mechanism, newer_librdkafka):
    if mechanism.startswith("SCRAM"):
        newer_librdkafka()
    create_topics(setup)
    granted(setup, broker, "accrued", "run")
    setup.settings["kafka"]["properties"]["sasl.mechanism"] = mechanism
    wait_until(
        lambda: setup.command("topics", "check", "-c", setup.config(), check=False).returncode == 0,
        "the topics can be checked",
    )
    worker = setup.start()
    send_lines(broker, setup.input, [simple.line(f"l-{i}", f"c-{i}") for i in range(50)])
    sender = Sender(broker, setup.input)
    sender.send(b"c-1", b"neither Avro nor anything")
    sender.flush()
    setup.wait_until_drained()
    assert len(published(setup)) == 50 and len(setup.dead_letters()) == 1
    worker.stop()
    # And once more, from the ledger.
    again = setup.start()
    send_lines(broker, setup.input, [simple.line("l-1", "c-1", revision=2, amount="200")])
    setup.wait_until_drained()
    assert len(published(setup)) == 51
    again.stop()
    for text in (worker.log.read_text(), again.log.read_text()):
        assert "level=error" not in text and "uthoriz" not in text, text
        assert "may not" not in text, text


@pytest.fixture
def newer_librdkafka(monkeypatch):
    """Debian 12's cannot log in by SCRAM to Kafka 4; the tests' own client brings one that can."""

    def use():
        places = (binary.Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs").glob(
            "librdkafka*.so*"
        )
        library = next(places, None)
        if library is None:
            pytest.skip("confluent_kafka brings no librdkafka of its own")
        monkeypatch.setenv("LD_PRELOAD", str(library))

    return use


def test_scram_with_an_old_librdkafka_says_why(setup, broker):
    setup.settings["kafka"]["properties"]["sasl.mechanism"] = "SCRAM-SHA-512"
    done = setup.command("check", "-c", setup.config(), check=False)
    if done.returncode == 0:
        pytest.skip("this librdkafka is new enough")
    assert "librdkafka before 2.6.1 cannot log in by SCRAM to Kafka 4" in done.stderr


def test_a_wrong_password_is_told_and_not_shown(setup, broker):
    setup.settings["kafka"].update(sasl_password="wrong-Secret-9", sasl_password_file="")
    done = setup.command("check", "-c", setup.config(), check=False)
    assert done.returncode == 1 and "uthentication" in done.stderr
    assert "wrong-Secret-9" not in done.stdout + done.stderr


MISSING = [
    ("billing_lines", "Read", "needs Describe (Read and Write bring it) on topic {topic}"),
    ("accruals", "Write", "needs Describe (Read and Write bring it) on topic {topic}"),
    ("ledger", "Read", "needs Read on topic {topic}"),
    ("ledger", "Write", "needs Write on each of the topics "),
    ("rerate_requests", "Read", "needs Describe (Read and Write bring it) on topic {topic}"),
    ("accruals_forgone", "DescribeConfigs", "this user needs the right DescribeConfigs"),
    (None, "Read", "needs Read on group {group}"),
    (None, "Write", "needs Write on transactional id accrued-"),
]


def fill_ledger(setup, broker):
    """So that there is something to read at a start."""
    worker = setup.start()
    send_lines(broker, setup.input, [simple.line(f"f-{i}", f"c-{i}") for i in range(20)])
    setup.wait_until_drained()
    worker.stop()
    setup.workers.remove(worker)


@pytest.mark.parametrize(("topic", "operation", "told"), MISSING)
def test_a_missing_right_is_named(setup, broker, topic, operation, told):
    create_topics(setup)
    given = granted(setup, broker, "accrued", "run")
    name = setup.topics[topic] if topic else None
    if topic == "ledger":
        fill_ledger(setup, broker)
    for binding in given:
        is_meant = binding.restype != ResourceType.TOPIC if name is None else binding.name == name
        if is_meant and binding.operation == OPERATIONS[operation]:
            revoke(broker, binding)
    send_lines(broker, setup.input, [simple.line(f"l-{i}", f"c-{i}") for i in range(20)])
    worker = setup.start(lanes={"rebuilds_max": 0}, ledger={"directory": ""})
    worker.expected_to_run = False
    wanted = told.format(topic=name, group=setup.group)
    wait_until(lambda: wanted in worker.log.read_text(), worker.tail)


def test_the_tools_work_with_exactly_their_rights(setup, broker):
    create_topics(setup)
    granted(setup, broker, "accrued", "run")
    worker = setup.start()
    config = config_of(setup, broker, "tools")

    def tool(*arguments, needs):
        """Refused without its rights, with the reason; done with them."""
        refused = setup.command(*arguments, "-c", config, check=False)
        assert refused.returncode == 1 and "this user" in refused.stderr, refused.stderr
        given = granted(setup, broker, "tools", needs)
        wait_until(
            lambda: setup.command(*arguments, "-c", config, check=False).returncode == 0,
            lambda: setup.command(*arguments, "-c", config, check=False).stderr,
        )
        for binding in given:
            revoke(broker, binding)

    tool("topics", "check", needs="topics check")
    tool("rerate", "--all", needs="rerate, reference load")
    tool("rerate", "--all", "--dry-run", needs="rerate --wait, --dry-run")
    tool("rerate", "--all", "--wait", "--timeout", "120", needs="rerate --wait, --dry-run")
    changed = setup.directory / "partner.jsonl"
    changed.write_text(to_json({"partner": {**simple.PARTNER, "mpn_id": "2"}}) + "\n")
    tool("reference", "load", changed, needs="rerate, reference load")
    feed = write_csv(setup.directory / "feed.csv", "partner-center-onetime")
    tool("ingest", feed, needs="ingest")
    setup.wait_until_drained()
    send_lines(broker, setup.input, [simple.line("l-1")])
    sender = Sender(broker, setup.input)
    for _ in range(2):
        sender.send(b"c-1", b"neither Avro nor anything")
    sender.flush()
    setup.wait_until_drained()
    tool("statement", "--period", "2020-03", "1", needs="statement")
    tool("explain", "l-1", needs="explain")
    tool("dlq", "list", needs="dlq list, show")
    tool("dlq", "replay", "--all", "--confirm", "2", needs="dlq replay")
    worker.stop()


def test_balances_run_with_exactly_their_rights(setup, broker):
    create_topics(setup)
    granted(setup, broker, "accrued", "run")
    worker = setup.start()
    send_lines(broker, setup.input, [simple.line(f"l-{i}", f"c-{i}") for i in range(20)])
    setup.wait_until_drained()
    worker.stop()
    granted(setup, broker, "tools", "balances")
    config = config_of(setup, broker, "tools")
    log = setup.directory / "balances.log"
    with open(log, "wb") as told:
        process = subprocess.Popen(
            [str(binary.require_binary()), "balances", "-c", str(config)],
            stdout=told, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        wait_until(
            lambda: kafka_io.read_all(broker, setup.topics["accrual_balances"]), log.read_text
        )
    finally:
        process.terminate()
        process.wait(60)
    assert "level=error" not in log.read_text() and "uthoriz" not in log.read_text()


def test_topics_are_created_with_exactly_their_rights(setup, broker):
    config = config_of(setup, broker, "tools")
    refused = setup.command("topics", "create", "-c", config, check=False)
    assert refused.returncode == 1, refused.stderr
    granted(setup, broker, "tools", "topics create")
    wait_until(
        lambda: setup.command("topics", "create", "-c", config, check=False).returncode == 0,
        lambda: setup.command("topics", "create", "-c", config, check=False).stderr,
    )


def change_scram(broker, user, password):
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    change = UserScramCredentialUpsertion(user, info, password.encode())
    for future in broker.admin.alter_user_scram_credentials([change]).values():
        future.result(60)


def test_a_password_changes_without_a_restart(setup, broker, newer_librdkafka):
    """In Kafka, then in the file; when the broker comes back, every connection is a new one."""
    newer_librdkafka()
    create_topics(setup)
    granted(setup, broker, "accrued", "run")
    setup.settings["kafka"]["properties"]["sasl.mechanism"] = "SCRAM-SHA-512"
    worker = setup.start()
    send_lines(broker, setup.input, [simple.line("before")])
    setup.wait_until_drained()
    change_scram(broker, "accrued", "changed-Secret-3")
    (setup.directory / "password").write_text("changed-Secret-3\n")
    wait_until(lambda: "event=credentials_changed" in worker.log.read_text(), worker.tail)
    # A connection that was begun between the two changes is refused, and that is said.
    time.sleep(2)
    before = len(worker.log.read_text())
    try:
        setup.watcher.close()
        broker.restart()
        setup.watcher = Watcher(broker, setup.group)
        # The lag's clients have been refused connections, and then are let in with the new one.
        wait_until(lambda: "event=lag_known_again" in worker.log.read_text(), worker.tail, 150)
        worker.kill()
        text = worker.log.read_text()
        assert "uthentication" not in text[before:]
        assert "changed-Secret-3" not in text and PASSWORDS["accrued"] not in text
    finally:
        change_scram(broker, "accrued", PASSWORDS["accrued"])
