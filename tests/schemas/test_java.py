"""Records by Java's Avro, the encoder that most producers have, read by our decoder."""

import copy
import io
import json
import os
import random
import shutil
import struct
import subprocess
from pathlib import Path

import binary
import fastavro
import pytest
import twins

HERE = Path(__file__).with_name("java")
SCHEMAS, RECORDS = 80, 30


@pytest.fixture(scope="module")
def libraries():
    """The class path; fetched once, as scripts/kafka-local does with Kafka."""
    if shutil.which("java") is None or shutil.which("mvn") is None:
        pytest.skip("needs java and mvn (scripts/setup --tests)")
    modules = subprocess.run(["java", "--list-modules"], capture_output=True, text=True, check=True)
    if "jdk.compiler" not in modules.stdout:
        pytest.skip("needs a JDK, this is a JRE (scripts/setup --tests)")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "accrued" / "avro-1.12.0"
    if not (cache / "complete").exists():
        command = ["mvn", "-q", "-B", "-f", HERE / "pom.xml", "dependency:copy-dependencies"]
        done = subprocess.run(
            [*command, f"-DoutputDirectory={cache}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        if done.returncode != 0:
            pytest.skip(f"Java's Avro cannot be fetched: {done.stdout[-300:]}")
        (cache / "complete").touch()
    return str(cache / "*")


def frame(data):
    return struct.pack(">I", len(data)) + data


def frames(data):
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


def draw(seed):
    """A writer's schema with records that can be written by it."""
    case = twins.Case(random.Random(seed))
    writer = fastavro.parse_schema(copy.deepcopy(case.schema))
    data = []
    while len(data) < RECORDS:
        stream = io.BytesIO()
        try:
            fastavro.schemaless_writer(stream, writer, case.draw_record())
        except (ValueError, OverflowError):
            continue  # an amount that the fixed type has no room for
        data.append(stream.getvalue())
    return case, writer, data


def encoded_by_java(libraries, cases):
    """[(one encoding, the other)] of each case."""
    text = b"".join(
        frame(json.dumps(case.schema).encode()) + b"".join(map(frame, data)) + frame(b"")
        for case, _, data in cases
    )
    done = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-cp", libraries, str(HERE / "Encode.java")],
        input=text + frame(b""),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    told = frames(done.stdout)
    return [[(next(told), next(told)) for _ in data] for _, _, data in cases]


def test_what_java_writes_is_read(libraries, tmp_path):
    path = binary.BINARY.parent / "twin_avro"
    if not path.exists():
        pytest.skip(f"needs {path}")
    cases = [draw(seed) for seed in range(7000, 7000 + SCHEMAS)]
    told = encoded_by_java(libraries, cases)
    names = ("records", "lines", "malformed", "tolerated", "ambiguous", "fastavro", "avro_c")
    counts, others = dict.fromkeys(names, 0), 0
    twin = twins.Twin(path, tmp_path)
    for (case, writer, data), written in zip(cases, told, strict=True):
        wanted = twins.avro_c_reader(case)
        readers = (writer, twins.fastavro_reader(case), wanted)
        twin.send(json.dumps(case.schema).encode())
        twin.send(json.dumps(wanted).encode())
        for datum, by_java in zip(data, written, strict=True):
            ours = twin.ask(datum)
            for encoding in by_java:
                again = twin.ask(encoding)
                assert again.get("line") == ours.get("line"), (case.schema, encoding.hex())
                assert again.get("code") == ours.get("code"), (case.schema, encoding.hex())
                twins.check(case, encoding, again, readers, counts)
                others += encoding != datum
        twin.send(b"")
    twin.close()
    assert counts["records"] == 2 * SCHEMAS * RECORDS and counts["malformed"] == 0, counts
    assert counts["lines"] > counts["records"] // 3 and others > 100, (counts, others)
