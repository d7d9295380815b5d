"""What to do about fires that are due: which to make up for after a silence, and what overlap allows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, assert_never

from bot.flow.schedule import Occasion, Schedule
from bot.model.job import CatchUp, Overlap

PUNCTUAL = timedelta(minutes=1)
"""A fire no later than this was not missed; it runs whatever `catch_up` says."""

MOST_REPORTED = 100
MOST_QUEUED = 10


@dataclass(frozen=True, slots=True)
class Due:
    """The fires to run now, oldest first, the newest of those missed and not made up for, and the next one to come."""

    run: tuple[Occasion, ...] = ()
    missed: tuple[Occasion, ...] = ()
    following: Occasion | None = None


def due(
    schedule: Schedule, since: datetime, now: datetime, catch_up: CatchUp, punctual: timedelta = PUNCTUAL
) -> Due:
    """Decide about the fires due in (since, now]; `since` is up to when fires have been dealt with.

    `latest` runs one fire, the newest within the window; `all` runs each within it; `none` only a punctual one.
    A clock set back yields nothing. Fires older than window and a day are not even listed as missed.
    """
    horizon = now - max(catch_up.window, punctual)
    occasions, following = schedule.around(max(since, horizon - timedelta(days=1)), now)
    recent = [occasion for occasion in occasions if occasion.due >= horizon]
    match catch_up.mode:
        case "all":
            chosen = recent
        case "latest":
            chosen = recent[-1:]
        case "none":
            chosen = [occasion for occasion in recent if occasion.due >= now - punctual][-1:]
        case _:
            assert_never(catch_up.mode)
    taken = set(chosen)
    left = [occasion for occasion in occasions if occasion not in taken]
    return Due(tuple(chosen), tuple(left[-MOST_REPORTED:]), following)


@dataclass(frozen=True, slots=True)
class Meeting:
    """What a scheduled fire does when it meets runs of its job that still live, and why."""

    action: Literal["start", "skip", "queue", "cancel"]
    reason: str = ""


def meeting(overlap: Overlap, running: int, waiting: int = 0) -> Meeting:
    """Decide by `overlap`; `cancel` means: cancel those that run, then start."""
    if running + waiting == 0:
        return Meeting("start")
    match overlap:
        case "allow":
            return Meeting("start")
        case "skip":
            return Meeting("skip", "the last run still works (overlap: skip)")
        case "cancel":
            return Meeting("cancel", "a newer fire takes its place (overlap: cancel)")
        case "queue" if waiting >= MOST_QUEUED:
            return Meeting("skip", f"{waiting} runs wait already (overlap: queue)")
        case "queue":
            return Meeting("queue", "waits for the last run to end (overlap: queue)")
        case _:
            assert_never(overlap)
