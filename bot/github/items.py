"""The flow's `Tracker`: the planned requests, local matching, further facts only where an answer turns on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import filters
from bot.flow.indexed import watermark
from bot.github.client import Client
from bot.github.enrich import Enricher, merge
from bot.github.hunt import Hunt, begin
from bot.github.lists import Lists, Row, Shuffled
from bot.github.remembered import Memory
from bot.model.item import Item, RepositoryRef, Target
from bot.ports import Found, IndexedItems, Refusal

MOST_ENRICHED = 500
"""Items of one fire that may cost a request of their own; the others stay undecided."""


class GitHubTracker:
    """Reads issues and pull requests through one client; what it has read stays in the index."""

    def __init__(
        self, client: Client, index: IndexedItems | None = None, shuffled: Shuffled | None = None
    ) -> None:
        self.client = client
        self.index: IndexedItems = index or Memory()
        self.lists = Lists(client, self.index, shuffled)

    async def matching(
        self,
        repository: RepositoryRef,
        query: str,
        target: Target,
        now: datetime,
        *,
        number: int | None = None,
        discussed: bool = False,
    ) -> Found | Refusal:
        """Fetch what matches, in the query's order. `discussed` asks for the comment counts of pull requests, too."""
        hunt = await begin(self.client, repository, query, target, now)
        if isinstance(hunt, Refusal):
            return hunt
        if number is not None:
            return await self._one(hunt, number)
        plan = await self.lists.plan(hunt)
        if isinstance(plan, Refusal):
            return plan
        rows = await self.lists.fetch(hunt, plan)
        if isinstance(rows, Refusal):
            return rows
        # What the index holds has not been through the list's own conditions.
        left = hunt.query if hunt.indexed else plan.residual
        return await self._sift(hunt, rows, left, discussed=discussed)

    async def item(self, repository: RepositoryRef, number: int) -> Item | Refusal:
        """Fetch one item as it is now; a pull request carries its `/pulls` fields."""
        row = await self._whole(Enricher(self.client, repository), number)
        if isinstance(row, Refusal) and row.kind == "gone":
            await self.index.drop(repository.full_name, number)
        return row if isinstance(row, Refusal) else Item.of(row)

    async def comments(
        self, repository: RepositoryRef, number: int, most: int
    ) -> Sequence[dict[str, Any]] | Refusal:
        """Fetch the newest `most` comments, oldest first; the last pages alone where there are many."""
        path = f"issues/{number}/comments"
        first = await self.client.get(repository, path, params={"per_page": 100}, conditional=True)
        if isinstance(first, Refusal):
            return first
        rows = first.rows
        if first.next is not None:
            rest = await self.client.rows(repository, path, params={"page": 2, "per_page": 100})
            if isinstance(rest, Refusal):
                return rest
            rows = rows + rest
        return rows[-most:] if most > 0 else []

    async def explain(
        self, repository: RepositoryRef, query: str, target: Target, now: datetime, number: int
    ) -> tuple[bool | None, str, Item] | Refusal:
        """Whether one item matches, by which terms, and the item; facts are fetched where the answer turns on them."""
        hunt = await begin(self.client, repository, query, target, now)
        if isinstance(hunt, Refusal):
            return hunt
        row = await self._whole(hunt.enricher, number)
        if isinstance(row, Refusal):
            return row
        matcher = hunt.matcher(hunt.query)
        for _ in range(3):
            if matcher.test(row) is not None:
                break
            busy = await hunt.enricher.add([(row, matcher.needs(row))])
            if busy is not None:
                return busy
        return matcher.test(row), str(filters.explain(matcher, row)), Item.of(row)

    async def _sift(
        self, hunt: Hunt, rows: Sequence[Row], residual: filters.Query, *, discussed: bool = False
    ) -> Found | Refusal:
        """Match locally; fetch further facts for those still unknown; give the rest in order."""
        hunt.examined += len(rows)
        matcher = hunt.matcher(residual)
        wanted = [row for row in rows if _is_target(row, hunt.target)]
        judged = [(row, matcher.test(row)) for row in wanted]
        matched = [row for row, answer in judged if answer]
        unknown = [row for row, answer in judged if answer is None]
        undecided: list[int] = [int(row["number"]) for row in unknown[MOST_ENRICHED:]]
        for _ in range(3):  # what is fetched may turn the answer on another fact
            asked = [(row, matcher.needs(row)) for row in unknown[:MOST_ENRICHED]]
            if not asked:
                break
            busy = await hunt.enricher.add(asked)
            if busy is not None:
                return busy
            again = [(row, matcher.test(row)) for row, _ in asked]
            matched += [row for row, answer in again if answer]
            unknown = [row for row, answer in again if answer is None]
        undecided += [int(row["number"]) for row in unknown[:MOST_ENRICHED]]
        busy = await self._complete(hunt, matched, discussed=discussed)
        if busy is not None:
            return busy
        items = tuple(Item.of(row) for row in hunt.matcher(hunt.query).order(matched))
        return Found(
            items, tuple(sorted(set(undecided))), hunt.examined, hunt.requests + hunt.enricher.requests
        )

    async def _complete(self, hunt: Hunt, matched: Sequence[Row], *, discussed: bool) -> Refusal | None:
        """Give matching pull requests their heads, and where asked for the comment counts the pull list lacks."""
        lacking = [row for row in matched if "pull_request" in row and "head" not in row]
        busy = await hunt.enricher.pulls(lacking)
        if hunt.generation is not None and lacking:
            learnt = [row for row in lacking if "head" in row]
            name = hunt.repository.full_name
            await self.index.add(name, hunt.generation, learnt, unsure=watermark(hunt.at))
        if busy is not None or not discussed:
            return busy
        for row in matched:
            if "head" in row and "comments" not in row:
                answer = await self.client.get(hunt.repository, f"issues/{row['number']}", conditional=True)
                hunt.requests += 1
                if isinstance(answer, Refusal):
                    return answer if answer.kind == "busy" else None
                merge(row, answer.object)
        return None

    async def _one(self, hunt: Hunt, number: int) -> Found | Refusal:
        """Look at one item alone."""
        row = await self._whole(hunt.enricher, number)
        if isinstance(row, Refusal):
            return row
        return await self._sift(hunt, [row], hunt.query)

    async def _whole(self, enricher: Enricher, number: int) -> Row | Refusal:
        answer = await self.client.get(enricher.repository, f"issues/{number}", conditional=True)
        enricher.requests += 1
        if isinstance(answer, Refusal):
            return answer
        row = dict(answer.object)
        if "pull_request" in row:
            busy = await enricher.pulls([row])
            if busy is not None:
                return busy
        return row


def _is_target(row: Row, target: Target) -> bool:
    pull = "pull_request" in row or "head" in row
    return pull if target == "prs" else not pull if target == "issues" else True


__all__ = ["GitHubTracker", "Memory"]
