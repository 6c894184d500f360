"""Backup and coming back, as docs/ledger.md tells it: topics are lost, put back from copies, and the
books go on exactly where they were."""

import re
import shutil

import kafka_io
import pytest
import wire
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from expectations import check_events, from_scratch, run_oracle, stream_case
from servers import wait_until
from test_ledger_file import Story, events, files, ledger_directory, total, wait_for_end
from totals import check_deltas, standing


@pytest.fixture
def story(accrued_config, kafka):
    case = stream_case(131, 240)
    setup = accrued_config(case, partitions=2, batch={"lines_max": 10})
    return Story(kafka, setup, case, 3)


def copy_of(setup, name):
    """As a topic archive has it: committed records with partition, key, timestamp and order.
    Tombstones are left out, what they would have removed may be there or not."""
    found = kafka_io.read_all(setup.kafka, setup.topics[name])
    return [record for record in found if record.value is not None]


def lose(setup, *names):
    admin = AdminClient({"bootstrap.servers": setup.kafka.bootstrap_servers})
    topics = [setup.topics[name] for name in names]
    for done in admin.delete_topics(topics, operation_timeout=60).values():
        done.result()
    wait_until(
        lambda: not set(topics) & set(admin.list_topics(timeout=60).topics), f"{topics} are gone"
    )


def put_back(setup, records):
    producer = Producer(
        {"bootstrap.servers": setup.kafka.bootstrap_servers, "enable.idempotence": True}
    )
    failed = []
    for record in records:
        producer.produce(
            record.topic,
            record.value,
            record.key,
            record.partition,
            timestamp=record.timestamp,
            headers=list(record.headers),
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
        producer.poll(0)
    assert producer.flush(90) == 0 and not failed, failed[:3]


def set_offsets(setup, offsets):
    consumer = Consumer(
        {"bootstrap.servers": setup.kafka.bootstrap_servers, "group.id": setup.group}
    )
    wanted = [TopicPartition(setup.input, number, offset) for number, offset in enumerate(offsets)]
    consumer.commit(offsets=wanted, asynchronous=False)
    consumer.close()


def make_topics(setup):
    """`accrued topics create`, which a broker that still deletes a name refuses."""

    def made():
        done = setup.command("topics", "create", "-c", setup.config(), check=False)
        return done.returncode == 0

    wait_until(made, "the topics are made again")


def once(setup):
    """What a reader has that knows accruals by their id, and forgone by their source. What comes
    twice is the same both times."""
    seen = {}
    for record in setup.accruals() + setup.forgone():
        event = wire.event(record.value)
        source = (event["source_partition"], event["source_offset"])
        place = tuple(event[name] for name in ("customer_id", "line_id", "program_id"))
        key = event.get("accrual_id") or (place, event["partner_mpn_id"], source,
                                          event["billing_period"], event["currency"])  # fmt: skip
        plain = {name: value for name, value in event.items() if name != "accrued_at"}
        first = seen.setdefault(key, (plain, event))
        assert first[0] == plain, f"{key} comes twice and differs"
    return [event for _, event in seen.values()]


def check_once(setup, lines):
    want, oracle = run_oracle(setup, lines)
    got = once(setup)
    check_deltas(got)
    assert standing(got) == from_scratch(oracle.ledger.config, oracle.accepted, oracle.reference)
    check_events(want, got)
    assert setup.committed() == setup.produced()


def test_the_ledger_topic_is_put_back(story):
    """A copy that is as new as what it was made of: nothing comes twice."""
    setup = story.setup
    story.send()
    story.run()
    story.send()
    story.run()
    offsets, blocks = setup.committed(), copy_of(setup, "ledger")
    lose(setup, "ledger")
    make_topics(setup)
    put_back(setup, blocks)
    shutil.rmtree(ledger_directory(setup))
    set_offsets(setup, offsets)
    story.send()
    worker = story.run()
    assert total(worker, "partition_ready", "ledger_blocks") >= len(blocks)


@pytest.mark.parametrize("is_file_removed", [True, False])
def test_the_copy_of_the_ledger_is_older_than_the_accruals(story, is_file_removed):
    """Lines after the copy are rated again: the same accruals under the same ids."""
    setup = story.setup
    story.send()
    story.run()
    offsets, blocks = setup.committed(), copy_of(setup, "ledger")
    story.send()
    story.run()
    before = len(setup.accruals())
    lose(setup, "ledger")
    make_topics(setup)
    put_back(setup, blocks)
    set_offsets(setup, offsets)
    if not is_file_removed:
        # The file knows more than the topic: nobody goes on with that.
        code, log = wait_for_end(setup.start())
        assert code == 1
        assert re.search(r"re-created or shortened", log), log
        assert len(setup.accruals()) == before
    shutil.rmtree(ledger_directory(setup))
    story.send()
    setup.start()
    setup.wait_until_drained()
    check_once(setup, story.sent)
    assert len(setup.accruals()) > len(once(setup)) - len(setup.forgone()), "nothing came twice"
    setup.workers[-1].stop()


def test_offsets_of_the_group_that_are_too_low(story):
    """… are made good by the ledger: what it has is skipped and counted, not rated again."""
    setup = story.setup
    story.send()
    story.run()
    set_offsets(setup, [0] * setup.partition_count)
    story.send()
    story.run()


def test_everything_is_lost_and_put_back(story):
    setup = story.setup
    story.send()
    story.run()
    offsets = setup.committed()
    names = ("ledger", "billing_lines", "accruals", "accruals_forgone")
    copies = {name: copy_of(setup, name) for name in names}
    lose(setup, *names)
    make_topics(setup)
    for name in ("billing_lines", "ledger", "accruals", "accruals_forgone"):
        put_back(setup, copies[name])
    assert setup.produced() == offsets, "input must have its offsets again"
    set_offsets(setup, offsets)
    shutil.rmtree(ledger_directory(setup))
    story.send()
    story.run()
    assert setup.dead_letters() == []


def test_input_that_came_back_with_other_offsets_is_refused(story):
    setup = story.setup
    story.send()
    story.run()
    offsets = setup.committed()
    lines = copy_of(setup, "billing_lines")
    assert files(setup)
    lose(setup, "billing_lines")
    make_topics(setup)
    put_back(setup, lines[len(lines) // 4 :] if offsets[0] > 4 else lines[1:])
    before = len(setup.accruals())
    worker = setup.start()
    code, log = wait_for_end(worker)
    assert code == 1
    assert "the topic was re-created" in log, log
    assert not events(worker, "partition_ready") or len(setup.accruals()) == before
