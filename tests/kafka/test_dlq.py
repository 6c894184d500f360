"""`accrued dlq`: what a person sees of dead letters, and what happens when they are sent again."""

import json
import os
import time

import pytest
import wire
from expectations import check_all, records, send_lines, stream_case
from kafka_io import Sender
from servers import wait_until
from test_dead_letters import GOOD, OPEN_PARTNER, PROGRAM, bad_values, framed, headers_of

PARTNER = "4200001"


def dlq(setup, *arguments, check=True, **more):
    return setup.command("dlq", *arguments, "-c", setup.config(), check=check, **more)


def listed(setup, *arguments):
    return [json.loads(text) for text in dlq(setup, "list", "--json", *arguments).stdout.splitlines()]


def name(letter):
    """What `list --json` calls it, and what every other command takes."""
    assert letter["letter"] == f"{letter['partition']}/{letter['offset']}"
    return letter["letter"]


def replay(setup, *arguments, count):
    done = dlq(setup, "replay", *arguments, "--confirm", count)
    assert done.stdout.strip() == str(count)
    return done


def drained(setup):
    """Committed up to the end; replays are transactions, whose markers count too."""
    wait_until(lambda: setup.committed() == setup.produced(), setup.logs)


def store_partner(setup, value):
    key = f"{setup.settings['redis']['key_prefix']}partner:{PARTNER}"
    setup.redis.client.set(key.encode(), value)


@pytest.fixture
def setup(accrued_config):
    case = stream_case(34, 10)
    case.programs = PROGRAM
    made = accrued_config(case)
    store_partner(made, OPEN_PARTNER)
    return made


def amounts(setup):
    return [wire.event(r.value)["amount"] for r in setup.accruals()]


def test_list_and_show_each_kind_of_bad_record(setup, kafka):
    sender = Sender(kafka, setup.input)
    for _, _, value, _ in bad_values():
        sender.send(b"c-1", value, headers=[("trace", b"\x00\xff"), ("empty", None)])
    sender.flush()
    setup.start()
    setup.wait_until_drained()
    letters = listed(setup)
    by_source = {(x["source_partition"], x["source_offset"]): x for x in letters}
    assert len(by_source) == len(bad_values())
    for place, (what, code, value, named) in zip(sender.places, bad_values()):
        letter = by_source[place]
        assert (letter["code"], letter["replayed_at"]) == (code, None), what
        shown = json.loads(dlq(setup, "show", name(letter), "--json").stdout)
        assert shown["letter"] == name(letter)
        assert shown["code"] == shown["code_today"] == code, what
        assert shown["message"] == shown["message_today"] == letter["message"]
        assert shown["bytes"] == len(value or b"")
        assert ["trace", "\0\ufffd"] in shown["headers"] and ["empty", None] in shown["headers"]
        check_shown(what, shown, value, named)
        words = dlq(setup, "show", name(letter)).stdout
        assert code in words and (value is None or f"byte {shown['failed_at']} of" in words), what
    told = dlq(setup, "list", "--summary").stdout
    assert [line.split()[1] for line in told.splitlines() if line.startswith("avro_malf")] == ["7"]


def check_shown(what, shown, value, named):
    """The byte where it failed, and what was readable before."""
    fields = {field["name"]: field for field in shown["fields"]}
    if value is None:
        assert shown["failed_at"] is None
    elif what in ("cut", "cut early"):
        assert shown["failed_at"] <= len(value) and shown["ended"] == "broken"
        assert shown["fields"][-1]["words"] is None
    elif what == "too long":
        assert (shown["failed_at"], shown["ended"]) == (len(wire.line_value(GOOD)), "trailing")
    elif what in ("empty", "text", "half a header"):
        assert (shown["failed_at"], shown["ended"]) == (0, "no_frame")
    elif what == "unknown schema":
        assert (shown["failed_at"], shown["ended"]) == (0, "no_schema")
    elif named and named in fields:
        assert shown["failed_at"] == fields[named]["begin"], what
        assert value[fields["charge_start_date"]["begin"] - 4 :].startswith(b"\x06new") or (
            named == "charge_type"
        )


def test_show_reads_a_good_record_like_fastavro(setup, kafka):
    """A record that only its reference value kept out is whole, field by field."""
    store_partner(setup, b"{")
    line = dict(GOOD, consumed_amount="-12.5", event_time="2020-02-03T04:05:06.789Z")
    send_lines(kafka, setup.input, [line])
    setup.start()
    setup.wait_until_drained()
    (letter,) = listed(setup, "--code", "reference_unreadable")
    assert (letter["customer_id"], letter["line_id"]) == ("c-1", "l-1")
    shown = json.loads(dlq(setup, "show", name(letter), "--json").stdout)
    assert (shown["ended"], shown["failed_at"], shown["code_today"]) == ("whole", None, None)
    fields = {field["name"]: field for field in shown["fields"]}
    assert list(fields) == [f["name"] for f in wire.schema_json(wire.BILLING_LINE)["fields"]]
    words = {field: json.loads(value["words"]) for field, value in fields.items()}
    assert words["line_id"] == "L-1" and words["status"] == "ACTIVE" and words["quantity"] is None
    assert (words["billed_amount"], words["consumed_amount"]) == ("100", "-12.5")
    assert words["charge_start_date"] == "2020-01-01"
    assert words["event_time"] == "2020-02-03T04:05:06.789Z"
    assert shown["fields"][0]["begin"] == 5
    ends = [field["end"] for field in shown["fields"]]
    assert [field["begin"] for field in shown["fields"]][1:] == ends[:-1]
    assert ends[-1] == shown["bytes"]


def test_filters(setup, kafka):
    sender = Sender(kafka, setup.input)
    sender.send(b"c-1", framed(currency=b"usd"))
    sender.send(b"c-2", wire.frame(wire.raw_datum(dict(GOOD, customer_id="C-2"), revision=-1), 1))
    sender.send(b"key-only", b"garbage")
    sender.flush()
    setup.start()
    setup.wait_until_drained()
    assert len(listed(setup)) == 3
    (one,) = listed(setup, "--customer", "C-2")
    assert (one["customer_id"], one["key"]) == ("c-2", None)
    (two,) = listed(setup, "--customer", "key-only")
    assert (two["customer_id"], two["key"]) == (None, "key-only")
    assert listed(setup, "--code", "avro_malformed") == [two]
    assert listed(setup, "--partition", one["partition"], "--offset", one["offset"]) == [one]
    assert listed(setup, name(one), name(two)) == sorted(
        [one, two], key=lambda x: (x["partition"], x["offset"])
    )
    assert listed(setup, "--since", "2100-01-01") == listed(setup, "--until", "2001-01-01") == []
    assert len(listed(setup, "--since", "2001-01-01", "--until", "2100-01-01T00:00:00Z")) == 3
    for wrong in (
        ["list", "--code", "avro_malfromed"],
        ["list", "--offset", "1"],
        ["show"],
        ["replay", "--confirm", "3"],
        ["replay", "--all", "--open"],
        ["purge"],
        ["list", "--confirm", "3"],
        ["show", "17"],
    ):
        assert dlq(setup, *wrong, check=False).returncode == 2, wrong
    missing = dlq(setup, "show", "0/4711", check=False)
    assert missing.returncode == 1 and "no letter 0/4711" in missing.stderr


def test_replay_after_the_repair_and_again(setup, kafka):
    """Twice changes nothing; what was replayed is seen and left out."""
    lines = [
        dict(GOOD, customer_id=f"C-{n}", line_id=f"L-{n}", billed_amount=str(10 * n + 10))
        for n in range(20)
    ]
    store_partner(setup, b"{")
    sender = Sender(kafka, setup.input)
    for line in lines:
        sender.send(wire.line_key(line), wire.line_value(line), headers=[("own", b"\xff\0")])
    sender.flush()
    setup.start()
    setup.wait_until_drained()
    assert len(listed(setup, "--open")) == 20 and setup.accruals() == []
    store_partner(setup, OPEN_PARTNER)
    dry = dlq(setup, "replay", "--code", "reference_unreadable", "--dry-run")
    assert "20 letters to replay" in dry.stderr
    for refused in ([], ["--confirm", "19"], ["--confirm", "21"]):
        told = dlq(setup, "replay", "--code", "reference_unreadable", *refused, check=False)
        assert told.returncode == 1 and "nothing was done" in told.stderr
    assert setup.accruals() == [] and len(listed(setup, "--open")) == 20
    replay(setup, "--code", "reference_unreadable", count=20)
    drained(setup)
    want = sorted(str(n + 1) for n in range(20))
    assert sorted(amounts(setup)) == want
    assert listed(setup, "--open") == [] and all(x["replayed_at"] for x in listed(setup))
    first = listed(setup)[0]
    shown = json.loads(dlq(setup, "show", name(first), "--json").stdout)
    assert shown["replayed_at"] == first["replayed_at"] and shown["code_today"] is None
    left = dlq(setup, "replay", "--all", "--confirm", "0")
    assert "20 left out: replayed already" in left.stderr
    replay(setup, "--all", "--again", count=20)
    drained(setup)
    assert sorted(amounts(setup)) == want, "a letter sent twice was paid twice"
    check_all(setup, lines)
    check_returned(setup, kafka, sender.places, lines)


def check_returned(setup, kafka, places, lines):
    """The input holds each line three times, alike but for the source position in the headers."""
    import kafka_io

    copies = {}
    for record in kafka_io.read_all(kafka, setup.input):
        copies.setdefault((record.partition, record.key, record.value), []).append(record)
    assert len(copies) == len(lines)
    for records_ in copies.values():
        first, *again = records_
        assert len(again) == 2 and first.headers == (("own", b"\xff\0"),)
        for record in again:
            assert record.headers[0] == ("own", b"\xff\0")
            added = headers_of(record)
            assert set(added) == {
                f"accrued.source.{x}" for x in ("topic", "partition", "offset", "timestamp")
            }
            place = (int(added["accrued.source.partition"]), int(added["accrued.source.offset"]))
            assert place == (first.partition, first.offset) and place in places


def test_an_old_revision_and_a_tie_do_not_win(setup, kafka):
    store_partner(setup, b"{")
    old = dict(GOOD, billed_amount="100")
    tie = dict(GOOD, line_id="L-2", billed_amount="100")
    send_lines(kafka, setup.input, [old, tie])
    setup.start()
    setup.wait_until_drained()
    store_partner(setup, OPEN_PARTNER)
    newer = dict(GOOD, billed_amount="300", revision=wire.parse.Number("1"))
    later = dict(tie, billed_amount="500")
    send_lines(kafka, setup.input, [newer, later])
    setup.wait_until_drained()
    replay(setup, "--all", count=2)
    drained(setup)
    assert sorted(amounts(setup)) == ["30", "50"]
    assert listed(setup, "--open") == []


def test_a_letter_that_fails_again_is_a_new_letter(setup, kafka):
    Sender(kafka, setup.input).send(b"c-1", framed(currency=b"usd"))
    sender = Sender(kafka, setup.input)
    sender.send(b"c-1", framed(currency=b"eur"))
    sender.flush()
    setup.start()
    setup.wait_until_drained()
    (old,) = [x for x in listed(setup) if '"eur"' in x["message"]]
    replay(setup, name(old), count=1)
    drained(setup)
    again = [x for x in listed(setup, "--open") if '"eur"' in x["message"]]
    assert len(again) == 1 and again[0]["offset"] != old["offset"]
    assert again[0]["source_offset"] == old["source_offset"], "the original offset is kept"


def test_the_wrong_partition(setup, kafka):
    home = wire.partition_of(b"c-1", 4)
    sender = Sender(kafka, setup.input)
    good, value = dict(GOOD), wire.line_value(GOOD)
    sender.send(b"c-1", value, partition=(home + 1) % 4)
    sender.send(b"somebody-else", value, partition=home)
    sender.send(None, value, partition=home)
    sender.flush()
    setup.start()
    setup.wait_until_drained()
    assert {x["code"] for x in listed(setup)} == {"wrong_partition"} and len(listed(setup)) == 3
    none = dlq(setup, "replay", "--all", "--confirm", "0")
    assert "1 left out: wrong_partition: it would go" in none.stderr
    assert "2 left out: wrong_partition: its key is not" in none.stderr
    replay(setup, "--code", "wrong_partition", count=1)
    drained(setup)
    assert amounts(setup) == ["10"]
    check_all(setup, [good])


def test_purge(setup, kafka):
    sender = Sender(kafka, setup.input)
    for number in range(10):
        sender.send(b"c-1", framed(revision=-1 - number))
    sender.flush()
    setup.start()
    setup.wait_until_drained()
    letters = listed(setup)
    partition = letters[0]["partition"]
    cut = letters[6]["offset"]
    replay(setup, name(letters[0]), count=1)
    dry = dlq(setup, "purge", "--before", f"{partition}/{cut}", "--dry-run")
    assert "6 letters to delete, 5 of them never replayed" in dry.stderr
    assert dlq(setup, "purge", "--before", f"{partition}/{cut}", check=False).returncode == 1
    beyond = dlq(setup, "purge", "--before", f"{partition}/999999", "--dry-run", check=False)
    assert beyond.returncode == 1 and "ends at" in beyond.stderr
    assert len([x for x in listed(setup) if x["offset"] < cut]) == 6
    done = dlq(setup, "purge", "--before", f"{partition}/{cut}", "--confirm", "6")
    assert done.stdout == "6\n"
    left = listed(setup)
    assert {x["offset"] for x in letters[6:]} <= {x["offset"] for x in left}
    assert min(x["offset"] for x in left) >= cut


def test_garbage_and_huge_records(accrued_config, kafka):
    """Whatever bytes come: shown without harm, sent back byte for byte."""
    case = stream_case(35, 10)
    setup = accrued_config(case)
    sender = Sender(kafka, setup.input)
    values = [b"\0" * 900_000, os.urandom(900_000), b"\0\0\0\0\1" + b"\xff" * 900_000]
    values += [b"\0\0\0\0\1" + os.urandom(n) for n in range(60)]
    values += [b"\xc3\x01" + os.urandom(n) for n in range(20)]
    for number, value in enumerate(values):
        key = [os.urandom(8), b"", None][number % 3]
        sender.send(key, value, headers=[(os.urandom(4).hex(), os.urandom(20))])
    sender.flush()
    setup.start()
    setup.wait_until_drained()
    letters = listed(setup)
    assert len(letters) == len(values)
    dlq(setup, "list")
    for letter in letters[:: len(letters) // 20] + sorted(letters, key=lambda x: -x["bytes"])[:3]:
        shown = json.loads(dlq(setup, "show", name(letter), "--json").stdout)
        assert shown["bytes"] == letter["bytes"]
        dlq(setup, "show", name(letter))
    replay(setup, "--all", count=len(values))
    drained(setup)
    again = setup.dead_letters()
    sent = sorted(values)
    got = sorted(record.value for record in again if record.value is not None)
    assert got == sorted(sent + sent)
    check_all(setup, [])


def test_a_hundred_thousand_letters(accrued_config, kafka):
    """Listing and sending them is a matter of seconds."""
    case = stream_case(36, 10)
    case.programs = PROGRAM
    setup = accrued_config(case)
    store_partner(setup, b"{")
    count = 100_000
    template = wire.line_value(dict(GOOD, line_id="L-000000", customer_id="C-000000"))
    sender = Sender(kafka, setup.input)
    for number in range(count):
        text = b"%06d" % number
        sender.send(b"c-" + text, template.replace(b"000000", text))
    sender.flush()
    setup.start()
    setup.wait_until_drained(180)
    started = time.monotonic()
    summary = dlq(setup, "list", "--summary", "--json").stdout
    assert json.loads(summary)["letters"] == count
    list_s, started = time.monotonic() - started, time.monotonic()
    assert len(dlq(setup, "list").stdout.splitlines()) == count + 1
    table_s, started = time.monotonic() - started, time.monotonic()
    store_partner(setup, OPEN_PARTNER)
    replay(setup, "--code", "reference_unreadable", count=count)
    replay_s = time.monotonic() - started
    print(f"summary {list_s:.1f} s, table {table_s:.1f} s, replay {replay_s:.1f} s")
    wait_until(lambda: setup.committed() == setup.produced(), setup.logs, 180)
    assert len(setup.accruals()) == count
    assert json.loads(dlq(setup, "list", "--summary", "--json").stdout)["open"] == 0
