"""The random cases reach the corners they are made for: without this they could go blank."""

from collections import Counter

from experiments import SEEDS
from generator import make_case
from oracle import run_files

CORNERS = (
    "NEW_LINE",
    "REVISION",
    "VOID",
    "RERATE",
    "an entry ends",
    "an entry moves",
    "a sequence over 3",
    "DPOR",
    "PAL",
    "CPOR",
    "customer add",
    "two accelerators",
    "forgone ends",
    "encoded ids",
    "field_invalid",
    "amount_overflow",
    "json_malformed",
    "reference_unreadable",
    "partner_unknown",
    "mpn_inactive",
    "not_indirect_reseller",
    "no_qualifying_competency",
    "bank_profile_missing",
    "tax_profile_missing",
    "no_link",
    "ten decimals",
    "six decimals",
)


def corners_of(events):
    last = None
    for event in events:
        if event["type"] == "dead_letter":
            yield event["code"]
        elif event["type"] == "forgone":
            yield event["reason_code"]
            if event["rate"] == "0" and event["amount"] == "0":
                yield "forgone ends"
        else:
            yield event["reason"]
            yield event["link_type"]
            if event["rate"] == "0":
                yield "an entry ends"
            pair = (event["accrual_id"].rpartition("/")[0], event["line_revision"])
            if last == pair:
                yield "an entry moves"
            last = pair
            if event["sequence"] > 3:
                yield "a sequence over 3"
            if "add" in event["accelerators"]:
                yield "customer add"
            if len(event["accelerators"]) > 1:
                yield "two accelerators"
            if "%" in event["accrual_id"]:
                yield "encoded ids"
            if len(event["measure"].partition(".")[2]) == 10:
                yield "ten decimals"
            if len(event["amount"].partition(".")[2]) == 6:
                yield "six decimals"


def test_the_random_cases_reach_the_corners(tmp_path):
    reached = Counter()
    for seed in range(1, 151):
        case = make_case(seed, unreadable=seed % 5 == 0)
        events, _ = run_files(**case.write(tmp_path), no_link=case.no_link)
        reached.update(corners_of(events))
    missing = [corner for corner in CORNERS if not reached[corner]]
    assert missing == [], reached


def test_a_seed_always_makes_the_same_case():
    seed = SEEDS[0]
    assert make_case(seed) == make_case(seed)
