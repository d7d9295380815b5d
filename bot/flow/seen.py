"""What an item looked like to a session, minus what we did to it ourselves.

`updated_at` cannot tell whether people changed an item: GitHub bumps it when we comment, and leaves it alone when a
label is renamed. So the state is a table of facets, and for each facet our own last effect is looked through: where the
value still is what we left, the facet reads as it did before us; where somebody changed it since, it reads as new.
A pure function of payload and effects journal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.model.item import Item
from bot.model.run import Effect

State = dict[str, Any]
HEAD = "head"
COMMENTS = "comments"


def state_of(item: Item, effects: Sequence[Effect] = ()) -> State:
    """Give the facets of `item` as people left them; `effects` are ours on this item, of all jobs, in order."""
    facets = raw_state(item)
    ours = [effect for effect in effects if _shows_in(effect, item, facets)]
    for name in {effect.facet for effect in ours if effect.facet and effect.facet != COMMENTS}:
        facets[name] = _looked_through(facets.get(name, ""), [e for e in ours if e.facet == name])
        if facets[name] == "":
            del facets[name]
    facets[COMMENTS] = max(0, facets[COMMENTS] - len({e.target_id for e in ours if e.facet == COMMENTS}))
    return facets


def changed(saw: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether people changed the item since a session saw it. A deleted comment is no news."""
    if now.get(COMMENTS, 0) > saw.get(COMMENTS, 0):
        return True
    return {k: v for k, v in saw.items() if k != COMMENTS} != {k: v for k, v in now.items() if k != COMMENTS}


def fingerprint(state: Mapping[str, Any]) -> str:
    """A short stable name of a state."""
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:16]


def _shows_in(effect: Effect, item: Item, facets: Mapping[str, Any]) -> bool:
    """Whether this payload is new enough to carry the effect, by its time or by the value we left.

    The time of a label is that of GitHub's answer, which may be a second past the item's own `updated_at`.
    """
    if not effect.done or effect.undone_at:
        return False
    if effect.at is None or not item.updated_at:
        return True
    if effect.at.replace(microsecond=0) <= datetime.fromisoformat(item.updated_at):
        return True
    left = effect.facet is not None and effect.facet != COMMENTS
    return left and facets.get(effect.facet or "", "") == (effect.after or "")


def _looked_through(value: str, effects: Iterable[Effect]) -> str:
    """Follow our effects on one facet, oldest first, back to what people had made of it."""
    last: tuple[Effect, str] | None = None
    for effect in effects:
        last = (effect, _read(effect.before or "", last))
    return _read(value, last)


def _read(raw: str, last: tuple[Effect, str] | None) -> str:
    """Read a value as it was before our last effect, or as new where somebody changed it since."""
    if last is None:
        return raw
    effect, before = last
    return before if raw == (effect.after or "") else f"{raw}@{effect.id}"


def raw_state(item: Item) -> State:
    """The facets of an item as GitHub shows them now."""
    payload = item.payload
    facets: State = {
        "title": _hash(payload.get("title")),
        "body": _hash(payload.get("body")),
        "state": str(payload.get("state") or "open"),
        COMMENTS: int(payload.get("comments") or 0),
    }
    if milestone := (payload.get("milestone") or {}).get("title"):
        facets["milestone"] = str(milestone)
    for label in payload.get("labels") or ():
        name = label if isinstance(label, str) else str(label.get("name") or "")
        facets[f"label:{name.lower()}"] = "on"
    for user in payload.get("assignees") or ():
        facets[f"assignee:{str(user.get('login') or '').lower()}"] = "on"
    if item.head_sha:
        facets[HEAD] = item.head_sha
    return facets


def _hash(text: object) -> str:
    return hashlib.sha256(str(text or "").encode()).hexdigest()[:16]
