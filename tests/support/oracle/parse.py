"""The four files of an experiment, read as the rules say: numbers as text, dates as days."""

import json
import re
from dataclasses import dataclass, field
from fractions import Fraction

import yaml

from . import days, exact

LINE_ID_SIZE_MAX = 128
TEXT_SIZE_MAX = 1024
REVISION_MAX = 2**63 - 1
LEVELS = {"silver": 1, "gold": 2}

_FOLD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)


def fold(text):
    """ASCII letters to lower case, everything else as it is."""
    return text.translate(_FOLD)


def utf8(text):
    """Byte order, which is what ids compare by."""
    return text.encode("utf-8")


class Bad(Exception):
    """Bad input: a code and a message that names the field."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code, self.message = code, message


def invalid(name, value):
    return Bad("field_invalid", f"{name}: {value!r}")


# ---------------------------------------------------------------- JSON


class Number(str):
    """A JSON number as it stands in the source."""


def _refuse(constant):
    raise ValueError(constant)


def parse_json(source):
    """bytes -> value; numbers stay text. Bad: not JSON, not UTF-8, a surrogate alone."""
    try:
        value = json.loads(
            source.decode("utf-8"), parse_int=Number, parse_float=Number, parse_constant=_refuse
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise Bad("json_malformed", str(error)) from None
    return value


# ---------------------------------------------------------------- a billing line


@dataclass(frozen=True)
class Line:
    line_id: str
    customer_id: str
    revision: int
    is_void: bool
    billing_period: int
    charge_type: str
    charge_start_date: int
    charge_end_date: int
    currency: str
    billed_amount: Fraction
    consumed_amount: Fraction | None = None
    quantity: Fraction | None = None
    invoice_id: str | None = None
    subscription_id: str | None = None
    reseller_mpn_id: str | None = None
    product_id: str | None = None
    sku_id: str | None = None
    product_name: str | None = None
    meter_category: str | None = None
    product_family: str | None = None
    workload: str | None = None
    event_time: int | None = None

    @property
    def key(self):
        return (self.customer_id, self.line_id)


OPTIONAL_TEXTS = (
    "invoice_id",
    "subscription_id",
    "reseller_mpn_id",
    "product_id",
    "sku_id",
    "product_name",
    "meter_category",
    "product_family",
    "workload",
)
FOLDED = ("line_id", "customer_id", "subscription_id")


def _text(record, name, size_max=TEXT_SIZE_MAX):
    """None if absent, null or empty."""
    value = record.get(name)
    if value is None or value == "" and not isinstance(value, Number):
        return None
    if not isinstance(value, str) or isinstance(value, Number):
        raise invalid(name, value)
    if len(utf8(value)) > size_max:
        raise invalid(name, value)
    return fold(value) if name in FOLDED else value


def _required(record, name, size_max=TEXT_SIZE_MAX):
    value = _text(record, name, size_max)
    if value is None:
        raise invalid(name, record.get(name))
    return value


def _via(parse, record, name):
    """A required text that `parse` must understand."""
    text = _required(record, name)
    value = parse(text)
    if value is None:
        raise invalid(name, text)
    return value


def _amount(record, name):
    value = record.get(name)
    if value is None:
        return None
    if not isinstance(value, str):  # a Number is a str too
        raise invalid(name, value)
    try:
        amount = exact.parse_decimal(value)
    except exact.Overflow:
        raise Bad("amount_overflow", f"{name}: {value}") from None
    if amount is None:
        raise invalid(name, value)
    return amount


def parse_line(record):
    """A JSON object -> Line, or Bad."""
    status = record.get("status")
    if status not in (None, "ACTIVE", "VOID"):
        raise invalid("status", status)
    revision = record.get("revision")
    if revision is None:
        revision = Number("0")
    if not isinstance(revision, Number) or not _INTEGER.fullmatch(revision):
        raise invalid("revision", revision)
    if not 0 <= int(revision) <= REVISION_MAX:
        raise invalid("revision", revision)
    event_time = _text(record, "event_time")
    if event_time is not None and days.parse_time(event_time) is None:
        raise invalid("event_time", event_time)
    if record.get("event_time") == "":
        raise invalid("event_time", "")
    texts = {name: _text(record, name) for name in OPTIONAL_TEXTS}
    line = Line(
        line_id=_required(record, "line_id", LINE_ID_SIZE_MAX),
        customer_id=_required(record, "customer_id"),
        revision=int(revision),
        is_void=status == "VOID",
        billing_period=_via(days.parse_month, record, "billing_period"),
        charge_type=_required(record, "charge_type"),
        charge_start_date=_via(days.parse_day, record, "charge_start_date"),
        charge_end_date=_via(days.parse_day, record, "charge_end_date"),
        currency=_via(lambda text: text if _CURRENCY.fullmatch(text) else None, record, "currency"),
        billed_amount=_amount(record, "billed_amount"),
        consumed_amount=_amount(record, "consumed_amount"),
        quantity=_amount(record, "quantity"),
        event_time=None if event_time is None else days.parse_time(event_time),
        **texts,
    )
    if line.billed_amount is None:
        raise invalid("billed_amount", None)
    if line.charge_start_date > line.charge_end_date:
        raise invalid("charge_end_date", record.get("charge_end_date"))
    return line


# ---------------------------------------------------------------- reference values


@dataclass(frozen=True)
class Competency:
    name: str
    level: int
    valid: days.Interval


@dataclass(frozen=True)
class Partner:
    mpn_id: str
    standing: dict  # "mpn_active" … -> list of Interval
    competencies: list


@dataclass(frozen=True)
class Link:
    link_id: str
    type: str  # upper case
    partner_mpn_id: str
    subscription_id: str | None
    workload: str | None
    valid: days.Interval


@dataclass(frozen=True)
class Customer:
    customer_id: str
    added_on: int | None
    links: list


UNREADABLE = object()
STANDINGS = ("mpn_active", "indirect_reseller", "bank_profile", "tax_profile")


def _day_or_open(record, name):
    value = record.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or days.parse_day(value) is None:
        raise invalid(name, value)
    return days.parse_day(value)


def _interval(record):
    return days.Interval(_day_or_open(record, "from"), _day_or_open(record, "to"))


def _objects(record, name):
    value = record.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise invalid(name, value)
    return value


def parse_partner(record):
    standing = {name: [_interval(i) for i in _objects(record, name)] for name in STANDINGS}
    competencies = []
    for item in _objects(record, "competencies"):
        level = item.get("level")
        if level not in LEVELS:
            raise invalid("level", level)
        competencies.append(Competency(_required(item, "name"), LEVELS[level], _interval(item)))
    return Partner(_required(record, "mpn_id"), standing, competencies)


def parse_customer(record):
    links = [
        Link(
            _required(item, "link_id"),
            _required(item, "type").upper(),
            _required(item, "partner_mpn_id"),
            _text(item, "subscription_id"),
            _text(item, "workload"),
            _interval(item),
        )
        for item in _objects(record, "links")
    ]
    return Customer(_required(record, "customer_id"), _day_or_open(record, "added_on"), links)


class Reference:
    """What Redis would hold: a missing key is a fact, a value that cannot be read is not."""

    def __init__(self):
        self.partners, self.customers = {}, {}

    def put(self, kind, record):
        """Takes a JSON value; one that names its key but cannot be read becomes UNREADABLE."""
        table, name, parse = {
            "partner": (self.partners, "mpn_id", parse_partner),
            "customer": (self.customers, "customer_id", parse_customer),
        }[kind]
        key = _required(record, name)
        try:
            table[key] = parse(record)
        except Bad:
            table[key] = UNREADABLE


@dataclass(frozen=True)
class Rerate:
    scope: str
    id: str | None
    valid: days.Interval
    request_id: str | None


def parse_rerate(record):
    scope = record.get("scope")
    if scope not in ("customer", "partner", "program", "all"):
        raise invalid("scope", scope)
    identity = None if scope == "all" else _required(record, "id")
    if scope == "customer":
        identity = fold(identity)
    return Rerate(scope, identity, _interval(record), _text(record, "request_id"))


def parse_input(source):
    """One line of the lines file -> (kind, value), or Bad. Reference values stay JSON objects."""
    value = parse_json(source)
    if not isinstance(value, dict) or len(value) != 1:
        raise Bad("json_malformed", "not exactly one object")
    ((kind, record),) = value.items()
    if kind not in ("line", "partner", "customer", "rerate") or not isinstance(record, dict):
        raise Bad("json_malformed", f"not one of the known objects: {kind}")
    if kind == "line":
        return kind, parse_line(record)
    if kind == "rerate":
        return kind, parse_rerate(record)
    return kind, record


# ---------------------------------------------------------------- programs and catalog (YAML)


@dataclass(frozen=True)
class Rate:
    families: frozenset | None
    workloads: frozenset | None
    rate: Fraction
    measure: str | None


@dataclass(frozen=True)
class Accelerator:
    id: str
    rate: Fraction
    months: int | None
    families: frozenset | None
    workloads: frozenset | None
    tags: frozenset | None


@dataclass(frozen=True)
class Version:
    name: str | None  # its `from`
    valid: days.Interval
    by_month: bool
    flags: frozenset  # of STANDINGS
    competency_level: int | None
    competency_names: frozenset
    rates: list
    accelerators: list


@dataclass(frozen=True)
class Program:
    id: str
    beneficiary: str
    every: bool
    measure: str
    pays: str
    as_of: str
    excluded: frozenset
    yields_to: frozenset
    retired: bool
    versions: list


@dataclass(frozen=True)
class Rule:
    matches: list  # (field, operator, value)
    family: str | None
    workload: str | None
    tags: frozenset
    valid: days.Interval


@dataclass
class Config:
    programs: list
    rules: list = field(default_factory=list)


def _load_yaml(path):
    """Every scalar as text: 2019-10-01 stays a text, and so does 0.04."""
    with open(path, "rb") as file:
        return yaml.load(file, Loader=yaml.BaseLoader) or {}


def _given(mapping, name):
    value = mapping.get(name)
    return None if value in (None, "", "null", "~") else value


def _truth(mapping, name):
    return str(mapping.get(name)).lower() in ("true", "yes", "on")


def _names(mapping, name):
    value = _given(mapping, name)
    return None if value is None else frozenset(value)


def _yaml_interval(mapping):
    start, end = _given(mapping, "from"), _given(mapping, "to")
    return days.Interval(start and days.parse_day(start), end and days.parse_day(end))


def _parse_version(mapping):
    requires = _given(mapping, "requires") or {}
    competency = _given(requires, "any_competency")
    rates = [
        Rate(
            _names(item, "families"),
            _names(item, "workloads"),
            exact.parse_rate(item["rate"]),
            _given(item, "measure"),
        )
        for item in _given(mapping, "rates") or []
    ]
    accelerators = [
        Accelerator(
            item["id"],
            exact.parse_rate(item["rate"]),
            int(item["months"]) if _given(item, "months") else None,
            _names(item, "families"),
            _names(item, "workloads"),
            _names(item, "tags"),
        )
        for item in _given(mapping, "accelerators") or []
    ]
    return Version(
        _given(mapping, "from"),
        _yaml_interval(mapping),
        _given(mapping, "standing") == "month",
        frozenset(name for name in STANDINGS if _truth(requires, name)),
        LEVELS[competency["level"]] if competency else None,
        frozenset(competency["of"]) if competency else frozenset(),
        rates,
        accelerators,
    )


def load_programs(path):
    return [
        Program(
            item["id"],
            item["beneficiary"],
            _given(item, "attribution") == "every",
            item["measure"],
            _given(item, "pays") or "money",
            _given(item, "as_of") or "charge_start_date",
            frozenset(map(fold, _names(item, "charge_types_excluded") or ())),
            frozenset(kind.upper() for kind in _given(item, "yields_to") or []),
            _truth(item, "retired"),
            [_parse_version(version) for version in _given(item, "versions") or []],
        )
        for item in _load_yaml(path)["programs"]
    ]


def load_catalog(path):
    rules = []
    for item in _given(_load_yaml(path), "rules") or []:
        matches = []
        for name, condition in (_given(item, "match") or {}).items():
            operators = {"equals": condition} if isinstance(condition, str) else condition
            matches += [(name, operator, value) for operator, value in operators.items()]
        rules.append(
            Rule(
                matches,
                _given(item, "family"),
                _given(item, "workload"),
                _names(item, "tags") or frozenset(),
                _yaml_interval(item),
            )
        )
    return rules


def load_config(programs_path, catalog_path=None):
    return Config(load_programs(programs_path), load_catalog(catalog_path) if catalog_path else [])


def load_reference(path, reference=None):
    reference = reference or Reference()
    with open(path, "rb") as file:
        for source in file:
            if source.strip():
                ((kind, record),) = parse_json(source).items()
                reference.put(kind, record)
    return reference

