"""What a webhook's payload tells the index: the item as it is now, or that something is no longer as it was. Pure.

A payload that cannot say how an item is now says only that the index must be asked about: GitHub counts a new comment
in some payloads and not yet in others, and a review carries a pull request without its labels' neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bot.github import payload
from bot.model.happening import News

FED_BY = frozenset({"issues", "pull_request", "issue_comment", "label", "milestone"})
"""The events without which the index would not hear of what changes items."""
_VAGUE = frozenset({"issue_comment", "pull_request_review"})
_LEFT = frozenset({"deleted", "transferred"})
_SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def news_of(event: str, body: Mapping[str, Any]) -> News | None:
    """What a payload tells; None where it is nothing to the index, or names no repository. Raises nothing."""
    if event not in FED_BY and event not in _VAGUE:
        return None
    try:
        place = payload.place(payload.part(body, "repository"))
    except ValueError:
        return None
    action = payload.text(body, "action")
    if event in ("label", "milestone"):
        return News(place, shuffled=True) if action in ("edited", "deleted") else None
    if event == "issues" and (action in _LEFT or payload.part(body, "changes", "old_issue")):
        return News(place, shuffled=True)
    row = None if event in _VAGUE else _row(event, body)
    return News(place, row)


def _row(event: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The item in the shape of GitHub's lists; None where it lacks what every item has."""
    told = payload.part(body, "issue" if event == "issues" else "pull_request")
    whole = (
        payload.number(told, "number") is not None
        and told.get("state") in ("open", "closed")
        and isinstance(told.get("title"), str)
        and isinstance(told.get("labels"), list)
        and isinstance(told.get("updated_at"), str)
        and _SECOND.fullmatch(told["updated_at"]) is not None
    )
    if not whole:
        return None
    return _as_listed(told) if event == "pull_request" else dict(told)


def _as_listed(pull: Mapping[str, Any]) -> dict[str, Any]:
    """A pull request as the list of issues gives it, with its own fields beside."""
    links = ("url", "html_url", "diff_url", "patch_url", "merged_at")
    return {"state_reason": None, **pull, "pull_request": {name: pull.get(name) for name in links}}
