"""`accrued explain` without a broker says what stands in tests/golden/explain, word for word.

After a change that is meant: ACCRUED_WRITE_GOLDEN=1 writes the texts again; read the difference.
"""

import json
import os
import subprocess
from pathlib import Path

import binary
import pytest

HERE = Path(__file__).resolve().parent
EXPLAIN = HERE / "explain"
OTHER = "tests/golden/explain/other.yaml"

# name of the text: (the case whose files are used, arguments, exit code)
CASES = {
    "link-specificity": ("links", ["subscription"], 0),
    "link-every-partner": ("links", ["--program", "every-admin", "every-teams"], 0),
    "standing-all-hold": ("standing", ["all"], 0),
    "standing-one-day": ("standing", ["one-day"], 0),
    "standing-never-together": ("standing", ["never-together"], 0),
    "standing-silver": ("standing", ["silver"], 0),
    "standing-partner-unknown": ("standing", ["unknown"], 0),
    "no-reseller": ("standing", ["no-reseller"], 0),
    "no-version": ("standing", ["gap"], 0),
    "charge-type-excluded": ("standing", ["credit"], 0),
    "accelerators": ("customer-add", ["--customer", "jan-31", "2020-02-28"], 0),
    "accelerators-over": ("customer-add", ["--customer", "jan-31", "2021-01-31"], 0),
    "accelerators-no-date": ("customer-add", ["--customer", "never", "2020-01-31"], 0),
    "catalog-tagged": ("catalog", ["listed"], 0),
    "catalog-no-rate": ("catalog", ["no_rate"], 0),
    "catalog-nothing-matches": ("catalog", ["nothing"], 0),
    "revisions": ("endings", ["moved"], 0),
    "void-and-rerates": ("rerate", ["a"], 0),
    "rerates": ("rerate", ["y"], 0),
    "retired": ("retired", ["a"], 0),
    "unknown": ("rerate", ["nobody-knows-it"], 1),
    "what-if": ("links", ["--what-if", OTHER, "subscription"], 0),
    "two-customers": ("links:explain", ["SHY"], 1),
    "dead-letter-of-a-known-line": ("links:explain", ["--customer", "C1", "shy"], 0),
    "dead-letter-of-an-unknown-line": ("links:explain", ["bad"], 1),
    "control-characters": ("links:explain", ["esc\x1b[31m\x07"], 0),
}


def explain(case, *arguments, lines_of=None):
    """`accrued explain` on the files of a golden case -> the completed process. Paths are relative
    so that the texts do not depend on where the tree stands."""
    files = {
        name: f"tests/golden/{case}/{name}.{'yaml' if name in ('programs', 'catalog') else 'jsonl'}"
        for name in ("programs", "catalog", "reference", "lines")
    }
    if lines_of:
        files["lines"] = f"tests/golden/{lines_of}/lines.jsonl"
    command = [str(binary.require_binary()), "explain"]
    for name, path in files.items():
        command += [f"--{name}", path]
    if (HERE / case / "no-link").exists():
        command.append("--no-link")
    return subprocess.run(
        [*command, *arguments], capture_output=True, timeout=60, check=False, cwd=binary.ROOT
    )


def explain_case(name, *more):
    case, arguments, code = CASES[name]
    case, _, lines_of = case.partition(":")
    done = explain(case, *more, *arguments, lines_of=lines_of)
    assert done.stderr == b""
    assert done.returncode == code
    return done.stdout.decode("utf-8")


@pytest.mark.parametrize("name", CASES)
def test_the_text(name):
    got = explain_case(name)
    path = EXPLAIN / f"{name}.txt"
    if os.environ.get("ACCRUED_WRITE_GOLDEN"):
        path.write_text(got, "utf-8")
    assert got == path.read_text("utf-8")


def test_every_text_has_its_case():
    assert {path.stem for path in EXPLAIN.glob("*.txt")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_the_json_knows_as_much(name):
    told = json.loads(explain_case(name, "--json"))
    assert told["type"] == "explanation"
    assert told["known"] == (CASES[name][2] == 0)
    if told["known"]:
        assert told["agrees"] is all(earner["agrees"] for earner in told["earners"])
        assert {event["type"] for event in told["published"]} <= {"accrual", "forgone"}


def test_the_json_of_a_link_that_lost():
    told = json.loads(explain_case("link-specificity", "--json"))
    claimed = told["programs"][0]
    links = [(link["link_id"], link["wins"], link.get("by")) for link in claimed["links"]]
    assert links == [
        ("L-3", True, None),
        ("L-2", False, "specificity"),
        ("L-10", False, "specificity"),
        ("L-9", False, "specificity"),
    ]
    assert claimed["partners"][0]["reason_code"] == "mpn_inactive"
    assert [program["outcome"] for program in told["programs"]] == [
        "yields",
        "no_measure",
        "yielded",
    ]


def test_the_json_of_other_rules():
    told = json.loads(explain_case("what-if", "--json"))
    targets = {t["program_id"]: t["would_be"] for t in told["what_if"]["targets"]}
    assert targets["claimed"]["cumulative_amount"] == "12.5"
    assert targets["resale"]["cumulative_amount"] == "1"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--program", "claimd", "x"], 'no program "claimd", did you mean "claimed"?'),
        (["--ledger-file", "x", "x"], "go with a broker"),
        ([], "the line's id is wanted"),
        (["a", "b"], "one line's id is wanted"),
        (["--since", "2020-13-01", "x"], "not a date"),
    ],
)
def test_mistakes_are_told(arguments, told):
    done = explain("links", *arguments)
    assert done.returncode in (1, 2)
    assert told in done.stderr.decode("utf-8")
    assert done.stdout == b""
