"""Maps as files: what is built in can be printed, changed and used; mistakes are named."""

import feeds
import pytest
import yaml
from binary import ROOT
from feeds import command, ingest, write_csv

OWN = """
format: our-marketplace
tag: om
null_word: "-"
day_first: true
fields:
  customer_id: {columns: [Tenant, Customer]}
  subscription_id: {columns: [Contract]}
  reseller_mpn_id: {columns: [Partner], must_have_column: true}
  product_name: {columns: [Article]}
  product_family: {constant: software}
  charge_type: {columns: [Kind], constant: purchase}
  charge_start_date: {columns: [From]}
  charge_end_date: {columns: [Until, From]}
  billing_period: {columns: [Month, From]}
  currency: {constant: CHF}
  billed_amount: {columns: [Net]}
  consumed_amount: {product: [List Price, Seats]}
  quantity: {columns: [Seats]}
identity: [customer_id, subscription_id, charge_start_date, Position]
skip: {column: Kind, values: [VAT, Shipping]}
"""
FEED = """Position,Tenant,Contract,Partner,Article,Kind,From,Until,Net,List Price,Seats
1,C1,K-1,6048879,Tool,,3/4/2020,30/4/2020,"12.50",5,3
2,C1,K-1,-1,Tool,Renew,3/4/2020,-,-1,-,3
3,C1,K-1,6048879,VAT,vat,3/4/2020,,2.70,,
"""


def test_a_users_own_map(tmp_path):
    (tmp_path / "own.yaml").write_text(OWN)
    (tmp_path / "feed.csv").write_text(FEED)
    done = ingest("--map", tmp_path / "own.yaml", tmp_path / "feed.csv")
    first, second = done.lines
    assert first["line_id"].startswith("om-")
    assert first["charge_start_date"] == "2020-04-03"
    assert first["charge_end_date"] == "2020-04-30"
    assert first["billing_period"] == "2020-04"
    assert first["consumed_amount"] == "15"
    assert first["product_family"] == "software"
    assert first["currency"] == "CHF"
    assert first["charge_type"] == "purchase"
    assert second["charge_type"] == "renew"
    assert second["charge_end_date"] == "2020-04-03"
    assert second["consumed_amount"] is None
    assert second["reseller_mpn_id"] is None
    assert "1 skipped" in done.told


@pytest.mark.parametrize("name", feeds.ROWS)
def test_a_printed_map_reads_as_the_format_itself(tmp_path, name):
    printed = command("--print-map", name)
    assert printed.returncode == 0
    (tmp_path / "map.yaml").write_bytes(printed.stdout)
    tree = yaml.safe_load(printed.stdout)
    assert tree["format"] == name
    path = write_csv(tmp_path / "feed.csv", name)
    assert ingest("--map", tmp_path / "map.yaml", path).lines == ingest(path).lines


@pytest.mark.parametrize("name", feeds.ROWS)
def test_every_built_in_column_is_one_of_the_vendors(tmp_path, name):
    """The maps against the column lists of the formats, as far as these are CSV files."""
    tree = yaml.safe_load(command("--print-map", name).stdout)
    if name.startswith("partner-center"):
        known = {column.lower() for column in feeds.ROWS[name][0]}
        known |= {"invoicedate", "tier2mpnid", "resellermpnid", "currency", "metercategory"}
        known |= {"invoicenumber"}
        used = [c for source in tree["fields"].values() for c in source.get("columns", [])]
        used += [c for source in tree["fields"].values() for c in source.get("product", [])]
        used += [c for c in tree["identity"] if not c.islower()]
        assert [column for column in used if column.lower() not in known] == []


@pytest.mark.parametrize(
    "old, new, told",
    [
        ("identity:", "identitee:", 'did you mean "identity"'),
        ("  currency: {constant: CHF}", "  curency: {constant: CHF}", "fields.curency"),
        ("tag: om", "tag: Our Market", "tag"),
        ("[Net]", "Net", "fields.billed_amount.columns"),
        ("{columns: [Seats]}", "{columns: [Seats], kind: date}", "does not suit quantity"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path, old, new, told):
    assert old in OWN
    (tmp_path / "own.yaml").write_text(OWN.replace(old, new))
    (tmp_path / "feed.csv").write_text(FEED)
    done = command("--to", "-", "--map", tmp_path / "own.yaml", tmp_path / "feed.csv")
    assert (done.returncode, done.stdout) == (1, b"")
    assert told in done.stderr.decode()
    assert f"{tmp_path / 'own.yaml'}:" in done.stderr.decode()


def test_a_missing_column_is_named(tmp_path):
    (tmp_path / "own.yaml").write_text(OWN)
    (tmp_path / "feed.csv").write_text(FEED.replace("Net", "Gross"))
    done = command("--to", "-", "--map", tmp_path / "own.yaml", tmp_path / "feed.csv")
    assert done.returncode == 1
    assert "no column Net, which format our-marketplace needs for billed_amount" in (
        done.stderr.decode()
    )


@pytest.mark.parametrize("name", feeds.ROWS)
def test_the_manual_shows_the_maps_as_they_are(name):
    """docs/ingest.md against what the program prints."""
    tree = yaml.safe_load(command("--print-map", name).stdout)
    manual = (ROOT / "docs" / "ingest.md").read_text(encoding="utf-8")
    (section,) = [part for part in manual.split("\n### ") if part.startswith(name + "\n")]
    wanted = []
    for field, source in tree["fields"].items():
        ways = [", ".join(source["columns"])] if "columns" in source else []
        ways += [" × ".join(source["product"])] if "product" in source else []
        ways += [f"`{source['constant']}`"] if "constant" in source else []
        wanted.append(f"| `{field}` | {', else '.join(ways)} |")
    assert [line for line in section.splitlines() if line.startswith("| `")] == wanted
    identity = ", ".join(f"`{each}`" if each.islower() else each for each in tree["identity"])
    assert f"Identity: {identity}." in section
    assert f"begin with `{tree['tag']}-`" in section
