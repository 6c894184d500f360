"""Random experiments in the offline form, each from a seed: four files that reach for corners.

The days cluster at the ends of months, the ids differ in case only, the amounts sit on rounding
ties and at the edge of decimal(28,10), revisions arrive late, twice and in the wrong order,
reference values change in mid-stream, and every kind of bad input is among the lines.
"""

import json
import random
from dataclasses import dataclass, field
from pathlib import Path

from oracle import days, parse

FAMILIES = (
    "office_365",
    "microsoft_365",
    "azure",
    "dynamics_365",
    "azure_reservation",
    "software",
    "strategic_software",
    "other",
)
WORKLOADS = ("exchange", "teams", "sharepoint")
COMPETENCIES = ("cloud-platform", "cloud-productivity", "data-analytics", "unlisted-one")
DAYS = (
    "2019-09-30",
    "2019-10-01",
    "2019-11-30",
    "2019-12-01",
    "2019-12-31",
    "2020-01-01",
    "2020-01-15",
    "2020-01-30",
    "2020-01-31",
    "2020-02-01",
    "2020-02-28",
    "2020-02-29",
    "2020-03-01",
    "2020-03-31",
    "2020-04-01",
    "2020-04-30",
    "2020-05-31",
    "2020-06-01",
    "2020-12-31",
    "2021-02-28",
)
PERIODS = ("2019-12", "2020-01", "2020-02", "2020-03")
CURRENCIES = ("USD", "EUR", "JPY")
PARTNERS = ("4200001", "4200002", "4200003", "42000031", "p/1|%", "Ünïcode-1")
UNKNOWN_PARTNERS = ("7777777", "p/1|%x")
CUSTOMERS = (
    "AAAA1111-0000-4000-8000-00000000000A",
    "bbbb2222-0000-4000-8000-00000000000b",
    "Cc%/|33",
    "ÄÖ-Customer",
    "no-value-in-store",
)
SUBSCRIPTIONS = ("5D5D-AAAA", "5d5d-bbbb", "SUB/1|%")
CHARGE_TYPES = ("new", "renew", "cycleFee", "customerCredit")
SKUS = ("AZ-0001", "O365-E3", "D365-Sales", "az-0001")
NAMES = ("Azure plan", "Teams Phone", "MICROSOFT TEAMS rooms")
TIMES = (
    None,
    "2020-02-03T04:05:06Z",
    "2020-02-03T04:05:06.789Z",
    "2020-02-03T04:05:06.1234567-08:00",
    "1969-12-31T23:59:59.9999+00:00",
    "2020-02-29T23:59:59.9+14:00",
)


class Raw(str):
    """A JSON number to be written exactly as it stands here."""


def to_json(value):
    """JSON text; Raw stays as it is."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        members = (f"{json.dumps(k, ensure_ascii=False)}: {to_json(v)}" for k, v in value.items())
        return "{" + ", ".join(members) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(to_json(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


@dataclass
class Case:
    seed: int
    programs: str
    catalog: str
    reference: list  # of texts
    lines: list  # of bytes
    no_link: bool
    notes: dict = field(default_factory=dict)

    def write(self, directory):
        """Writes the four files and returns their paths by the name of `accrued rate`'s options."""
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        paths = {
            "programs": directory / "programs.yaml",
            "catalog": directory / "catalog.yaml",
            "reference": directory / "reference.jsonl",
            "lines": directory / "lines.jsonl",
        }
        paths["programs"].write_text(self.programs, encoding="utf-8")
        paths["catalog"].write_text(self.catalog, encoding="utf-8")
        paths["reference"].write_text("".join(f"{r}\n" for r in self.reference), encoding="utf-8")
        paths["lines"].write_bytes(b"".join(line + b"\n" for line in self.lines))
        return paths


class Generator:
    """The constants are what a subclass may draw from instead."""

    days, names, skus = DAYS, NAMES, SKUS
    products, meters = ("DZH318Z0BNZ5",), ("Virtual MACHINES",)
    competencies = COMPETENCIES

    def __init__(self, seed, lines=None, bad=True, unreadable=False, rerates=True):
        self.seed = seed
        self.random = random.Random(seed)
        self.bad, self.unreadable, self.rerates = bad, unreadable, rerates
        self.line_count = lines or self.random.choice((12, 25, 40, 60))
        self.program_ids = []
        self.known = {}  # (folded customer, folded line) -> the record sent last
        self.rerate_count = 0
        self.waiting = []  # inputs that follow the one just made

    # ------------------------------------------------------------ small things

    def chance(self, probability):
        return self.random.random() < probability

    def pick(self, values):
        return self.random.choice(values)

    def some(self, values, at_least=1):
        return self.random.sample(values, self.random.randint(at_least, len(values)))

    def any_case(self, text):
        """The same id in another case (ASCII letters only: those are what is folded)."""
        return "".join(
            (c.upper() if self.chance(0.5) else c.lower()) if c.isascii() else c for c in text
        )

    def interval(self, open_chance=0.5):
        start = None if self.chance(open_chance) else self.pick(self.days)
        end = None if self.chance(open_chance) else self.pick(self.days)
        return {"from": start, "to": end}

    # ------------------------------------------------------------ programs

    def rate_text(self, small):
        if not small:
            return self.pick(("1", "100%", "0.5", "2.5", "33.33333333", "100"))
        return self.pick(
            ("4%", "0.04", "4.000001%", "0.00000001", "7.123456%", "1.25%", "0", "50%")
        )

    def families(self):
        return "[" + ", ".join(self.some(FAMILIES, self.pick((1, 4, 8)))) + "]"

    def requires(self):
        parts = [
            f"{name}: {self.pick(('true', 'true', 'false'))}"
            for name in ("mpn_active", "indirect_reseller", "bank_profile", "tax_profile")
            if self.chance(0.35)
        ]
        if self.chance(0.4):
            names = ", ".join(self.some(self.competencies[:3]))
            parts.append(
                f"any_competency: {{level: {self.pick(('silver', 'gold'))}, of: [{names}]}}"
            )
        self.random.shuffle(parts)
        return "{" + ", ".join(parts) + "}"

    def version(self, start, end, is_money):
        lines = [f"      - from: {start}"]
        if end is not None or self.chance(0.5):
            lines.append(f"        to: {end or self.pick(('', 'null'))}")
        if self.chance(0.7):
            lines.append(f"        standing: {self.pick(('day', 'month'))}")
        lines.append(f"        requires: {self.requires()}")
        lines.append("        rates:")
        for _ in range(self.random.randint(1, 3)):
            rate = self.rate_text(is_money)
            extra = f", workloads: [{', '.join(self.some(WORKLOADS))}]" if self.chance(0.3) else ""
            if self.chance(0.2):
                extra += f", measure: {self.pick(('consumed_amount', 'billed_amount'))}"
            lines.append(f"          - {{families: {self.families()}{extra}, rate: {rate}}}")
        accelerators = []
        if self.chance(0.6):
            accelerators.append(f"id: add, months: {self.pick((1, 2, 3, 12))}, rate: 2.5%")
        if self.chance(0.5):
            accelerators.append(f"id: cloud, families: {self.families()}, rate: 0.01")
        if self.chance(0.5):
            accelerators.append(
                f"id: product, tags: [{self.pick(('strategic', 'voice'))}], rate: 5%"
            )
        if self.chance(0.3):
            accelerators.append(
                "id: all-of, tags: [voice, strategic], months: 6,"
                f" workloads: [{self.pick(WORKLOADS)}], rate: 0.00000005"
            )
        self.random.shuffle(accelerators)
        if accelerators:
            lines.append("        accelerators:")
            lines += [f"          - {{{item}}}" for item in accelerators]
        return lines if is_money or not accelerators or "rate: 100" not in "".join(lines) else None

    def versions(self, is_money):
        borders = sorted(self.random.sample(self.days, self.random.randint(1, 4)))
        if self.chance(0.7):
            borders[0] = self.days[0]
        lines = []
        while borders:
            start = borders.pop(0)
            end = borders[0] if borders and self.chance(0.9) else None
            if end and len(borders) > 1 and self.chance(0.2):
                borders.pop(0)  # a gap between this version and the next
            made = None
            while made is None:
                made = self.version(start, end, is_money)
            lines += made
            if end is None:
                break
        return lines

    def program(self, name, beneficiary):
        pays = self.pick(("money", "money", "recognition"))
        lines = [
            f"  - id: {name}",
            f"    name: {name}",
            f"    beneficiary: {beneficiary}",
            f"    measure: {self.pick(('billed_amount', 'billed_amount', 'consumed_amount'))}",
        ]
        if beneficiary != "reseller" and self.chance(0.6):
            lines.append(f"    attribution: {self.pick(('every', 'exclusive'))}")
        if pays != "money" or self.chance(0.5):
            lines.append(f"    pays: {pays}")
        if self.chance(0.5):
            lines.append(f"    as_of: {self.pick(('charge_start_date', 'charge_end_date'))}")
        if self.chance(0.4):
            lines.append(f"    charge_types_excluded: [{self.pick(CHARGE_TYPES)}]")
        if self.chance(0.3):
            kinds = [k for k in ("dpor", "pal", "CPOR") if k.lower() != beneficiary]
            lines.append(f"    yields_to: [{', '.join(self.some(kinds, 0)[:2])}]")
        if self.chance(0.1):
            lines.append("    retired: true")
        lines.append("    versions:")
        return lines + self.versions(pays == "money")

    def programs(self):
        beneficiaries = ["reseller", "cpor", "dpor", "pal", "reseller", "pal"]
        self.random.shuffle(beneficiaries)
        lines = [f"revision: {self.random.randint(1, 9)}"] if self.chance(0.5) else []
        lines.append("programs:")
        for number, beneficiary in enumerate(beneficiaries[: self.random.randint(2, 6)]):
            name = f"{beneficiary}-{self.random.randint(0, 99)}-{number}"
            self.program_ids.append(name)
            lines += self.program(name, beneficiary)
        return "\n".join(lines) + "\n"

    # ------------------------------------------------------------ catalog

    def rule(self):
        conditions = self.some(
            (
                'sku_id: {prefix: "AZ-"}',
                'sku_id: "O365-E3"',
                'sku_id: {equals: "D365-Sales"}',
                'sku_id: {prefix: "D365", contains: "sales"}',
                'product_name: {contains: "tEaMs"}',
                'product_name: {prefix: "Azure"}',
                'product_id: {prefix: "DZH"}',
                'meter_category: {contains: "machines"}',
            ),
            1,
        )
        chosen = {}
        for condition in conditions[: self.random.randint(1, 2)]:
            chosen.setdefault(condition.split(":")[0], condition)
        parts = [f"match: {{{', '.join(chosen.values())}}}", f"family: {self.pick(FAMILIES)}"]
        if self.chance(0.5):
            parts.append(f"workload: {self.pick(WORKLOADS)}")
        if self.chance(0.5):
            parts.append(
                f"tags: {self.pick(('[strategic]', '[voice, strategic]', '[voice]', '[]'))}"
            )
        start, end = sorted((self.pick(self.days), self.pick(self.days)))
        if self.chance(0.4):
            parts.append(f"from: {start}")
        if self.chance(0.4) and start < end:
            parts.append(f"to: {end}")
        return "  - {" + ", ".join(parts) + "}"

    def catalog(self):
        lines = ["rules:"] + [self.rule() for _ in range(self.random.randint(1, 6))]
        if self.chance(0.3):
            lines.append("  - {match: {}, family: other, tags: [strategic]}")
        return "\n".join(lines) + "\n"

    # ------------------------------------------------------------ reference values

    def intervals(self):
        if self.chance(0.8):
            return [{"from": None, "to": None}]
        return [self.interval(0.3) for _ in range(self.random.randint(0, 2))]

    def partner(self, mpn_id):
        competencies = [
            {
                "name": self.pick(self.competencies),
                "level": self.pick(("silver", "gold")),
                **self.interval(),
            }
            for _ in range(self.random.randint(0, 4))
        ]
        value = {"mpn_id": mpn_id}
        for name in ("mpn_active", "indirect_reseller", "bank_profile", "tax_profile"):
            value[name] = self.intervals()
        value["competencies"] = competencies
        return {"partner": value}

    def link(self, number):
        kind = self.pick(("CPOR", "DPOR", "PAL"))
        return {
            "link_id": f"L-{self.random.randint(0, 12)}-{number}",
            "type": kind if self.chance(0.8) else self.pick((kind.lower(), kind.capitalize())),
            "partner_mpn_id": self.pick(PARTNERS + UNKNOWN_PARTNERS[:1]),
            "subscription_id": self.any_case(self.pick(SUBSCRIPTIONS))
            if self.chance(0.3)
            else None,
            "workload": self.pick(WORKLOADS) if self.chance(0.25) else None,
            **self.interval(0.7),
        }

    def customer(self, customer_id):
        links = [self.link(number) for number in range(self.random.randint(0, 9))]
        added_on = None if self.chance(0.2) else self.pick(self.days)
        value = {"customer_id": self.any_case(customer_id), "added_on": added_on, "links": links}
        return {"customer": value}

    def unreadable_value(self):
        if self.chance(0.6):
            value = self.partner(self.pick(PARTNERS))
            value["partner"][self.pick(("mpn_active", "competencies"))] = self.pick(
                ("yes", [{"from": "2020-02-30", "to": None}], {"from": None})
            )
            return value
        value = self.customer(self.pick(CUSTOMERS[:4]))
        value["customer"][self.pick(("added_on", "links"))] = self.pick(("soon", True))
        return value

    # ------------------------------------------------------------ lines

    def amount(self):
        kind = self.random.randint(0, 9)
        number = self.random.randint(-(10**7), 10**8)
        if kind <= 2:
            return f"{number // 100}.{abs(number) % 100:02d}"
        if kind == 3:  # rounding ties of 4 % at the seventh decimal
            return self.exact_text(self.random.randint(-9999, 9999) * 125, 7)
        if kind == 4:  # ties and near-ties at the eleventh decimal
            return self.exact_text(number * 10 + self.pick((4, 5, 5, 5, 6)), 11)
        if kind == 5:
            return self.exact_text(number, 10) + self.pick(("5", "50", "500000000001", "49999999"))
        if kind == 6:
            return self.pick(
                (
                    "1.5e2",
                    "-2E-3",
                    "5.64902E-05",
                    "+7",
                    "007.50",
                    "-0",
                    "-0.00",
                    "1E+3",
                    "0e99999999999999999999",
                    "1e-99999999999999999999",
                    "4.5E0",
                )
            )
        if kind == 7:
            return self.pick(
                (
                    "999999999999999999.9999999999",
                    "-999999999999999999.99999999994",
                    "9.9e17",
                    "1e17",
                    "0.00000000005",
                    "0.00000000015",
                )
            )
        if kind == 8:
            return "0"
        return f"{number}.{self.random.randint(0, 10**14 - 1):014d}"

    @staticmethod
    def exact_text(unscaled, scale):
        digits = str(abs(unscaled)).rjust(scale + 1, "0")
        return f"{'-' if unscaled < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"

    def number(self, text):
        """As a string, or as a JSON number where JSON's grammar allows it."""
        whole = text.lstrip("-").split(".")[0].split("e")[0].split("E")[0]
        is_json = not text.startswith("+") and (whole == "0" or not whole.startswith("0"))
        return Raw(text) if is_json and self.chance(0.4) else text

    def new_line(self):
        start, end = sorted((self.pick(self.days), self.pick(self.days)))
        number = self.random.randint(0, 9)
        return {
            "line_id": f"LN-{number}-Ab" + self.pick(("", "", "/a|b%", "é")),
            "revision": Raw(self.pick(("0", "0", "1", "5"))),
            "status": "ACTIVE",
            "billing_period": self.pick(PERIODS),
            "customer_id": self.pick(CUSTOMERS),
            "subscription_id": self.pick((None, "") + SUBSCRIPTIONS),
            "reseller_mpn_id": self.pick((None, "") + PARTNERS * 3 + UNKNOWN_PARTNERS),
            "product_id": self.pick((None, *self.products)),
            "sku_id": self.pick((None,) + SKUS),
            "product_name": self.pick((None,) + NAMES),
            "meter_category": self.pick((None, None, *self.meters)),
            "product_family": self.pick((None, None, "", "unheard_of") + FAMILIES),
            "workload": self.pick((None, None) + WORKLOADS),
            "charge_type": self.pick(CHARGE_TYPES),
            "charge_start_date": start,
            "charge_end_date": end,
            "currency": self.pick(CURRENCIES),
            "billed_amount": self.number(self.amount()),
            "consumed_amount": self.pick((None, self.number(self.amount()))),
            "quantity": self.pick((None, "1", Raw("2.5"))),
            "event_time": self.pick(TIMES),
        }

    def revised(self, record):
        """A later, equal or earlier revision of a line that was sent before."""
        record = dict(record)
        step = self.pick((1, 1, 1, 2, 0, 0, -1))
        record["revision"] = Raw(str(max(0, int(record["revision"]) + step)))
        record["status"] = "ACTIVE"
        fresh = self.new_line()
        for name in self.some(
            (
                "billed_amount",
                "currency",
                "billing_period",
                "reseller_mpn_id",
                "consumed_amount",
                "product_family",
                "workload",
                "subscription_id",
                "charge_type",
                "event_time",
                "sku_id",
            ),
            1,
        )[: self.random.randint(1, 3)]:
            record[name] = fresh[name]
        if self.chance(0.2):
            record["charge_start_date"] = fresh["charge_start_date"]
            record["charge_end_date"] = fresh["charge_end_date"]
        return record

    def line(self):
        if not self.known or self.chance(0.25):
            record = self.new_line()
        else:
            record = dict(self.pick(list(self.known.values())))
            draw = self.random.random()
            if draw < 0.55:
                record = self.revised(record)
            elif draw < 0.7:
                step = self.pick((0, 0, 1))
                record.update(status="VOID", revision=Raw(str(int(record["revision"]) + step)))
            elif draw < 0.8:
                record["customer_id"] = self.pick(CUSTOMERS)  # the same line id elsewhere
        record["customer_id"] = self.any_case(record["customer_id"])
        record["line_id"] = self.any_case(record["line_id"])
        if record["subscription_id"]:
            record["subscription_id"] = self.any_case(record["subscription_id"])
        self.known[(record["customer_id"].lower(), record["line_id"].lower())] = record
        if self.chance(0.1):
            record = {name: value for name, value in record.items() if value is not None}
        return {"line": record}

    # ------------------------------------------------------------ bad input

    def bad_line(self):
        record = dict(self.line()["line"])
        changes = self.pick(
            (
                {"line_id": ""},
                {"line_id": None},
                {"line_id": "x" * 129},
                {"line_id": "é" * 64 + "x"},
                {"customer_id": ""},
                {"customer_id": "c" * 1025},
                {"customer_id": Raw("7")},
                {"revision": Raw("-1")},
                {"revision": "1"},
                {"revision": Raw("9223372036854775808")},
                {"revision": Raw("1.5")},
                {"revision": True},
                {"status": "CANCELLED"},
                {"status": "active"},
                {"billing_period": "2020-13"},
                {"billing_period": "2020-1"},
                {"billing_period": "2020-01-01"},
                {"billing_period": Raw("202001")},
                {"charge_type": ""},
                {"charge_type": None},
                {"charge_start_date": "2020-02-30"},
                {"charge_start_date": "2019-02-29"},
                {"charge_start_date": "20200131"},
                {"charge_start_date": "2020-1-31"},
                {"charge_start_date": " 2020-01-31"},
                {"charge_start_date": "2020-01-31T00:00:00Z"},
                {"charge_end_date": "2001-01-01"},
                {"charge_end_date": None},
                {"currency": "usd"},
                {"currency": "US"},
                {"currency": "USDX"},
                {"currency": "U$D"},
                {"billed_amount": None},
                {"billed_amount": ""},
                {"billed_amount": " 5"},
                {"billed_amount": "1_000"},
                {"billed_amount": "1,000"},
                {"billed_amount": "1e3x"},
                {"billed_amount": ".5"},
                {"billed_amount": "5."},
                {"billed_amount": "--5"},
                {"billed_amount": "0x10"},
                {"billed_amount": "NaN"},
                {"billed_amount": "٣"},
                {"billed_amount": True},
                {"billed_amount": {}},
                {"consumed_amount": []},
                {"quantity": "many"},
                {"sku_id": Raw("7")},
                {"product_name": "n" * 1025},
                {"product_name": ["Azure plan"]},
                {"subscription_id": False},
                {"event_time": "yesterday"},
                {"event_time": "2020-02-30T00:00:00Z"},
                {"event_time": "2020-02-03T24:05:06Z"},
                {"event_time": "2020-02-03T04:05:06"},
                {"event_time": Raw("1580000000000")},
            )
        )
        record.update(changes)
        return to_json({"line": record}).encode()

    def overflowing_line(self):
        record = dict(self.line()["line"])
        name = self.pick(("billed_amount", "consumed_amount", "quantity"))
        record[name] = self.pick(
            (
                "9999999999999999999",
                "1000000000000000000",
                "999999999999999999.99999999995",
                "-1e18",
                Raw("1e999999999999999999999"),
                "1" + "0" * 60,
            )
        )
        return to_json({"line": record}).encode()

    def malformed(self):
        return self.pick(
            (
                b"{broken",
                b"{}",
                b"[]",
                b"7",
                b'"line"',
                b"null",
                b"not json at all",
                b'{"invoice": {}}',
                b'{"line": {}, "rerate": {}}',
                b'{"line": {"line_id": "x",}}',
                b'{"line": {"line_id": "x"}} trailing',
                b'{"line": {"billed_amount": NaN}}',
                b'{"line": {"billed_amount": 01}}',
                b'{"line": {"line_id": "\xff"}}',
                b'{"line": {"line_id": "tab\tinside"}}',
                b'{"line": {"line_id": "\\ud800"}}',
            )
        )

    # ------------------------------------------------------------ the whole

    def rerate(self):
        self.rerate_count += 1
        scope = self.pick(("customer", "partner", "program", "all"))
        request = {"scope": scope}
        if scope == "customer":
            request["id"] = self.any_case(self.pick(CUSTOMERS))
        elif scope == "partner":
            request["id"] = self.pick(PARTNERS + UNKNOWN_PARTNERS)
        elif scope == "program":
            request["id"] = self.pick(self.program_ids)
        if self.chance(0.4):
            request.update(self.interval(0.3))
        request["request_id"] = f"rr-{self.rerate_count}"
        return {"rerate": request}

    def changed(self, value, scope, identity):
        """A reference value that changes, often with the request that follows such a change."""
        if self.rerates and self.chance(0.5):
            self.rerate_count += 1
            request = {"scope": scope, "id": identity, "request_id": f"rr-{self.rerate_count}"}
            self.waiting.append(to_json({"rerate": request}).encode())
        return to_json(value).encode()

    def item(self):
        if self.waiting:
            return self.waiting.pop()
        draw = self.random.random()
        if self.bad and draw < 0.10:
            return self.pick(
                (self.bad_line, self.bad_line, self.overflowing_line, self.malformed)
            )()
        if draw < 0.12:
            return b""
        if draw < 0.20:
            mpn_id = self.pick(PARTNERS)
            return self.changed(self.partner(mpn_id), "partner", mpn_id)
        if draw < 0.28:
            customer_id = self.pick(CUSTOMERS[:4])
            return self.changed(self.customer(customer_id), "customer", customer_id)
        if draw < 0.37 and self.rerates:
            return to_json(self.rerate()).encode()
        if draw < 0.40 and self.unreadable:
            return to_json(self.unreadable_value()).encode()
        return to_json(self.line()).encode()

    def case(self):
        programs, catalog = self.programs(), self.catalog()
        reference = [to_json(self.partner(mpn_id)) for mpn_id in PARTNERS if self.chance(0.9)]
        reference += [to_json(self.customer(c)) for c in CUSTOMERS[:4] if self.chance(0.9)]
        lines = [self.item() for _ in range(self.line_count)]
        return Case(self.seed, programs, catalog, reference, lines, self.chance(0.25))


def make_case(seed, **options):
    return Generator(seed, **options).case()


class ShippedGenerator(Generator):
    """Random lines and reference values under programs and a catalog that exist: products that the
    catalog names, days around the borders of the versions, the competencies that are asked for."""

    def __init__(self, seed, programs, catalog, **options):
        super().__init__(seed, **options)
        self.texts = (Path(programs).read_text("utf-8"), Path(catalog).read_text("utf-8"))
        self.programs_known = parse.load_programs(programs)
        self.program_ids = [program.id for program in self.programs_known]
        named = {"product_id": [], "sku_id": [], "product_name": [], "meter_category": []}
        for rule in parse.load_catalog(catalog):
            for name, operator, value in rule.matches:
                named[name].append(value if operator == "equals" else self.around(value))
        self.products, self.skus = named["product_id"] or ("-",), named["sku_id"] or ("-",)
        self.names, self.meters = named["product_name"] or ("-",), named["meter_category"] or ("-",)
        versions = [v for program in self.programs_known for v in program.versions]
        borders = {v.valid.start for v in versions} | {v.valid.end for v in versions} - {None}
        near = {border + step for border in borders if border for step in (-31, -1, 0, 1, 27)}
        self.days = tuple(days.format_day(day) for day in sorted(near))
        asked = sorted({name for v in versions for name in v.competency_names})
        self.competencies = (*asked, "unlisted-one") if asked else COMPETENCIES

    def partner(self, mpn_id):
        """Often one that lacks nothing: these programs ask for much."""
        value = super().partner(mpn_id)
        if self.chance(0.7):
            always = {"from": None, "to": None}
            value["partner"].update(dict.fromkeys(parse.STANDINGS, [always]))
            value["partner"]["competencies"] += [
                {"name": name, "level": "gold", **always} for name in self.competencies[::3]
            ]
        return value

    def around(self, text):
        """A text that begins with another and may go on."""
        return self.pick((text, text.upper(), f"{text} (annual)"))

    def programs(self):
        return self.texts[0]

    def catalog(self):
        return self.texts[1]
