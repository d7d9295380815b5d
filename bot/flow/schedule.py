"""When jobs fire: the occasions of a schedule, exact through daylight saving. Time is always an argument."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from itertools import islice, takewhile
from typing import assert_never

from bot.flow.zone import at_wall, local, stretches_from
from bot.model.cron import CronLine, parse_cron
from bot.model.job import JobSpec
from bot.model.schedule import After, At, Cron, Events, Every, On

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Occasion:
    """One fire: when the schedule names it, and when it is due (later by its jitter). Both are UTC."""

    nominal: datetime
    due: datetime

    @property
    def id(self) -> str:
        """What makes this fire itself and no other: `2026-11-23T09:00:00Z`."""
        return self.nominal.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Schedule:
    """All a job's timed triggers. `identity` steers `H` and jitter, `anchor` is when the job was made."""

    triggers: tuple[On, ...]
    zone: str = "UTC"
    identity: str = ""
    anchor: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    expires: date | datetime | None = None
    jitter: timedelta = field(default=timedelta())

    @classmethod
    def of(cls, spec: JobSpec, *, identity: str, anchor: datetime) -> "Schedule":
        """Take the schedule of a job; `identity` is stable for the job, like `owner/repo:name`."""
        return cls(spec.on, spec.timezone, identity, anchor, spec.expires, spec.jitter)

    @property
    def timed(self) -> bool:
        """Whether time alone ever fires it."""
        return any(isinstance(trigger, Cron | Every | At) for trigger in self.triggers)

    def occasions(self, after: datetime) -> Iterator[Occasion]:
        """Yield the fires named after an instant, in order, each once however many triggers name it."""
        last = None
        until = self._until()
        fires = [self._fires(trigger, after) for trigger in self.triggers]
        for nominal in fires[0] if len(fires) == 1 else heapq.merge(*fires):
            if until is not None and nominal >= until:
                return
            if nominal != last:
                last = nominal
                yield Occasion(nominal, nominal + self._delay(nominal))

    def next_after(self, instant: datetime) -> Occasion | None:
        """Return the first fire due after an instant, None when there is none any more."""
        first = next((o for o in self.occasions(instant - self.jitter - _SECOND) if o.due > instant), None)
        if first is None or not self.jitter:
            return first
        # a fire named later may have the smaller jitter, but only one named before the first is due can overtake it
        rivals = takewhile(lambda o: o.nominal < first.due, self.occasions(first.nominal))
        return min([first, *(o for o in rivals if o.due > instant)], key=lambda o: (o.due, o.nominal))

    def around(self, since: datetime, now: datetime) -> tuple[list[Occasion], Occasion | None]:
        """The fires due in (since, now], in the order of their names, and the first one due after now."""
        if self.jitter:
            return list(self.due_between(since, now)), self.next_after(now)
        found: list[Occasion] = []
        for occasion in self.occasions(since):  # without jitter one walk gives both
            if occasion.nominal > now:
                return found, occasion
            found.append(occasion)
        return found, None

    def due_between(self, since: datetime, now: datetime) -> Iterator[Occasion]:
        """Yield the fires due in (since, now], in the order of their names."""
        for occasion in self.occasions(since - self.jitter - _SECOND):
            if occasion.nominal > now:
                return
            if since < occasion.due <= now:
                yield occasion

    def _delay(self, nominal: datetime) -> timedelta:
        """Put a fire off by its share of the jitter, the same whenever and wherever it is asked."""
        if not self.jitter:
            return timedelta()
        share = sha256(f"{self.identity}\0{nominal.isoformat()}".encode()).digest()
        return timedelta(seconds=int.from_bytes(share[:8], "big") % (int(self.jitter.total_seconds()) + 1))

    def _until(self) -> datetime | None:
        """Return the first instant at which it fires no more."""
        match self.expires:
            case None:
                return None
            case datetime() as instant:
                return _aware(self.zone, instant) + _SECOND
            case day:
                return at_wall(self.zone, datetime.combine(day + timedelta(days=1), time()))

    def _fires(self, trigger: On, after: datetime) -> Iterator[datetime]:
        match trigger:
            case Cron():
                return cron_fires(parse_cron(trigger.schedule, self.identity), self.zone, after)
            case Every():
                return _periods(trigger.every, self.anchor, after)
            case At():
                instant = _aware(self.zone, trigger.at)
                return iter((instant,) if instant > after else ())
            case Events() | After():
                return iter(())
            case _:
                assert_never(trigger)


def _aware(zone: str, instant: datetime) -> datetime:
    return instant.astimezone(UTC) if instant.tzinfo else at_wall(zone, instant)


def _periods(period: timedelta, anchor: datetime, after: datetime) -> Iterator[datetime]:
    """Yield anchor + 1, 2, 3 … periods: counted from the anchor, so nothing drifts."""
    anchor = anchor.astimezone(UTC).replace(microsecond=0)
    count = max(1, (after - anchor) // period + 1)
    while True:
        try:
            yield anchor + count * period
        except OverflowError:
            return
        count += 1


def cron_fires(line: CronLine, zone: str, after: datetime) -> Iterator[datetime]:
    """Yield the instants (UTC) at which a cron line fires in a zone, strictly after an instant.

    A line with fixed hours and minutes fires once for each time it names: in a gap at the first moment after it,
    in an overlap at its first pass. A line with `*` or a step there fires whenever the wall clock matches.
    """
    floor = after.astimezone(UTC).replace(tzinfo=None)
    for stretch in stretches_from(zone, after):
        start, last = stretch.wall_start, None
        if not line.wild:
            if stretch.reached < start and stretch.start > floor and any(line.walls(stretch.reached, start)):
                last = stretch.start
                yield stretch.start.replace(tzinfo=UTC)
            start = max(start, stretch.reached)
        start = max(start, floor + stretch.offset)
        for wall in line.walls(start, stretch.wall_end):
            fire = wall - stretch.offset
            if fire > floor and fire != last:
                yield fire.replace(tzinfo=UTC)


def next_fires(
    triggers: Iterable[On],
    zone: str,
    after: datetime,
    n: int = 5,
    *,
    identity: str = "",
    anchor: datetime | None = None,
    expires: date | datetime | None = None,
) -> list[datetime]:
    """Return the next n fires after an instant, on the zone's own wall clock, without jitter."""
    schedule = Schedule(tuple(triggers), zone, identity, anchor or after, expires)
    return [local(zone, occasion.nominal) for occasion in islice(schedule.occasions(after), n)]
