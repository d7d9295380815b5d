"""Linear contexts: a job's query as Linear's filter, its issues as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.contexts.linear import Linear, filter_of
from bot.model.context import LinearContext, LinearQuery
from bot.ports import Refusal
from tests.adapters.contexts.little_server import Answer, Little, little_server

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
CONTEXT = LinearContext.model_validate({"linear": {"team": "ENG", "limit": 60}})


@pytest.fixture
def server() -> Iterator[Little]:
    """A server on loopback."""
    with little_server() as little:
        yield little


def issue(number: int) -> dict[str, Any]:
    """An issue as Linear gives it."""
    return {
        "identifier": f"ENG-{number}", "title": "Cart crashes", "url": f"https://linear.app/x/issue/ENG-{number}", "priorityLabel": "High",
        "updatedAt": "2026-05-30T10:00:00Z", "description": "When empty.", "state": {"name": "Todo"}, "assignee": None,
        "labels": {"nodes": [{"name": "bug"}]},
    }  # fmt: skip


def answer(told: object, status: int = 200) -> Answer:
    """An answer in JSON."""
    return (status, {"content-type": "application/json"}, json.dumps(told).encode())


def pages(body: bytes) -> Answer:
    """Two pages of issues."""
    asked = json.loads(body)["variables"]
    start = 50 if asked["after"] else 0
    nodes = [issue(start + n) for n in range(asked["first"])]
    return answer({"data": {"issues": {"nodes": nodes, "pageInfo": {"hasNextPage": True, "endCursor": "c"}}}})


async def test_issues_are_read_page_by_page(server: Little) -> None:
    """As many as the job wants, with the operator's key, as text."""
    server.answers["/graphql"] = pages
    text = await Linear(server.url("/graphql", "127.0.0.1"), "lin_key").read(CONTEXT, NOW)
    assert isinstance(text, str)
    assert text.count("ENG-") == 120
    assert "ENG-0: Cart crashes\n(Todo; High; unassigned; labels bug;" in text
    assert [json.loads(body)["variables"]["first"] for _, _, body in server.seen] == [50, 10]
    assert server.seen[0][1]["authorization"] == "lin_key"


@pytest.mark.parametrize(
    ("told", "status", "kind"),
    [
        ({"errors": [{"message": "Authentication required"}]}, 401, "forbidden"),
        ({"errors": [{"message": "Entity not found: Team"}]}, 200, "invalid"),
        ({}, 503, "busy"),
        ({"data": {}}, 200, "invalid"),
    ],
)
async def test_linears_errors_are_words(server: Little, told: object, status: int, kind: str) -> None:
    """What Linear says is passed on as a refusal."""
    server.answers["/graphql"] = answer(told, status)
    refusal = await Linear(server.url("/graphql", "127.0.0.1"), "lin_key").read(CONTEXT, NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.kind == kind
    assert "Linear" in refusal.words


async def test_without_a_key_nothing_is_asked() -> None:
    """The refusal names the setting."""
    refusal = await Linear("http://127.0.0.1:1/", None).read(CONTEXT, NOW)
    assert isinstance(refusal, Refusal)
    assert "ROUNDSMAN_LINEAR_API_KEY" in refusal.words


def test_a_query_as_linears_filter() -> None:
    """Each key becomes Linear's own."""
    query = LinearQuery.model_validate(
        {"team": "ENG", "project": "Shop", "assignee": "me", "labels": ["bug", "p1"], "states": ["Todo"], "updated": "7d"}
    )  # fmt: skip
    assert filter_of(query, NOW) == {
        "team": {"key": {"eq": "ENG"}},
        "project": {"name": {"eq": "Shop"}},
        "assignee": {"isMe": {"eq": True}},
        "and": [{"labels": {"some": {"name": {"eq": "bug"}}}}, {"labels": {"some": {"name": {"eq": "p1"}}}}],
        "state": {"name": {"in": ["Todo"]}},
        "updatedAt": {"gte": "2026-05-25T09:00:00+00:00"},
    }
