"""`accrued ingest` into a topic: Avro as its schema says, placed by customer, every line once."""

import uuid

from confluent_kafka.admin import AdminClient, NewTopic
from feeds import command, ingest, write_csv
from kafka_io import read_all
from wire import BILLING_LINE, read, unframe

ONETIME = "partner-center-onetime"
PARTITIONS = 3


def create_topic(kafka):
    name = f"ingest-{uuid.uuid4().hex[:10]}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for future in admin.create_topics([NewTopic(name, PARTITIONS, 1)]).values():
        future.result(60)
    return name


def to_topic(kafka, topic, *arguments, code=0, options=()):
    servers = f"kafka.bootstrap_servers={kafka.bootstrap_servers}"
    done = command("-o", servers, *options, "--to", topic, *arguments)
    assert done.returncode == code, done.stderr.decode()
    return done.stderr.decode()


def murmur2(data):
    """Kafka's hash, from its description; 32 bits."""
    mask, multiplier = 0xFFFFFFFF, 0x5BD1E995
    result = 0x9747B28C ^ len(data)
    for at in range(0, len(data) - len(data) % 4, 4):
        word = int.from_bytes(data[at : at + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        result = result * multiplier & mask ^ word
    rest = data[len(data) - len(data) % 4 :]
    if rest:
        result = (result ^ int.from_bytes(rest, "little")) * multiplier & mask
    result = (result ^ result >> 13) * multiplier & mask
    return result ^ result >> 15


def plain(record):
    """A record as fastavro reads it, in the form of the JSON lines."""
    shown = dict(record)
    for name in ("charge_start_date", "charge_end_date"):
        shown[name] = shown[name].isoformat()
    for name in ("billed_amount", "consumed_amount", "quantity"):
        if shown[name] is not None:
            text = f"{shown[name]:f}"
            shown[name] = text.rstrip("0").rstrip(".") if "." in text else text
    return shown


def test_lines_in_the_topic_are_those_of_standard_output(tmp_path, kafka):
    topic = create_topic(kafka)
    rows = [
        {
            "CustomerId": f"ORG:{number % 40:08X}-5a3e-4c1b-9d2f-0123456789ab",
            "Subtotal": f"{number - 300}.25",
            "OrderId": f"order-{number}",
            "ResellerMPNID": "0" if number % 3 else "6048879",
        }
        for number in range(600)
    ]
    path = write_csv(tmp_path / "feed.csv.gz", ONETIME, *rows)
    assert "600 lines, 0 rejected" in to_topic(kafka, topic, path)
    records = read_all(kafka, topic)
    wanted = ingest(path).by_id()
    got = {}
    for record in records:
        assert unframe(record.value)[0] == BILLING_LINE
        line = plain(read(record.value))
        assert record.key == line["customer_id"].encode()
        assert record.partition == (murmur2(record.key) & 0x7FFFFFFF) % PARTITIONS
        assert line["line_id"] not in got
        got[line["line_id"]] = line
    assert got == wanted
    # Of one customer in the order of the file.
    for partition in range(PARTITIONS):
        amounts = {}
        for record in records:
            if record.partition == partition:
                amounts.setdefault(record.key, []).append(read(record.value)["billed_amount"])
        assert all(each == sorted(each) for each in amounts.values())


def test_voids_come_behind_the_lines(tmp_path, kafka):
    topic = create_topic(kafka)
    old = write_csv(tmp_path / "old.csv", ONETIME, {"SkuId": "1"}, {"SkuId": "2"})
    new = write_csv(tmp_path / "new.csv", ONETIME, {"SkuId": "2"})
    to_topic(kafka, topic, "--revision", 1, old)
    to_topic(kafka, topic, "--revision", 2, "--replaces", old, new)
    lines = [read(record.value) for record in read_all(kafka, topic)]
    assert [(line["sku_id"], line["revision"], line["status"]) for line in lines] == [
        ("1", 1, "ACTIVE"),
        ("2", 1, "ACTIVE"),
        ("2", 2, "ACTIVE"),
        ("1", 2, "VOID"),
    ]


def test_a_full_queue_is_waited_for(tmp_path, kafka):
    topic = create_topic(kafka)
    path = write_csv(
        tmp_path / "feed.csv", ONETIME, *({"OrderId": str(number)} for number in range(5000))
    )
    (tmp_path / "accrued.yaml").write_text(
        "kafka: {producer_properties: {queue.buffering.max.messages: 100}}\n"
    )
    to_topic(kafka, topic, path, options=["-c", tmp_path / "accrued.yaml"])
    assert len({read(r.value)["line_id"] for r in read_all(kafka, topic)}) == 5000


def test_bad_rows_do_not_keep_the_good_ones_back(tmp_path, kafka):
    topic = create_topic(kafka)
    path = write_csv(tmp_path / "feed.csv", ONETIME, {}, {"Subtotal": "x"}, {"SkuId": "3"})
    to_topic(kafka, topic, path, code=1)
    assert len(read_all(kafka, topic)) == 2
    path = write_csv(tmp_path / "strict.csv", ONETIME, {}, {"Subtotal": "x"}, {"SkuId": "3"})
    to_topic(kafka, topic, "--strict", path, code=1)
    assert len(read_all(kafka, topic)) == 3


def test_a_topic_that_is_not_there(tmp_path, kafka):
    path = write_csv(tmp_path / "feed.csv", ONETIME)
    assert "topics create" in to_topic(kafka, "no-such-topic", path, code=1)
