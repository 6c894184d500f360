"""Letters are shown and balances written with what a Schema Registry knows."""

import json

import wire
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from kafka_io import Sender, read_all
from servers import wait_until
from test_balances import Process
from test_registry import datum, evolved, record_of, registry, setup_with  # noqa: F401


def test_letters_and_balances_by_the_registry(registry, setup_with, kafka):  # noqa: F811
    server = registry()
    server.plant("their-lines", 77, evolved(4))
    server.start()
    setup = setup_with({**server.options, "auto_register": True})
    setup.start()
    balances = Process(setup)
    sender = Sender(kafka, setup.input)
    bad = wire.frame(datum(evolved(4), dict(record_of(4), currency="usd")), 77)
    sender.send(b"c-1", bad)
    sender.send(b"c-1", wire.frame(datum(evolved(4), record_of(4, line_id="L-2")), 77))
    sender.flush()
    setup.wait_until_drained()
    done = setup.command("dlq", "list", "--json", "-c", setup.config())
    letter = json.loads(done.stdout)
    assert (letter["customer_id"], letter["line_id"]) == ("c-1", "l-1")
    place = f"{letter['partition']}/{letter['offset']}"
    done = setup.command("dlq", "show", place, "--json", "-c", setup.config())
    fields = {field["name"]: field for field in json.loads(done.stdout)["fields"]}
    assert fields["currency"]["words"] == '"usd"'
    assert fields["extra"]["words"] == '[{"n": 1}, {"n": -1099511627776}]'
    assert json.loads(done.stdout)["failed_at"] == fields["currency"]["begin"]
    topic = setup.topics["accrual_balances"]
    wait_until(lambda: read_all(kafka, topic), setup.logs)
    (record,) = read_all(kafka, topic)
    read = AvroDeserializer(server.client)(
        record.value, SerializationContext(topic, MessageField.VALUE)
    )
    assert (str(read["cumulative_amount"]), read["lines"]) == ("10.000000", 1)
    assert server.client.get_latest_version(f"{topic}-value").schema_id == int.from_bytes(
        record.value[1:5], "big"
    )
    done = setup.command("balances", "--verify", "-c", setup.config())
    assert "1 balances of 1 accruals, 0 wrong" in done.stderr
    balances.stop()
    server.stop()
    # With the registry away a letter's schema is not known, and that is said in time.
    done = setup.command("dlq", "show", place, "--json", "-c", setup.config())
    assert json.loads(done.stdout)["ended"] == "no_schema"
