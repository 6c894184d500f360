"""Bad records: byte for byte in the dead letters, with the reason, and nothing else changes."""

import pytest
import wire
from expectations import check_all, records, send_lines, stream_case
from kafka_io import Sender

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
DECIMAL_LIMIT = 10**28


def framed(**changes):
    return wire.frame(wire.raw_datum(GOOD, **changes), wire.BILLING_LINE)


def bad_values():
    """(name, code, value, what the message must name)"""
    good = wire.line_value(GOOD)
    return [
        ("null", "field_invalid", None, ""),
        ("empty", "avro_malformed", b"", ""),
        ("text", "avro_malformed", b"not avro at all", ""),
        ("header only", "avro_malformed", good[:5], ""),
        ("half a header", "avro_malformed", good[:3], ""),
        ("cut", "avro_malformed", good[:-1], ""),
        ("cut early", "avro_malformed", good[:9], ""),
        ("too long", "avro_malformed", good + b"\0", ""),
        ("unknown schema", "schema_unknown", wire.line_value(GOOD, 4711), "4711"),
        ("not UTF-8", "field_invalid", framed(charge_type=b"ne\xffw"), "charge_type"),
        ("status", "field_invalid", framed(status=2), "status"),
        ("revision", "field_invalid", framed(revision=-1), "revision"),
        ("no line_id", "field_invalid", framed(line_id=b""), "line_id"),
        ("long line_id", "field_invalid", framed(line_id=b"x" * 129), "line_id"),
        ("no customer", "field_invalid", framed(customer_id=b""), "customer_id"),
        ("period", "field_invalid", framed(billing_period=b"2020-13"), "billing_period"),
        ("period's form", "field_invalid", framed(billing_period=b"202001"), "billing_period"),
        ("charge type", "field_invalid", framed(charge_type=b""), "charge_type"),
        ("currency", "field_invalid", framed(currency=b"usd"), "currency"),
        ("start after end", "field_invalid", framed(charge_end_date=18000), "charge_"),
        ("no such date", "field_invalid", framed(charge_start_date=-(2**31)), "charge_start_date"),
        ("long text", "field_invalid", framed(product_name=b"n" * 1025), "product_name"),
        (
            "overflow",
            "amount_overflow",
            framed(billed_amount=wire.unscaled_bytes(DECIMAL_LIMIT)),
            "billed_amount",
        ),
        (
            "negative overflow",
            "amount_overflow",
            framed(consumed_amount=wire.unscaled_bytes(-DECIMAL_LIMIT)),
            "consumed_amount",
        ),
        (
            "far overflow",
            "amount_overflow",
            framed(quantity=wire.unscaled_bytes(10**90)),
            "quantity",
        ),
    ]


def headers_of(record):
    return {name: value for name, value in record.headers if name.startswith("accrued.")}


def check_letter(setup, letter, sent, place, code, named):
    """The record as it was sent, plus the headers that say why and from where."""
    assert (letter.key, letter.value) == (sent["key"], sent["value"])
    assert list(letter.headers[: len(sent["headers"])]) == sent["headers"]
    added = headers_of(letter)
    assert set(added) == {
        "accrued.error.code",
        "accrued.error.message",
        "accrued.source.topic",
        "accrued.source.partition",
        "accrued.source.offset",
        "accrued.source.timestamp",
    }
    message = added["accrued.error.message"].decode()
    assert added["accrued.error.code"].decode() == code, message
    assert message and named in message
    assert added["accrued.source.topic"].decode() == setup.input
    source = (int(added["accrued.source.partition"]), int(added["accrued.source.offset"]))
    assert source == place
    assert int(added["accrued.source.timestamp"]) == sent["timestamp"]


def test_each_kind_of_bad_record_among_good_ones(accrued_config, kafka):
    case = stream_case(31, 60)
    setup = accrued_config(case, batch={"lines_max": 20})
    lines = records(case)
    sender = Sender(kafka, setup.input)
    sent = []
    for number, (name, code, value, named) in enumerate(bad_values()):
        for line in lines[number * 2 : number * 2 + 2]:
            sender.send(wire.line_key(line), wire.line_value(line))
        headers = [("trace", b"\x00\xff"), ("trace", b""), ("none", None)][: number % 4]
        key = [b"c-1", None, b""][number % 3] if code != "amount_overflow" else b"c-1"
        letter = {
            "key": key,
            "value": value,
            "headers": headers,
            "timestamp": 1_600_000_000_000 + number,
        }
        sent.append((len(sender.places), name, code, named, letter))
        sender.send(**letter)
    for line in lines[len(sent) * 2 :]:
        sender.send(wire.line_key(line), wire.line_value(line))
    places = sender.flush().places
    setup.start()
    setup.wait_until_drained()
    letters = {
        (
            int(headers_of(r)["accrued.source.partition"]),
            int(headers_of(r)["accrued.source.offset"]),
        ): r
        for r in setup.dead_letters()
    }
    assert len(letters) == len(setup.dead_letters()) == len(sent)
    wrong = []
    for number, name, code, named, letter in sent:
        try:
            check_letter(setup, letters[places[number]], letter, places[number], code, named)
        except AssertionError as error:
            wrong.append(f"{name}: {error}")
    assert not wrong, "\n\n".join(wrong)
    check_all(setup, lines)


def test_a_line_in_the_wrong_partition_or_under_the_wrong_key(accrued_config, kafka):
    case = stream_case(32, 20)
    setup = accrued_config(case, partitions=4)
    lines = records(case)
    sender = send_lines(kafka, setup.input, lines)
    line, value = lines[0], wire.line_value(lines[0])
    right = wire.line_key(line)
    home = wire.partition_of(right, 4)
    wrong = [
        {"key": right, "partition": (home + 1) % 4},
        {"key": b"somebody-else", "partition": home},
        {"key": b"somebody-else", "partition": -1},
        {"key": None, "partition": home},
        {"key": b"", "partition": home},
        {"key": right + b" ", "partition": home},
    ]
    first = len(sender.places)
    for record in wrong:
        sender.send(value=value, timestamp=1_600_000_000_000, headers=[("h", b"1")], **record)
    places = sender.flush().places[first:]
    setup.start()
    setup.wait_until_drained()
    letters = setup.dead_letters()
    assert len(letters) == len(wrong)
    by_place = {
        (
            int(headers_of(r)["accrued.source.partition"]),
            int(headers_of(r)["accrued.source.offset"]),
        ): r
        for r in letters
    }
    for record, place in zip(wrong, places):
        sent = {
            "key": record["key"],
            "value": value,
            "headers": [("h", b"1")],
            "timestamp": 1_600_000_000_000,
        }
        check_letter(setup, by_place[place], sent, place, "wrong_partition", "")
    check_all(setup, lines)


@pytest.mark.parametrize(
    "broken", [b"{", b"[]", b'{"mpn_id": "4200001", "mpn_active": "yes"}', b"\xff"]
)
def test_a_reference_value_that_cannot_be_read(accrued_config, kafka, broken):
    """Its lines go to the dead letters; the others do not; a replay after the repair works."""
    case = stream_case(33, 10)
    case.programs = PROGRAM
    setup = accrued_config(case)
    key = f"{setup.settings['redis']['key_prefix']}partner:4200001".encode()
    good = setup.redis.client.get(key)
    setup.redis.client.set(key, broken)
    affected = dict(GOOD, line_id="A", billed_amount="100")
    other = dict(GOOD, line_id="B", reseller_mpn_id="unknown-partner")
    sender = send_lines(kafka, setup.input, [affected, other])
    setup.start()
    setup.wait_until_drained()
    (letter,) = setup.dead_letters()
    assert headers_of(letter)["accrued.error.code"] == b"reference_unreadable"
    assert letter.value == wire.line_value(affected)
    assert setup.accruals() == []
    assert len(setup.forgone()) == 1
    setup.redis.client.set(key, good or OPEN_PARTNER)
    sender.send(letter.key, letter.value, headers=list(letter.headers))
    sender.flush()
    setup.wait_until_drained()
    (accrual,) = [wire.event(r.value) for r in setup.accruals()]
    assert (accrual["line_id"], accrual["amount"], accrual["reason"]) == ("a", "10", "NEW_LINE")


def test_an_old_dead_letter_replayed_late_does_not_win_a_tie(accrued_config, kafka):
    """On a tie of revisions the original offset decides, not the place of the replay."""
    case = stream_case(34, 10)
    case.programs = PROGRAM
    setup = accrued_config(case)
    key = f"{setup.settings['redis']['key_prefix']}partner:4200001".encode()
    setup.redis.client.set(key, b"{")
    old = dict(GOOD, billed_amount="100")
    sender = send_lines(kafka, setup.input, [old])
    setup.start()
    setup.wait_until_drained()
    (letter,) = setup.dead_letters()
    setup.redis.client.set(key, OPEN_PARTNER)
    newer = dict(GOOD, billed_amount="300")
    sender.send(wire.line_key(newer), wire.line_value(newer))
    sender.flush()
    setup.wait_until_drained()
    sender.send(letter.key, letter.value, headers=list(letter.headers))
    sender.flush()
    setup.wait_until_drained()
    amounts = [wire.event(r.value)["amount"] for r in setup.accruals()]
    assert amounts == ["30"]


PROGRAM = """
programs:
  - id: sale
    name: sale
    beneficiary: reseller
    measure: billed_amount
    versions:
      - from: 2019-01-01
        requires: {mpn_active: true}
        rates:
          - {families: [azure], rate: 10%}
"""
OPEN_PARTNER = (
    b'{"mpn_id": "4200001", "mpn_active": [{"from": null, "to": null}], "indirect_reseller": [],'
    b' "bank_profile": [], "tax_profile": [], "competencies": []}'
)
