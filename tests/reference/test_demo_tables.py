"""The demo's tables are samples: they say the same as its JSON lines, for those that they name."""

import csv

import binary

DEMO = binary.ROOT / "config" / "demo"
LINES = (DEMO / "partners.jsonl", DEMO / "customers.jsonl")
TABLES = (DEMO / "partners.csv", DEMO / "competencies.csv", DEMO / "links.csv")


def keys(name, column):
    with open(DEMO / name, encoding="utf-8", newline="") as file:
        return {row[column] for row in csv.DictReader(file)}


def test_tables_after_lines_change_nothing(reference):
    reference.load(*LINES)
    done = reference.run("diff", *TABLES)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_tables_alone(reference):
    partners = keys("partners.csv", "mpn_id") | keys("competencies.csv", "mpn_id")
    customers = keys("links.csv", "customer_id")
    assert reference.load(*TABLES) == (len(partners) + len(customers), 0, 0)
    # Lines then add what no table says: since when a customer is one.
    changed = reference.run("diff", *LINES).stdout.splitlines()
    assert [line for line in changed if "partner:" in line] == []
    told = [line for line in changed if line.startswith("changed")]
    assert all(line.endswith("  added_on") for line in told), told
