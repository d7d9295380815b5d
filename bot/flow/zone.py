"""Time zones as stretches of real time with one offset each: what daylight saving leaves of a wall clock."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import pytz

# naive on purpose: UTC and wall clocks are told apart by name here. Two days are kept clear of Python's ends.
BEGINNING = datetime.min + timedelta(days=2)
ALWAYS = datetime.max - timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Real time from `start` to `end` (naive UTC) in which the wall clock is `offset` ahead of UTC.

    `reached` is the furthest the wall clock had come before: later than its start in an overlap, earlier in a gap.
    """

    start: datetime
    end: datetime
    offset: timedelta
    reached: datetime

    @property
    def wall_start(self) -> datetime:
        """What the wall clock shows at the start."""
        return self.start + self.offset

    @property
    def wall_end(self) -> datetime:
        """What the wall clock would show at the end."""
        return self.end + self.offset


@lru_cache(maxsize=1024)
def _stretches(name: str) -> tuple[tuple[datetime, ...], tuple[Stretch, ...]]:
    """Return the starts of a zone's stretches and the stretches themselves, in order.

    pytz publishes no list of its transitions; the attributes behind it have not changed since 2005, and a test
    compares what we make of them with pytz's public answers in every zone.
    """
    zone = pytz.timezone(name)
    starts: list[datetime] = list(getattr(zone, "_utc_transition_times", ()))
    offsets: list[timedelta] = [info[0] for info in getattr(zone, "_transition_info", ())]
    if not starts or starts[0] > BEGINNING:
        starts.insert(0, BEGINNING)
        offsets.insert(0, offsets[0] if offsets else zone.utcoffset(datetime(2000, 1, 1)) or timedelta())
    starts[0] = BEGINNING
    found: list[Stretch] = []
    for start, end, offset in zip(starts, [*starts[1:], ALWAYS], offsets, strict=True):
        reached = max((past.wall_end for past in found[-2:]), default=BEGINNING)
        found.append(Stretch(start, end, offset, reached))
    return tuple(starts), tuple(found)


def stretches_from(zone: str, instant: datetime) -> Iterator[Stretch]:
    """Yield the stretches of a zone from the one that holds this instant on."""
    starts, stretches = _stretches(zone)
    naive = instant.astimezone(UTC).replace(tzinfo=None)
    yield from stretches[max(0, bisect_right(starts, naive) - 1) :]


def local(zone: str, instant: datetime) -> datetime:
    """Show an instant on the zone's wall clock."""
    return instant.astimezone(pytz.timezone(zone))


def at_wall(zone: str, wall: datetime) -> datetime:
    """Return the instant (UTC) at which the wall clock shows a naive time.

    In an overlap its first pass; in a gap, where it never shows it, the first moment after.
    """
    for stretch in stretches_from(zone, (wall - timedelta(days=2)).replace(tzinfo=UTC)):
        if wall < stretch.wall_start:
            return stretch.start.replace(tzinfo=UTC)
        if wall < stretch.wall_end:
            return (wall - stretch.offset).replace(tzinfo=UTC)
    raise OverflowError("beyond the last year Python knows")
