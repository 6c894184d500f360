"""Records as large as the topics let in."""

import os

import pytest
import wire
from confluent_kafka import Producer
from expectations import records, stream_case


@pytest.mark.parametrize(
    ("value", "compression"),
    [
        (os.urandom(1_040_000), "none"),
        (b"not avro at all " * 200_000, "zstd"),
    ],
    ids=["as large as may be", "large once it is unpacked"],
)
def test_a_large_bad_record_does_not_stop_its_partition(accrued_config, kafka, value, compression):
    case = stream_case(37, 20)
    setup = accrued_config(case, partitions=1)
    producer = Producer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "partitioner": "murmur2_random",
            "message.max.bytes": 10_000_000,
            "compression.type": compression,
        }
    )
    lines = records(case)
    failed = []

    def send(key, data):
        producer.produce(setup.input, data, key, on_delivery=lambda e, _: e and failed.append(e))
        assert producer.flush(60) == 0 and not failed, failed

    for line in lines[:10]:
        send(wire.line_key(line), wire.line_value(line))
    send(b"c-1", value)
    for line in lines[10:]:
        send(wire.line_key(line), wire.line_value(line))
    setup.start()
    setup.wait_until_drained()
    (letter,) = setup.dead_letters()
    assert letter.value == value
