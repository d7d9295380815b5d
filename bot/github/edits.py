"""Edits of an item: labels, assignees, milestone, state. Each sets a state, so doing it twice is doing it once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from bot.github.answers import Answer
from bot.github.client import Client
from bot.model.item import RepositoryRef
from bot.ports import Refusal, Written


async def add_labels(
    client: Client, repository: RepositoryRef, number: int, labels: Sequence[str]
) -> Written | Refusal:
    """Put labels on."""
    answer = await client.write(repository, "POST", f"issues/{number}/labels", json={"labels": list(labels)})
    return answer if isinstance(answer, Refusal) else _written(number, answer.at, repository, client)


async def remove_labels(
    client: Client, repository: RepositoryRef, number: int, labels: Sequence[str]
) -> Written | Refusal:
    """Take labels off; one that is not on is off."""
    at = client.clock.now()
    for label in labels:
        answer = await client.write(repository, "DELETE", f"issues/{number}/labels/{quote(label, safe='')}")
        if isinstance(answer, Answer):
            at = answer.at
        elif not _was_not_on(answer):
            return answer
    return _written(number, at, repository, client)


def _was_not_on(refusal: Refusal) -> bool:
    return refusal.status == 404 and "label does not exist" in refusal.words.lower()


async def assign(
    client: Client, repository: RepositoryRef, number: int, logins: Sequence[str]
) -> Written | Refusal:
    """Assign people. GitHub leaves out, without a word, who cannot be assigned: if that is everybody, we say so."""
    answer = await client.write(
        repository, "POST", f"issues/{number}/assignees", json={"assignees": list(logins)}
    )
    if isinstance(answer, Refusal):
        return answer
    there = {str(user.get("login")).lower() for user in answer.object.get("assignees") or ()}
    if not any(login.lower() in there for login in logins):
        return Refusal(
            kind="invalid", words=f"{', '.join(logins)} cannot be assigned in {repository.full_name}"
        )
    return _written(number, answer.at, repository, client)


async def unassign(
    client: Client, repository: RepositoryRef, number: int, logins: Sequence[str]
) -> Written | Refusal:
    """Take people off."""
    answer = await client.write(
        repository, "DELETE", f"issues/{number}/assignees", json={"assignees": list(logins)}
    )
    return answer if isinstance(answer, Refusal) else _written(number, answer.at, repository, client)


async def set_milestone(
    client: Client, repository: RepositoryRef, number: int, title: str | None
) -> Written | Refusal:
    """Put the item into the milestone of this title (an open one first), or into none."""
    milestone: int | None = None
    if title:
        rows = await client.rows(repository, "milestones", params={"state": "all"})
        if isinstance(rows, Refusal):
            return rows
        same = [row for row in rows if str(row.get("title")).casefold() == title.casefold()]
        if not same:
            return Refusal(kind="invalid", words=f"{repository.full_name} has no milestone {title!r}")
        milestone = int(min(same, key=lambda row: row.get("state") != "open")["number"])
    return await _patch(client, repository, number, {"milestone": milestone})


async def set_state(
    client: Client, repository: RepositoryRef, number: int, state: str, reason: str | None = None
) -> Written | Refusal:
    """Close (`closed`, with a reason) or reopen (`open`)."""
    return await _patch(
        client, repository, number, {"state": state} | ({"state_reason": reason} if reason else {})
    )


async def _patch(
    client: Client, repository: RepositoryRef, number: int, change: dict[str, Any]
) -> Written | Refusal:
    answer = await client.write(repository, "PATCH", f"issues/{number}", json=change)
    return answer if isinstance(answer, Refusal) else _written(number, answer.at, repository, client)


def _written(number: int, at: datetime, repository: RepositoryRef, client: Client) -> Written:
    url = f"{client.web_url}/{repository.full_name}/issues/{number}"
    return Written(target_id=str(number), url=url, at=at)
