"""accrued reference on a real Redis: what it writes, what it leaves alone, what it says."""

import json

import binary
import pytest

DEMO = binary.ROOT / "config" / "demo"
DEMO_FILES = (DEMO / "partners.jsonl", DEMO / "customers.jsonl")
ALWAYS = [{"from": None, "to": None}]


def line(kind, value):
    return json.dumps({kind: value}) + "\n"


def demo_values():
    """{key: value} of the demo's files."""
    found = {}
    for path in DEMO_FILES:
        for text in path.read_text(encoding="utf-8").splitlines():
            ((kind, value),) = json.loads(text).items()
            found[f"{kind}:{value.get('mpn_id') or value.get('customer_id')}"] = value
    return found


def values(reference):
    return {key: json.loads(text) for key, text in reference.stored().items()}


def test_load_writes_every_value_and_then_nothing(reference):
    count = len(demo_values())
    assert reference.load(*DEMO_FILES) == (count, 0, 0)
    assert values(reference) == demo_values()
    assert reference.load(*DEMO_FILES) == (0, 0, count)


def test_load_writes_only_what_changed(reference):
    a = {"mpn_id": "a", "tax_profile": ALWAYS}
    b = {"mpn_id": "b", "tax_profile": ALWAYS}
    reference.load(reference.write("one.jsonl", line("partner", a) + line("partner", b)))
    # The same meaning in other words: if it were written, the words would change.
    other = json.dumps(a, indent=1)
    reference.put("partner:a", other)
    b["tax_profile"] = []
    c = {"customer_id": "AB-c", "links": []}
    reference.write("two.jsonl", line("partner", a) + line("partner", b) + line("customer", c))
    assert reference.load("two.jsonl") == (1, 1, 1)
    stored = reference.stored()
    assert stored.pop("partner:a") == other
    assert {key: json.loads(text) for key, text in stored.items()} == {
        "partner:b": b,
        "customer:ab-c": c,
    }


def test_one_bad_line_in_one_file_and_nothing_is_written(reference):
    reference.write("good.jsonl", line("partner", {"mpn_id": "a"}))
    reference.write("bad.jsonl", line("partner", {"mpn_id": "b"}) + line("partner", {"mpn_id": 7}))
    reference.write("bad.csv", "customer_id,added_on\nc,2020-01-01\nd,tomorrow\n")
    done = reference.run("load", "good.jsonl", "bad.jsonl", "bad.csv", "none.jsonl")
    assert done.returncode == 1
    assert "bad.jsonl:2: partner: mpn_id: a string is needed" in done.stderr
    assert 'bad.csv:3: added_on: "tomorrow" is not a date' in done.stderr
    assert "none.jsonl: No such file" in done.stderr
    assert "3 problems; nothing was written" in done.stderr
    assert reference.stored() == {}


def test_a_table_on_a_broken_value_and_nothing_is_written(reference):
    reference.put("customer:broken", "{")
    reference.write("customers.csv", "customer_id,added_on\nwhole,2020-01-01\nbroken,2020-01-01\n")
    done = reference.run("load", "customers.csv")
    assert done.returncode == 1
    assert "customers.csv:3: customer broken: the value in Redis cannot be read" in done.stderr
    assert reference.stored() == {"customer:broken": "{"}
    # A whole value mends it.
    reference.write("whole.jsonl", line("customer", {"customer_id": "broken"}))
    assert reference.load("whole.jsonl") == (0, 1, 0)


def test_dry_run_writes_nothing(reference):
    done = reference.run("load", "--dry-run", *DEMO_FILES)
    assert done.returncode == 0
    assert done.stderr == (
        f"{len(demo_values())} new, 0 changed, 0 same; dry run, nothing was written\n"
    )
    assert reference.stored() == {}
    assert done.stdout.splitlines() == [f"new      {key}" for key in demo_values()]


def test_dry_run_tells_what_was_and_what_will_be(reference):
    old = {"mpn_id": "p", "tax_profile": ALWAYS, "note": 1, "mpn_active": []}
    reference.put("partner:p", json.dumps(old))
    reference.put("partner:q", "{")
    new = {"mpn_id": "p", "tax_profile": [], "mpn_active": []}
    reference.write("p.jsonl", line("partner", new) + line("partner", {"mpn_id": "q"}))
    before = reference.stored()
    done = reference.run("load", "-n", "p.jsonl")
    assert done.returncode == 0
    assert done.stdout == (
        "changed  partner:p  tax_profile, note\n"
        '  - tax_profile: [{"from":null,"to":null}]\n'
        "  + tax_profile: []\n"
        "  - note: 1\n"
        "changed  partner:q  unreadable before\n"
    )
    assert reference.stored() == before


def test_tables_replace_their_part_and_no_other(reference):
    reference.put("partner:p", json.dumps({"mpn_id": "p", "tax_profile": ALWAYS, "note": 1.50}))
    reference.write("partners.csv", "\ufeffMPN_ID,mpn_active_from,mpn_active_to\r\np,2018-03-01,\r\n")
    reference.write("competencies.csv", 'level,mpn_id,name\nGold,p,"cloud, platform"\n')
    reference.write("customers.csv", "customer_id,added_on\nC,2020-01-05\n")
    reference.write(
        "links.csv", "customer_id,link_id,type,partner_mpn_id,workload\nc,L,cpor,p,teams\n"
    )
    tables = ("partners.csv", "competencies.csv", "customers.csv", "links.csv")
    assert reference.load(*tables) == (1, 1, 0)
    link = {
        "link_id": "L",
        "type": "CPOR",
        "partner_mpn_id": "p",
        "subscription_id": None,
        "workload": "teams",
        **ALWAYS[0],
    }
    competency = {"name": "cloud, platform", "level": "gold", **ALWAYS[0]}
    assert values(reference) == {
        "partner:p": {
            "mpn_id": "p",
            "tax_profile": ALWAYS,
            "note": 1.50,
            "mpn_active": [{"from": "2018-03-01", "to": None}],
            "competencies": [competency],
        },
        "customer:c": {"customer_id": "c", "added_on": "2020-01-05", "links": [link]},
    }
    assert reference.load(*tables) == (0, 0, 2)


def test_what_settlements_need(reference):
    reference.write("partners.csv", "mpn_id,payout_currency\np,JPY\nq,\n")
    reference.write("customers.csv", "customer_id,group_id\nC,TPID-1\n")
    reference.write(
        "rates.csv",
        "period,base,currency,rate\n2020-01,USD,EUR,1.1034\n2020-01,USD,JPY,0.0092\n"
        "2020-02,EUR,USD,0.9\n",
    )
    files = ("partners.csv", "customers.csv", "rates.csv")
    assert reference.load(*files) == (5, 0, 0)
    assert values(reference) == {
        "partner:p": {"mpn_id": "p", "payout_currency": "JPY"},
        "partner:q": {"mpn_id": "q", "payout_currency": None},
        "customer:c": {"customer_id": "c", "group_id": "TPID-1"},
        "fx:2020-01": {
            "period": "2020-01",
            "base": "USD",
            "rates": {"EUR": "1.1034", "JPY": "0.0092"},
        },
        "fx:2020-02": {"period": "2020-02", "base": "EUR", "rates": {"USD": "0.9"}},
    }
    assert reference.load(*files) == (0, 0, 5)
    exported = reference.run("export").stdout
    assert [next(iter(json.loads(text))) for text in exported.splitlines()] == [
        *["partner"] * 2,
        "customer",
        *["fx"] * 2,
    ]
    reference.write("export.jsonl", exported)
    assert reference.load("export.jsonl") == (0, 0, 5)
    assert json.loads(reference.run("get", "fx:2020-02").stdout)["base"] == "EUR"


def test_exchange_rates_are_loaded_without_a_broker(reference):
    rates = {"period": "2020-01", "base": "USD", "rates": {"EUR": 1.1}}
    reference.write("fx.jsonl", line("fx", rates))
    nowhere = ("-o", "kafka.bootstrap_servers=127.0.0.1:1")
    done = reference.run("load", "fx.jsonl", options=nowhere)
    assert (done.returncode, done.stderr) == (0, "1 new, 0 changed, 0 same\n")
    assert values(reference) == {"fx:2020-01": rates}


def test_an_exchange_rate_that_changes_is_shown(reference):
    rates = {"period": "2020-01", "base": "USD", "rates": {"EUR": "1.1034"}}
    reference.load(reference.write("fx.jsonl", line("fx", rates)))
    rates["rates"]["EUR"] = "1.1035"
    reference.write("fx.jsonl", line("fx", rates))
    done = reference.run("diff", "fx.jsonl")
    assert done.returncode == 1
    assert done.stdout == (
        "changed  fx:2020-01  rates\n"
        '  - rates: {"EUR":"1.1034"}\n'
        '  + rates: {"EUR":"1.1035"}\n'
    )


def test_diff_tells_and_writes_nothing(reference):
    reference.write("one.jsonl", line("partner", {"mpn_id": "a"}) + line("partner", {"mpn_id": "b"}))
    reference.load("one.jsonl")
    before = reference.stored()
    done = reference.run("diff", "one.jsonl")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "0 new, 0 changed, 2 same\n"
    reference.write("b.csv", "mpn_id,tax_profile_from\na,\nb,2020-01-01\nc,\n")
    done = reference.run("diff", "one.jsonl", "b.csv")
    assert done.returncode == 1
    assert done.stdout == (
        "changed  partner:a  tax_profile\n"
        "  + tax_profile: []\n"
        "changed  partner:b  tax_profile\n"
        '  + tax_profile: [{"from":"2020-01-01","to":null}]\n'
        "new      partner:c\n"
    )
    assert done.stderr == "1 new, 2 changed, 0 same\n"
    assert reference.stored() == before


def test_get(reference):
    reference.put("partner:7", '{"mpn_id": "7"}')
    reference.put("customer:ab", '{"customer_id": "AB"}')
    reference.put("partner:8", '{"mpn_id": "7"}')
    assert reference.run("get", "partner:7").stdout == '{"mpn_id": "7"}\n'
    assert reference.run("get", "customer:aB").stdout == '{"customer_id": "AB"}\n'
    done = reference.run("get", "partner:9")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"no partner:9 under the prefix {reference.prefix}" in done.stderr
    done = reference.run("get", "partner:8")
    assert (done.returncode, done.stdout) == (1, '{"mpn_id": "7"}\n')
    assert 'mpn_id: "7" is not the id of the key' in done.stderr


def test_export_is_what_load_takes_back(reference):
    reference.load(*DEMO_FILES)
    # As a glob the prefix would match this one too.
    reference.client.set(f"t{reference.prefix[2]}x:partner:stranger", "{}")
    reference.put("somebody:else", "x")
    done = reference.run("export")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(text) for text in done.stdout.splitlines()]
    exported = {f"{kind}:{next(iter(v.values()))}": v for item in lines for kind, v in item.items()}
    assert exported == demo_values()
    keys = list(exported)
    partners = [key for key in keys if key.startswith("partner:")]
    assert keys == sorted(partners) + sorted(set(keys) - set(partners))
    reference.write("export.jsonl", done.stdout)
    assert reference.load("export.jsonl") == (0, 0, len(keys))


def test_export_leaves_out_what_nobody_could_read(reference):
    reference.put("partner:a", '{"mpn_id":\n"a"}')
    reference.put("partner:b", "{")
    done = reference.run("export")
    assert (done.returncode, done.stdout) == (1, '{"partner":{"mpn_id":"a"}}\n')
    assert "partner:b cannot be read" in done.stderr
    assert "left out" in done.stderr


def test_more_than_one_batch(reference):
    count = 1203
    rows = [f"c{i},L{i},PAL,42\n" for i in range(count)]
    reference.write("links.csv", "customer_id,link_id,type,partner_mpn_id\n" + "".join(rows))
    assert reference.load("links.csv") == (count, 0, 0)
    rows[700] = "c700,other,PAL,42\n"
    rows.append("d,L,PAL,42\n")
    reference.write("links.csv", "customer_id,link_id,type,partner_mpn_id\n" + "".join(rows))
    assert reference.load("links.csv") == (1, 1, count - 1)
    stored = values(reference)
    assert len(stored) == count + 1
    for i in (0, 499, 500, 999, 1000, count - 1):
        assert stored[f"customer:c{i}"]["links"][0]["link_id"] == f"L{i}"
    assert stored["customer:c700"]["links"][0]["link_id"] == "other"
    assert len(reference.run("export").stdout.splitlines()) == count + 1


def test_a_key_of_another_type_is_named(reference):
    reference.client.lpush(reference.prefix + "partner:a", "x")
    reference.write("a.jsonl", line("partner", {"mpn_id": "a"}))
    done = reference.run("load", "a.jsonl")
    assert done.returncode == 1
    assert f"{reference.prefix}partner:a holds no string: delete it" in done.stderr


def test_redis_that_is_not_there_is_named(reference):
    done = reference.run("load", DEMO_FILES[0], options=["-o", "redis.address=127.0.0.1:1"])
    assert done.returncode == 1
    assert "Redis at 127.0.0.1:1: Connection refused" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "load, diff, get or export is needed"),
        (["lod"], 'no action "lod", did you mean "load"?'),
        (["load"], "load needs at least one file"),
        (["diff"], "diff needs at least one file"),
        (["diff", "--dry-run", "x"], "--dry-run is for load"),
        (["get"], "get needs one key"),
        (["get", "partner:1", "partner:2"], "get needs one key"),
        (["get", "partner:"], '"partner:" is none of partner:MPN, customer:ID, fx:YYYY-MM'),
        (["get", "vendor:1"], "none of partner:MPN, customer:ID, fx:YYYY-MM"),
        (["export", "x"], '"x" is too much'),
        (["load", "--dry-rum", "x"], 'no option --dry-rum, did you mean "dry-run"?'),
    ],
)
def test_mistakes_in_the_arguments(reference, arguments, told):
    done = reference.run(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stdout == ""


def test_help(reference):
    done = reference.run("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: accrued reference load")
