"""Decimals: exact fractions inside, plain text outside, and the one rounding.

Python's round() of a Fraction is half-even and exact; nothing else here rounds.
"""

import re
from fractions import Fraction

MEASURE_SCALE = 10
RATE_SCALE = 8
AMOUNT_SCALE = 6
PRECISION = 28

_DECIMAL = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?", re.ASCII)


class Overflow(ValueError):
    """A number that does not fit decimal(28, scale)."""


def round_half_even(value, scale):
    return Fraction(round(value * 10**scale), 10**scale)


def fits(value, scale):
    return abs(value) * 10**scale < 10**PRECISION


def parse_decimal(text, scale=MEASURE_SCALE):
    """The number at `scale`; None if the text is not of the form; Overflow if it is too large."""
    found = _DECIMAL.fullmatch(text)
    if not found:
        return None
    sign, whole, fraction, exponent = found.groups()
    digits = int(whole + (fraction or ""))
    if digits == 0:
        return Fraction(0)
    power = int(exponent or 0) - len(fraction or "")
    magnitude = len(str(digits)) + power  # the number is in [10^(magnitude-1), 10^magnitude)
    if magnitude > PRECISION + 1:
        raise Overflow(text)
    if magnitude < -scale - 1:
        return Fraction(0)
    value = round_half_even(Fraction(digits) * Fraction(10) ** power, scale)
    if not fits(value, scale):
        raise Overflow(text)
    return -value if sign == "-" else value


def parse_rate(text):
    """`0.04` or `4%`, at most eight decimals as a fraction of one."""
    text = text.strip()
    percent = text.endswith("%")
    found = _DECIMAL.fullmatch(text.removesuffix("%").strip())
    if not found or found[4]:
        raise ValueError(f"not a rate: {text!r}")
    value = Fraction(text.removesuffix("%").strip()) / (100 if percent else 1)
    if (value * 10**RATE_SCALE).denominator != 1:
        raise ValueError(f"more than {RATE_SCALE} decimals: {text!r}")
    return value


def product(measure, rate):
    """measure x rate, rounded once."""
    value = round_half_even(measure * rate, AMOUNT_SCALE)
    if not fits(value, AMOUNT_SCALE):
        raise Overflow(format_decimal(value, AMOUNT_SCALE))
    return value


def format_decimal(value, scale=MEASURE_SCALE):
    """Without exponent, without trailing zeros: "12.5", "0", "-3"."""
    unscaled = value * 10**scale
    assert unscaled.denominator == 1, value
    digits = str(abs(unscaled.numerator)).rjust(scale + 1, "0")
    text = f"{digits[:-scale]}.{digits[-scale:]}".rstrip("0").rstrip(".")
    return f"-{text}" if value < 0 else text
