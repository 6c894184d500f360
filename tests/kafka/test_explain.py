"""`accrued explain` on a running service: what it says of a line is what an independent reader finds
in the topics, and "why nothing" is answered for every reason."""

import json

import pytest
import wire
from expectations import send_lines
from kafka_io import Sender, parse
from scrape import get, scrape
from servers import wait_until

PROGRAMS = """
programs:
  - id: sale
    name: sale
    beneficiary: reseller
    measure: billed_amount
    versions:
      - from: 2019-01-01
        standing: month
        requires: {bank_profile: true}
        rates:
          - {families: [azure], rate: 10%}
  - id: claim
    name: claim
    beneficiary: cpor
    measure: billed_amount
    versions:
      - from: 2019-01-01
        requires: {mpn_active: true}
        rates:
          - {families: [azure], rate: 1%}
"""
OTHER_PROGRAMS = PROGRAMS.replace("rate: 10%", "rate: 12%")
ALWAYS = [{"from": "2018-01-01", "to": None}]


class Case:
    """Rules and reference values of this file."""

    no_link = False
    reference = ()

    def write(self, directory):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "programs.yaml").write_text(PROGRAMS)
        (directory / "other.yaml").write_text(OTHER_PROGRAMS)
        (directory / "catalog.yaml").write_text("rules: []\n")
        return {name: directory / f"{name}.yaml" for name in ("programs", "catalog")}


def partner(identity, **changes):
    value = {"mpn_id": identity, "mpn_active": ALWAYS, "bank_profile": ALWAYS, **changes}
    return {"partner": value}


def customer(identity, *links):
    return {
        "customer": {
            "customer_id": identity,
            "links": [
                {"link_id": link, "type": "CPOR", "partner_mpn_id": mpn, "from": start}
                for link, mpn, start in links
            ],
        }
    }


def line(identity, revision=0, amount="100", whose="c1", **changes):
    return {
        "line_id": identity,
        "revision": parse.Number(str(revision)),
        "status": "ACTIVE",
        "billing_period": "2020-01",
        "customer_id": whose,
        "reseller_mpn_id": "1",
        "product_family": "azure",
        "charge_type": "new",
        "charge_start_date": "2020-01-10",
        "charge_end_date": "2020-01-31",
        "currency": "USD",
        "billed_amount": amount,
        **changes,
    }


class Story:
    def __init__(self, setup, kafka):
        self.setup, self.kafka = setup, kafka
        for value in (
            partner("1"),
            partner("2"),
            partner("3"),
            partner("broke", bank_profile=[]),
            customer("c1", ("L-1", "2", "2019-01-01")),
            customer("c2"),
        ):
            setup.store(value)

    def send(self, *lines, drained=True):
        places = send_lines(self.kafka, self.setup.input, list(lines)).places
        if drained:
            self.setup.wait_until_drained()
        return places

    def send_bad(self, value, key=b"c1"):
        sender = Sender(self.kafka, self.setup.input)
        sender.send(key, value)
        sender.flush()
        self.setup.wait_until_drained()
        return sender.places[0]

    def text(self, *arguments, code=0):
        done = self.setup.command(
            "explain", "-c", self.setup.config("command.yaml"), *arguments, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    def json(self, *arguments, code=0):
        return json.loads(self.text("--json", *arguments, code=code))


def published(records, kind, line_id):
    """What an independent client reads of a line, in the explanation's words."""
    found = []
    for record in records:
        event = wire.read(record.value)
        if event["line_id"] == line_id:
            found.append(
                {
                    "type": kind,
                    "place": (record.topic, record.partition, record.offset),
                    "partner": event["partner_mpn_id"],
                    "program": event["program_id"],
                    "amount": event["amount"],
                    "sequence": event.get("sequence"),
                    "reason": event.get("reason", event.get("reason_code")),
                    "rerate_id": event.get("rerate_id"),
                    "hash": event["reference_hash"],
                    "source": (
                        event["source_topic"],
                        event["source_partition"],
                        event["source_offset"],
                    ),
                }
            )
    return found


def told_published(told):
    def place(value):
        return (value["topic"], value["partition"], value["offset"])

    return [
        {
            "type": event["type"],
            "place": place(event["place"]),
            "partner": event["partner_mpn_id"],
            "program": event["program_id"],
            "amount": wire.WIDE.create_decimal(event["amount"]),
            "sequence": event.get("sequence"),
            "reason": event.get("reason", event.get("reason_code")),
            "rerate_id": event["rerate_id"],
            "hash": event["reference_hash"],
            "source": place(event["source"]),
        }
        for event in told["published"]
    ]


def check_published(story, told):
    """Offsets, amounts, reasons and hashes are those that are in the topics, none is missing."""
    name = told["line_id"]
    want = published(story.setup.accruals(), "accrual", name)
    want += published(story.setup.forgone(), "forgone", name)
    assert told_published(told) == want
    return want


def earner(told, program, mpn):
    (found,) = (
        e for e in told["earners"] if (e["program_id"], e["partner_mpn_id"]) == (program, mpn)
    )
    return found


@pytest.fixture
def story(accrued_config, kafka):
    setup = accrued_config(Case(), partitions=3)
    setup.start()
    return Story(setup, kafka)


def test_revisions_a_lost_link_a_rerate_and_changed_reference_values(story):
    places = story.send(line("l1"), line("l1", 1, "250"), line("L1", 0, "7"))
    told = story.json("--customer", "C1", "L1")
    assert told["known"] and told["agrees"]
    assert told["line"]["revision"] == 1 and told["line"]["billed_amount"] == "250"
    assert (told["origin"]["partition"], told["origin"]["offset"]) == places[1]
    assert len(check_published(story, told)) == 4
    assert not any(e["reference_changed"] for e in told["earners"])

    # The link is another partner's since before the line; nobody has asked for a re-rate yet.
    story.setup.store(customer("c1", ("L-1", "2", "2019-01-01"), ("L-2", "3", "2020-01-01")))
    told = story.json("l1")
    assert not told["agrees"]
    assert earner(told, "claim", "2")["today"] is None
    assert earner(told, "claim", "2")["reference_changed"] is True
    assert earner(told, "claim", "3")["ledger"] is None
    assert earner(told, "claim", "3")["today"]["cumulative_amount"] == "2.5"
    assert earner(told, "sale", "1")["agrees"]
    links = {link["link_id"]: link for link in told["programs"][1]["links"]}
    assert links["L-2"]["wins"] and links["L-1"]["by"] == "from"

    story.setup.command(
        "rerate", "--customer", "c1", "--request-id", "moved", "--wait", "--timeout", "120",
        "-c", story.setup.config("command.yaml"),
    )  # fmt: skip
    told = story.json("l1", "--customer", "c1")
    assert told["agrees"]
    want = check_published(story, told)
    assert {e["partner"] for e in want if e["rerate_id"] == "moved"} == {"2", "3"}
    # It ended without regard to partner 2's value; what stands has regard to partner 3's.
    story.setup.store(partner("2", bank_profile=[]))
    story.setup.store(partner("3", mpn_active=[]))
    told = story.json("l1", "--customer", "c1")
    assert earner(told, "claim", "2")["reference_changed"] is False
    assert earner(told, "claim", "3")["reference_changed"] is True
    assert earner(told, "claim", "3")["today"]["forgone_reason"] == "mpn_inactive"
    text = story.text("l1", "--customer", "c1")
    assert "changed since" in text and "they differ" in text
    other = story.setup.directory / "case" / "other.yaml"
    told = story.json("l1", "--what-if", other)
    would_be = {t["program_id"]: t["would_be"] for t in told["what_if"]["targets"]}
    assert would_be["sale"]["cumulative_amount"] == "30"
    only = story.json("l1", "--program", "claim")
    assert {e["program_id"] for e in only["earners"] + only["published"]} == {"claim"}


def test_why_nothing(story):
    setup = story.setup
    story.send(
        line("void"), line("void", 1, status="VOID"), line("forgone", reseller_mpn_id="broke"),
        line("both"), line("both", whose="c2"),
    )  # fmt: skip
    told = story.json("void", "--history")
    assert told["line"]["status"] == "VOID" and told["agrees"] and told["programs"] == []
    assert [e["reason"] for e in check_published(story, told)].count("VOID") == 2
    assert [(r["revision"], r["fate"]) for r in told["records"]] == [
        (0, "superseded"),
        (1, "stands"),
    ]
    assert "as if it had never been billed" in story.text("void")

    told = story.json("forgone")
    sale = next(p for p in told["programs"] if p["program_id"] == "sale")
    assert sale["partners"][0]["reason_code"] == "bank_profile_missing"
    assert sale["partners"][0]["day"] == "2020-01-31"
    assert earner(told, "sale", "broke")["ledger"]["forgone_amount"] == "10"
    check_published(story, told)

    told = story.json("both", code=1)
    assert told["customers"] == ["c1", "c2"] and not told["known"]
    assert story.json("both", "--customer", "c2")["customer_id"] == "c2"

    bad = wire.frame(wire.raw_datum(line("refused"), currency=b"usd"), wire.BILLING_LINE)
    source = story.send_bad(bad)
    told = story.json("refused", code=1)
    (letter,) = told["dead_letters"]
    (record,) = setup.dead_letters()
    assert letter["code"] == "field_invalid" and "currency" in letter["message"]
    assert letter["place"]["offset"] == record.offset
    assert letter["place"]["partition"] == record.partition
    assert (letter["source"]["partition"], letter["source"]["offset"]) == source
    assert "repair the record" in story.text("refused", "--customer", "c1", code=1)

    assert "It never came" in story.text("nobody", code=1)
    assert story.json("nobody", "--customer", "c1", code=1)["dead_letters"] == []


def test_a_line_that_waits_and_the_local_ledger_file(story):
    setup = story.setup
    story.send(line("first"))
    online = story.json("first")
    partition = online["origin"]["partition"]
    file = setup.directory / "ledger" / f"{setup.topics['ledger']}-{partition}.0.ledger"
    wait_until(file.exists, lambda: f"{file} is not there")
    for worker in setup.workers:
        worker.stop()
    ((waiting_partition, waiting_offset),) = story.send(line("later"), drained=False)
    told = story.json("later", "--customer", "c1", code=1)
    assert told["records"] == [
        {
            "revision": 0,
            "status": "ACTIVE",
            "fate": "waits",
            "place": {
                "topic": setup.input,
                "partition": waiting_partition,
                "offset": waiting_offset,
            },
        }
    ]
    assert "waits for its turn" in story.text("later", code=1)
    told = story.json("first", "--ledger-file", file)
    assert told["ledger"] == str(file)
    assert {**told, "ledger": online["ledger"]} == online
    quiet = story.json("first", "--ledger-file", file, "--no-published")
    assert "published" not in quiet and quiet["agrees"]
    since = story.json("first", "--since", "2999-01-01")
    assert since["published"] == []


def test_a_closed_period(story):
    """The line stands as it was; what came for it since is a dead letter, and both are told."""
    setup = story.setup
    story.send(line("old"))
    before = story.json("old")
    assert "closed" not in story.text("old")
    for worker in setup.workers:
        worker.stop()
    setup.start(ledger={"retention_months": 12})
    places = story.send(line("old", 1, "250"))
    told = story.json("old", "--history")
    (letter,) = told["dead_letters"]
    assert letter["code"] == "period_expired" and not letter["replayed"]
    assert (letter["source"]["partition"], letter["source"]["offset"]) == places[0]
    assert told["published"] == before["published"]
    text = story.text("old")
    assert "are closed: what comes for the line goes to the dead letters" in text
    assert "period_expired: " in text
    story.send(line("late"))
    told = story.json("late", "--customer", "c1", code=1)
    assert not told["known"] and [x["code"] for x in told["dead_letters"]] == ["period_expired"]
    assert "closed" in story.text("late", "--customer", "c1", code=1)


def test_a_dead_letter_that_was_sent_again(story):
    """Its amount is explained by the record that was replayed, its letter says so."""
    setup = story.setup
    prefix = setup.settings["redis"]["key_prefix"]
    setup.redis.client.set(f"{prefix}partner:1".encode(), b"{")
    places = story.send(line("again"))
    told = story.json("again", "--customer", "c1", code=1)
    assert [(x["code"], x["replayed"]) for x in told["dead_letters"]] == [
        ("reference_unreadable", False)
    ]
    assert "sent back since" not in story.text("again", "--customer", "c1", code=1)
    story.setup.store(partner("1"))
    setup.command("dlq", "replay", "--all", "--confirm", "1", "-c", setup.config("command.yaml"))
    wait_until(lambda: setup.accruals(), "the line is rated")
    told = story.json("again", "--customer", "c1", "--history")
    (letter,) = told["dead_letters"]
    assert letter["replayed"]
    assert (letter["source"]["partition"], letter["source"]["offset"]) == places[0]
    assert told["known"] and told["agrees"]
    check_published(story, told)
    assert earner(told, "sale", "1")["ledger"]["cumulative_amount"] == "10"
    (record,) = (r for r in told["records"] if r["fate"] == "stands")
    assert record["place"]["offset"] > places[0][1]
    assert "sent back since" in story.text("again", "--customer", "c1")


def test_the_page_gives_up_where_the_lane_waits(story):
    """A lane that waits for Redis takes no question: the page says so and asks no more, and what
    else the server answers does not wait for it."""
    setup = story.setup
    story.send(line("first"))
    for worker in setup.workers:
        worker.stop()
    worker = setup.start(redis={"address": "127.0.0.1:1"}, http={"listen": "127.0.0.1:0"})
    url = worker.url()
    story.send(line("stuck"), drained=False)
    wait_until(lambda: "reference_data_missing" in worker.tail(), worker.tail)
    question = f"{url}/explain?customer=c1&line=stuck"
    status, page = get(question)
    assert status == 200 and "looks again every second" in page and 'http-equiv="refresh"' in page
    wait_until(lambda: scrape(url).by("accrued_reference_waiting") == 1, "it is counted")
    given_up = wait_until(
        lambda: "No lane took the question" in (told := get(question)[1]) and told, page
    )
    assert 'http-equiv="refresh"' not in given_up
    worker.stop()
    worker = setup.start(http={"listen": "127.0.0.1:0"})
    setup.wait_until_drained()
    question = f"{worker.url()}/explain?customer=c1&line=stuck"
    wait_until(lambda: "Line stuck of customer c1" in get(question)[1], "an answer")
