"""Days and months of the proleptic Gregorian calendar.

A day is the number of days since 1970-01-01, a month is year * 12 + month - 1. Both are plain
integers, so that intervals compare as integers do. Years run from 0000 to 9999.
"""

import re

_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})", re.ASCII)
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))",
    re.ASCII,
)

MS_PER_DAY = 86_400_000


def is_leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_length(month):
    year, index = divmod(month, 12)
    if index == 1:
        return 29 if is_leap(year) else 28
    return 30 if index in (3, 5, 8, 10) else 31


def _days_before_year(year):
    """Days from 0000-01-01 to the first of January of `year`."""
    if year == 0:
        return 0
    last = year - 1
    return year * 365 + last // 4 - last // 100 + last // 400 + 1  # the year 0 is a leap year


_EPOCH = _days_before_year(1970)


def first_day(month):
    year, index = divmod(month, 12)
    passed = sum(month_length(year * 12 + i) for i in range(index))
    return _days_before_year(year) + passed - _EPOCH


def last_day(month):
    return first_day(month) + month_length(month) - 1


def split(day):
    """(month, day of the month, from 1)."""
    year = (day + _EPOCH) * 400 // 146_097
    while _days_before_year(year + 1) - _EPOCH <= day:
        year += 1
    while _days_before_year(year) - _EPOCH > day:
        year -= 1
    month = year * 12
    while first_day(month) + month_length(month) <= day:
        month += 1
    return month, day - first_day(month) + 1


def month_of(day):
    return split(day)[0]


def add_months(day, count):
    """The same day of the month `count` months later, or that month's last day."""
    month, of_month = split(day)
    return first_day(month + count) + min(of_month, month_length(month + count)) - 1


def parse_day(text):
    """`YYYY-MM-DD` that exists, else None."""
    found = _DAY.fullmatch(text)
    if not found:
        return None
    year, number, of_month = (int(group) for group in found.groups())
    if not 1 <= number <= 12:
        return None
    month = year * 12 + number - 1
    if not 1 <= of_month <= month_length(month):
        return None
    return first_day(month) + of_month - 1


def parse_month(text):
    """`YYYY-MM` that exists, else None."""
    found = _MONTH.fullmatch(text)
    if not found:
        return None
    year, number = (int(group) for group in found.groups())
    return year * 12 + number - 1 if 1 <= number <= 12 else None


def parse_time(text):
    """RFC 3339 as milliseconds since 1970 UTC, digits after the third cut; else None."""
    found = _TIME.fullmatch(text)
    if not found:
        return None
    day = parse_day(found[1])
    hour, minute, second = int(found[2]), int(found[3]), int(found[4])
    if day is None or hour > 23 or minute > 59 or second > 59:
        return None
    milliseconds = int(((found[5] or "") + "000")[:3])
    offset_minutes = 0
    if not found[6]:
        offset_hours, offset_minutes = int(found[8]), int(found[9])
        if offset_hours > 23 or offset_minutes > 59:
            return None
        offset_minutes += offset_hours * 60
        if found[7] == "-":
            offset_minutes = -offset_minutes
    seconds = (hour * 60 + minute - offset_minutes) * 60 + second
    return day * MS_PER_DAY + seconds * 1000 + milliseconds


def format_month(month):
    year, index = divmod(month, 12)
    return f"{year:04d}-{index + 1:02d}"


def format_day(day):
    month, of_month = split(day)
    return f"{format_month(month)}-{of_month:02d}"


def format_time(milliseconds):
    day, rest = divmod(milliseconds, MS_PER_DAY)
    seconds, ms = divmod(rest, 1000)
    hour, minute, second = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{format_day(day)}T{hour:02d}:{minute:02d}:{second:02d}.{ms:03d}Z"


class Interval:
    """Half-open: from <= day < to; None is open."""

    __slots__ = ("start", "end")

    def __init__(self, start, end):
        self.start, self.end = start, end

    def __contains__(self, day):
        return (self.start is None or self.start <= day) and (self.end is None or day < self.end)
