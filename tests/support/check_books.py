#!/usr/bin/env python3
"""Do the accruals of a topic add up? See docs/guarantees.md.

Needs confluent-kafka and fastavro, and nothing of the service. Exit code 1 and a line for each
contradiction.
"""

import argparse
import io
import json
import sys
from collections import defaultdict
from decimal import Context, Decimal
from pathlib import Path

import fastavro
from confluent_kafka import Consumer, KafkaError, TopicPartition

EXACT = Context(prec=60)  # decimal(28,6): sums never need to be rounded
KEY = ("partner_mpn_id", "program_id", "billing_period", "currency")


def read_all(bootstrap, topic, schema_file):
    """(partition, offset, key, record) of every committed record, each partition in order."""
    schema = fastavro.parse_schema(json.loads(Path(schema_file).read_text("utf-8")))
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "check-books",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
        }
    )
    partitions = consumer.list_topics(topic, 60).topics[topic].partitions
    firsts = {
        part: consumer.get_watermark_offsets(TopicPartition(topic, part), 60)[0]
        for part in partitions
    }
    consumer.assign([TopicPartition(topic, part, first) for part, first in firsts.items()])
    waiting = set(partitions)
    while waiting:
        message = consumer.poll(60)
        if message is None:
            sys.exit(f"{topic}: nothing more comes, and {sorted(waiting)} have not ended")
        if message.error() is None:
            datum = io.BytesIO(message.value()[5:])
            record = fastavro.schemaless_reader(datum, schema, None)
            yield message.partition(), message.offset(), message.key(), record
        elif message.error().code() == KafkaError._PARTITION_EOF:
            waiting.discard(message.partition())
        else:
            sys.exit(f"{topic}: {message.error()}")
    consumer.close()


class Books:
    def __init__(self):
        self.wrong = []
        self.ids = set()
        self.sequences = defaultdict(int)
        self.cumulative = defaultdict(Decimal)  # by line, program, partner, currency, period
        self.sums = defaultdict(list)  # by balance key: (partition, offset, sum, lines, id)

    def say(self, *words):
        self.wrong.append(" ".join(map(str, words)))

    def take(self, partition, offset, accrual):
        name = accrual["accrual_id"]
        if name in self.ids:
            self.say(name, "is there twice")
        self.ids.add(name)
        line = (accrual["customer_id"], accrual["line_id"])
        place = (line, accrual["program_id"], accrual["partner_mpn_id"])
        self.sequences[place] += 1
        if accrual["sequence"] != self.sequences[place]:
            self.say(name, "is number", self.sequences[place], "of its line")
            self.sequences[place] = accrual["sequence"]
        entry = (*place, accrual["currency"], accrual["billing_period"])
        before = self.cumulative[entry]
        after = EXACT.add(before, accrual["amount"])
        if after != accrual["cumulative_amount"]:
            self.say(name, "amounts add up to", after, "not", accrual["cumulative_amount"])
            after = accrual["cumulative_amount"]
        self.cumulative[entry] = after
        history = self.sums[tuple(accrual[field] for field in KEY)]
        _, _, total, lines, _ = history[-1] if history else (0, 0, Decimal(0), 0, "")
        total = EXACT.add(total, accrual["amount"])
        lines += bool(after) - bool(before)
        history.append((partition, offset, total, lines, name))

    def compare(self, partition, balance):
        """A balance with the accruals of its key up to its offset."""
        key = tuple(balance[field] for field in KEY)
        said = (
            partition,
            balance["source_offset"],
            balance["cumulative_amount"],
            balance["lines"],
            balance["last_accrual_id"],
        )
        if said not in self.sums[key]:
            self.say("balance", *key, "says", *said[1:], "but there is", *self.sums[key][-1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("--schemas", default="schemas", help="directory of the .avsc files")
    parser.add_argument("--balances", help="topic of balances, to be compared as well")
    arguments = parser.parse_args()
    books, schemas = Books(), Path(arguments.schemas)
    latest = {}
    if arguments.balances:  # first: what it says must then be among the accruals
        file = schemas / "accrual-balance.avsc"
        for partition, _, key, balance in read_all(arguments.bootstrap, arguments.balances, file):
            latest[key] = (partition, balance)
    count = 0
    for partition, offset, _, accrual in read_all(
        arguments.bootstrap, arguments.topic, schemas / "accrual.avsc"
    ):
        books.take(partition, offset, accrual)
        count += 1
    for partition, balance in latest.values():
        books.compare(partition, balance)
    print("\n".join(books.wrong), end="\n" if books.wrong else "")
    print(
        f"{count} accruals, {len(books.sums)} sums, {len(latest)} balances, "
        f"{len(books.wrong)} contradictions",
        file=sys.stderr,
    )
    return 1 if books.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
