"""Comments on items: one per marker, edited where it is there."""

from __future__ import annotations

from typing import Any

from bot.github import ours
from bot.github.client import Client, moment
from bot.model.item import RepositoryRef
from bot.ports import Refusal, Written


async def put(
    client: Client, repository: RepositoryRef, number: int, marker: str, body: str, known_id: str | None
) -> Written | Refusal:
    """Create the comment that carries `marker`, or edit it: looked for where it was, then among all of ours."""
    there = await _there(client, repository, number, marker, known_id)
    if isinstance(there, Refusal):
        return there
    if there is None:
        return await _write(client, repository, "POST", f"issues/{number}/comments", body)
    if there.get("body") == body:
        return _written(client, there, found=True)
    return await _write(
        client, repository, "PATCH", f"issues/comments/{there['id']}", body, before=there.get("body")
    )


async def _there(
    client: Client, repository: RepositoryRef, number: int, marker: str, known_id: str | None
) -> dict[str, Any] | Refusal | None:
    if known_id is not None and known_id.isdecimal():
        me = await client.me()
        if isinstance(me, Refusal):
            return me
        known = await client.get(repository, f"issues/comments/{known_id}")
        if isinstance(known, Refusal):
            if known.kind != "gone":
                return known
        elif ours.carries(known.object, me, marker) and _is_on(known.object, number):
            return known.object
    return await ours.first(client, repository, f"issues/{number}/comments", marker)


def _is_on(row: dict[str, Any], number: int) -> bool:
    return str(row.get("issue_url") or "").endswith(f"/{number}")


async def _write(
    client: Client, repository: RepositoryRef, method: str, path: str, body: str, before: Any = None
) -> Written | Refusal:
    answer = await client.write(repository, method, path, json={"body": body})
    return answer if isinstance(answer, Refusal) else _written(client, answer.object, before=before)


def _written(client: Client, row: dict[str, Any], *, before: Any = None, found: bool = False) -> Written:
    """`at` is when GitHub says it was last changed: the item's own `updated_at` moves with it."""
    at = moment(row.get("updated_at") or row.get("created_at"), client.clock.now())
    url = str(row.get("html_url") or "")
    return Written(target_id=str(row.get("id")), url=url, at=at, before=before, found=found)


async def react(client: Client, repository: RepositoryRef, comment_id: int, content: str) -> Refusal | None:
    """Put a reaction on a comment; the same one twice stays one."""
    answer = await client.write(
        repository, "POST", f"issues/comments/{comment_id}/reactions", json={"content": content}
    )
    return answer if isinstance(answer, Refusal) else None


async def withdraw(client: Client, repository: RepositoryRef, comment_id: str) -> Refusal | None:
    """Delete a comment; one that is gone already is fine."""
    answer = await client.write(repository, "DELETE", f"issues/comments/{comment_id}")
    return answer if isinstance(answer, Refusal) and answer.kind != "gone" else None


async def minimise(client: Client, repository: RepositoryRef, comment_id: str) -> Refusal | None:
    """Collapse a comment as outdated: it also carries what earlier runs said."""
    row = await client.get(repository, f"issues/comments/{comment_id}")
    if isinstance(row, Refusal):
        return None if row.kind == "gone" else row
    done = await client.graphql(
        repository, _MINIMISE, {"id": row.object.get("node_id"), "why": "OUTDATED"}, need="item"
    )
    return done if isinstance(done, Refusal) else None


_MINIMISE = """mutation($id: ID!, $why: ReportedContentClassifiers!) {
  minimizeComment(input: {subjectId: $id, classifier: $why}) { minimizedComment { isMinimized } }
}"""
