"""Issues of Linear through its GraphQL API, by the operator's key.

Source: https://linear.app/developers/graphql and https://linear.app/developers/filtering
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from bot.model.context import LinearContext, LinearQuery
from bot.ports import Refusal

PATIENCE = 20.0
PAGE = 50
"""Issues a request: Linear weighs a query by its size before it answers."""
MOST_DESCRIPTION = 1_500
MOST_BYTES = 8_000_000
QUERY = (
    "query($filter: IssueFilter, $first: Int, $after: String) "
    "{ issues(filter: $filter, first: $first, after: $after, orderBy: updatedAt) "
    "{ nodes { identifier title url priorityLabel updatedAt description state { name } assignee { name } "
    "labels(first: 10) { nodes { name } } } pageInfo { hasNextPage endCursor } } }"
)


class Linear:
    """Reads issues. Without a key every question is refused."""

    def __init__(self, url: str, key: str | None) -> None:
        self._url, self._key = url, key

    async def read(self, context: LinearContext, now: datetime) -> str | Refusal:
        """The issues, newest change first, as text."""
        if not self._key:
            return Refusal(
                kind="forbidden", words="the operator gave no key for Linear (ROUNDSMAN_LINEAR_API_KEY)"
            )
        wanted = filter_of(context.linear, now)
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self._issues(wanted, context.linear.limit)
        except TimeoutError:
            return Refusal(kind="busy", words=f"Linear gave no whole answer within {PATIENCE:g} seconds")
        except (httpx.HTTPError, ValueError) as error:
            return Refusal(kind="busy", words=f"Linear could not be read ({type(error).__name__})")
        return found if isinstance(found, Refusal) else "\n\n".join(map(told, found))

    async def _issues(self, wanted: Mapping[str, Any], limit: int) -> list[dict[str, Any]] | Refusal:
        issues: list[dict[str, Any]] = []
        after: str | None = None
        async with httpx.AsyncClient(trust_env=True, follow_redirects=False, timeout=PATIENCE) as client:
            while len(issues) < limit:
                page = await self._page(client, wanted, min(PAGE, limit - len(issues)), after)
                if isinstance(page, Refusal):
                    return page
                issues += [row for row in page.get("nodes") or () if isinstance(row, dict)]
                info = page.get("pageInfo") or {}
                after = info.get("endCursor")
                if not info.get("hasNextPage") or not after:
                    break
        return issues[:limit]

    async def _page(
        self, client: httpx.AsyncClient, wanted: Mapping[str, Any], first: int, after: str | None
    ) -> dict[str, Any] | Refusal:
        body = {"query": QUERY, "variables": {"filter": wanted, "first": first, "after": after}}
        answer = await client.post(self._url, json=body, headers={"Authorization": self._key or ""})
        if len(answer.content) > MOST_BYTES:
            return Refusal(kind="invalid", words="Linear's answer is too large")
        told = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        errors = told.get("errors") if isinstance(told, dict) else None
        if answer.status_code != 200 or errors or not isinstance(told, dict):
            first_error = errors[0] if isinstance(errors, list) and errors else {}
            said = str(first_error.get("message") or f"it answered {answer.status_code}")[:200]
            kind = (
                "forbidden"
                if answer.status_code in (401, 403)
                else "busy"
                if answer.status_code >= 429
                else "invalid"
            )
            return Refusal(kind=kind, words=f"Linear: {said}", status=answer.status_code)
        page = (told.get("data") or {}).get("issues")
        return (
            page
            if isinstance(page, dict)
            else Refusal(kind="invalid", words="Linear's answer holds no issues")
        )


def filter_of(query: LinearQuery, now: datetime) -> dict[str, Any]:
    """A query as Linear's `IssueFilter`."""
    wanted: dict[str, Any] = {}
    if query.team:
        wanted["team"] = {"key": {"eq": query.team}}
    if query.project:
        wanted["project"] = {"name": {"eq": query.project}}
    if query.assignee:
        me = query.assignee == "me"
        wanted["assignee"] = {"isMe": {"eq": True}} if me else {"email": {"eq": query.assignee}}
    if query.labels:
        wanted["and"] = [{"labels": {"some": {"name": {"eq": name}}}} for name in query.labels]
    if query.states:
        wanted["state"] = {"name": {"in": list(query.states)}}
    if query.updated:
        wanted["updatedAt"] = {"gte": (now - query.updated).isoformat()}
    return wanted


def told(issue: Mapping[str, Any]) -> str:
    """One issue as text."""
    labels = [row.get("name", "") for row in (issue.get("labels") or {}).get("nodes") or ()]
    facts = [
        (issue.get("state") or {}).get("name"), issue.get("priorityLabel"),
        f"assigned to {issue['assignee'].get('name')}" if issue.get("assignee") else "unassigned",
        f"labels {', '.join(labels)}" if labels else None, f"updated {issue.get('updatedAt')}", issue.get("url"),
    ]  # fmt: skip
    head = f"{issue.get('identifier')}: {issue.get('title')}\n({'; '.join(str(f) for f in facts if f)})"
    return f"{head}\n{str(issue.get('description') or '')[:MOST_DESCRIPTION]}".rstrip()
