"""Records as they stand in the topics: Avro in Confluent framing, keys, Java's partitioner.

What the program writes is read by fastavro. What it must refuse cannot be written by fastavro, so
`raw_datum` writes the same layout with the meaning taken out: texts as bytes, enums, dates and
times as numbers, decimals as the bytes of their unscaled value.
"""

import datetime
import io
import json
from decimal import Context, Decimal
from fractions import Fraction

import binary
import fastavro
from oracle import exact, parse

SCHEMAS = binary.ROOT / "schemas"
BILLING_LINE, ACCRUAL, FORGONE, RERATE_REQUEST, BALANCE = 1, 2, 3, 4, 5
FILES = {
    BILLING_LINE: "billing-line.avsc",
    ACCRUAL: "accrual.avsc",
    FORGONE: "forgone.avsc",
    RERATE_REQUEST: "rerate-request.avsc",
    BALANCE: "accrual-balance.avsc",
}

WIDE = Context(prec=60)  # enough digits that nothing is rounded behind our back

_parsed = {}


def schema_json(schema_id):
    return json.loads((SCHEMAS / FILES[schema_id]).read_text(encoding="utf-8"))


def schema(schema_id):
    if schema_id not in _parsed:
        _parsed[schema_id] = fastavro.parse_schema(schema_json(schema_id))
    return _parsed[schema_id]


def frame(datum, schema_id):
    return b"\0" + schema_id.to_bytes(4, "big") + datum


def unframe(value):
    """(schema id, datum)"""
    assert value[:1] == b"\0", value[:8]
    return int.from_bytes(value[1:5], "big"), value[5:]


def read(value):
    """The record in a framed value, by the schema that its id names."""
    schema_id, datum = unframe(value)
    stream = io.BytesIO(datum)
    record = fastavro.schemaless_reader(stream, schema(schema_id), None)
    assert stream.read() == b"", "bytes behind the datum"
    return record


def value(record, schema_id):
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema(schema_id), record)
    return frame(stream.getvalue(), schema_id)


# ---------------------------------------------------------------- billing lines


def _decimal(text):
    if text is None:
        return None
    value = exact.parse_decimal(text)
    scaled = value.numerator * 10**exact.MEASURE_SCALE // value.denominator
    return Decimal(scaled).scaleb(-exact.MEASURE_SCALE, WIDE)


def line_record(line):
    """A line of the offline form (a JSON object with numbers as text) -> what fastavro writes."""
    parsed = parse.parse_line(line)
    record = {name: line.get(name) for name in parse.OPTIONAL_TEXTS}
    record.update(
        line_id=line["line_id"],
        customer_id=line["customer_id"],
        revision=parsed.revision,
        status="VOID" if parsed.is_void else "ACTIVE",
        billing_period=line["billing_period"],
        charge_type=line["charge_type"],
        charge_start_date=parsed.charge_start_date,
        charge_end_date=parsed.charge_end_date,
        currency=line["currency"],
        billed_amount=_decimal(line["billed_amount"]),
        consumed_amount=_decimal(line.get("consumed_amount")),
        quantity=_decimal(line.get("quantity")),
        event_time=parsed.event_time,
    )
    return record


def line_value(line, schema_id=BILLING_LINE):
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema(BILLING_LINE), line_record(line))
    return frame(stream.getvalue(), schema_id)


def line_key(line):
    return parse.fold(line["customer_id"]).encode()


# ---------------------------------------------------------------- broken data


def _raw_type(kind):
    if isinstance(kind, list):
        return [_raw_type(branch) for branch in kind]
    if isinstance(kind, dict):
        if kind["type"] == "enum":
            return "int"
        if kind["type"] == "record":
            return dict(
                kind,
                fields=[{"name": f["name"], "type": _raw_type(f["type"])} for f in kind["fields"]],
            )
        if "logicalType" in kind and kind["type"] in ("int", "long", "bytes"):
            return kind["type"]
        return kind
    return "bytes" if kind == "string" else kind


def _raw_value(value):
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, Decimal):
        return unscaled_bytes(int(value.scaleb(exact.MEASURE_SCALE, WIDE)))
    return value


def unscaled_bytes(unscaled):
    """Two's complement, big-endian, as short as it goes."""
    size = max(1, (unscaled + (unscaled < 0)).bit_length() // 8 + 1)
    return unscaled.to_bytes(size, "big", signed=True)


def raw_datum(line, **changes):
    """The datum of a line with some fields replaced by raw values."""
    record = line_record(line)
    record["status"] = ["ACTIVE", "VOID"].index(record["status"])
    record = {name: _raw_value(value) for name, value in record.items()}
    record.update(changes)
    twin = fastavro.parse_schema(dict(_raw_type(schema_json(BILLING_LINE)), name="RawLine"))
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, twin, record)
    return stream.getvalue()


# ---------------------------------------------------------------- events in the offline form


def _plain(value, scale):
    if isinstance(value, Decimal):
        return exact.format_decimal(Fraction(value), scale)
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.") + (
            f"{value.microsecond // 1000:03d}Z"
        )
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


SCALES = {
    "rate": exact.RATE_SCALE,
    "amount": exact.AMOUNT_SCALE,
    "cumulative_amount": exact.AMOUNT_SCALE,
}


def event(value):
    """A framed accrual or forgone as the offline form writes it, with everything else beside it."""
    schema_id, _ = unframe(value)
    record = {
        name: _plain(item, SCALES.get(name, exact.MEASURE_SCALE))
        for name, item in read(value).items()
    }
    record["type"] = {ACCRUAL: "accrual", FORGONE: "forgone"}[schema_id]
    return record


# ---------------------------------------------------------------- Java's partitioner


def murmur2(data):
    """Kafka's murmur2 of the Java client, as an unsigned number."""
    mask, multiplier = 0xFFFFFFFF, 0x5BD1E995
    value = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        k = int.from_bytes(data[start : start + 4], "little") * multiplier & mask
        k = (k ^ k >> 24) * multiplier & mask
        value = (value * multiplier & mask) ^ k
    if len(data) > whole:
        value = (value ^ int.from_bytes(data[whole:], "little")) * multiplier & mask
    value = (value ^ value >> 13) * multiplier & mask
    return value ^ value >> 15


def partition_of(key, partition_count):
    return (murmur2(key) & 0x7FFFFFFF) % partition_count
