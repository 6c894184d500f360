"""docs/asyncapi.yaml says what is: topics as the program makes them, schemas as they stand, headers
and keys as the worker writes them."""

import json
import re
import shlex
import shutil
import subprocess

import binary
import fastavro
import pytest
import yaml

ROOT = binary.ROOT
PAGE = ROOT / "docs" / "asyncapi.yaml"
DOC = yaml.safe_load(PAGE.read_text(encoding="utf-8"))
CHANNELS, MESSAGES = DOC["channels"], DOC["components"]["messages"]


def topics():
    """{topic: (partitions, copies, {setting: value})} as `accrued topics print` has them."""
    command = [str(binary.require_binary()), "topics", "print", "--commands"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    found = {}
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line)
        option = {words[i]: words[i + 1] for i in range(len(words) - 1) if words[i][:2] == "--"}
        settings = dict(
            words[i + 1].split("=", 1) for i in range(len(words)) if words[i] == "--config"
        )
        found[option["--topic"]] = (
            int(option["--partitions"]),
            int(option["--replication-factor"]),
            settings,
        )
    return found


def refs(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from refs(value)


def target(ref):
    if not ref.startswith("#/"):
        return json.loads((PAGE.parent / ref).read_text(encoding="utf-8"))
    node = DOC
    for name in ref[2:].split("/"):
        node = node[name]
    return node


def wrong_topics(channels, wanted):
    wrong = sorted(set(channels) ^ set(wanted))
    for name in set(channels) & set(wanted):
        channel, (partitions, copies, settings) = channels[name], wanted[name]
        kafka = channel["bindings"]["kafka"]
        if (channel["address"], kafka["topic"]) != (name, name):
            wrong.append(f"{name}: address")
        if (kafka["partitions"], kafka["replicas"]) != (partitions, copies):
            wrong.append(f"{name}: partitions or copies")
        for setting, value in kafka["topicConfiguration"].items():
            said = ",".join(value) if isinstance(value, list) else str(value)
            if settings.get(setting) != said:
                wrong.append(f"{name}: {setting} {said}, wanted {settings.get(setting)}")
        must = {"cleanup.policy", "retention.ms", "retention.bytes", "max.message.bytes"}
        wrong += [
            f"{name}: {setting} is missing"
            for setting in must & set(settings) - set(kafka["topicConfiguration"])
        ]
    return wrong


def test_channels_are_the_topics():
    assert wrong_topics(CHANNELS, topics()) == []


def test_a_missing_topic_and_a_wrong_setting_are_seen():
    wanted = topics()
    fewer = {name: CHANNELS[name] for name in list(CHANNELS)[1:]}
    assert wrong_topics(fewer, wanted) == ["billing-lines"]
    wanted["accruals"][2]["cleanup.policy"] = "compact"
    assert wrong_topics(CHANNELS, wanted) == ["accruals: cleanup.policy delete, wanted compact"]


def test_every_reference_leads_somewhere():
    found = list(refs(DOC))
    assert len(found) > 20
    for ref in found:
        assert target(ref)


def test_every_schema_is_the_payload_of_a_topic():
    paths = {ref.removeprefix("../schemas/") for ref in refs(MESSAGES) if "schemas" in ref}
    assert paths == {path.name for path in (ROOT / "schemas").glob("*.avsc")}
    for name, message in MESSAGES.items():
        if "$ref" in json.dumps(message["payload"]):
            assert message["payload"]["schemaFormat"].startswith("application/vnd.apache.avro"), name


def test_every_message_is_of_a_topic_and_says_its_key():
    used = {ref.rsplit("/", 1)[1] for channel in CHANNELS.values() for ref in refs(channel)}
    assert used == set(MESSAGES)
    keyless = {name for name, message in MESSAGES.items() if "bindings" not in message}
    assert keyless == {"ReplayMark"}
    operations = DOC["operations"].values()
    assert {operation["channel"]["$ref"].rsplit("/", 1)[1] for operation in operations} == set(
        CHANNELS
    )


def test_headers_are_those_of_the_code():
    """Every accrued.* header in src stands in the page, and none that does not."""
    text = "".join(
        path.read_text("utf-8")
        for folder in ("src", "include")
        for path in (ROOT / folder).rglob("*.[ch]")
    )
    in_code = set(re.findall(r'"(accrued\.(?:error|source|replayed)\.[a-z]+)"', text))
    said = {
        name
        for message in MESSAGES.values()
        for name in message.get("headers", {}).get("properties", {})
        if name.startswith("accrued.")
    }
    assert in_code == said and len(said) == 7


def test_codes_are_those_of_the_worker():
    text = (ROOT / "src" / "rate" / "line.c").read_text("utf-8")
    names = set(re.findall(r'case REJECT_\w+: return "([a-z_]+)";', text))
    codes = MESSAGES["DeadLetter"]["headers"]["properties"]["accrued.error.code"]["enum"]
    assert set(codes) == names - {"none", "json_malformed"}


def test_examples_have_every_field():
    """A field that is added to a schema must be added to its example."""
    seen = 0
    for name, message in MESSAGES.items():
        for example in message.get("examples", []):
            (ref,) = [ref for ref in refs(message) if "schemas" in ref]
            schema = target(ref)
            payload = example["payload"]
            assert list(payload) == [field["name"] for field in schema["fields"]], name
            plain = without_logical_types(schema)
            assert fastavro.validate(payload, fastavro.parse_schema(plain), strict=True), name
            seen += 1
    assert seen >= 5


def without_logical_types(schema):
    """The same with decimals and times as the texts that the example writes."""
    if isinstance(schema, list):
        return [without_logical_types(branch) for branch in schema]
    if isinstance(schema, dict):
        if schema.get("logicalType") in ("decimal", "date", "timestamp-millis"):
            return "string"
        return {name: without_logical_types(value) for name, value in schema.items()}
    return schema


def test_the_official_validator_has_no_complaint(tmp_path):
    """@asyncapi/parser, where npm is; packages are pinned here."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("needs node and npm")
    packages = ["@asyncapi/parser@3.6.6", "@asyncapi/avro-schema-parser@3.1.0"]
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(tmp_path)]
    done = subprocess.run(command + packages, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"npm: {done.stderr[-300:]}")
    script = tmp_path / "check.mjs"
    script.write_text(
        "import { Parser, fromFile } from '@asyncapi/parser';\n"
        "import { AvroSchemaParser } from '@asyncapi/avro-schema-parser';\n"
        "const parser = new Parser();\n"
        "parser.registerSchemaParser(AvroSchemaParser());\n"
        "const { document, diagnostics } = await fromFile(parser, process.argv[2]).parse();\n"
        "console.log(JSON.stringify(diagnostics.filter((d) => d.severity < 2)));\n"
        "if (!document) process.exit(1);\n"
    )
    done = subprocess.run(
        ["node", script, PAGE], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0 and json.loads(done.stdout) == [], done.stdout + done.stderr
