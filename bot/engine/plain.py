"""What a group of deliveries asks for, looked up once for all of them as they are recorded: most ask for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.flow import command
from bot.flow.trigger import is_ancient
from bot.model.happening import ChecksDone, Commented, Delivery, Happening, ItemEvent, Place
from bot.store import installations
from bot.store.database import Db

JUDGED = frozenset({"pull_request.opened", "pull_request.synchronize", "pull_request.reopened"})
"""After these a pull request's change to the configuration is judged."""
LOOKED_AT = JUDGED | {"issues.edited"}
"""What is looked at whether a job listens or not: an edited issue may be the dashboard issue with a box ticked."""
NOBODY = "no job listens"


@dataclass(frozen=True, slots=True)
class _Ours:
    """A repository of ours, and the events its jobs listen to."""

    id: int
    events: frozenset[str]


_Known = dict[tuple[str, int | None], _Ours | None]


def settled(db: Db, group: Sequence[Delivery], now: datetime) -> dict[str, str]:
    """The deliveries that ask for nothing, with the words for it, by their ids; all others need a closer look."""
    known: _Known = {}
    found: dict[str, str] = {}
    for delivery in group:
        said = [_said(db, each, known, now) for each in delivery.happenings]
        words = [each for each in said if each is not None]
        if said and len(words) == len(said):
            found[delivery.guid] = "; ".join(dict.fromkeys(each for each in words if each)) or "nothing to do"
    return found


def _said(db: Db, told: Happening, known: _Known, now: datetime) -> str | None:
    """What became of one happening without any work; None where there may be some."""
    if not isinstance(told, ItemEvent | ChecksDone | Commented):
        return None
    key = (told.place.full_name, told.place.github_id)
    if key not in known:
        known[key] = _ours(db, told.place)
    ours = known[key]
    if ours is None:
        return None
    if is_ancient(told.at, now):
        return f"ancient: it happened at {told.at}"
    if isinstance(told, Commented):
        return None if command.PREFIX in told.body.casefold() else ""
    return None if told.event in ours.events or told.event in LOOKED_AT else NOBODY


def _ours(db: Db, place: Place) -> _Ours | None:
    """What a repository waits for; None where we do not look after it."""
    found = installations.triggers_of(db, place)
    if found is None:
        return None
    repository, triggers = found
    return _Ours(repository, frozenset(event for on in triggers for event in _events(on)))


def _events(on: Any) -> Iterable[str]:
    """The events among a stored job's triggers."""
    for trigger in on if isinstance(on, list) else [on]:
        if isinstance(trigger, dict):
            yield from map(str, trigger.get("events") or ())
