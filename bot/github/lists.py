"""Lists of items, read as planned: from GitHub page by page, or from the index and what changed since."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import filters
from bot.flow.indexed import holds, is_current, is_told, is_told_of, kept_lists, onward, told_by, watermark
from bot.github.client import Client
from bot.github.hunt import Hunt, planned
from bot.model.index import Checked, IndexMark, KeptList
from bot.model.item import RepositoryRef
from bot.ports import IndexedItems, Refusal

Row = dict[str, Any]
TALLEST = 1_000
"""Pages of one list."""
Shuffled = Callable[[RepositoryRef], Awaitable[datetime | None]]
"""When labels, milestones or items of a repository last changed in a way that updates no item."""
Hearing = Callable[[RepositoryRef], Awaitable[str | None]]
"""The stretch of time in which every webhook of a repository is known to have reached us; None where it is not known."""


class Lists:
    """Reads what plans ask for; what it has read stays in the index."""

    def __init__(self, client: Client, index: IndexedItems, shuffled: Shuffled | None) -> None:
        self.client, self.index, self.shuffled = client, index, shuffled
        self.hearing: Hearing | None = None

    async def plan(self, hunt: Hunt) -> filters.Plan | Refusal:
        """The requests for a hunt, once the numbers of the milestones it names are known."""
        plan = planned(self.client, hunt)
        if not plan.lookups:
            return plan
        hunt.milestones = {}
        for call in plan.lookups:
            rows = await self._listed(hunt, call)
            if isinstance(rows, Refusal):
                return rows
            hunt.milestones |= {str(row.get("title")): int(row["number"]) for row in rows}
        return planned(self.client, hunt)

    async def fetch(self, hunt: Hunt, plan: filters.Plan) -> list[Row] | Refusal:
        """What the plan's calls give, by number; from the index and what changed since, where it holds them."""
        lists = kept_lists(hunt.query, plan.calls)
        mark = await self._mark(hunt) if lists else None
        if lists and mark and holds(mark, lists):
            kept = await self._brought_up(hunt, mark, lists)
            if kept is not None:
                return kept
            mark = None
        rows: dict[int, Row] = {}
        for call in plan.calls:
            listed = await self._listed(hunt, call)
            if isinstance(listed, Refusal) and call.kind == "search" and listed.kind != "gone":
                # Search is the scarce and choosy way; the lists can always answer.
                return await self.fetch(hunt, planned(self.client, hunt, search=False))
            if isinstance(listed, Refusal):
                return listed
            for row in listed:
                rows.setdefault(int(row["number"]), row)
        if lists:
            await self._keep(hunt, mark, lists, list(rows.values()))
        return [dict(row) for row in rows.values()]

    async def _mark(self, hunt: Hunt) -> IndexMark | None:
        """The repository's index, where it is young and nothing happened that updates no item."""
        mark = await self.index.mark(hunt.repository.full_name)
        if mark is None:
            return None
        shuffled = await self.shuffled(hunt.repository) if self.shuffled else None
        return mark if is_current(mark, hunt.now, shuffled) else None

    async def _keep(
        self, hunt: Hunt, mark: IndexMark | None, lists: Sequence[KeptList], rows: list[Row]
    ) -> None:
        """Put a list that was read whole into the index, or begin one with it."""
        name, looked = hunt.repository.full_name, hunt.began or hunt.now
        if mark is not None:
            added = await self.index.add(
                name, mark.generation, rows, unsure=watermark(looked), lists=tuple(lists)
            )
            hunt.generation = mark.generation if added else None
            return
        hunt.generation = secrets.token_hex(8)
        fresh = IndexMark(
            generation=hunt.generation, begun_at=hunt.now, since=watermark(looked), lists=tuple(lists)
        )
        await self.index.begin(name, fresh, rows)

    async def _brought_up(
        self, hunt: Hunt, mark: IndexMark, lists: Sequence[KeptList]
    ) -> list[Row] | Refusal | None:
        """The index's rows once what was updated since is in it; None where it has begun anew meanwhile.

        Where nothing was, that is one request: a 304 under the same token, else a page that tells nothing new. Where webhooks
        have told all there is, it is none.
        """
        name = hunt.repository.full_name
        hearing = await self.hearing(hunt.repository) if self.hearing else None
        if not (is_told(mark, hearing, hunt.now) and is_told_of(hunt.query)):
            changed = await self._updated(hunt, mark.since)
            if isinstance(changed, Refusal):
                return changed
            if changed:
                since = onward(mark.since, changed, hunt.at)
                unsure = watermark(hunt.at)
                if not await self.index.add(name, mark.generation, changed, unsure=unsure, since=since):
                    return None
            if hearing is not None:
                check = Checked(at=hunt.now, hearing=hearing, told=mark.told, doubts=mark.doubts)
                await self.index.confirm(name, mark.generation, check)
        is_open = all(("state", "open") in each.conditions for each in lists)
        rows = await self.index.rows(name, mark.generation, is_open=is_open)
        hunt.generation, hunt.indexed = mark.generation, rows is not None
        return None if rows is None else [row for row in rows if told_by(row, lists)]

    async def _updated(self, hunt: Hunt, since: str) -> list[Row] | Refusal:
        """Everything updated since, oldest first. Each page begins where the last one ended: what is updated while
        we read moves to the end, and must not push another item over the edge of a page."""
        found: list[Row] = []
        page = 1
        for _ in range(TALLEST):
            params: dict[str, Any] = {
                "state": "all", "since": since, "sort": "updated", "direction": "asc", "per_page": 100,
            } | ({"page": page} if page > 1 else {})  # fmt: skip
            answer = await self.client.get(
                hunt.repository, "issues", params=params, conditional=not found and page == 1
            )
            hunt.requests += 1
            if isinstance(answer, Refusal):
                return answer
            hunt.at = answer.at
            found += answer.rows
            if answer.next is None or not answer.rows:
                break
            last = str(answer.rows[-1].get("updated_at") or "")
            since, page = (last, 1) if last > since else (since, page + 1)
        return found

    async def _listed(self, hunt: Hunt, call: filters.Call) -> list[Row] | Refusal:
        """All pages of one call, as far as its stop rule says."""
        found: list[Row] = []
        async for page in self.client.pages(
            hunt.repository, call.path, params=dict(call.params), most=TALLEST if call.paginate else 1
        ):
            hunt.requests += 1
            if isinstance(page, Refusal):
                return page
            hunt.at = page.at
            hunt.began = hunt.began or page.at
            held = page.object.get("items") if call.kind == "search" else page.json
            rows = [row for row in held or () if isinstance(row, dict) and isinstance(row.get("number"), int)]
            found += rows
            if call.stop is not None and rows and call.stop.passed(rows[-1]):
                break
        return found
