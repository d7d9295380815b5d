"""A cron line as sets of minutes, hours, days and months. croniter reads it; what it reads amiss is set right here.

Five fields, names like `@daily`, `L` (last day, `L5` last Friday), `#` (`1#2` second Monday) and `H` (a spread by job).
Where both day fields are restricted a day needs to match only one of them, as POSIX says.
Source: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/crontab.html
"""

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from hashlib import sha256

from croniter import CroniterError, croniter

NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
FIELDS = ("minute", "hour", "day of month", "month", "day of week")
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_SPREAD_BOUNDS = ((0, 59), (0, 23), (1, 28), (1, 12), (0, 6))  # every month has a 28th
_SPREAD = re.compile(r"H(?:\((\d{1,2})-(\d{1,2})\))?(?:/(\d{1,2}))?", re.ASCII)
_SAME_ENDS = re.compile(r"(\w+)-\1(?:/\d+)?", re.ASCII)
_LAST_WEEKDAY = re.compile(r"(?:L([0-7]|[A-Z]{3})|([0-7]|[A-Z]{3})L)", re.ASCII)
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_HINT = "five fields: minute hour day-of-month month day-of-week, like 0 9 * * 1-5"


class CronError(ValueError):
    """A cron line that cannot be used; `message` says why and `hint` what to do."""

    def __init__(self, message: str, hint: str = _HINT) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class CronLine:
    """The wall-clock times a cron line names. `weekdays` counts from Sunday as 0; `nth` pairs a weekday with its
    place in the month, 0 for the last. `wild` tells that minute or hour has a `*` or a step.
    """

    times: tuple[time, ...]
    days: frozenset[int] | None
    last_day: bool
    months: frozenset[int]
    weekdays: frozenset[int] | None
    nth: frozenset[tuple[int, int]]
    wild: bool

    def names(self, day: date) -> bool:
        """Tell whether the line names this day."""
        if day.month not in self.months:
            return False
        if self.days is None and self.weekdays is None:
            return True
        return self._by_date(day) or self._by_weekday(day)

    def _by_date(self, day: date) -> bool:
        if self.days is None:
            return False
        return day.day in self.days or (self.last_day and day.day == monthrange(day.year, day.month)[1])

    def _by_weekday(self, day: date) -> bool:
        weekday = day.isoweekday() % 7
        if self.weekdays is None or weekday not in self.weekdays:
            return False
        if not self.nth:
            return True
        last = day.day + 7 > monthrange(day.year, day.month)[1]
        return (weekday, (day.day + 6) // 7) in self.nth or (last and (weekday, 0) in self.nth)

    def walls(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the naive wall-clock times named in [start, end), in order."""
        day = start.date()
        while day <= end.date():
            if day.month not in self.months:
                day = _first_of_next_month(day)
                continue
            if self.names(day):
                first = bisect_left(self.times, start.time()) if day == start.date() else 0
                for at in self.times[first:]:
                    wall = datetime.combine(day, at)
                    if wall >= end:
                        return
                    yield wall
            if day == date.max:
                return
            day += timedelta(days=1)


def _first_of_next_month(day: date) -> date:
    if (day.year, day.month) == (date.max.year, 12):
        return date.max
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def parse_cron(text: str, identity: str = "") -> CronLine:
    """Read a cron line; `identity` is what `H` spreads by (the same job always gets the same values).

    Raises CronError, also for a line that can never fire.
    """
    return _parsed(text, identity if "H" in text.upper() else "")


@lru_cache(maxsize=20_000)
def _parsed(text: str, identity: str) -> CronLine:
    fields = cron_fields(text, identity)
    try:
        expanded, nth = croniter.expand(" ".join(fields))
    except (CroniterError, ValueError, TypeError, KeyError):
        _each_field(fields)
        raise CronError(f"not a cron line: {text[:60]!r}") from None
    minutes, hours, days, months, weekdays = (_numbers(found, FIELDS[i]) for i, found in enumerate(expanded))
    line = CronLine(
        times=tuple(time(h, m) for h in hours or range(24) for m in minutes or range(60)),
        days=frozenset(days) if days is not None else None,
        last_day="l" in expanded[2],
        months=frozenset(months or range(1, 13)),
        weekdays=frozenset(weekdays) if weekdays is not None else None,
        nth=frozenset(
            (int(day), 0 if str(n) == "l" else int(n)) for day, places in nth.items() for n in places
        ),
        wild=any(mark in field for field in _written(text)[:2] for mark in "*/"),
    )
    if next(_days_named(line), None) is None:
        raise CronError(f"{text[:60]!r} can never fire: no such day exists", "correct day or month")
    return line


def _numbers(found: Sequence[int | str], field: str) -> list[int] | None:
    """Return the numbers of an expanded field, None for all."""
    if list(found) == ["*"]:
        return None
    if "l" in found and field != "day of month":
        raise CronError(f"{field}: L needs a day", "write L5 for the last Friday")
    return sorted({number for number in found if isinstance(number, int)})


def _days_named(line: CronLine) -> Iterator[date]:
    """Yield days named within forty years, which hold every kind of month there is but for the rarest centuries."""
    for year in range(2000, 2041):
        for month in line.months:
            for day in range(1, monthrange(year, month)[1] + 1):
                if line.names(date(year, month, day)):
                    yield date(year, month, day)


def _written(text: str) -> list[str]:
    """Split a cron line into its five fields as written, a name like `@daily` into those it stands for."""
    if re.search(r"[^\x20-\x7e\t]", text):
        raise CronError("a cron line is plain text on one line")
    line = NAMED.get(text.strip().lower(), text.strip())
    if line.startswith("@"):
        raise CronError(
            f"unknown name {line[:30]!r}", f"known are {', '.join(NAMED)}; for a period write every: 4h"
        )
    if re.match(r"(CRON_)?TZ=", line):
        raise CronError("a zone does not belong into the cron line", "write it as timezone: Europe/Zurich")
    fields = line.upper().split()
    if len(fields) != 5:
        raise CronError(f"a cron line has five fields, this has {len(fields)}")
    return fields


def cron_fields(text: str, identity: str = "") -> tuple[str, ...]:
    """Split a cron line into five fields croniter reads rightly: names replaced, `H` spread, `9-9` written 9."""
    return tuple(
        ",".join(_term(term, place, identity) for term in field.split(","))
        for place, field in enumerate(_written(text))
    )


def _term(term: str, place: int, identity: str) -> str:
    spread = _SPREAD.fullmatch(term)
    if spread:
        return _spread(spread, place, identity)
    if re.search(r"\bR\b|\d+W\b|\bW\d+", term):
        raise CronError(f"{FIELDS[place]} {term!r}: W and R are not known", "L, # and H are")
    last = _LAST_WEEKDAY.fullmatch(term) if place == 4 else None
    if last:
        day = last[1] or last[2]
        if not day.isdecimal() and day not in _WEEKDAYS:
            raise CronError(f"day of week {term!r} is not known", "write L5 for the last Friday")
        return f"L{day if day.isdecimal() else _WEEKDAYS.index(day)}"
    # croniter reads 9-9 as the whole field; it is nine o'clock alone
    same = _SAME_ENDS.fullmatch(term)
    return same[1] if same else term


def _spread(found: re.Match[str], place: int, identity: str) -> str:
    """Replace `H` by a number that depends on the job alone, so that jobs do not all fire at once.

    Ours and not croniter's, whose numbers for minute and hour hang together and may change with its version.
    """
    low, high = _SPREAD_BOUNDS[place]
    if found[1]:
        low, high = int(found[1]), int(found[2])
        if not _BOUNDS[place][0] <= low < high <= _BOUNDS[place][1]:
            raise CronError(
                f"{FIELDS[place]} {found[0]!r} is out of range", f"{_BOUNDS[place][0]} to {_BOUNDS[place][1]}"
            )
    number = int.from_bytes(sha256(f"{identity}\0{place}".encode()).digest()[:8], "big")
    if not found[3]:
        return str(low + number % (high - low + 1))
    step = int(found[3])
    if not 1 <= step <= high - low + 1:
        raise CronError(f"{FIELDS[place]} {found[0]!r}: a step is 1 to {high - low + 1}")
    first = low + number % step
    # croniter takes the start for a point when it is the end of the range; the comma-less single value is the same
    return f"{first}-{high}/{step}" if first < high else f"{first}/{step}"


def _each_field(fields: tuple[str, ...]) -> None:
    """Refuse the first field that cannot be read, by its name."""
    for place, field in enumerate(fields):
        alone = ["*"] * 5
        alone[place] = field
        try:
            croniter.expand(" ".join(alone))
        except (CroniterError, ValueError, TypeError, KeyError):
            low, high = _BOUNDS[place]
            mixed = " or is mixed of plain days and #" if "#" in field or "L" in field else ""
            raise CronError(f"{FIELDS[place]} {field[:40]!r} is not {low} to {high}{mixed}") from None
