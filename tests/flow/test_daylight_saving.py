"""Every zone of pytz over five years, against a reference that walks real minutes with pytz's public answers."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise, takewhile

import pytest
import pytz
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flow.schedule import cron_fires
from bot.flow.zone import at_wall, stretches_from
from bot.model.cron import parse_cron

FROM = datetime(2026, 1, 1, tzinfo=UTC)
TO = datetime(2031, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
AROUND = timedelta(hours=15)
MARGIN = timedelta(hours=3)

FIXED = {
    "0 0 * * *": [(0, 0)],
    "30 2 * * *": [(2, 30)],
    "5 1,23 * * *": [(1, 5), (23, 5)],
    "15,45 0-3 * * *": [(h, m) for h in range(4) for m in (15, 45)],
    "0 2,3 * * *": [(2, 0), (3, 0)],
}
WILD = {
    "*/15 * * * *": ({0, 15, 30, 45}, set(range(24))),
    "30 * * * *": ({30}, set(range(24))),
    "*/20 2 * * *": ({0, 20, 40}, {2}),
    "10 */2 * * *": ({10}, set(range(0, 24, 2))),
    "* 0,23 * * *": (set(range(60)), {0, 23}),
}

Shifts = tuple[tuple[datetime, timedelta, timedelta], ...]


@cache
def shifts(zone: str) -> Shifts:
    """Find when a zone's clock is set in the five years, by asking pytz every fortnight and then halving."""
    tz = pytz.timezone(zone)
    found = []
    days = [
        FROM + timedelta(days=n) for n in range(-2, (TO - FROM).days + 15, 14)
    ]  # no clock is set and set back in fourteen
    for low, high in pairwise(days):
        before, after = (
            tz.fromutc(low.replace(tzinfo=None)).utcoffset(),
            tz.fromutc(high.replace(tzinfo=None)).utcoffset(),
        )
        assert before is not None
        assert after is not None
        if before == after:
            continue
        while high - low > MINUTE:
            middle = (low + (high - low) / 2).replace(second=0, microsecond=0)
            low, high = (
                (middle, high)
                if tz.fromutc(middle.replace(tzinfo=None)).utcoffset() == before
                else (low, middle)
            )
        found.append((high, before, after))
    return tuple(found)


@cache
def clocks() -> tuple[tuple[str, ...], ...]:
    """The zones of pytz, those together that show the same at every moment of the five years (by pytz's public answers)."""
    same = dict[tuple[timedelta, Shifts], list[str]]()
    for zone in pytz.all_timezones:
        same.setdefault((_first_offset(zone), shifts(zone)), []).append(zone)
    return tuple(map(tuple, same.values()))


def naive(instant: datetime) -> datetime:
    """The same figures without a zone."""
    return instant.replace(tzinfo=None)


@cache
def walked(shift: tuple[datetime, timedelta, timedelta]) -> list[tuple[datetime, datetime]]:
    """Every real minute around one setting of a clock, with what the clock shows."""
    at, before, after = shift
    reach = (AROUND + MARGIN) // MINUTE
    return [
        (at + n * MINUTE, naive(at) + (before if n < 0 else after) + n * MINUTE) for n in range(-reach, reach)
    ]


@cache
def expected(shift: tuple[datetime, timedelta, timedelta], line: str) -> frozenset[datetime]:
    """What SPEC 2.1 says of the minutes around one setting, told the slow way."""
    minutes = walked(shift)
    if line in WILD:
        at_minutes, at_hours = WILD[line]
        return frozenset(
            real for real, wall in minutes if wall.minute in at_minutes and wall.hour in at_hours
        )
    fires = set()
    first_shown: dict[datetime, datetime] = {}
    for real, wall in minutes:
        first_shown.setdefault(wall, real)
    gaps = [(was, shows, real) for (_, was), (real, shows) in pairwise(minutes) if shows - was > MINUTE]
    for day in {wall.date() for _, wall in minutes}:
        for hour, minute in FIXED[line]:
            named = datetime.combine(day, time(hour, minute))
            if named in first_shown:
                fires.add(first_shown[named])
                continue
            fires.update([real for was, shows, real in gaps if was < named < shows][:1])
    return frozenset(fires)


def ours(zone: str, line: str, after: datetime, until: datetime) -> list[datetime]:
    """What we say in [after, until)."""
    return list(takewhile(lambda fire: fire < until, cron_fires(parse_cron(line), zone, after - MINUTE)))


@pytest.mark.parametrize("line", [*FIXED, *WILD])
def test_around_every_setting_of_every_clock(line: str) -> None:
    """In every zone and around every setting of its clock in five years, each fire is the reference's, no more no less."""
    seen = 0
    for zone, *_ in clocks():
        for shift in shifts(zone):
            low, high = shift[0] - AROUND, shift[0] + AROUND
            fires = ours(zone, line, low, high)
            assert fires == sorted({fire for fire in expected(shift, line) if low <= fire < high}), (
                zone,
                shift,
            )
            seen += 1
    assert seen > 200


def test_zones_of_one_clock_are_one_to_us() -> None:
    """What holds for the first zone of a clock holds for all: we read the same stretches for each over the five years."""
    assert sum(map(len, clocks())) == len(pytz.all_timezones) > 400
    for zones in clocks():
        first, *others = (_offsets(zone) for zone in zones)
        assert all(other == first for other in others), zones


def _offsets(zone: str) -> list[tuple[datetime, timedelta | None]]:
    """Where our stretches of a zone begin in the five years, those run together that show the same."""
    found = list[tuple[datetime, timedelta | None]]()
    for stretch in takewhile(lambda some: some.start < naive(TO), stretches_from(zone, FROM)):
        if not found or found[-1][1] != stretch.offset:
            found.append((max(stretch.start, naive(FROM)), stretch.offset))
    return found


def test_a_fixed_time_fires_once_on_every_local_day() -> None:
    """Over five years in every zone, half past two comes exactly once a day, at 02:30 or the gap's end."""
    line = parse_cron("30 2 * * *")
    days = (TO - FROM).days
    for zone, *_ in clocks():
        start = at_wall(zone, naive(FROM))
        fires = list(takewhile(lambda fire: fire < TO, cron_fires(line, zone, start - MINUTE)))
        walls = list(_shown(zone, fires))
        ends = {at for at, _, _ in shifts(zone)}
        assert {wall.date() for wall in walls} >= {
            FROM.date() + timedelta(days=n) for n in range(days - 1)
        }, zone
        assert len({wall.date() for wall in walls}) == len(walls), zone
        assert all(
            wall.time() == time(2, 30) or fire in ends for fire, wall in zip(fires, walls, strict=True)
        ), zone


def _shown(zone: str, instants: list[datetime]) -> Iterator[datetime]:
    """What the clock shows at rising instants, from its settings found by asking pytz."""
    settings = list(shifts(zone))
    offset = settings[0][1] if settings else pytz.timezone(zone).fromutc(naive(FROM)).utcoffset()
    assert offset is not None
    for instant in instants:
        while settings and settings[0][0] <= instant:
            offset = settings.pop(0)[2]
        yield naive(instant) + offset


def test_our_stretches_are_pytz_own() -> None:
    """What we take from inside pytz agrees with its public answer, in every zone, on any day since 1900."""
    days = [
        naive(datetime(1900, 1, 1, tzinfo=UTC)) + timedelta(days=61 * n, hours=n % 24) for n in range(830)
    ]
    for zone in pytz.all_timezones:
        tz = pytz.timezone(zone)
        for day in days[::7]:
            stretch = next(stretches_from(zone, day.replace(tzinfo=UTC)))
            assert stretch.start <= day < stretch.end
            assert stretch.offset == tz.fromutc(day).utcoffset(), (zone, day)


@pytest.mark.parametrize(
    ("zone", "wall", "instant"),
    [
        ("Europe/Zurich", "2026-03-29T02:30", "2026-03-29T01:00"),
        ("Europe/Zurich", "2026-10-25T02:30", "2026-10-25T00:30"),
        ("America/New_York", "2026-03-08T02:15", "2026-03-08T07:00"),
        ("America/New_York", "2026-11-01T01:15", "2026-11-01T05:15"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30"),
        ("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45"),
        ("Africa/Cairo", "2026-04-24T00:00", "2026-04-23T22:00"),
        ("America/Nuuk", "2026-03-28T23:30", "2026-03-29T01:00"),
        ("Asia/Kathmandu", "2026-11-23T09:00", "2026-11-23T03:15"),
        ("Pacific/Apia", "2011-12-30T09:00", "2011-12-30T10:00"),
        ("UTC", "2026-11-23T09:00", "2026-11-23T09:00"),
        ("EST", "2026-11-23T09:00", "2026-11-23T14:00"),
        ("Etc/GMT+5", "2026-11-23T09:00", "2026-11-23T14:00"),
    ],
)
def test_wall_clock_times_become_instants(zone: str, wall: str, instant: str) -> None:
    """The gap's end, the overlap's first pass, half-hour settings, and midnight that never was."""
    assert at_wall(zone, datetime.fromisoformat(wall)) == datetime.fromisoformat(instant).replace(tzinfo=UTC)


def test_days_are_named_by_the_zones_own_calendar() -> None:
    """Monday is Monday in the zone, not in UTC."""
    fires = ours(
        "Pacific/Auckland", "0 9 * * 1", datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 12, 2, tzinfo=UTC)
    )
    assert [f"{fire:%a %H:%M}" for fire in fires] == ["Sun 20:00", "Sun 20:00"]
    assert fires[0].date() == date(2026, 11, 22)


@st.composite
def lines(draw: st.DrawFn) -> tuple[str, list[int], list[int], set[int] | None, set[int] | None, bool]:
    """A cron line with what it means: minutes, hours, days, weekdays (None: any), and whether it is wild."""

    def numbers(low: int, high: int) -> list[int]:
        return sorted(draw(st.sets(st.integers(low, high), min_size=1, max_size=4)))

    step = draw(st.sampled_from([7, 15, 20, 30]))
    minute, minutes = draw(
        st.sampled_from([("*", list(range(60))), (f"*/{step}", list(range(0, 60, step))), ("", [])])
    )
    hour, hours = draw(
        st.sampled_from([("*", list(range(24))), ("*/3", list(range(0, 24, 3))), ("", []), ("", [])])
    )
    minutes, hours = minutes or numbers(0, 59), hours or numbers(0, 23)
    days = set(numbers(1, 31)) if draw(st.booleans()) else None
    weekdays = set(numbers(0, 6)) if draw(st.booleans()) else None
    written = [
        minute or ",".join(map(str, minutes)),
        hour or ",".join(map(str, hours)),
        ",".join(map(str, sorted(days))) if days else "*",
        "*",
        ",".join(map(str, sorted(weekdays))) if weekdays else "*",
    ]
    return " ".join(written), minutes, hours, days, weekdays, bool(minute or hour)


@settings(max_examples=150, deadline=None)
@given(
    lines(), st.sampled_from([zone for zone in pytz.all_timezones if not zone.startswith("Etc/")]), st.data()
)
def test_any_line_in_any_zone(
    line: tuple[str, list[int], list[int], set[int] | None, set[int] | None, bool],
    zone: str,
    data: st.DataObject,
) -> None:
    """Random lines around random settings of random clocks fire exactly as a walk over real minutes says."""
    text, minutes, hours, days, weekdays, wild = line
    shift = (
        data.draw(st.sampled_from(shifts(zone)))
        if shifts(zone)
        else (FROM + timedelta(days=99), *[_first_offset(zone)] * 2)
    )

    def named(day: date) -> bool:
        if days is None and weekdays is None:
            return True
        return (days is not None and day.day in days) or (
            weekdays is not None and day.isoweekday() % 7 in weekdays
        )

    shown: dict[datetime, datetime] = {}
    fires = set()
    for (real, wall), (_, was) in zip(walked(shift)[1:], walked(shift), strict=False):
        if wild:
            if named(wall.date()) and wall.minute in minutes and wall.hour in hours:
                fires.add(real)
            continue
        between = [
            was + MINUTE * n for n in range(1, int((wall - was) / MINUTE) + 1)
        ]  # more than one in a gap
        for time_of_day in between:
            first = time_of_day not in shown
            shown.setdefault(time_of_day, real)
            if (
                first
                and named(time_of_day.date())
                and time_of_day.minute in minutes
                and time_of_day.hour in hours
            ):
                fires.add(real)
        shown.setdefault(wall, real)
    low, high = shift[0] - AROUND, shift[0] + AROUND
    assert ours(zone, text, low, high) == sorted(fire for fire in fires if low <= fire < high)


def _first_offset(zone: str) -> timedelta:
    offset = pytz.timezone(zone).fromutc(naive(FROM)).utcoffset()
    assert offset is not None
    return offset
