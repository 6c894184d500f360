"""What has been published for each line, and what must be published next."""

from dataclasses import dataclass, field
from fractions import Fraction

from . import days, exact, model
from .parse import Line, utf8

ZERO = Fraction(0)


@dataclass
class Entry:
    """One (program, partner, currency, billing period): what its readers were told last."""

    cumulative: Fraction = ZERO
    version: str | None = None
    forgone: Fraction = ZERO
    forgone_reason: str | None = None
    forgone_version: str | None = None


@dataclass
class State:
    """One line's ledger."""

    line: Line
    sequences: dict = field(default_factory=dict)  # (program, partner) -> last
    entries: dict = field(default_factory=dict)  # (program, partner, currency, period) -> Entry


@dataclass(frozen=True)
class Cause:
    reason: str
    rerate_id: str | None = None


def _encode(text):
    for plain, code in (("%", "%25"), ("/", "%2F"), ("|", "%7C")):
        text = text.replace(plain, code)
    return text


def _partner_order(partner):
    return (partner is not None, utf8(partner or ""))


class Ledger:
    def __init__(self, config, no_link=False, strict=False):
        self.config, self.no_link, self.strict = config, no_link, strict
        self.states = {}

    def _rate(self, line, reference):
        return model.rate_line(self.config, line, reference, self.no_link, self.strict)

    # ------------------------------------------------------------ a line arrives

    def post(self, line, reference):
        """The events of a line. Bad: it changes nothing."""
        known = self.states.get(line.key)
        if known and line.revision < known.line.revision:
            return []
        targets = self._rate(line, reference)
        reason = "VOID" if line.is_void else "REVISION" if known else "NEW_LINE"
        state = known or self.states.setdefault(line.key, State(line))
        state.line = line
        return self._publish(state, targets, Cause(reason), None)

    # ------------------------------------------------------------ rating again

    def rerate(self, request, reference):
        """Yields the events; a line that cannot be rated keeps its state."""
        only = request.id if request.scope == "program" else None
        for key in sorted(self.states, key=lambda key: (utf8(key[0]), utf8(key[1]))):
            state = self.states[key]
            if state.line.charge_start_date not in request.valid:
                continue
            if not self._affected(state, request, reference):
                continue
            try:
                targets = self._rate(state.line, reference)
            except model.Bad:
                continue
            yield from self._publish(state, targets, Cause("RERATE", request.request_id), only)

    def _affected(self, state, request, reference):
        if request.scope in ("all", "program"):
            return True
        if request.scope == "customer":
            return state.line.customer_id == request.id
        if state.line.reseller_mpn_id == request.id:
            return True
        if any(partner == request.id for _, partner, _, _ in state.entries):
            return True
        customer = reference.customers.get(state.line.customer_id)
        links = getattr(customer, "links", [])
        return any(link.partner_mpn_id == request.id for link in links)

    # ------------------------------------------------------------ old and new

    def _publish(self, state, targets, cause, only_program):
        line = state.line
        wanted = {(t.program.id, t.partner): t for t in targets}
        assert len(wanted) == len(targets)
        events = []
        for program in self.config.programs:
            if only_program not in (None, program.id):
                continue
            partners = {p for (name, p) in wanted if name == program.id}
            partners |= {p for (name, p, _, _) in state.entries if name == program.id}
            for partner in sorted(partners, key=_partner_order):
                target = wanted.get((program.id, partner))
                events += self._pair(state, program, partner, target, cause)
        assert all(e["line_revision"] == line.revision for e in events)
        return events

    def _pair(self, state, program, partner, target, cause):
        """One program and partner: entries that end, then the one that stands; accruals first."""
        line = state.line
        standing = (program.id, partner, line.currency, line.billing_period)
        keys = [key for key in state.entries if key[:2] == standing[:2]]
        if target and standing not in keys:
            keys.append(standing)
        keys.sort(key=lambda key: (key == standing and target is not None, key[2], key[3]))
        accruals, forgones = [], []
        for key in keys:
            here = target if key == standing else None
            entry = state.entries.get(key, Entry())
            accruals += self._accrue(state, program, key, entry, here, cause)
            forgones += self._forgo(state, program, key, entry, here)
            if entry != Entry():
                state.entries[key] = entry
        return accruals + forgones

    def _accrue(self, state, program, key, entry, target, cause):
        stands = target is not None and target.reason is None
        cumulative = target.amount if stands else ZERO
        delta = cumulative - entry.cumulative
        if delta == 0:
            return []
        entry.cumulative = cumulative
        entry.version = target.version if stands else entry.version
        sequence = state.sequences[key[:2]] = state.sequences.get(key[:2], 0) + 1
        line, link = state.line, target.link if stands else None
        kind = model.classify(self.config.rules, line)
        identity = (line.customer_id, line.line_id, program.id, key[1], str(sequence))
        event = self._common("accrual", state, key, entry.version)
        event.update(
            accrual_id="/".join(_encode(part) for part in identity),
            sequence=sequence,
            pays=program.pays,
            subscription_id=line.subscription_id,
            product_family=kind.family,
            workload=kind.workload,
            link_type=link.type if link else None,
            link_id=link.link_id if link else None,
            as_of=days.format_day(model.as_of_day(program, line)),
            measure=exact.format_decimal(target.measure if stands else ZERO),
            rate=exact.format_decimal(target.rate if stands else ZERO),
            accelerators=list(target.accelerators) if stands else [],
            amount=exact.format_decimal(delta),
            cumulative_amount=exact.format_decimal(cumulative),
            reason=cause.reason,
            rerate_id=cause.rerate_id,
        )
        return [event]

    def _forgo(self, state, program, key, entry, target):
        stands = target is not None and target.reason is not None and target.amount != 0
        now = (target.reason, target.amount) if stands else (None, ZERO)
        if now == (entry.forgone_reason, entry.forgone):
            return []
        code = target.reason if stands else entry.forgone_reason
        version = target.version if stands else entry.forgone_version
        entry.forgone_reason, entry.forgone = now
        entry.forgone_version = version
        event = self._common("forgone", state, key, version)
        event.update(
            measure=exact.format_decimal(target.measure if stands else ZERO),
            rate=exact.format_decimal(target.rate if stands else ZERO),
            amount=exact.format_decimal(now[1]),
            reason_code=code,
        )
        return [event]

    def _common(self, kind, state, key, version):
        line = state.line
        return {
            "type": kind,
            "line_id": line.line_id,
            "line_revision": line.revision,
            "program_id": key[0],
            "program_version": version,
            "partner_mpn_id": key[1],
            "customer_id": line.customer_id,
            "billing_period": days.format_month(key[3]),
            "currency": key[2],
            "event_time": None if line.event_time is None else days.format_time(line.event_time),
        }

    def cumulative(self):
        """{(line key, program, partner, currency, period): cumulative}, zeros left out."""
        return {
            (line_key, program, partner, currency, days.format_month(period)): entry.cumulative
            for line_key, state in self.states.items()
            for (program, partner, currency, period), entry in state.entries.items()
            if entry.cumulative != 0
        }


def winning_lines(lines):
    """{(customer, line): the line that stands}: the highest revision, of a tie the latest."""
    winners = {}
    for line in lines:
        known = winners.get(line.key)
        if known is None or line.revision >= known.revision:
            winners[line.key] = line
    return winners


def from_scratch(config, lines, reference):
    """{((customer, line), program, partner, currency, period): cumulative} of the winning lines
    with the reference values as they are now, zeros left out. No ledger is involved."""
    totals = {}
    for key, line in winning_lines(lines).items():
        for target in model.rate_line(config, line, reference):
            if target.reason is None and target.amount != 0:
                period = days.format_month(line.billing_period)
                place = (key, target.program.id, target.partner, line.currency, period)
                assert place not in totals
                totals[place] = target.amount
    return totals
