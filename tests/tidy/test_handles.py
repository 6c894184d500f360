"""Kafka handles end where they began: a changed password is given to all that are registered."""

import re

import binary

# It makes its handle itself, with other callbacks.
OWN = {"probe_kafka.c"}


def wrong(text):
    return re.findall(r"\brd_kafka_(?:new|destroy)\(", text)


def test_handles_are_made_and_freed_by_kafka_client_h():
    for path in sorted((binary.ROOT / "src").rglob("*_kafka.c")):
        if path.name not in OWN | {"client_kafka.c"}:
            assert not wrong(path.read_text("utf-8")), f"{path}: use kafka_handle_new and _free"


def test_a_handle_of_its_own_is_found():
    assert wrong("    rd_kafka_destroy(client);\n") and not wrong("rd_kafka_topic_destroy(topic);")
