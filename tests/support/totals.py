"""Arithmetic over accruals as an outsider sees them: dicts with the published fields.

Amounts may be texts (the offline form) or Decimals (fastavro); dates and enums are not looked at.
"""

from collections import defaultdict
from fractions import Fraction


def entry_key(event):
    line = (event["customer_id"], event["line_id"])
    period, currency = event["billing_period"], event["currency"]
    return (line, event["program_id"], event["partner_mpn_id"], currency, period)


def check_deltas(events):
    """Sequences are 1, 2, 3 …; no amount is 0; amounts sum to the last cumulative amount; ids are
    unique."""
    sequences, sums, ids = defaultdict(int), defaultdict(Fraction), set()
    for event in events:
        if event.get("type", "accrual") != "accrual":
            continue
        key = entry_key(event)
        sequences[key[:3]] += 1
        want = sequences[key[:3]]
        assert event["sequence"] == want, f"{key}: sequence {event['sequence']}, expected {want}"
        assert Fraction(event["amount"]) != 0, f"{key}: a delta of 0 was published"
        sums[key] += Fraction(event["amount"])
        said = Fraction(event["cumulative_amount"])
        assert sums[key] == said, f"{key}: amounts sum to {sums[key]}, cumulative_amount {said}"
        assert event["accrual_id"] not in ids, f"{event['accrual_id']} twice"
        ids.add(event["accrual_id"])


def standing(events):
    """{((customer, line), program, partner, currency, period): sum of the amounts}, no zeros."""
    sums = defaultdict(Fraction)
    for event in events:
        if event.get("type", "accrual") == "accrual":
            sums[entry_key(event)] += Fraction(event["amount"])
    return {key: value for key, value in sums.items() if value}


def per_partner(entries):
    """{(partner, program, currency, period): amount} of standing() or from_scratch()."""
    sums = defaultdict(Fraction)
    for (_, program, partner, currency, period), amount in entries.items():
        sums[(partner, program, currency, period)] += amount
    return dict(sums)
