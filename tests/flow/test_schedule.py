from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest

from bot.flow.describe import describe_cron
from bot.flow.due import Meeting, due, meeting
from bot.flow.schedule import Schedule, next_fires
from bot.model.job import CatchUp, JobSpec
from bot.model.schedule import At, Cron, Events, Every

MADE = datetime(2026, 11, 23, 8, 7, 30, 123456, tzinfo=UTC)


def schedule(
    *on: dict[str, Any], anchor: datetime = MADE, identity: str = "acme/shop:morning", **keys: Any
) -> Schedule:
    """The schedule of a job with these triggers."""
    spec = JobSpec.model_validate({"on": list(on), "prompt": "Look."} | keys)
    return Schedule.of(spec, identity=identity, anchor=anchor)


def at(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def named(schedule: Schedule, after: str, n: int) -> list[str]:
    """The next occasions by their ids."""
    return [occasion.id for occasion in islice(schedule.occasions(at(after)), n)]


def test_a_period_keeps_its_anchor() -> None:
    """The first fire comes one period after the job was made, and whenever one looks, the grid is the same."""
    every = schedule({"every": "4h"})
    assert named(every, "2026-11-23T08:07:31", 2) == ["2026-11-23T12:07:30Z", "2026-11-23T16:07:30Z"]
    assert named(every, "2026-11-23T12:07:30", 1) == ["2026-11-23T16:07:30Z"]
    assert named(every, "2031-01-01T00:00:00", 1) == ["2031-01-01T00:07:30Z"]
    assert named(every, "2020-01-01T00:00:00", 1) == ["2026-11-23T12:07:30Z"]


def test_a_single_instant_fires_once_in_the_jobs_zone() -> None:
    """`at` without an offset is a wall clock; one that is past never comes again."""
    once = schedule({"at": "2026-12-01T09:00"}, timezone="Europe/Zurich")
    assert named(once, "2026-11-23T00:00:00", 3) == ["2026-12-01T08:00:00Z"]
    assert once.next_after(at("2026-12-01T08:00:00")) is None
    assert named(schedule({"at": "2026-12-01T09:00+05:30"}), "2026-11-23T00:00:00", 3) == [
        "2026-12-01T03:30:00Z"
    ]


def test_several_triggers_make_one_schedule() -> None:
    """They fire in order, and an instant named twice fires once."""
    both = schedule(
        {"schedule": "0 9 * * *"},
        {"schedule": "0 9,17 * * 1"},
        {"at": "2026-11-23T12:00"},
        {"events": ["issues.opened"]},
    )
    assert named(both, "2026-11-23T00:00:00", 4) == [
        "2026-11-23T09:00:00Z",
        "2026-11-23T12:00:00Z",
        "2026-11-23T17:00:00Z",
        "2026-11-24T09:00:00Z",
    ]


def test_events_alone_never_fire_by_time() -> None:
    """A job of events has no next fire."""
    events = schedule({"events": ["issues.opened"]})
    assert not events.timed
    assert events.next_after(MADE) is None


@pytest.mark.parametrize(
    ("expires", "last"),
    [
        ("2026-11-25", "2026-11-25T08:00:00Z"),
        ("2026-11-25T09:00", "2026-11-25T08:00:00Z"),
        ("2026-11-25T08:59", "2026-11-24T23:00:00Z"),
        ("2026-11-25T07:59+00:00", "2026-11-24T23:00:00Z"),
    ],
)
def test_an_expired_job_fires_no_more(expires: str, last: str) -> None:
    """The day it expires on is its last, in its own zone."""
    daily = schedule({"schedule": "0 0,9 * * *"}, timezone="Europe/Zurich", expires=expires)
    fires = list(daily.occasions(at("2026-11-23T00:00:00")))
    assert fires[-1].id == last
    assert daily.next_after(at("2026-12-01T00:00:00")) is None


def test_jitter_is_the_same_for_the_same_occasion() -> None:
    """Each fire is put off by up to the jitter, by job and occasion, and keeps its name."""
    one = schedule({"schedule": "0 9 * * *"}, jitter="5m")
    fires = list(islice(one.occasions(at("2026-11-23T00:00:00")), 300))
    delays = {fire.due - fire.nominal for fire in fires}
    assert fires == list(islice(one.occasions(at("2026-11-23T00:00:00")), 300))
    assert min(delays) >= timedelta()
    assert max(delays) <= timedelta(minutes=5)
    assert len(delays) > 100
    other = schedule({"schedule": "0 9 * * *"}, jitter="5m", identity="acme/shop:other")
    assert [o.due for o in islice(other.occasions(at("2026-11-23T00:00:00")), 9)] != [
        o.due for o in fires[:9]
    ]


@pytest.mark.parametrize("jitter", ["0", "1m", "20m"])
def test_following_the_next_fire_misses_none_and_doubles_none(jitter: str) -> None:
    """A ticker that always asks for the next fire after the last one sees each occasion exactly once."""
    often = schedule({"schedule": "*/5 * * * *"}, jitter=jitter)
    start, end = at("2026-11-23T00:00:00"), at("2026-11-24T00:00:00")
    seen, now = [], start
    while (found := often.next_after(now)) and found.due <= end:
        seen.extend(often.due_between(now, found.due))
        now = found.due
    around = islice(often.occasions(start - timedelta(minutes=21)), 400)
    expected = [occasion for occasion in around if start < occasion.due <= end]
    assert sorted(seen) == sorted(expected)
    assert all(a.due <= b.due for a, b in pairwise(seen))


def test_previews_are_on_the_zones_clock() -> None:
    """What people see has the zone's offset; expiry counts, jitter does not."""
    fires = next_fires([Cron(schedule="0 9 * * 1-5")], "Europe/Zurich", at("2026-03-27T12:00:00"), 2)
    assert [fire.isoformat() for fire in fires] == ["2026-03-30T09:00:00+02:00", "2026-03-31T09:00:00+02:00"]
    short = next_fires(
        [Every(every=timedelta(hours=1))], "UTC", MADE, 99, anchor=MADE, expires=date(2026, 11, 23)
    )
    assert len(short) == 15
    assert (
        next_fires([At(at=at("2020-01-01T00:00:00")), Events(events=("issues.opened",))], "UTC", MADE) == []
    )


HOURLY = schedule({"schedule": "0 * * * *"})


@pytest.mark.parametrize(
    ("mode", "window", "since", "now", "run", "missed"),
    [
        ("latest", "1h", "08:00:00", "09:00:00", ["09"], 0),
        ("none", "1h", "08:00:00", "09:00:30", ["09"], 0),
        ("none", "1h", "08:00:00", "09:02:00", [], 1),
        ("latest", "1h", "08:00:00", "09:30:00", ["09"], 0),
        ("latest", "1h", "04:00:00", "09:30:00", ["09"], 4),
        ("latest", "15m", "04:00:00", "09:30:00", [], 5),
        ("all", "1h", "04:00:00", "09:30:00", ["09"], 4),
        ("all", "3h", "04:00:00", "09:30:00", ["07", "08", "09"], 2),
        ("all", "31d", "04:00:00", "09:30:00", ["05", "06", "07", "08", "09"], 0),
        ("all", "1m", "08:59:00", "09:00:00", ["09"], 0),
        ("latest", "1h", "09:00:00", "09:30:00", [], 0),
        ("all", "3h", "09:30:00", "04:00:00", [], 0),
    ],
)
def test_missed_fires_are_made_up_for_as_asked(
    mode: str, window: str, since: str, now: str, run: list[str], missed: int
) -> None:
    """None, the latest or all within the window; a punctual fire always; a clock set back does nothing."""
    catch_up = CatchUp.model_validate({"mode": mode, "window": window})
    found = due(HOURLY, at(f"2026-11-23T{since}"), at(f"2026-11-23T{now}"), catch_up)
    assert [f"{occasion.nominal:%H}" for occasion in found.run] == run
    assert len(found.missed) == missed


def test_a_year_of_silence_is_looked_at_only_as_far_as_it_matters() -> None:
    """A job of every minute that slept for years wakes without counting them."""
    minutely = schedule({"schedule": "* * * * *"})
    found = due(minutely, at("2020-01-01T00:00:00"), at("2026-11-23T09:00:00"), CatchUp())
    assert [occasion.id for occasion in found.run] == ["2026-11-23T09:00:00Z"]
    assert len(found.missed) == 100
    month = due(
        minutely,
        at("2020-01-01T00:00:00"),
        at("2026-11-23T09:00:00"),
        CatchUp.model_validate({"mode": "all", "window": "31d"}),
    )
    assert len(month.run) == 31 * 24 * 60 + 1


@pytest.mark.parametrize(
    ("overlap", "running", "waiting", "action"),
    [
        ("skip", 0, 0, "start"),
        ("skip", 1, 0, "skip"),
        ("queue", 1, 0, "queue"),
        ("queue", 0, 1, "queue"),
        ("queue", 1, 10, "skip"),
        ("cancel", 1, 0, "cancel"),
        ("allow", 5, 5, "start"),
    ],
)
def test_overlap(overlap: Any, running: int, waiting: int, action: str) -> None:
    """What a fire does when the last run still works; every "no" has its reason."""
    found: Meeting = meeting(overlap, running, waiting)
    assert found.action == action
    assert bool(found.reason) == (action != "start")


@pytest.mark.parametrize(
    ("line", "locale", "words"),
    [
        ("0 9 * * 1-5", "en", "At 09:00, Monday through Friday"),
        ("*/15 * * * *", "en", "Every 15 minutes"),
        ("@daily", "en", "At 00:00"),
        ("0 9 * * L5", "en", "At 09:00, on the last Friday of the month"),
        ("0 9 L * *", "en", "At 09:00, on the last day of the month"),
        ("0 9 * * 1#2", "en", "At 09:00, on the second Monday of the month"),
        ("0 9 * * 1-5", "de", "Um 09:00, Montag bis Freitag"),
        ("0 9 * * *", "tr-TR", "saat 09:00"),
        ("0 9 * * *", "xx", "At 09:00"),
        ("nonsense", "en", "nonsense"),
        ("0 9 * * 1#1,5#3", "en", "0 9 * * 1#1,5#3"),
        ("0 9 1,L * *", "en", "0 9 1,L * *"),
        ("0 0 29 2 0#5", "en", "0 0 29 2 0#5"),
    ],
)
def test_a_schedule_in_words(line: str, locale: str, words: str) -> None:
    """People read words; what cannot be read, or what words would tell wrongly, stays as it is."""
    assert describe_cron(line, locale).casefold() == words.casefold()
