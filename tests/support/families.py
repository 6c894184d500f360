"""What the shipped catalog takes a line for, asked of the program itself."""

import json

from binary import ROOT, rate_events

EVERY_FAMILY = """programs:
  - id: every-family
    name: Whatever the catalog takes for a vendor's product
    beneficiary: reseller
    measure: billed_amount
    versions:
      - from: 2000-01-01
        to:
        requires: {}
        rates:
          - {families: [office_365, microsoft_365, azure, dynamics_365], rate: 1%}
          - {families: [azure_reservation, software, strategic_software], rate: 2%}
"""


def families(lines, directory):
    """line_id → family; a line that is `other` is not in it."""
    paths = {name: directory / name for name in ("programs", "reference", "lines")}
    paths["programs"].write_text(EVERY_FAMILY)
    paths["reference"].write_text(json.dumps({"partner": {"mpn_id": "1"}}) + "\n")
    worth_one = [{**line, "reseller_mpn_id": "1", "billed_amount": "1"} for line in lines]
    paths["lines"].write_text("".join(json.dumps({"line": line}) + "\n" for line in worth_one))
    events = rate_events({**paths, "catalog": ROOT / "config" / "catalog.yaml"})
    assert all(event["type"] == "accrual" for event in events)
    return {event["line_id"]: event["product_family"] for event in events}
