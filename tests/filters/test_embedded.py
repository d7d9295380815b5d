"""Plans before the embedded GitHub: random queries on real issues, fetched through its real list endpoints."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import filters
from bot.demo import GitHub
from tests.filters import naive, real

pytestmark = real.needs_data
SAMPLE = real.items()[::17] if real.DATA.is_dir() else ()
NAME = "bitcoin-core/secp256k1"
BUDGETS = [
    None,
    filters.Known(
        open_items=90_000, all_items=900_000, remaining={"core": 5_000, "search": 0, "graphql": 5_000}
    ),
    filters.Known(labels={"ci": 3}, open_items=400, all_items=900),
]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHub]:
    """An embedded GitHub that holds the sample."""
    folder: Path = tmp_path_factory.mktemp("export")
    numbers = {item["number"] for item in SAMPLE}
    for name in ("issues.jsonl", "pulls.jsonl"):
        rows = [json.dumps(row) for row in real.rows(name) if row["number"] in numbers]
        (folder / name).write_text("\n".join(rows) + "\n")
    github = GitHub(clock=lambda: naive.NOW)
    github.load_export(folder / "issues.jsonl")
    github.add_user("reader")
    yield github
    github.close()


def reader(hub: GitHub) -> httpx.AsyncClient:
    """A client with a person's token: anyone's sixty requests an hour would not do."""
    headers = {"authorization": f"Bearer {hub.personal_token('reader')}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(hub.app), base_url=hub.api_url, headers=headers)


@pytest.fixture
async def client(hub: GitHub) -> AsyncIterator[httpx.AsyncClient]:
    """A client that may read."""
    async with reader(hub) as made:
        yield made


async def paged(client: httpx.AsyncClient, call: filters.Call) -> list[dict[str, Any]]:
    """All pages of a call, as far as its rule says."""
    found: list[dict[str, Any]] = []
    url: str | None = f"{call.path}?{httpx.QueryParams(call.params)}"
    while url is not None:
        answer = await client.get(url)
        assert answer.status_code == 200, (url, answer.text)
        rows = answer.json()
        found += rows
        ended = call.stop is not None and rows and call.stop.passed(rows[-1])
        url = None if ended else answer.links.get("next", {}).get("url")
    return found


async def milestones(client: httpx.AsyncClient, made: filters.Plan) -> dict[str, int]:
    """What the plan's look-ups tell."""
    return {row["title"]: row["number"] for call in made.lookups for row in await paged(client, call)}


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(said=naive.said(SAMPLE) if SAMPLE else st.nothing(), known=st.sampled_from(BUDGETS))
async def test_a_plan_brings_every_match(hub: GitHub, said: naive.Said, known: filters.Known | None) -> None:
    """Whatever the query, its calls bring every item that matches or may match, and the residual settles which."""
    made = filters.plan(said.text, repository=NAME, now=naive.NOW, known=known)
    if any(call.kind == "search" for call in made.calls):
        return
    async with reader(hub) as client:
        brought = {row["number"]: row for call in made.calls for row in await paged(client, call)}
    residual = filters.compile(made.residual, now=naive.NOW, repository={"full_name": NAME})
    kept = {number for number, row in brought.items() if residual.test(row) is not False}
    surely = {item["number"] for item in SAMPLE if said.means(item) is True}
    maybe = {item["number"] for item in SAMPLE if said.means(item) is not False}
    assert surely <= kept, (said.text, made.calls)
    # The list may lack what `/pulls` tells; what it does tell must have been used.
    decided = {number for number in kept if residual.test(brought[number]) is True}
    assert decided <= maybe, (said.text, made.residual.text)


@pytest.mark.parametrize(
    "title", sorted({item["milestone"]["title"] for item in SAMPLE if item["milestone"]}) or ["none"]
)
async def test_a_milestone_is_looked_up_once_and_pushed(client: httpx.AsyncClient, title: str) -> None:
    """The first plan asks for the milestones; told them, the second asks for the milestone's own items."""
    text = f'milestone:"{title.upper()}"'
    first = filters.plan(text, repository=NAME, now=naive.NOW)
    assert [call.kind for call in first.lookups] == ["milestones"]
    known = filters.Known(milestones=await milestones(client, first))
    second = filters.plan(text, repository=NAME, now=naive.NOW, known=known)
    assert not second.lookups
    assert second.exact
    brought = {row["number"] for call in second.calls for row in await paged(client, call)}
    assert brought == {
        item["number"] for item in SAMPLE if item["milestone"] and item["milestone"]["title"] == title
    }


async def test_an_or_does_not_leak_out_of_its_repository(client: httpx.AsyncClient) -> None:
    """The search text stands in parentheses of its own, beside the repository, and the embedded GitHub reads it."""
    known = filters.Known(open_items=90_000, all_items=900_000)
    made = filters.plan("is:closed (benchmark OR fuzzing)", repository=NAME, now=naive.NOW, known=known)
    [call] = made.calls
    assert call.kind == "search"
    query = dict(call.params)["q"]
    assert query.endswith(f" repo:{NAME}")
    assert query.startswith("(")
    answer = await client.get(call.path, params=dict(call.params))
    assert answer.status_code == 200, answer.text
    residual = filters.compile(made.residual, now=naive.NOW)
    assert all(residual.test(row) is not False for row in answer.json()["items"])
