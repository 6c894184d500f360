"""Writer schemas from a Schema Registry that is not ours, and what happens when it is away."""

import io
import json
import subprocess
import urllib.error
import urllib.request
from decimal import Decimal

import binary
import fastavro
import pytest
import wire
from confluent_kafka.schema_registry import (
    Schema,
    SchemaReference,
    header_schema_id_serializer,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from generator import make_case
from kafka_io import Sender
from registry import Registry, Stranger
from servers import free_port, wait_until
from worker import make_setup

PROGRAM = """
programs:
  - id: sale
    name: sale
    beneficiary: reseller
    measure: billed_amount
    versions:
      - from: 2019-01-01
        requires: {}
        rates:
          - {families: [azure], rate: 10%}
"""
GOOD = {
    "line_id": "L-1",
    "revision": wire.parse.Number("0"),
    "status": "ACTIVE",
    "billing_period": "2020-01",
    "customer_id": "C-1",
    "reseller_mpn_id": "4200001",
    "product_family": "azure",
    "charge_type": "new",
    "charge_start_date": "2020-01-01",
    "charge_end_date": "2020-01-31",
    "currency": "USD",
    "billed_amount": "100",
}
# Of Confluent's serializer.
BY_GUID = {
    "schema.id.serializer": header_schema_id_serializer,
    "auto.register.schemas": False,
    "use.latest.version": True,
}
PARTNER = {
    "partner": {
        "mpn_id": "4200001",
        "mpn_active": [{"from": None, "to": None}],
        "indirect_reseller": [],
        "bank_profile": [],
        "tax_profile": [],
        "competencies": [],
    }
}


def evolved(scale=4, name="BillingLine"):
    """What some producer writes: other scales, a field that we do not know, fewer of ours."""
    schema = wire.schema_json(wire.BILLING_LINE)
    schema["name"] = name
    kept = [f for f in schema["fields"] if f["name"] not in ("sku_id", "quantity", "revision")]
    for field in kept:
        if field["name"] == "billed_amount":
            field["type"] = dict(field["type"], scale=scale)
    nested = {"type": "record", "name": "Extra", "fields": [{"name": "n", "type": "long"}]}
    extra = {"name": "extra", "type": {"type": "array", "items": nested}, "default": []}
    return dict(schema, fields=[extra, *kept])


def record_of(scale=4, **changes):
    record = wire.line_record(dict(GOOD, **changes))
    record["billed_amount"] = record["billed_amount"].quantize(Decimal(1).scaleb(-scale))
    return dict(record, extra=[{"n": 1}, {"n": -(2**40)}])


def datum(schema, record):
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), record)
    return stream.getvalue()


@pytest.fixture
def registry(tmp_path):
    made = []

    def make(name="registry", **options):
        made.append(Registry(tmp_path / name, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def setup_with(tmp_path, kafka, redis):
    made = []

    def make(options, **changes):
        case = make_case(1, lines=0, bad=False, rerates=False)
        case.programs, case.reference = PROGRAM, [json.dumps(PARTNER)]
        setup = make_setup(
            tmp_path, kafka, redis, case, registry=options, partitions=1,
            http={"listen": f"127.0.0.1:{free_port()}"}, **changes,
        )  # fmt: skip
        made.append(setup)
        setup.create_topics()
        return setup

    yield make
    for setup in made:
        setup.end()


def send(kafka, setup, value):
    sender = Sender(kafka, setup.input)
    sender.send(b"c-1", value)
    sender.flush()


def plant_ours(server, setup, first_id=101):
    """Our schemas under the subjects that TopicNameStrategy gives them."""
    topics = setup.topics
    for number, (topic, file) in enumerate(
        (
            (topics["accruals"], "accrual.avsc"),
            (topics["accruals_forgone"], "forgone.avsc"),
            (topics["rerate_requests"], "rerate-request.avsc"),
            (topics["billing_lines"], "billing-line.avsc"),
        )
    ):
        text = (wire.SCHEMAS / file).read_text(encoding="utf-8")
        server.plant(f"{topic}-value", first_id + number, text)


def amounts(setup, client):
    """line_id → amount, as an independent client reads them with the registry's help."""
    reader = AvroDeserializer(client)
    context = SerializationContext(setup.topics["accruals"], MessageField.VALUE)
    read = [reader(record.value, context) for record in setup.accruals()]
    return {record["line_id"]: record["amount"] for record in read}


def letters(setup):
    """line key → (code, message)"""
    found = []
    for record in setup.dead_letters():
        headers = {name: value.decode() for name, value in record.headers if "error" in name}
        found.append((headers["accrued.error.code"], headers["accrued.error.message"]))
    return found


def readiness(setup):
    url = f"http://{setup.settings['http']['listen']}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=60) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def waits_for_registry(setup):
    status, text = readiness(setup)
    return status == 503 and "schema registry" in text


def test_other_peoples_encoders(registry, setup_with, kafka):
    """Confluent's client writes with schemas that it registers; id in front or GUID in a header."""
    server = registry().start()
    setup = setup_with({**server.options, "auto_register": True})
    setup.start()
    client = server.client
    sender = Sender(kafka, setup.input)
    context = SerializationContext(setup.input, MessageField.VALUE, [])
    front = AvroSerializer(client, json.dumps(evolved(4)))
    header = AvroSerializer(client, conf=BY_GUID)
    sender.send(b"c-1", front(record_of(4, line_id="front"), context))
    assert context.headers == []
    client.register_schema(f"{setup.input}-value", client_schema(evolved(2, "Other")))
    value = header(record_of(2, line_id="header", billed_amount="20"), context)
    assert [(name, len(value)) for name, value in context.headers] == [("__value_schema_id", 17)]
    sender.send(b"c-1", value, headers=context.headers)
    by_fastavro = datum(evolved(6, "Third"), record_of(6, line_id="fastavro", billed_amount="1"))
    registered = client.register_schema(
        f"{setup.input}-value", client_schema(evolved(6, "Third"))
    )
    sender.send(b"c-1", wire.frame(by_fastavro, registered))
    sender.flush()
    setup.wait_until_drained()
    assert letters(setup) == []
    assert amounts(setup, client) == {
        "front": Decimal("10"), "header": Decimal("2"), "fastavro": Decimal("0.1"),
    }  # fmt: skip
    subjects = client.get_subjects()
    assert f"{setup.topics['accruals']}-value" in subjects
    asked = [line for line in server.requests() if line.startswith("GET /schemas/")]
    assert len(asked) >= 3


def client_schema(schema, references=()):
    return Schema(json.dumps(schema), "AVRO", list(references))


def shared_types():
    """subject → (schema, subjects that it refers to): each before those that refer to it."""
    cents = {"type": "bytes", "logicalType": "decimal", "precision": 28, "scale": 4}
    symbols = ["VOID", "ACTIVE"]
    note = {"type": "record", "name": "Note", "fields": [{"name": "text", "type": "string"}]}
    origin_fields = [
        {"name": "note", "type": "Note"},
        {"name": "amounts", "type": {"type": "array", "items": "Money"}},
        {"name": "before", "type": ["null", "Origin"]},
    ]
    origin = {"type": "record", "name": "Origin", "fields": origin_fields}
    money = {"type": "record", "name": "Money", "fields": [{"name": "value", "type": cents}]}
    status = {"type": "enum", "name": "Status", "symbols": symbols}
    space = {"namespace": "their.types"}
    return {
        "note": (note | space, []),
        "money": (money | space, []),
        "status": (status | space, []),
        "origin": (origin | space, ["money", "note"]),
    }


def test_schemas_that_refer_to_others(registry, setup_with, kafka):
    """Registered by Confluent's client with references, over two steps, by id and by GUID."""
    server = registry().start()
    setup = setup_with({**server.options, "auto_register": True})
    setup.start()
    client = server.client

    def reference(subject):
        schema = types[subject][0]
        return SchemaReference(f"their.types.{schema['name']}", subject, 1)

    types = shared_types()
    for subject, (schema, uses) in types.items():
        client.register_schema(subject, client_schema(schema, map(reference, uses)))
    whole = evolved(4) | {"namespace": "their.feed"}
    status = next(field for field in whole["fields"] if field["name"] == "status")
    status.update(type="their.types.Status", default="ACTIVE")
    whole["fields"].insert(0, {"name": "origin", "type": "their.types.Origin"})
    whole["fields"].append({"name": "more", "type": ["null", "their.types.Money"]})
    schema = client_schema(whole, [reference("origin"), reference("status"), reference("money")])
    note = {"text": "by reference"}
    first = {"note": note, "amounts": [{"value": Decimal("1.5000")}], "before": None}
    record = record_of(4, line_id="by-id") | {"origin": first | {"before": first}, "more": None}
    sender = Sender(kafka, setup.input)
    context = SerializationContext(setup.input, MessageField.VALUE, [])
    front = AvroSerializer(client, schema)
    sender.send(b"c-1", front(record, context))
    in_header = AvroSerializer(client, schema, conf=BY_GUID)
    value = in_header(record | {"line_id": "by-guid", "more": {"value": Decimal("2")}}, context)
    sender.send(b"c-1", value, headers=context.headers)
    sender.flush()
    setup.wait_until_drained()
    assert letters(setup) == []
    assert amounts(setup, client) == {"by-id": Decimal("10"), "by-guid": Decimal("10")}


def test_an_outage_between_a_schema_and_what_it_refers_to(setup_with, kafka):
    """Half of the replies is no schema: the lane waits, and the whole is asked for again."""
    types = shared_types()

    def reply(schema, uses):
        names = [{"name": f"their.types.{types[use][0]['name']}", "subject": use, "version": 1}
                 for use in uses]  # fmt: skip
        return json.dumps({"schema": json.dumps(schema), "references": names}).encode()

    whole = evolved(4)
    whole["fields"].append({"name": "origin", "type": "their.types.Origin"})
    replies = {"/schemas/ids/7": reply(whole, ["origin", "money"])}
    stranger = Stranger(503, b"", "application/json", replies)
    try:
        setup = setup_with({"urls": stranger.url}, schemas={"framing": "single-object"})
        setup.start()
        origin = {"note": {"text": "x"}, "amounts": [], "before": None}
        everything = json.loads(json.dumps(whole))
        everything["fields"][-1]["type"] = written_out(types, "origin")
        value = datum(everything, record_of(4) | {"origin": origin})
        send(kafka, setup, wire.frame(value, 7))
        wait_until(lambda: waits_for_registry(setup), setup.logs)
        assert setup.dead_letters() == []
        stranger.paths.clear()
        for subject, (schema, uses) in types.items():
            replies[f"/subjects/{subject}/versions/1?deleted=true"] = reply(schema, uses)
        setup.wait_until_drained()
        assert letters(setup) == []
        assert len(setup.accruals()) == 1
        # Money is referred to twice, and asked for once.
        assert sum("/money/" in path for path in stranger.paths) == 1
    finally:
        stranger.close()


def written_out(types, subject):
    """One schema of shared_types, with those that it uses in it: by hand, for the writer."""
    schema = json.loads(json.dumps(types[subject][0]))
    schema["fields"][0]["type"] = types["note"][0]
    schema["fields"][1]["type"]["items"] = types["money"][0]
    return schema


def test_known_ids_go_on_and_unknown_ids_wait(registry, setup_with, kafka):
    server = registry()
    setup = setup_with(server.options)
    plant_ours(server, setup)
    server.plant("a", 7, evolved(4))
    server.plant("b", 8, evolved(2))
    server.start()
    worker = setup.start()
    sender = Sender(kafka, setup.input)

    def send(line_id, schema_id, scale):
        value = datum(evolved(scale), record_of(scale, line_id=line_id))
        sender.send(b"c-1", wire.frame(value, schema_id))
        sender.flush()

    send("before", 7, 4)
    setup.wait_until_drained()
    server.stop()
    send("known", 7, 4)
    setup.wait_until_drained()
    send("unknown", 8, 2)
    wait_until(lambda: waits_for_registry(setup), lambda: f"not ready {setup.logs()}")
    send("behind", 7, 4)
    committed = setup.committed()
    # Longer than the group's session: it is still a member, and nothing moved.
    wait_until(lambda: worker.log.read_text().count("schema_missing") >= 1, setup.logs)
    worker.check_alive()
    assert setup.committed() == committed
    assert setup.dead_letters() == []
    server.start()
    setup.wait_until_drained()
    wait_until(lambda: readiness(setup)[0] == 200, "ready again")
    assert letters(setup) == []
    assert set(amounts(setup, server.client)) == {"before", "known", "unknown", "behind"}
    log = worker.log.read_text()
    assert "schema_back" in log and "lane_rebuild" not in log


def test_what_is_definite_goes_to_the_dead_letters(registry, setup_with, kafka):
    server = registry()
    setup = setup_with(server.options)
    plant_ours(server, setup)
    no_amount = evolved()
    no_amount["fields"] = [f for f in no_amount["fields"] if f["name"] != "billed_amount"]
    server.plant("broken", 21, {"type": "record", "name": "NoFields"})
    server.plant("lacking", 22, no_amount)
    server.plant("proto", 23, 'syntax = "proto3";', kind="PROTOBUF")
    server.plant("other", 24, {"type": "fixed", "name": "accrued.v1.Extra", "size": 3})
    reference = {"name": "accrued.v1.Extra", "subject": "other", "version": 1}
    server.plant("clash", 25, evolved(), references=[reference])
    server.plant("good", 26, evolved())
    server.start()
    setup.start()
    value = datum(evolved(), record_of())
    guid = bytes(range(16))
    sender = Sender(kafka, setup.input)
    wanted = []
    for number, (code, told) in {
        4711: ("schema_unknown", "4711 is not in the registry"),
        0: ("schema_unknown", "schema id 0"),
        2**32 - 1: ("schema_unknown", "4294967295"),
        21: ("schema_incompatible", "no schema"),
        22: ("schema_incompatible", "billed_amount"),
        23: ("schema_incompatible", "not Avro"),
        25: ("schema_incompatible", '.Extra" is defined twice'),
    }.items():
        sender.send(b"c-1", wire.frame(value, number))
        wanted.append((code, told))
    for header, code, told in (
        (b"\1" + guid, "schema_unknown", "GUID 00010203-0405-0607-0809-0a0b0c0d0e0f"),
        (b"\1" + guid[1:], "avro_malformed", "__value_schema_id"),
        (b"", "avro_malformed", "__value_schema_id"),
    ):
        sender.send(b"c-1", value, headers=[("__value_schema_id", header)])
        wanted.append((code, told))
    sender.send(b"c-1", value, headers=[("__value_schema_id", b"\0" + (26).to_bytes(4, "big"))])
    sender.flush()
    setup.wait_until_drained()
    got = letters(setup)
    assert len(got) == len(wanted)
    for (code, told), (got_code, message) in zip(wanted, got):
        assert got_code == code and told in message, (code, told, message)
    assert list(amounts(setup, server.client)) == ["l-1"]


@pytest.mark.parametrize("status, body", [(404, b"no such page"), (200, b"<html>"), (503, b"")])
def test_what_is_no_registry_is_an_outage(registry, setup_with, kafka, status, body):
    """A proxy's page is no word of the registry; another address may have it."""
    server = registry()
    stranger = Stranger(status, body)
    try:
        both = {**server.options, "urls": f"{stranger.url}, {server.url}"}
        setup = setup_with(both)
        plant_ours(server, setup)
        server.plant("good", 26, evolved())
        setup.start()
        send(kafka, setup, wire.frame(datum(evolved(), record_of()), 26))
        wait_until(lambda: waits_for_registry(setup), setup.logs)
        assert stranger.asked > 0
        server.start()
        setup.wait_until_drained()
        assert letters(setup) == []
        assert len(setup.accruals()) == 1
    finally:
        stranger.close()


def test_a_registry_that_has_nonsense(setup_with, kafka):
    """A good reply with a schema in it that is not even JSON: a fact, and no outage."""
    reply = json.dumps({"id": 5, "schema": '{"type": "rec'}).encode()
    stranger = Stranger(200, reply, "application/json")
    try:
        setup = setup_with({"urls": stranger.url})
        setup.start()
        send(kafka, setup, wire.line_value(GOOD, 9))
        setup.wait_until_drained()
        ((code, message),) = letters(setup)
        assert code == "schema_incompatible" and "schema id 9" in message
    finally:
        stranger.close()


def test_passwords(registry, setup_with, kafka, tmp_path):
    server = registry(auth="accrued:s3cret-word")
    setup = setup_with({**server.options, "password": "wrong-word"})
    plant_ours(server, setup)
    server.start()
    worker = setup.start()
    wait_until(lambda: waits_for_registry(setup), setup.logs)
    wait_until(lambda: "refuses our credentials" in worker.log.read_text(), setup.logs)
    worker.stop()
    assert "s3cret" not in worker.log.read_text() and "wrong-word" not in worker.log.read_text()
    secret = tmp_path / "password"
    secret.write_text("s3cret-word\n", encoding="utf-8")
    worker = setup.start(registry={"password": "", "password_file": str(secret)})
    send(kafka, setup, wire.line_value(GOOD, 104))
    setup.wait_until_drained()
    assert len(setup.accruals()) == 1
    # Another password from now on, and a schema that is yet to be asked for: no restart.
    server.plant("later", 105, evolved(4))
    server.stop()
    server.auth = "accrued:n3w-word"
    server.start()
    changed = datum(evolved(4), record_of(4, line_id="changed"))
    send(kafka, setup, wire.frame(changed, 105))
    wait_until(lambda: waits_for_registry(setup), setup.logs)
    secret.write_text("n3w-word\n", encoding="utf-8")
    setup.wait_until_drained()
    assert letters(setup) == []
    assert len(setup.accruals()) == 2
    worker.check_alive()
    assert "n3w-word" not in worker.log.read_text()


def test_tls_with_certificates(registry, setup_with, kafka):
    server = registry(is_secure=True).start()
    setup = setup_with(server.options)
    plant_ours(server, setup)
    server.stop()
    server.start()
    worker = setup.start(registry={"certificate_file": "", "ca_file": ""})
    wait_until(lambda: "certificate" in worker.log.read_text(), setup.logs)
    worker.stop()
    setup.start()
    send(kafka, setup, wire.line_value(GOOD, 104))
    setup.wait_until_drained()
    assert len(setup.accruals()) == 1


def test_a_start_while_the_registry_is_away(registry, setup_with, kafka):
    """It waits, and says so; SIGTERM ends it; the registry's return is enough."""
    server = registry()
    setup = setup_with(server.options)
    plant_ours(server, setup)
    first = setup.start()
    wait_until(lambda: waits_for_registry(setup), setup.logs)
    first.stop()
    second = setup.start()
    send(kafka, setup, wire.line_value(GOOD, 104))
    wait_until(lambda: waits_for_registry(setup), setup.logs)
    second.check_alive()
    server.start()
    setup.wait_until_drained()
    # A restart knows nothing: the same id is asked for again.
    second.stop()
    server.stop()
    third = setup.start()
    send(kafka, setup, wire.line_value(dict(GOOD, line_id="2"), 104))
    wait_until(lambda: waits_for_registry(setup), setup.logs)
    server.start()
    setup.wait_until_drained()
    third.check_alive()
    assert letters(setup) == []
    assert len(setup.accruals()) == 2


def test_schemas_that_are_not_registered_stop_the_start(registry, setup_with):
    server = registry().start()
    setup = setup_with(server.options)
    done = subprocess.run(
        [str(binary.require_binary()), "run", "-c", str(setup.config())],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 1
    assert f"{setup.topics['accruals']}-value" in done.stderr
    assert "registry.auto_register" in done.stderr


def test_commands_that_write(registry, setup_with):
    """`ingest` and `rerate` ask for the ids of their schemas, the worker reads by them."""
    server = registry()
    setup = setup_with(server.options)
    plant_ours(server, setup)
    server.start()
    worker = setup.start()
    assert f"registry  {server.url}" in setup.command("check", "-c", setup.config()).stderr
    feed = binary.ROOT / "config" / "demo" / "feeds"
    setup.command("ingest", "-c", setup.config(), sorted(feed.iterdir())[0])
    setup.wait_until_drained()
    assert letters(setup) == []
    setup.command("rerate", "-c", setup.config(), "--all", "--wait")
    worker.check_alive()
    server.stop()
    done = setup.command("rerate", "-c", setup.config(), "--all", check=False)
    assert done.returncode == 1 and "schema registry" in done.stderr
    checked = setup.command("check", "-c", setup.config(), check=False)
    assert checked.returncode == 1 and "schema registry" in checked.stderr
