"""Our decoder against two others: Avro C's resolved reader and fastavro.

    python tests/schemas/twins.py --seconds 600 --binary build/debug/twin_avro

draws writer schemas, records and damaged records for so long. Where all three can read a record
they must read the same line, checked as the oracle checks one. `avro_malformed` must be said where the
specification's letter is broken, and nowhere else; Avro C must agree but for what it tolerates
(TOLERATED). What is compared with whom:

- fastavro: everything, defaults and aliases and decimals included. It does not read fixed as bytes;
  there the reader's schema is given the writer's type, as our extension has it.
- Avro C: fields that the writer has, under their own names, in the reader's order, unions shuffled,
  int as long.
"""

import argparse
import copy
import datetime
import io
import json
import random
import struct
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Context, Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import binary  # noqa: E402
import fastavro  # noqa: E402
from oracle import parse  # noqa: E402

READER = json.loads((binary.ROOT / "schemas" / "billing-line.avsc").read_text(encoding="utf-8"))
FIELDS = {field["name"]: field for field in READER["fields"]}
ALIASES = {"sku_id": ["article"], "billed_amount": ["amount", "total"], "workload": ["service"]}
MEASURES = ("billed_amount", "consumed_amount", "quantity")
DAYS = ("charge_start_date", "charge_end_date")
REQUIRED = [name for name, field in FIELDS.items() if "default" not in field]
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
WIDE = Context(prec=60)
BAD = "field_invalid or amount_overflow"
RECORDS = 12
DAMAGED = 12


def reader_schema():
    schema = copy.deepcopy(READER)
    for field in schema["fields"]:
        if field["name"] in ALIASES:
            field["aliases"] = ALIASES[field["name"]]
    return schema


# ---------------------------------------------------------------- drawing


class Case:
    """A writer's schema, and records of it."""

    def __init__(self, dice):
        self.dice = dice
        self.fixed = 0
        self.schema = self.draw_schema()
        self.by_name = {field["name"]: field for field in self.schema["fields"]}

    def ours(self, name):
        """The field of ours that a writer's field is, by name or alias."""
        if name in FIELDS:
            return name
        return next((own for own, names in ALIASES.items() if name in names), None)

    def draw_schema(self):
        dice = self.dice
        names = [n for n in FIELDS if n in REQUIRED or dice.random() < 0.8]
        fields = []
        for name in names:
            written = name
            if name in ALIASES and dice.random() < 0.3:
                written = dice.choice(ALIASES[name])
            fields.append({"name": written, "type": self.draw_type(name)})
        for number in range(dice.randrange(4)):
            fields.append({"name": f"extra_{number}", "type": self.draw_foreign(3)})
        dice.shuffle(fields)
        return {"type": "record", "name": "BillingLine", "namespace": "accrued.v1", "fields": fields}

    def draw_decimal(self):
        dice = self.dice
        scale = dice.choice([0, 2, 4, 6, 10, 10, 12, 18])
        logical = {"logicalType": "decimal", "precision": 38, "scale": scale}
        if dice.random() < 0.3:
            self.fixed += 1
            return {"type": "fixed", "name": f"Amount{self.fixed}", "size": 16, **logical}
        return {"type": "bytes", **logical}

    def draw_type(self, name):
        dice = self.dice
        if name == "status":
            symbols = ["ACTIVE", "VOID"] + (["HELD"] if dice.random() < 0.3 else [])
            dice.shuffle(symbols)
            return {"type": "enum", "name": "LineStatus", "symbols": symbols}
        if name in MEASURES:
            kinds = [self.draw_decimal()]
        elif name == "revision":
            kinds = dice.choice([["int"], ["long"], ["int", "long"]])
        elif name in DAYS:
            kinds = [dice.choice(["int", {"type": "int", "logicalType": "date"}])]
        elif name == "event_time":
            kinds = [
                dice.choice(
                    ["long", *({"type": "long", "logicalType": f"timestamp-{u}"} for u in ("millis", "micros"))]
                )
            ]  # fmt: skip
        else:
            kinds = dice.choice([["string"], ["string"], ["bytes"], ["string", "bytes"]])
        is_nullable = isinstance(FIELDS[name]["type"], list)
        if is_nullable and dice.random() < 0.8:
            kinds = [*kinds, "null"]
        if len(kinds) == 1 and dice.random() < 0.8:
            return kinds[0]
        kinds = list(kinds) + (["boolean"] if dice.random() < 0.2 else [])
        dice.shuffle(kinds)
        return kinds

    def draw_foreign(self, depth):
        dice = self.dice
        kinds = ["null", "boolean", "int", "long", "float", "double", "bytes", "string", "fixed", "enum"]
        kind = dice.choice(kinds + (["array", "map", "union", "record"] if depth > 0 else []))
        self.fixed += 1
        number = self.fixed
        if kind == "fixed":
            return {"type": "fixed", "name": f"F{number}", "size": dice.randrange(1, 9)}
        if kind == "enum":
            return {"type": "enum", "name": f"E{number}", "symbols": ["A", "B", "C"]}
        if kind in ("array", "map"):
            # Items without bytes can be as many as the count says: nobody else bounds that.
            items = self.draw_foreign(depth - 1)
            items = "long" if items == "null" or kind == "array" and is_empty(items) else items
            return {"type": kind, "items" if kind == "array" else "values": items}
        if kind == "union":
            return ["null", "string", {"type": "array", "items": "long"}, "boolean"]
        if kind == "record":
            fields = [
                {"name": f"f{n}", "type": self.draw_foreign(depth - 1)}
                for n in range(dice.randrange(1, 4))
            ]
            return {"type": "record", "name": f"R{number}", "fields": fields}
        return kind

    # ------------------------------------------------------------ records

    def draw_text(self, name):
        dice = self.dice
        if name == "billing_period":
            return f"20{dice.randrange(10, 30)}-{dice.randrange(1, 13):02d}"
        if name == "currency":
            return dice.choice(["USD", "EUR", "GBP"])
        text = "".join(dice.choice("abcXYZ019-é漢/|% ") for _ in range(dice.randrange(1, 12)))
        return text if dice.random() < 0.97 else dice.choice(["", "x" * 1025, "x" * 129])

    def draw_value(self, name, kind):
        dice = self.dice
        if kind == "null":
            return None
        if kind == "boolean":
            return dice.random() < 0.5
        if name == "status":
            return dice.choice(kind["symbols"])
        if name in MEASURES:
            digits = dice.choice([1, 5, 12, 20, 28, 30, 34])
            units = dice.randrange(-(10**digits), 10**digits)
            return Decimal(units).scaleb(-kind["scale"], WIDE)
        if name == "revision":
            return dice.randrange(0, 2**31 if kind == "int" else 2**63) - (dice.random() < 0.02)
        if name in DAYS:
            day = dice.randrange(14000, 20000) + (3000 if name == DAYS[1] else 0)
            return day if kind == "int" else datetime.date(1970, 1, 1) + datetime.timedelta(day)
        if name == "event_time":
            us = dice.randrange(0, 4 * 10**15) - 10**15
            return us // 1000 if kind == "long" else EPOCH + datetime.timedelta(microseconds=us)
        text = self.draw_text(name)
        return text.encode() if kind == "bytes" else text

    def draw_any(self, kind):
        dice = self.dice
        if isinstance(kind, list):
            return self.draw_any(dice.choice(kind))
        if isinstance(kind, dict):
            if kind["type"] == "fixed":
                return dice.randbytes(kind["size"])
            if kind["type"] == "enum":
                return dice.choice(kind["symbols"])
            if kind["type"] == "array":
                return [self.draw_any(kind["items"]) for _ in range(dice.randrange(4))]
            if kind["type"] == "map":
                return {f"k{n}": self.draw_any(kind["values"]) for n in range(dice.randrange(4))}
            return {field["name"]: self.draw_any(field["type"]) for field in kind["fields"]}
        return {
            "null": None,
            "boolean": dice.random() < 0.5,
            "int": dice.randrange(-(2**31), 2**31),
            "long": dice.randrange(-(2**63), 2**63),
            "float": 1.5,
            "double": -2.25,
            "bytes": dice.randbytes(dice.randrange(5)),
            "string": "s" * dice.randrange(5),
        }[kind]

    def draw_record(self):
        dice = self.dice
        record = {}
        for field in self.schema["fields"]:
            name = self.ours(field["name"])
            kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
            if name is None:
                record[field["name"]] = self.draw_any(field["type"])
                continue
            good = [k for k in kinds if k != "boolean"] if dice.random() < 0.98 else kinds
            record[field["name"]] = self.draw_value(name, dice.choice(good))
        return record

    def damage(self, datum):
        dice = self.dice
        data = bytearray(datum)
        for _ in range(dice.choice([1, 1, 2, 5])):
            place = dice.randrange(len(data) + 1)
            what = dice.randrange(6)
            if what == 0:
                del data[place:]
            elif what == 1:
                data[place:place] = dice.randbytes(dice.randrange(1, 12))
            elif what == 2 and place < len(data):
                del data[place]
            elif what == 3:
                data[place:place] = b"\xff" * dice.randrange(1, 12)
            elif place < len(data):
                data[place] = data[place] ^ (1 << dice.randrange(8)) if what == 4 else dice.randrange(256)
        return bytes(data) or b"\0"


def is_empty(kind):
    """May a value of it have no bytes?"""
    return kind == "null" or (
        isinstance(kind, dict) and kind["type"] == "record" and all(is_empty(f["type"]) for f in kind["fields"])
    )  # fmt: skip


# ---------------------------------------------------------------- the other readers


def decimals_of(kind):
    kinds = kind if isinstance(kind, list) else [kind]
    return [k for k in kinds if isinstance(k, dict) and k.get("logicalType") == "decimal"]


def fastavro_reader(case):
    """BillingLine with the writer's own decimal types."""
    schema = reader_schema()
    for field in schema["fields"]:
        if field["name"] not in MEASURES:
            continue
        written = next(
            (f for f in case.schema["fields"] if case.ours(f["name"]) == field["name"]), None
        )
        if written is not None:
            kinds = decimals_of(written["type"])
            field["type"] = ["null", *kinds] if isinstance(field["type"], list) else kinds[0]
    return fastavro.parse_schema(schema)


def avro_c_reader(case):
    """What Avro C resolves to: the writer's fields of ours, in our order, int as long."""
    fields = []
    for name in FIELDS:
        written = case.by_name.get(name)
        if written is None:
            continue
        kind = written["type"]
        if isinstance(kind, list):
            kind = list(kind)
            case.dice.shuffle(kind)
        elif kind == "int" and name == "revision":
            kind = "long"
        fields.append({"name": name, "type": kind})
    return {"type": "record", "name": "BillingLine", "namespace": "accrued.v1", "fields": fields}


def plain_of(name, value):
    """A field's value as the offline form has it."""
    if isinstance(value, Decimal):
        return format(value, "f")  # the oracle rounds
    if isinstance(value, datetime.datetime):
        value = (value - EPOCH) // datetime.timedelta(milliseconds=1)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if name in DAYS:
        return (datetime.date(1970, 1, 1) + datetime.timedelta(value)).isoformat()
    if name == "event_time" and value is not None:
        moment = EPOCH + datetime.timedelta(milliseconds=value)
        return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    if name == "revision":
        return parse.Number(value)
    return value


def outcome(record):
    """What the oracle makes of a record: a line, or that it is none. Of several bad fields the first
    in the writer's order is the reason, which the oracle does not know."""
    if record.get("status") == "HELD":
        return BAD
    plain = {name: plain_of(name, value) for name, value in record.items() if name in FIELDS}
    try:
        return parse.parse_line({n: v for n, v in plain.items() if v is not None})
    except parse.Bad:
        return BAD


def by_fastavro(datum, writer, reader, raw_status):
    """None: fastavro cannot say."""
    try:
        record = fastavro.schemaless_reader(io.BytesIO(datum), writer, reader)
        # Resolution lets a symbol that we do not have become ACTIVE, which we refuse.
        record["status"] = raw_status
        return outcome(record)
    except Exception:  # noqa: BLE001  (a branch that does not resolve, text that is not UTF-8 …)
        return None


def from_avro_c(kind, value):
    """A value as twin_avro.c says it."""
    if isinstance(kind, list):
        return from_avro_c(kind[value[0]], value[1])
    name = kind if isinstance(kind, str) else kind["type"]
    if name in ("bytes", "fixed"):
        raw = bytes.fromhex(value)
        if isinstance(kind, dict) and "scale" in kind:
            if not raw:
                raise ValueError("no digits")
            units = int.from_bytes(raw, "big", signed=True)
            return Decimal(units).scaleb(-kind["scale"], WIDE)
        return raw.decode("utf-8")
    logical = kind.get("logicalType") if isinstance(kind, dict) else None
    return value // 1000 if logical == "timestamp-micros" else value


def by_avro_c(wanted, told):
    try:
        record = {f["name"]: from_avro_c(f["type"], told[f["name"]]) for f in wanted["fields"]}
        # A branch that does not resolve, text that is not UTF-8.
        if any(isinstance(v, bool) or isinstance(v, str) and "\ufffd" in v for v in record.values()):
            return None
        return outcome(record)
    except (ValueError, OverflowError):
        return None


# ---------------------------------------------------------------- the specification, to the letter


class Malformed(Exception):
    pass


# A block that gives its size may be skipped by it, as we do, or by its items, as Avro C does.
AMBIGUOUS = "a block's size is not that of its items"

# Avro C takes these; the specification has no such bytes, and we refuse them.
TOLERATED = ("boolean", "more than 64 bits", "symbol")


class Strict:
    """Walks a record by its schema and nothing else."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, size):
        if size < 0 or size > len(self.data) - self.at:
            raise Malformed("cut off")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift >= 70:
                raise Malformed("a number without end")
        if value >= 2**64:
            raise Malformed("more than 64 bits")
        return value >> 1 ^ -(value & 1)

    def blocks(self, items):
        while count := self.number():
            size = self.number() if count < 0 else None
            end = None if size is None else self.at + size
            try:
                for _ in range(abs(count)):
                    items()
            except Malformed as error:
                raise Malformed(str(error) if end is None else AMBIGUOUS) from None
            if end is not None and end != self.at:
                raise Malformed(AMBIGUOUS)

    def walk(self, kind):
        if isinstance(kind, list):
            branch = self.number()
            if not 0 <= branch < len(kind):
                raise Malformed("branch")
            return self.walk(kind[branch])
        name = kind if isinstance(kind, str) else kind["type"]
        if name == "boolean" and self.take(1)[0] > 1:
            raise Malformed("boolean")
        if name == "int" and not -(2**31) <= self.number() < 2**31:
            raise Malformed("int")
        if name == "long":
            self.number()
        if name in ("float", "double"):
            self.take(4 if name == "float" else 8)
        if name in ("bytes", "string"):
            self.take(self.number())
        if name == "fixed":
            self.take(kind["size"])
        if name == "enum":
            # That a status is none of the writer's is the field's fault, not the bytes'.
            symbol = self.number()
            if not 0 <= symbol < len(kind["symbols"]) and kind["name"] != "LineStatus":
                raise Malformed("symbol")
        if name == "array":
            self.blocks(lambda: self.walk(kind["items"]))
        if name == "map":
            self.blocks(lambda: (self.take(self.number()), self.walk(kind["values"])))
        if name == "record":
            for field in kind["fields"]:
                self.walk(field["type"])
        return None


def by_letter(datum, schema):
    """None, or what is wrong with the bytes."""
    strict = Strict(datum)
    try:
        strict.walk(schema)
        return None if strict.at == len(datum) else "too long"
    except Malformed as error:
        return str(error)


# ---------------------------------------------------------------- comparing


class Twin:
    def __init__(self, path, directory):
        self.reader = Path(directory) / "reader.avsc"
        self.reader.write_text(json.dumps(reader_schema()), encoding="utf-8")
        self.process = subprocess.Popen(
            [str(path), str(self.reader)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Avro C forgets memory where reading fails, and asks for as much as a length says.
            env={"ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:log_path=/dev/stderr"},
        )

    def send(self, data):
        self.process.stdin.write(struct.pack("<I", len(data)) + data)

    def ask(self, data):
        self.send(data)
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the twin ended with {self.process.wait(20)} on {data.hex()}"
        try:
            return json.loads(line)
        except ValueError as error:
            raise Disagreement(f"{error}: {line!r} of {data.hex()}") from None

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0
        self.process.stdout.close()


class Disagreement(AssertionError):
    pass


def disagree(what, case, datum, told, wanted=None):
    raise Disagreement(
        f"{what}\nours: {told}\nwanted: {wanted}\ndatum: {datum.hex()}\n{json.dumps(case.schema)}"
    )


def check(case, datum, told, readers, counts):
    writer, reader, wanted = readers
    ours = told.get("code")
    if "line" in told:
        ours = parse.parse_line(parse.parse_json(json.dumps(told["line"]).encode()))
    elif ours in ("field_invalid", "amount_overflow"):
        ours = BAD
    counts["records"] += 1
    wrong = by_letter(datum, case.schema)
    if wrong == AMBIGUOUS:
        counts["ambiguous"] += 1
        return
    if (ours == "avro_malformed") != (wrong is not None):
        disagree("the specification", case, datum, told, wrong)
    if wrong is not None:
        counts["malformed"] += 1
        counts["tolerated"] += told["plain"]
        if told["plain"] and wrong not in TOLERATED:
            disagree("Avro C reads it", case, datum, told, wrong)
        return
    if not told["plain"]:
        if ours != BAD:
            disagree("Avro C cannot read it", case, datum, told)
        return  # a status that is no symbol
    try:
        whole = fastavro.schemaless_reader(io.BytesIO(datum), writer, None)
        raw_status = whole.get("status", "ACTIVE")
        other = by_fastavro(datum, writer, reader, raw_status)
    except Exception:  # noqa: BLE001  (text that is not UTF-8, where we only skip)
        other = None
    # To Java a number without digits is an error, as it is to us; to fastavro it is 0. Symbol −1 is the
    # last one to Python, and Avro C takes the lower 32 bits of any number for one.
    is_symbol = "is no symbol of the writer's schema" in told.get("message", "")
    is_empty_number = "a decimal without bytes" in told.get("message", "")
    if other is not None and not is_symbol and not is_empty_number:
        counts["fastavro"] += 1
        counts["lines"] += "line" in told
        if other != ours:
            disagree("fastavro", case, datum, told, other)
    if isinstance(told["resolved"], dict) and all(name in case.by_name for name in REQUIRED):
        other = by_avro_c(wanted, told["resolved"])
        # Nor does it know aliases: a bad field that came by one is not in its reading.
        if other is not None and not is_symbol and not (isinstance(ours, str) and has_alias(case)):
            counts["avro_c"] += 1
            if other != drop_aliased(case, ours):
                disagree("Avro C", case, datum, told, other)


def has_alias(case):
    return any(name in case.by_name for names in ALIASES.values() for name in names)


def drop_aliased(case, ours):
    """What came by an alias is not in Avro C's reading."""
    if isinstance(ours, str):
        return ours
    return replace(ours, **{own: None for own in ALIASES if own not in case.by_name})


def run_case(twin, seed, counts):
    case = Case(random.Random(seed))
    writer = fastavro.parse_schema(copy.deepcopy(case.schema))
    wanted = avro_c_reader(case)
    readers = (writer, fastavro_reader(case), wanted)
    twin.send(json.dumps(case.schema).encode())
    twin.send(json.dumps(wanted).encode())
    data = []
    for _ in range(RECORDS):
        stream = io.BytesIO()
        try:
            fastavro.schemaless_writer(stream, writer, case.draw_record())
        except (ValueError, OverflowError):
            continue  # an amount that the fixed type has no room for
        data.append(stream.getvalue())
    data += [case.damage(case.dice.choice(data)) for _ in range(DAMAGED) if data]
    for datum in data:
        check(case, datum, twin.ask(datum), readers, counts)
    twin.send(b"")
    counts["schemas"] += 1


def run(path, directory, seconds, seed, cases=None):
    """Counts. Raises Disagreement."""
    names = ("schemas", "records", "lines", "malformed", "tolerated", "ambiguous", "fastavro", "avro_c")
    counts = dict.fromkeys(names, 0)
    twin = Twin(path, directory)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and (cases is None or counts["schemas"] < cases):
        try:
            run_case(twin, seed, counts)
        except Disagreement as error:
            raise Disagreement(f"seed {seed}: {error}") from None
        seed += 1
    twin.close()
    return counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--binary", default=str(binary.ROOT / "build" / "debug" / "twin_avro"))
    given = parser.parse_args()
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        print(f"from seed {given.seed}:", run(given.binary, directory, given.seconds, given.seed))


if __name__ == "__main__":
    main()
