"""The ledger's local file: whatever happened to it, the books are exact and nothing is twice."""

import json
import random
import re
import shutil
from pathlib import Path

import kafka_io
import pytest
import wire
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from expectations import check_all, records, send_lines, stream_case
from servers import wait_until


def ledger_directory(setup):
    return Path(setup.settings["ledger"]["directory"])


def files(setup):
    found = sorted(ledger_directory(setup).glob(f"{setup.topics['ledger']}-*.ledger"))
    assert found, "no ledger file was written"
    return found


def events(worker, name):
    """[{field: value}] of the worker's log lines of one event."""
    lines = [line for line in worker.log.read_text().splitlines() if f" event={name} " in line]
    return [dict(re.findall(r'(\w+)=("[^"]*"|\S+)', line)) for line in lines]


def total(worker, event, name):
    return sum(int(fields[name]) for fields in events(worker, event))


def wait_until_ready(setup, worker):
    def ready():
        worker.check_alive()
        return len(events(worker, "partition_ready")) >= setup.partition_count

    wait_until(ready, lambda: f"all partitions ready\n{worker.tail()}")


def mark_of(setup):
    """How far in the topic the only partition's file reaches, by its newest mark."""
    (file,) = files(setup)
    told = setup.command("ledger", "inspect", "--json", file).stdout
    return json.loads(told.splitlines()[-1])["mark"]


def wait_for_end(worker):
    """(exit code, log) of a worker that must end by itself."""
    worker.expected_to_run = False
    wait_until(lambda: worker.process.poll() is not None, worker.tail, pause=0.1)
    return worker.process.returncode, worker.log.read_text()


def raised(line, by=100):
    """The same line in a later revision, for a part of its amount."""
    more = {"revision": wire.parse.Number(str(int(line.get("revision") or 0) + by))}
    return line | more


class Story:
    """Lines in portions, each with revisions of lines that were sent before."""

    def __init__(self, kafka, setup, case, portions=3):
        self.kafka, self.setup = kafka, setup
        self.lines = records(case)
        self.portions = portions
        self.sent = []
        self.number = 0
        self.dice = random.Random(len(self.lines))

    def send(self):
        size = len(self.lines) // self.portions
        new = self.lines[self.number * size : (self.number + 1) * size]
        self.number += 1
        old = self.dice.sample(self.sent, min(len(self.sent), 40))
        more = new + [raised(line, 100 * self.number) for line in old]
        send_lines(self.kafka, self.setup.input, more)
        self.sent += more

    def send_one(self):
        """The last line again, in a later revision."""
        line = raised(self.sent[-1], 1)
        send_lines(self.kafka, self.setup.input, [line])
        self.sent.append(line)

    def run(self, instance="one", **changes):
        """A worker that takes in what is sent, and is stopped; the books are right."""
        worker = self.setup.start(instance, **changes)
        wait_until_ready(self.setup, worker)
        self.setup.wait_until_drained()
        check_all(self.setup, self.sent)
        worker.stop()
        return worker


@pytest.fixture
def story(accrued_config, kafka):
    def make(seed, lines=300, portions=3, **changes):
        case = stream_case(seed, lines)
        changes.setdefault("batch", {"lines_max": 10})
        return Story(kafka, accrued_config(case, **changes), case, portions)

    return make


def blocks(setup, since=0):
    """Of the ledger topic, from an offset on, tombstones not counted."""
    found = kafka_io.read_all(setup.kafka, setup.topics["ledger"])
    return sum(record.value is not None and record.offset >= since for record in found)


def kept_blocks(setup):
    """… of which cleaning has not got rid."""
    found = kafka_io.read_all(setup.kafka, setup.topics["ledger"])
    last = {(record.partition, record.key): record.value for record in found}
    return sum(value is not None for value in last.values())


def test_a_start_with_the_file_reads_the_end_of_the_topic_only(story):
    told = story(101)
    told.send()
    told.send()
    first = told.run()
    assert total(first, "ledger_file_read", "ledger_lines") == 0
    told.send()
    before = blocks(told.setup)
    second = told.run()
    assert total(second, "ledger_file_read", "ledger_lines") > 0
    added = blocks(told.setup) - before
    assert 0 < added < before
    # What came since the last mark that a block followed, which is that of the second start.
    for _ in range(2):
        worker = told.run()
        assert 0 < total(worker, "partition_ready", "ledger_blocks") <= added
        assert not events(worker, "ledger_file_cut")


def test_marks_are_written_while_the_worker_runs(story):
    told = story(113, partitions=1)
    told.send()
    told.send()
    worker = told.setup.start()
    told.setup.wait_until_drained()
    (end,) = told.setup.watcher.ends(told.setup.topics["ledger"], 1)
    before = blocks(told.setup)

    def is_marked():
        """Every three seconds; it is written with the next commit."""
        told.send_one()
        told.setup.wait_until_drained()
        return mark_of(told.setup) >= end

    wait_until(is_marked, worker.tail, pause=0.5)
    mark = mark_of(told.setup)
    told.send()
    told.setup.wait_until_drained()
    worker.kill()
    behind = blocks(told.setup, since=mark)
    worker = told.run()
    assert total(worker, "partition_ready", "ledger_blocks") <= behind < before


def test_a_killed_worker_s_file_is_taken_over(story):
    told = story(102)
    for _ in range(3):
        told.send()
        worker = told.setup.start()
        told.setup.wait_until_drained()
        worker.kill()
    worker = told.run()
    assert total(worker, "ledger_file_read", "ledger_lines") > 0
    assert not events(worker, "ledger_file_cut")


@pytest.mark.parametrize("loss", ["directory", "files", "no directory configured"])
def test_without_the_file_everything_comes_from_the_topic(story, loss):
    told = story(103)
    told.send()
    told.run()
    changes = {}
    if loss == "directory":
        shutil.rmtree(ledger_directory(told.setup))
    elif loss == "files":
        for file in files(told.setup):
            file.unlink()
    else:
        changes = {"ledger": {"directory": ""}}
    told.send()
    worker = told.run(**changes)
    assert total(worker, "partition_ready", "ledger_blocks") > 0
    assert (loss == "no directory configured") == (not events(worker, "ledger_file_read"))
    # The old file is behind now, the topic is not.
    told.send()
    told.run()


def test_a_file_that_is_cut_under_its_worker_stops_it(story):
    """What the worker then takes for new lines is never published."""
    it = story(27)
    worker = it.setup.start()
    wait_until_ready(it.setup, worker)
    it.send()
    it.setup.wait_until_drained(40)
    for file in files(it.setup):
        with open(file, "r+b") as opened:
            opened.truncate(64)
    it.send()  # revisions among them
    code, log = wait_for_end(worker)
    assert code == 1, log
    assert "the topic has everything: remove the file, and start again" in log
    assert any(str(file) in log for file in files(it.setup)), log
    for file in files(it.setup):
        file.unlink()
    it.run()


def test_a_file_of_an_older_time(story):
    """A disk that was put back from a snapshot."""
    told = story(104)
    told.send()
    told.run()
    copy = ledger_directory(told.setup).with_name("snapshot")
    shutil.copytree(ledger_directory(told.setup), copy)
    told.send()
    told.run()
    shutil.rmtree(ledger_directory(told.setup))
    shutil.move(copy, ledger_directory(told.setup))
    told.send()
    worker = told.run()
    assert total(worker, "ledger_file_read", "ledger_lines") > 0
    assert total(worker, "partition_ready", "ledger_blocks") > 0


def content_size(file):
    """Without the zeros at its end."""
    with open(file, "rb") as opened:
        return len(opened.read().rstrip(b"\0"))


def flip(file, dice):
    size = content_size(file)
    with open(file, "r+b") as opened:
        for _ in range(3):
            at = dice.randrange(64, size)
            opened.seek(at)
            byte = opened.read(1)[0]
            opened.seek(at)
            opened.write(bytes([byte ^ 1 << dice.randrange(8)]))


def truncate(file, dice):
    with open(file, "r+b") as opened:
        opened.truncate(dice.randrange(content_size(file)))


def zero(file, dice):
    size = content_size(file)
    at = dice.randrange(size)
    with open(file, "r+b") as opened:
        opened.seek(at)
        opened.write(bytes(dice.randrange(size - at)))


def replace(file, dice):
    file.write_bytes(dice.randbytes(dice.randrange(1, 5000)))


@pytest.mark.parametrize("damage", [flip, truncate, zero, replace])
def test_a_damaged_file_is_cut_and_completed(story, damage):
    told = story(105)
    told.send()
    told.run()
    dice = random.Random(7)
    for file in files(told.setup):
        damage(file, dice)
    told.send()
    worker = told.run()
    assert events(worker, "ledger_file_cut") or damage in (truncate, zero)
    assert total(worker, "partition_ready", "ledger_blocks") > 0
    told.send()
    worker = told.run()
    assert not events(worker, "ledger_file_cut")


def test_files_of_two_partitions_exchanged(story):
    told = story(106)
    told.send()
    told.run()
    first, second = files(told.setup)[:2]
    first.rename(first.with_suffix(".away"))
    second.rename(first)
    first.with_suffix(".away").rename(second)
    told.send()
    worker = told.run()
    reasons = [fields["reason"] for fields in events(worker, "ledger_file_cut")]
    assert len(reasons) == 2
    assert all("is begun anew: it is of partition" in reason for reason in reasons)


def test_the_file_of_another_environment(accrued_config, kafka):
    """The same topic names in another cluster, and its disk at ours. Even the offsets are the same,
    so that nothing of the topic stands behind the file's mark."""
    setups = []
    for number in range(2):
        case = stream_case(109, 80)
        setup = accrued_config(case, partitions=1, batch={"lines_max": 1000})
        lines = records(case)
        if number == 1:
            lines = [line | {"line_id": line["line_id"] + "-b"} for line in lines]
        send_lines(kafka, setup.input, lines)
        worker = setup.start()
        setup.wait_until_drained()
        check_all(setup, lines)
        worker.stop()
        worker = setup.start()  # so that the file has a mark behind everything
        wait_until_ready(setup, worker)
        worker.stop()
        setups.append((setup, lines))
    (ours, lines), (theirs, _) = setups
    ends = [setup.watcher.ends(setup.topics["ledger"], 1) for setup in (ours, theirs)]
    assert ends[0] == ends[1], "not of the same shape"
    shutil.copyfile(files(theirs)[0], files(ours)[0])
    more = [raised(line) for line in lines[:20]]
    send_lines(kafka, ours.input, more)
    worker = ours.start()
    ours.wait_until_drained()
    check_all(ours, lines + more)
    assert events(worker, "ledger_file_foreign")


def make_topic_again(kafka, topic, partitions):
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for done in admin.delete_topics([topic], operation_timeout=60).values():
        done.result()
    wait_until(lambda: topic not in admin.list_topics(timeout=60).topics, "the topic is gone")

    def made():
        new = NewTopic(topic, partitions, 1, config={"cleanup.policy": "compact"})
        try:
            for done in admin.create_topics([new]).values():
                done.result()
        except Exception as error:  # the old one is still being deleted
            assert "exist" in str(error), error
            return False
        return True

    wait_until(made, "the topic is made again")


@pytest.mark.parametrize("is_marked", [True, False])
def test_an_empty_ledger_topic_stops_the_worker(story, kafka, is_marked):
    told = story(110, partitions=1)
    for _ in range(2 if is_marked else 1):
        told.send()
        told.run()
    topic = told.setup.topics["ledger"]
    make_topic_again(kafka, topic, 1)
    told.send()
    before = len(told.setup.accruals())
    worker = told.setup.start()
    code, log = wait_for_end(worker)
    assert code == 1
    if is_marked:
        assert re.search(
            re.escape(topic) + r" \[0\] ends at offset 0, but .* has read it up to \d+", log
        ), log
        assert "the ledger of partition 0 would be lost" in log
        return
    assert re.search(re.escape(topic) + r" \[0\]: the topic lacks block \d+", log), log
    assert str(files(told.setup)[0]) in log
    assert "was re-created or shortened. Restore the topic from its backup" in log
    assert len(told.setup.accruals()) == before


# ---------------------------------------------------------------- input that was deleted


def delete_records(kafka, topic, partition, before):
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    place = TopicPartition(topic, partition, before)
    for done in admin.delete_records([place]).values():
        assert done.result().low_watermark == before


def test_input_that_was_processed_may_go(story, kafka):
    told = story(111)
    told.send()
    told.run()
    for partition, offset in enumerate(told.setup.committed()):
        delete_records(kafka, told.setup.input, partition, offset)
    told.send()
    told.run()


def test_input_that_was_never_read_stops_the_worker(story, kafka):
    told = story(112, partitions=1)
    told.send()
    told.run()
    committed = told.setup.committed()[0]
    told.send()
    end = told.setup.produced()[0]
    delete_records(kafka, told.setup.input, 0, committed + 10)
    before = len(told.setup.accruals())
    worker = told.setup.start()
    code, log = wait_for_end(worker)
    assert code == 1
    told_place = f"{told.setup.input} [0]: lines {committed} to {committed + 9} were deleted"
    assert told_place in log and "on_missing_input: continue" in log, log
    assert told.setup.committed() == [committed]
    assert len(told.setup.accruals()) == before

    worker = told.setup.start(ledger={"on_missing_input": "continue"})
    told.setup.wait_until_drained()
    fields = events(worker, "input_missing")
    assert [(f["partition"], f["from"], f["to"]) for f in fields] == [
        ("0", str(committed), str(committed + 9))
    ]
    assert told.setup.committed() == [end]
    check_all(told.setup, told.sent[:committed] + told.sent[committed + 10 :])
    assert kafka_io.read_all(kafka, told.setup.topics["billing_lines_dlq"]) == []


# ---------------------------------------------------------------- accrued ledger


def test_looking_into_a_file(story):
    told = story(114, partitions=1)
    told.send()
    told.send()
    worker = told.setup.start()
    told.setup.wait_until_drained()
    (file,) = files(told.setup)

    # While the worker has it.
    assert "good; partition 0 of 1" in told.setup.command("ledger", "verify", file).stdout
    assert "in use by a worker" in told.setup.command("ledger", "inspect", file).stdout
    worker.stop()
    assert "in use" not in told.setup.command("ledger", "inspect", file).stdout

    lines = told.setup.command("ledger", "inspect", "--json", file).stdout.splitlines()
    found = [json.loads(line) for line in lines]
    whole = found.pop()
    inside = [frame for frame in found if frame["type"] == "block"]
    assert len(inside) == whole["blocks"] == kept_blocks(told.setup)
    assert [frame["id"] for frame in inside] == sorted({frame["id"] for frame in inside})
    latest = {}
    for line in told.sent:
        key = "/".join(kafka_io.parse.fold(line[name]) for name in ("customer_id", "line_id"))
        latest.setdefault(key, []).append(line)
    assert whole["lines"] == sum(frame["live"] for frame in inside) == len(latest)
    assert whole["next_offset"] == told.setup.committed()[0]
    assert whole["in_use"] is False

    # A line that was revised has a history.
    key, sent = max(latest.items(), key=lambda item: len(item[1]))
    shown = told.setup.command("ledger", "inspect", "--json", "--key", key, file).stdout
    history = [json.loads(line) for line in shown.splitlines()]
    assert [entry["newest"] for entry in history] == [False] * (len(history) - 1) + [True]
    assert history[-1]["revision"] == max(int(line.get("revision") or 0) for line in sent)
    assert {f"{entry['customer_id']}/{entry['line_id']}" for entry in history} == {key}
    table = told.setup.command("ledger", "inspect", "--key", key, file).stdout
    assert "REVISION" in table and "SEQUENCE" in table

    with open(file, "r+b") as opened:
        opened.seek(inside[-1]["place"] + 40)
        opened.write(b"something else")
    done = told.setup.command("ledger", "verify", file, check=False)
    assert done.returncode == 1
    assert re.search(re.escape(str(file)) + rf": at byte {inside[-1]['place']}: ledger block is damaged", done.stderr)
    assert told.setup.command("ledger", "inspect", file, check=False).returncode == 1


def test_looking_into_what_is_no_ledger_file(accrued_config, tmp_path):
    setup = accrued_config(partitions=1)
    wrong = tmp_path / "wrong"
    wrong.write_text("something else")
    for path, told in ((wrong, "it is not a ledger file"), (tmp_path / "none", "No such file")):
        for verb in ("inspect", "verify"):
            done = setup.command("ledger", verb, path, check=False)
            assert done.returncode == 1
            assert str(path) in done.stderr and told in done.stderr
    for arguments in ((), ("inspect",), ("look", wrong), ("verify", "--json", wrong)):
        assert setup.command("ledger", *arguments, check=False).returncode == 2
