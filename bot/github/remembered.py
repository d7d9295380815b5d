"""Lists remembered from one fire to the next: when nothing changed, a fire costs one request.

What a list gave stays a superset of what it would give now, once every item updated since is added or replaced:
an item that enters the list was updated to do so. Labels, milestones and users that are renamed update no item, and
deleted items are not told of: so a remembered list ages, and webhooks of such events forget it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.model.item import RepositoryRef
from filters import Call

Row = dict[str, Any]
ROWS = 4_000
"""Rows kept over all lists: some 20 MB."""
OLD = timedelta(hours=12)


SECONDS = "%Y-%m-%dT%H:%M:%SZ"
SETTLED = timedelta(seconds=5)
"""Times have whole seconds: what was updated so shortly before we looked may have changed again in the same second."""
_TELLING = ("title", "body", "state", "labels", "assignees", "milestone", "updated_at", "draft", "locked")
Key = tuple[str, str, str, tuple[Call, ...]]


@dataclass(slots=True)
class Remembered:
    """The rows a list gave, by number, as last seen; `at` is when it was listed, `looked` when last brought up to date."""

    rows: dict[int, Row]
    at: datetime
    looked: datetime
    pulls: bool = False

    @property
    def since(self) -> str:
        """From when on updates are news: the newest we know of, or the second after it once that has settled."""
        newest = max(str(row.get("updated_at") or "") for row in self.rows.values())
        after = datetime.fromisoformat(newest.replace("Z", "+00:00")) + timedelta(seconds=1)
        return newest if after > self.looked - SETTLED else after.strftime(SECONDS)

    def take(self, changed: list[Row], looked: datetime) -> None:
        """Put in what was updated since; a row that is as it was keeps what was learnt of it."""
        unsure = (self.looked - SETTLED).strftime(SECONDS)
        for row in changed:
            number = int(row["number"])
            old = self.rows.get(number)
            settled = str(row.get("updated_at") or "") < unsure
            if old is not None and settled and _same(old, row):
                continue
            if not self.pulls or "pull_request" in row:
                self.rows[number] = row
        self.looked = looked

    def learn(self, row: Row) -> None:
        """Keep what a request for this item alone told of the pull request itself; further facts age by themselves."""
        number = int(row["number"])
        if number in self.rows and self.rows[number].get("updated_at") == row.get("updated_at"):
            self.rows[number] = {key: value for key, value in row.items() if not key.startswith("_")}

    def copies(self) -> list[Row]:
        """The rows, free to be added to."""
        return [dict(row) for row in self.rows.values()]


def _same(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return all(old.get(key) == new.get(key) for key in _TELLING if key in old and key in new)


def key_of(repository: RepositoryRef, query: str, me: str, calls: tuple[Call, ...]) -> Key | None:
    """A list's name; None for one that cannot be brought up to date.

    Lower bounds are left out: those of relative dates move forward with time, so the old list holds more than it must.
    Upper bounds let items in as time goes by, and who is mentioned cannot be seen in a row: such lists are not kept.
    """
    if not calls or any(not call.kind.startswith("rest_list") for call in calls):
        return None
    if any(dict(call.params).get("mentioned") for call in calls):
        return None
    return repository.full_name.lower(), query, me, tuple(_without_lower_bounds(call) for call in calls)


def _without_lower_bounds(call: Call) -> Call:
    params = tuple((name, value) for name, value in call.params if name != "since")
    stop = call.stop if call.stop is not None and call.stop.direction == "asc" else None
    return replace(call, params=params, stop=stop)


class Memory:
    """The remembered lists of all repositories; the least used go first."""

    def __init__(self) -> None:
        self._lists: OrderedDict[Key, Remembered] = OrderedDict()

    def recall(self, key: Key, now: datetime) -> Remembered | None:
        """A list that is young enough."""
        kept = self._lists.get(key)
        if kept is None or now - kept.at > OLD:
            self._lists.pop(key, None)
            return None
        self._lists.move_to_end(key)
        return kept

    def keep(self, key: Key, kept: Remembered) -> None:
        """Remember a list, if it is not too long; an empty one has no watermark to go on from."""
        if not 0 < len(kept.rows) <= ROWS // 2:
            return
        self._lists[key] = kept
        while sum(len(each.rows) for each in self._lists.values()) > ROWS:
            self._lists.popitem(last=False)

    def forget(self, repository: RepositoryRef) -> None:
        """Something changed that updates no item."""
        name = repository.full_name.lower()
        for key in [key for key in self._lists if key[0] == name]:
            del self._lists[key]
