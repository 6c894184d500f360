"""What each program yields for a line: nothing, accrual targets, or forgone with a reason."""

from dataclasses import dataclass
from fractions import Fraction

from . import days, exact
from .parse import UNREADABLE, Bad, fold, utf8

# The order in which requirements are checked, and the reason when one fails. None: any_competency.
CHECKS = (
    ("mpn_active", "mpn_inactive"),
    ("indirect_reseller", "not_indirect_reseller"),
    (None, "no_qualifying_competency"),
    ("bank_profile", "bank_profile_missing"),
    ("tax_profile", "tax_profile_missing"),
)


@dataclass(frozen=True)
class Class:
    """What a line is, by its own fields and the catalog."""

    family: str
    workload: str | None
    tags: frozenset


@dataclass(frozen=True)
class Target:
    """What one program means for one partner of one line; reason None: it earns."""

    program: object
    version: str | None
    partner: str | None
    link: object
    measure: Fraction
    rate: Fraction
    accelerators: tuple
    amount: Fraction
    reason: str | None


# ---------------------------------------------------------------- catalog


def _holds(line, name, operator, wanted):
    value = getattr(line, name)
    if value is None:
        return False
    if operator == "equals":
        return value == wanted
    if operator == "prefix":
        return value.startswith(wanted)
    assert operator == "contains", operator
    return fold(wanted) in fold(value)


def classify(rules, line):
    for rule in rules:
        if line.charge_start_date in rule.valid and all(_holds(line, *m) for m in rule.matches):
            return Class(
                line.product_family or rule.family or "other",
                line.workload or rule.workload,
                rule.tags,
            )
    return Class(line.product_family or "other", line.workload, frozenset())


# ---------------------------------------------------------------- links


def matching_links(customer, kinds, line, workload, day):
    return [
        link
        for link in (customer.links if customer else [])
        if link.type in kinds
        and day in link.valid
        and link.subscription_id in (None, line.subscription_id)
        and link.workload in (None, workload)
    ]


def _preference(link):
    """Smallest first: subscription over workload over neither, then latest start, then the id."""
    specific = (link.subscription_id is not None) * 2 + (link.workload is not None)
    start = float("-inf") if link.valid.start is None else link.valid.start
    return (-specific, -start, utf8(link.link_id))


def chosen_links(program, candidates):
    ordered = sorted(candidates, key=_preference)
    if not program.every:
        return ordered[:1]
    first = {}
    for link in ordered:
        first.setdefault(link.partner_mpn_id, link)
    return list(first.values())


# ---------------------------------------------------------------- standing


def _missing_on(version, partner, day):
    """The first requirement that fails on a day, or None."""
    for flag, reason in CHECKS:
        if flag is None:
            if version.competency_level is not None and not any(
                held.name in version.competency_names
                and held.level >= version.competency_level
                and day in held.valid
                for held in partner.competencies
            ):
                return reason
        elif flag in version.flags and not any(day in i for i in partner.standing[flag]):
            return reason
    return None


def missing(version, partner, as_of):
    """Why the partner does not earn, or None."""
    if partner is None:
        return "partner_unknown"
    if not version.by_month:
        return _missing_on(version, partner, as_of)
    month = days.month_of(as_of)
    every_day = range(days.first_day(month), days.last_day(month) + 1)
    reasons = [_missing_on(version, partner, day) for day in every_day]
    return None if None in reasons else reasons[-1]


# ---------------------------------------------------------------- rates


def _one_of(names, value):
    return names is None or value in names


def base_rate(version, kind):
    for rate in version.rates:
        if _one_of(rate.families, kind.family) and _one_of(rate.workloads, kind.workload):
            return rate
    return None


def _accelerates(accelerator, kind, customer, as_of):
    if not _one_of(accelerator.families, kind.family):
        return False
    if not _one_of(accelerator.workloads, kind.workload):
        return False
    if accelerator.tags is not None and not accelerator.tags & kind.tags:
        return False
    if accelerator.months is None:
        return True
    if customer is None or customer.added_on is None:
        return False
    return customer.added_on <= as_of < days.add_months(customer.added_on, accelerator.months)


# ---------------------------------------------------------------- a line


def _look_up(table, key):
    value = table.get(key)
    if value is UNREADABLE:
        raise Bad("reference_unreadable", key)
    return value


def as_of_day(program, line):
    return getattr(line, program.as_of)


def rate_program(program, kind, line, reference, no_link=False):
    """The targets of one program for a line that is not void."""
    if program.retired or fold(line.charge_type) in program.excluded:
        return []
    as_of = as_of_day(program, line)
    version = next((v for v in program.versions if as_of in v.valid), None)
    if version is None:
        return []
    rate = base_rate(version, kind)
    if rate is None:
        return []
    measure = getattr(line, rate.measure or program.measure)
    if measure is None:
        return []
    customer = _look_up(reference.customers, line.customer_id)
    if matching_links(customer, program.yields_to, line, kind.workload, as_of):
        return []
    applied = [a for a in version.accelerators if _accelerates(a, kind, customer, as_of)]
    effective = rate.rate + sum((a.rate for a in applied), Fraction(0))

    def target(partner, link, reason):
        amount = exact.product(measure, effective)
        ids = tuple(a.id for a in applied)
        return Target(program, version.name, partner, link, measure, effective, ids, amount, reason)

    if program.beneficiary == "reseller":
        if line.reseller_mpn_id is None:
            return []
        earners = [(line.reseller_mpn_id, None)]
    else:
        kinds = (program.beneficiary.upper(),)
        candidates = matching_links(customer, kinds, line, kind.workload, as_of)
        earners = [(link.partner_mpn_id, link) for link in chosen_links(program, candidates)]
        if not earners:
            return [target(None, None, "no_link")] if no_link else []
    return [
        target(mpn_id, link, missing(version, _look_up(reference.partners, mpn_id), as_of))
        for mpn_id, link in earners
    ]


def check_readable(line, reference):
    """The strict reading of "its lines": whatever a line names must be readable, needed or not."""
    customer = _look_up(reference.customers, line.customer_id)
    if line.reseller_mpn_id is not None:
        _look_up(reference.partners, line.reseller_mpn_id)
    for link in customer.links if customer else []:
        _look_up(reference.partners, link.partner_mpn_id)


def rate_line(config, line, reference, no_link=False, strict=False):
    """All targets of a line. Bad: a reference that cannot be read, a product that overflows."""
    if line.is_void:
        return []
    if strict:
        check_readable(line, reference)
    kind = classify(config.rules, line)
    targets = []
    try:
        for program in config.programs:
            targets += rate_program(program, kind, line, reference, no_link)
    except exact.Overflow as error:
        raise Bad("amount_overflow", str(error)) from None
    return targets
