"""The smallest world in which money is earned: one program, one reseller, plain lines."""

import yaml
from generator import to_json
from kafka_io import load_json

ALWAYS = [{"from": None, "to": None}]
PARTNER = {
    "mpn_id": "1",
    "mpn_active": ALWAYS,
    "indirect_reseller": ALWAYS,
    "bank_profile": ALWAYS,
    "tax_profile": ALWAYS,
    "competencies": [],
}


def program(identity="plain", rate="4%", **more):
    version = {
        "from": "2019-01-01",
        "requires": {},
        "rates": [{"families": ["azure"], "rate": rate}],
    }
    return {
        "id": identity,
        "name": identity,
        "beneficiary": "reseller",
        "measure": "billed_amount",
        "versions": [version],
        **more,
    }


def programs(revision, *items):
    return yaml.safe_dump({"revision": revision, "programs": list(items)})


def line(identity, customer="c-1", revision=0, amount="100"):
    record = {
        "line_id": identity,
        "revision": revision,
        "billing_period": "2020-03",
        "customer_id": customer,
        "reseller_mpn_id": "1",
        "product_family": "azure",
        "charge_type": "new",
        "charge_start_date": "2020-03-01",
        "charge_end_date": "2020-03-31",
        "currency": "USD",
        "billed_amount": amount,
    }
    return load_json(to_json(record))


class Case:
    """As the generator's, for Setup."""

    no_link = False

    def __init__(self, text=None):
        self.programs = text or programs(1, program())
        self.reference = [to_json({"partner": PARTNER})]

    def write(self, directory):
        directory.mkdir(parents=True, exist_ok=True)
        paths = {name: directory / f"{name}.yaml" for name in ("programs", "catalog")}
        paths["programs"].write_text(self.programs, encoding="utf-8")
        paths["catalog"].write_text("revision: 1\nrules: []\n", encoding="utf-8")
        return paths
