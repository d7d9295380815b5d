"""Dates as GitHub's search reads them: whole days, instants, `@today-14d`, and ages such as `7d`.

Every point in time is a half-open stretch [start, end): a date is its UTC day, a time its second, an age one
microsecond. `>P` is then `x >= P.end`, `<=P` is `x < P.end`, and so on, with no special cases.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

from filters.errors import BadValueError

FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
TICK = timedelta(microseconds=1)

_DATE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"[Tt]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?\Z"
)
_AGE = re.compile(r"([0-9]{1,6})(mo|[mhdwy])\Z")
_TODAY = re.compile(r"@today(?:([+-])([0-9]{1,6})([dwmy]))?\Z")
HINT = "write a date as YYYY-MM-DD, a time as 2026-01-31T09:00:00Z, an age as <7d, or @today-14d"


class Fixed(NamedTuple):
    """A date or time written out."""

    start: datetime
    end: datetime


class Today(NamedTuple):
    """`@today`, moved by days and calendar months."""

    days: int
    months: int


class Age(NamedTuple):
    """So long ago: a number of minutes (days and weeks among them) or of calendar months."""

    minutes: int
    months: int


Point = Fixed | Today | Age

_MINUTES = {"m": 1, "h": 60, "d": 1440, "w": 10080}


def read_point(text: str) -> Point:
    """Read one date, time, age or `@today`; raises `BadValueError` that says what is wrong with it."""
    if len(text) == 10 and text[4] == text[7] == "-":
        return _day(text)
    if found := _DATE.match(text):
        return _fixed(text, found)
    folded = text.casefold()
    if found := _AGE.match(folded):
        amount, unit = int(found[1]), found[2]
        if unit in _MINUTES:
            return Age(amount * _MINUTES[unit], 0)
        return Age(0, amount * (12 if unit == "y" else 1))
    if found := _TODAY.match(folded):
        amount = int(found[2] or 0) * (-1 if found[1] == "-" else 1)
        unit = found[3]
        if unit in {"m", "y"}:
            return Today(0, amount * (12 if unit == "y" else 1))
        return Today(amount * (7 if unit == "w" else 1), 0)
    raise BadValueError("bad-date", f"'{_short(text)}' is not a date", HINT)


DAY = timedelta(days=1)


def _day(text: str) -> Fixed:
    if not (text.isascii() and text[:4].isdigit() and text[5:7].isdigit() and text[8:].isdigit()):
        raise BadValueError("bad-date", f"'{_short(text)}' is not a date", HINT)
    try:
        start = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise BadValueError("bad-date", f"there is no such date as '{_short(text)}'", HINT) from None
    return Fixed(start, LAST if start > LAST - DAY else start + DAY)


def _fixed(text: str, found: re.Match[str]) -> Fixed:
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        micro = int((fraction or "0").ljust(6, "0")[:6])
        start = datetime(
            int(year),
            int(month),
            int(day),
            int(hour),
            int(minute),
            int(second or 0),
            micro,
            tzinfo=_zone(zone),
        ).astimezone(UTC)
        unit = TICK if fraction else timedelta(seconds=1) if second else timedelta(minutes=1)
        return Fixed(start, start + unit)
    except (ValueError, OverflowError):
        raise BadValueError("bad-date", f"there is no such date as '{_short(text)}'", HINT) from None


def _zone(text: str | None) -> timezone:
    if text is None or text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
    if minutes > 59:
        raise ValueError
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def stretch(point: Point, now: datetime) -> tuple[datetime, datetime]:
    """The half-open stretch of time a point names, seen from `now` (an aware datetime)."""
    if isinstance(point, Fixed):
        return point.start, point.end
    now = now.astimezone(UTC)
    try:
        if isinstance(point, Age):
            instant = _months(now - timedelta(minutes=point.minutes), -point.months)
            return instant, instant + TICK
        today = datetime(now.year, now.month, now.day, tzinfo=UTC)
        day = _months(today + timedelta(days=point.days), point.months)
        return day, day + timedelta(days=1)
    except (OverflowError, ValueError):
        future = isinstance(point, Today) and (point.days > 0 or point.months > 0)
        return (LAST, LAST) if future else (FIRST, FIRST + TICK)


def _months(moment: datetime, months: int) -> datetime:
    """Move by calendar months; the 31st becomes the last day of a shorter month."""
    if not months:
        return moment
    count = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(count, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


class Dates(NamedTuple):
    """A set of instants: from `low` on and before `high`; which end of each point counts is in the flags."""

    low: Point | None
    after: bool  # the stretch begins at low's end, not at its start
    high: Point | None
    within: bool  # the stretch lasts to high's end, not to its start

    def bounds(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """The first instant in and the first instant out; None where a side is open."""
        low = None if self.low is None else stretch(self.low, now)[1 if self.after else 0]
        high = None if self.high is None else stretch(self.high, now)[1 if self.within else 0]
        return low, high


def read_dates(text: str) -> Dates:
    """Read `D`, `>D`, `<=D`, `A..B`, `*..B`, `A..*` or an age such as `<7d`."""
    if ".." in text:
        return _range(text)
    operator = text[:2] if text[:2] in (">=", "<=") else text[:1] if text[:1] in ("<", ">") else ""
    if text == "*":
        return Dates(None, False, None, True)
    rest = text[len(operator) :]
    if not rest:
        raise BadValueError("bad-date", f"'{text}' has no date", HINT)
    point = read_point(rest)
    if isinstance(point, Age):
        if not operator:
            raise BadValueError(
                "bare-age",
                f"'{_short(text)}' is an age without a comparison",
                f"write <{rest} for less than that long ago, or >{rest} for longer",
            )
        operator = operator.translate(_FLIP)  # younger than 7 days is later than 7 days ago
    return compared(operator, point)


_FLIP = str.maketrans("<>", "><")


def compared(operator: str, point: Point) -> Dates:
    """The instants that stand in a relation to a point."""
    if operator in (">", ">="):
        return Dates(point, operator == ">", None, False)
    if operator in ("<", "<="):
        return Dates(None, False, point, operator == "<=")
    return Dates(point, False, point, True)


def _range(text: str) -> Dates:
    left, _, right = text.partition("..")
    if ".." in right or left[:1] in ("<", ">") or right[:1] in ("<", ">"):
        raise BadValueError("bad-date", f"'{_short(text)}' is not a range", "write A..B, *..B or A..*")
    if not left or not right:
        raise BadValueError(
            "bad-date", f"'{_short(text)}' is a range with an end missing", "use * for an open end"
        )
    low = None if left == "*" else read_point(left)
    high = None if right == "*" else read_point(right)
    ages = [isinstance(point, Age) for point in (low, high) if point is not None]
    if any(ages) and not all(ages):
        raise BadValueError(
            "bad-date", f"'{_short(text)}' mixes a date and an age", "use two dates or two ages"
        )
    if low is not None and high is not None and _back_to_front(low, high):
        raise BadValueError(
            "back-to-front",
            f"the range '{_short(text)}' is back to front",
            "write the smaller end first",
            f"{right}..{left}",
        )
    if any(ages):  # 7d..30d is from thirty days ago to seven days ago
        low, high = high, low
    return Dates(low, False, high, True)


_SOME_DAY = datetime(2001, 6, 15, 12, tzinfo=UTC)


def _back_to_front(low: Point, high: Point) -> bool:
    if type(low) is not type(high):
        return False
    first, second = stretch(low, _SOME_DAY)[0], stretch(high, _SOME_DAY)[0]
    return first < second if isinstance(low, Age) else first > second
