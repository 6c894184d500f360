"""The JSON Schemas of reference values say what the service reads: no more, no less. The reader that
is asked is the service's own, by way of `export`, which leaves out what it cannot read."""

import copy
import json
import random
import re

import binary
import jsonschema
import pytest

SCHEMAS = {
    kind: json.loads((binary.ROOT / f"schemas/reference-{kind}.schema.json").read_text("utf-8"))
    for kind in ("partner", "customer", "fx")
}
IDS = {"partner": "mpn_id", "customer": "customer_id", "fx": "period"}
VALIDATORS = {kind: jsonschema.Draft202012Validator(schema) for kind, schema in SCHEMAS.items()}
CASES = 3000
DEMO = ("partners.jsonl", "customers.jsonl")


def demo_values():
    for name in DEMO:
        text = (binary.ROOT / "config" / "demo" / name).read_text("utf-8")
        for line in text.splitlines():
            ((kind, value),) = json.loads(line).items()
            yield kind, value


def documented_values():
    text = (binary.ROOT / "docs" / "reference.md").read_text("utf-8")
    for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL):
        value = json.loads(block)
        yield next(kind for kind, name in IDS.items() if name in value), value


@pytest.mark.parametrize("kind", SCHEMAS)
def test_they_are_schemas(kind):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind])


def test_what_we_ship_and_print_is_valid():
    values = [*demo_values(), *documented_values()]
    assert {kind for kind, _ in values} == set(SCHEMAS)
    assert {kind for kind, _ in documented_values()} == set(SCHEMAS)
    for kind, value in values:
        VALIDATORS[kind].validate(value)


# ---- random values, most of them a little wrong

DAYS = (
    "2020-02-29", "2019-02-29", "1900-02-29", "2000-02-29", "0000-02-29", "0000-01-01",
    "9999-12-31", "2020-13-01", "2020-00-10", "2020-04-31", "2020-1-1", "2020-01-01 ",
    "2020-01-01\n", "20200101", "202001-01", "2020-0101", "2020-01-01T00:00:00Z", "２０２０-01-01", "",
)  # fmt: skip
TEXTS = ("", "x", "Exchange", "ä" * 512, "x" * 1024, "x" * 1025, "a\u0000b", "\n", "CPOR", "gold")
CURRENCIES = ("EUR", "JPY", "usd", "EURO", "EU", "", "EUR\n", "EU\n", "É€R", "\n")
RATES = (
    "1.1034", "0.009142", "1", "+2.5", "007", "0", "0.0", "-1", "1.12345678901", "1.1234567890",
    "1.12345678900", "999999999999999999.9999999999", "1000000000000000000", ".5", "5.", "1,5",
    "0000000000", "1\n", "", "x", 1.5, 2, 0, -1, 0.25, True, None, [], {},
)  # fmt: skip
WORDS = ("silver", "gold", "GOLD", "bronze", "gold\n", "DPOR", "pal", "PaL", "PAL\n", "cpor", "POR")
ODD = (None, True, False, 0, 1.5, -1, [], {}, [None], [[]], [{}], ["x"], {"from": None})


def intervals(dice):
    return [
        {"from": dice.choice((None, "2019-01-01", "2020-02-29")), "to": dice.choice((None, "2021-01-01"))}
        for _ in range(dice.randrange(3))
    ]


def good_value(dice, kind, identity):
    if kind == "partner":
        value = {name: intervals(dice) for name in ("mpn_active", "bank_profile", "tax_profile")}
        value["competencies"] = [
            {"name": f"c{i}", "level": dice.choice(("silver", "gold")), **interval}
            for i, interval in enumerate(intervals(dice))
        ]
        value["payout_currency"] = dice.choice((None, "EUR", ""))
    elif kind == "fx":
        rates = dice.sample(RATES[:5], dice.randrange(4))
        value = {"base": "USD", "rates": dict(zip(("EUR", "JPY", "KWD"), rates, strict=False))}
    else:
        value = {
            "added_on": dice.choice((None, "2020-01-01")),
            "group_id": dice.choice((None, "TPID-1", "")),
        }
        value["links"] = [
            {
                "link_id": f"L{i}",
                "type": dice.choice(("DPOR", "PAL", "CPOR")),
                "partner_mpn_id": "4200001",
                "subscription_id": dice.choice((None, "", "S-1")),
                "workload": dice.choice((None, "teams")),
                **interval,
            }
            for i, interval in enumerate(intervals(dice))
        ]
    return {IDS[kind]: identity, **value, "note": copy.deepcopy(dice.choice(ODD))}


def places(value):
    """(container, key) of everything in a value, all the way down."""
    found = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        found.append((value, key))
        if isinstance(inner, (dict, list)):
            found += places(inner)
    return found


# What a member is most likely to be wrong in.
LIKELY = {
    **dict.fromkeys(("level", "type"), WORDS),
    **dict.fromkeys(("from", "to", "added_on"), DAYS),
    **dict.fromkeys(
        ("name", "link_id", "partner_mpn_id", "subscription_id", "workload", "group_id"), TEXTS
    ),
    **dict.fromkeys(("base", "payout_currency"), CURRENCIES),
    **dict.fromkeys(("EUR", "JPY", "KWD", "USD"), RATES),
}


def mutate(dice, value):
    container, key = dice.choice(places(value))
    if key in LIKELY and dice.random() < 0.6:
        container[key] = dice.choice(LIKELY[key])
        return
    choice = dice.randrange(7)
    if choice == 0:
        del container[key]
    elif choice == 1:
        container[key] = copy.deepcopy(dice.choice(ODD))
    elif choice == 2:
        container[key] = dice.choice(DAYS)
    elif choice == 3:
        container[key] = dice.choice(WORDS)
    elif choice == 4:
        container[key] = dice.choice(TEXTS)
    elif isinstance(container, list):
        container.append(copy.deepcopy(dice.choice(ODD)))
    else:
        name = dice.choice(("extra", "from", "to", "links", "competencies", "CHF", "chf"))
        container[name] = copy.deepcopy(dice.choice((*ODD, *DAYS)))


def names_its_key(kind, value, identity):
    """What no schema can say. The base of exchange rates has the rate 1."""
    named = value.get(IDS[kind]) if isinstance(value, dict) else None
    if kind == "fx" and named == identity:
        rates = value["rates"] if isinstance(value.get("rates"), dict) else {}
        return rates.get(value.get("base"), 1) in (1, "1")
    return named == identity or (kind == "customer" and str(named).lower() == identity)


def test_the_schema_and_the_reader_agree(reference):
    dice = random.Random(20201125)
    wanted, values = {}, {}
    pipe = reference.client.pipeline(transaction=False)
    for number in range(CASES):
        kind = dice.choice(tuple(SCHEMAS))
        identity = f"{number:04d}-{number % 12 + 1:02d}" if kind == "fx" else f"v{number}"
        value = good_value(dice, kind, identity)
        for _ in range(dice.choice((0, 1, 1, 1, 2))):
            mutate(dice, value)
        key = f"{kind}:{identity}"
        valid = VALIDATORS[kind].is_valid(value)
        wanted[key] = valid and names_its_key(kind, value, identity)
        values[key] = value
        pipe.set(reference.prefix + key, json.dumps(value, ensure_ascii=dice.random() < 0.5))
    pipe.execute()
    done = reference.run("export")
    read = set()
    for line in done.stdout.splitlines():
        ((kind, value),) = json.loads(line).items()
        read.add(f"{kind}:{value[IDS[kind]].lower()}")
    good = sum(wanted.values())
    assert CASES / 5 < good < CASES * 4 / 5, f"{good} of {CASES} are valid: that says little"
    for key, is_valid in wanted.items():
        reasons = [line for line in done.stderr.splitlines() if f" {key} " in line]
        assert (key in read) == is_valid, f"{key}: schema {is_valid}: {values[key]!r}\n{reasons}"
    assert done.returncode == 1


@pytest.mark.parametrize("text", ["", "{", "nonsense", '{"mpn_id": "raw"} {}', '{"mpn_id": NaN}'])
def test_what_is_not_json_is_not_read(reference, text):
    reference.put("partner:raw", text)
    done = reference.run("export")
    assert (done.returncode, done.stdout) == (1, "")
    assert "partner:raw cannot be read" in done.stderr
