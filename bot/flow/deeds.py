"""Which facets of an item an action changes: written into the journal before the write, so that a crash loses nothing."""

from __future__ import annotations

from typing import NamedTuple, assert_never

from bot.flow.seen import COMMENTS, raw_state
from bot.model.item import Item
from bot.model.outcome import (
    Action,
    AddLabels,
    Assign,
    Check,
    Close,
    Comment,
    NewIssue,
    NewPullRequest,
    RemoveLabels,
    Reopen,
    Review,
    SetMilestone,
)


class Change(NamedTuple):
    """One facet before and after; `facet` is None where the write leaves the item's state alone."""

    facet: str | None
    before: str
    after: str


def changes(action: Action, item: Item | None) -> list[Change]:
    """Say what `action` will change in `item` as it is now; what is so already is no change."""
    now = raw_state(item) if item else {}
    wanted = [Change(facet, str(now.get(facet, "")), after) for facet, after in _facets(action)]
    if not wanted:
        return [Change(None, "", "")]
    return [change for change in wanted if change.before != change.after]


def _facets(action: Action) -> list[tuple[str, str]]:
    match action:
        case AddLabels(labels=labels):
            return [(f"label:{label.lower()}", "on") for label in labels]
        case RemoveLabels(labels=labels):
            return [(f"label:{label.lower()}", "") for label in labels]
        case Assign(assignees=logins):
            return [(f"assignee:{login.lower()}", "on") for login in logins]
        case SetMilestone(title=title):
            return [("milestone", title or "")]
        case Close():
            return [("state", "closed")]
        case Reopen():
            return [("state", "open")]
        case Comment() | Review() | Check() | NewIssue() | NewPullRequest():
            return []
        case _:
            assert_never(action)


__all__ = ["COMMENTS", "Change", "changes"]
