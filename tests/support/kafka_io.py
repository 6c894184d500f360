"""An independent Kafka client: produce, read what is committed, watch offsets."""

import time
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from generator import to_json
from oracle import parse
from servers import PATIENCE_S, wait_until

__all__ = ["Record", "Sender", "Watcher", "load_json", "members", "parse", "read_all", "to_json"]

MOVING = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
)


def when_coordinated(ask, patience_s=PATIENCE_S):
    """A broker that has just started is still about to become the group's coordinator."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in MOVING or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def load_json(text):
    """A JSON text with its numbers kept as they stand."""
    return parse.parse_json(text.encode())


@dataclass(frozen=True)
class Record:
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: tuple


class Sender:
    """Produces and remembers where each record went. Waits at the end, not for each."""

    def __init__(self, kafka, topic):
        self.topic = topic
        self.places = []  # (partition, offset) in the order of send()
        self.failed = []
        self.producer = Producer(
            {
                "bootstrap.servers": kafka.bootstrap_servers,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 2,
            }
        )

    def send(self, key, value, partition=-1, headers=None, timestamp=0):
        number = len(self.places)
        self.places.append(None)

        def told(error, message):
            if error is not None:
                self.failed.append(error)
            else:
                self.places[number] = (message.partition(), message.offset())

        self.producer.produce(
            self.topic,
            value,
            key,
            partition,
            on_delivery=told,
            timestamp=timestamp,
            headers=headers or [],
        )
        self.producer.poll(0)

    def flush(self):
        left = self.producer.flush(PATIENCE_S)
        assert not left and not self.failed, f"{left} records not delivered: {self.failed[:3]}"
        return self


def _consumer(kafka, group="nobody", isolation="read_committed"):
    return Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
            "auto.offset.reset": "earliest",
        }
    )


# A topic that was made a moment ago may not be known to its leader yet.
NOT_YET = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)
# A connection that was lost comes back by itself.
PASSING = (*NOT_YET, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN)


def partitions_of(client, topic):
    """Their numbers, of a topic that is there or is about to be."""

    def known():
        found = client.list_topics(topic, PATIENCE_S).topics[topic]
        assert found.error is None or found.error.code() in NOT_YET, found.error
        whole = all(p.error is None for p in found.partitions.values())
        return found.error is None and whole and list(found.partitions)

    return wait_until(known, f"{topic} is known")


def _end(consumer, topic, partition, patience_s=PATIENCE_S):
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=patience_s)[1]
        except KafkaException as error:
            if error.args[0].code() not in NOT_YET or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _ends(consumer, topic, partitions, patience_s=PATIENCE_S):
    """{partition: end offset}, of committed data or all, as the consumer is isolated."""
    return {number: _end(consumer, topic, number, patience_s) for number in partitions}


def read_all(kafka, topic, timeout=PATIENCE_S):
    """Every committed record of a topic, by partition and offset. Waits where a transaction is
    still open below what has been written so far."""
    dirty, consumer = _consumer(kafka, isolation="read_uncommitted"), _consumer(kafka)
    try:
        partitions = partitions_of(dirty, topic)
        ends = _ends(dirty, topic, partitions)
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        records, waiting = [], set(partitions)
        deadline = time.monotonic() + timeout
        while waiting:
            message = consumer.poll(1.0)
            assert time.monotonic() < deadline, f"{topic} {waiting}: not readable to {ends}"
            if message is None:
                continue
            error = message.error()
            if error is None:
                records.append(_record(message))
            elif error.code() in PASSING:
                continue
            elif error.code() != KafkaError._PARTITION_EOF:
                raise AssertionError(str(error))
            elif message.offset() >= ends[message.partition()]:
                waiting.discard(message.partition())
    finally:
        dirty.close()
        consumer.close()
    return sorted(records, key=lambda record: (record.partition, record.offset))


def _record(message):
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        tuple(message.headers() or ()),
    )


class Watcher:
    """Answers the many questions of a waiting test with one client."""

    def __init__(self, kafka, group, patience_s=PATIENCE_S):
        self.consumer = _consumer(kafka, group, "read_uncommitted")
        self.patience_s = patience_s

    def committed(self, topic, partition_count):
        """[next offset] by partition; 0 where nothing is committed."""
        asked = [TopicPartition(topic, number) for number in range(partition_count)]

        def ask():
            return self.consumer.committed(asked, timeout=self.patience_s)

        answer = when_coordinated(ask, self.patience_s)
        for partition in answer:
            assert partition.error is None, partition
        return [max(0, partition.offset) for partition in answer]

    def ends(self, topic, partition_count):
        """[end offset] by partition, of a topic that is not written in transactions."""
        ends = _ends(self.consumer, topic, range(partition_count), self.patience_s)
        return [ends[number] for number in range(partition_count)]

    def close(self):
        self.consumer.close()


def members(kafka, group):
    """{member id: number of partitions} of a consumer group."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})

    def ask():
        asked = admin.describe_consumer_groups([group], request_timeout=PATIENCE_S)
        return asked[group].result()

    described = when_coordinated(ask)
    return {
        member.member_id: len(member.assignment.topic_partitions) for member in described.members
    }
