"""BACKWARD, transitively: today's schemas read what every released version wrote.

By Apache Avro's own checker (Python), and by reading random records with fastavro.
"""

import copy
import io
import json

import avro.schema
import binary
import fastavro
import fastavro.utils
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

SCHEMAS = binary.ROOT / "schemas"
RELEASED = sorted((SCHEMAS / "released").glob("*/*.avsc"))
RECORDS = 50


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def checker_accepts(reader, writer):
    result = ReaderWriterCompatibilityChecker().get_compatibility(
        avro.schema.parse(json.dumps(reader)), avro.schema.parse(json.dumps(writer))
    )
    return result.compatibility is SchemaCompatibilityType.compatible


def read_again(reader, writer):
    """Random records of the writer's schema through the reader's. Raises where that fails."""
    parsed = fastavro.parse_schema(copy.deepcopy(writer))
    wanted = fastavro.parse_schema(copy.deepcopy(reader))
    for record in fastavro.utils.generate_many(parsed, RECORDS):
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, parsed, record)
        stream.seek(0)
        written = fastavro.schemaless_reader(stream, parsed, None)
        stream.seek(0)
        again = fastavro.schemaless_reader(stream, parsed, wanted)
        assert stream.read() == b""
        assert {name: again[name] for name in written if name in again} == written


def test_every_released_schema_is_still_there():
    assert RELEASED
    today = {path.name for path in SCHEMAS.glob("*.avsc")}
    assert {path.name for path in RELEASED} <= today


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_todays_schema_reads_what_was_written(released):
    reader, writer = load(SCHEMAS / released.name), load(released)
    assert checker_accepts(reader, writer)
    read_again(reader, writer)


def decimals(schema):
    """(field, precision, scale), also inside of unions."""
    for field in schema["fields"]:
        kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
        for kind in kinds:
            if isinstance(kind, dict) and kind.get("logicalType") == "decimal":
                yield field["name"], kind["precision"], kind["scale"]


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_decimal_has_another_scale(released):
    """The checkers do not look at logical types; a payout system that does not either would be off
    by powers of ten."""
    assert set(decimals(load(released))) <= set(decimals(load(SCHEMAS / released.name)))


def without_default(schema):
    schema["fields"].append({"name": "novel", "type": "string"})


def narrowed(schema):
    next(f for f in schema["fields"] if f["type"] == "long" or f["name"] == "line_id")["type"] = "int"


def less_symbols(schema):
    kind = next(
        f["type"] for f in schema["fields"]
        if isinstance(f["type"], dict) and f["type"]["type"] == "enum"
    )  # fmt: skip
    kind["symbols"] = kind["symbols"][:1]
    kind.pop("default", None)


@pytest.mark.parametrize("harm", [without_default, narrowed, less_symbols])
def test_a_planted_break_is_found(harm):
    writer = load(SCHEMAS / "accrual.avsc")
    reader = copy.deepcopy(writer)
    harm(reader)
    assert not checker_accepts(reader, writer)
    with pytest.raises(Exception):  # noqa: B017
        read_again(reader, writer)
