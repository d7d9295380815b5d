"""The flow's `Tracker`: the planned requests, local matching, further facts only where an answer turns on them."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import filters
from bot.flow.indexed import holds, is_current, is_told, is_told_of, kept_lists, onward, told_by, watermark
from bot.github.client import Client
from bot.github.enrich import Enricher, merge
from bot.github.remembered import Memory
from bot.model.index import Checked, IndexMark, KeptList
from bot.model.item import Item, RepositoryRef, Target
from bot.ports import Found, IndexedItems, Refusal
from filters import Facet

Row = dict[str, Any]
MOST_ENRICHED = 500
"""Items of one fire that may cost a request of their own; the others stay undecided."""
TALLEST = 1_000
"""Pages of one list."""


@dataclass(slots=True)
class _Hunt:
    """One search for matching items: the question, and what it has cost."""

    repository: RepositoryRef
    query: filters.Query
    target: Target
    now: datetime
    me: str
    facts: Mapping[str, Any]
    teams: Mapping[str, Sequence[str]]
    enricher: Enricher
    at: datetime
    """GitHub's clock at its last answer."""
    requests: int = 0
    examined: int = 0
    milestones: dict[str, int] | None = None
    began: datetime | None = None
    """GitHub's clock at the first page of a list."""
    generation: str | None = None
    """The life of the index that what is learnt belongs to."""
    indexed: bool = False
    """Whether the rows come from the index."""

    def matcher(self, query: filters.Query) -> filters.Matcher:
        """The query made ready for this moment."""
        return filters.compile(query, now=self.now, me=self.me, teams=self.teams, repository=self.facts)


Shuffled = Callable[[RepositoryRef], Awaitable[datetime | None]]
"""When labels, milestones or items of a repository last changed in a way that updates no item."""


Hearing = Callable[[RepositoryRef], Awaitable[str | None]]
"""The stretch of time in which every webhook of a repository is known to have reached us; None where it is not known."""


class GitHubTracker:
    """Reads issues and pull requests through one client; what it has read stays in the index."""

    def __init__(
        self, client: Client, index: IndexedItems | None = None, shuffled: Shuffled | None = None
    ) -> None:
        self.client = client
        self.index: IndexedItems = index or Memory()
        self.shuffled = shuffled
        self.hearing: Hearing | None = None

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
        hunt = await self._hunt(repository, query, target, now)
        if isinstance(hunt, Refusal):
            return hunt
        if number is not None:
            return await self._one(hunt, number)
        plan = await self._plan(hunt)
        if isinstance(plan, Refusal):
            return plan
        rows = await self._fetch(hunt, plan)
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
        hunt = await self._hunt(repository, query, target, now)
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

    # ── the steps of a hunt ──────────────────────────────────────────────────────────────────────

    async def _hunt(
        self, repository: RepositoryRef, query: str, target: Target, now: datetime
    ) -> _Hunt | Refusal:
        try:
            parsed = filters.parse(query)
        except filters.QueryError as error:
            return Refusal(kind="invalid", words=f"the filter cannot be used: {error}")
        me = await self.client.me()
        if isinstance(me, Refusal):
            return me
        needs = filters.needs(parsed)
        facts: Mapping[str, Any] = {"full_name": repository.full_name}
        requests = 0
        if Facet.REPOSITORY in needs:
            answer = await self.client.get(repository, f"/repos/{repository.full_name}", conditional=True)
            requests += 1
            if isinstance(answer, Refusal):
                return answer
            facts = answer.object
        teams = await self._teams(repository, parsed) if Facet.TEAMS in needs else {}
        return _Hunt(
            repository,
            parsed,
            target,
            now,
            me,
            facts,
            teams,
            Enricher(self.client, repository),
            now,
            requests,
        )

    async def _teams(self, repository: RepositoryRef, query: filters.Query) -> dict[str, list[str]]:
        """The members of the teams a query names; one that may not be read stays unknown."""
        named = {
            value.text.lstrip("@").lower() for leaf in filters.leaves(query.root) if isinstance(leaf, filters.Term) and "team" in leaf.name
            for value in leaf.values
        }  # fmt: skip
        found: dict[str, list[str]] = {}
        for name in named:
            org, slash, slug = name.partition("/")
            org, slug = (org, slug) if slash else (repository.owner, org)
            rows = await self.client.rows(repository, f"/orgs/{org}/teams/{slug}/members")
            if not isinstance(rows, Refusal):
                found[f"{org}/{slug}"] = [str(row.get("login")) for row in rows]
        return found

    async def _plan(self, hunt: _Hunt) -> filters.Plan | Refusal:
        plan = self._planned(hunt)
        if not plan.lookups:
            return plan
        hunt.milestones = {}
        for call in plan.lookups:
            rows = await self._listed(hunt, call)
            if isinstance(rows, Refusal):
                return rows
            hunt.milestones |= {str(row.get("title")): int(row["number"]) for row in rows}
        return self._planned(hunt)

    def _planned(self, hunt: _Hunt, *, search: bool = True) -> filters.Plan:
        account = self.client.quota_of(hunt.repository)
        left = {"core": 5_000, "search": 30, "graphql": 5_000}
        for resource in left:
            seen = self.client.quotas.seen.get((account, resource))
            if seen is not None and hunt.now < seen.resets_at:
                left[resource] = seen.remaining
        known = filters.Known(remaining=left | ({} if search else {"search": 0}), milestones=hunt.milestones)
        target = hunt.target if hunt.target in ("issues", "prs") else None
        return filters.plan(
            hunt.query, repository=hunt.repository.full_name, now=hunt.now, me=hunt.me, target=target,
            known=known, teams=hunt.teams, facts=hunt.facts,
        )  # fmt: skip

    async def _fetch(self, hunt: _Hunt, plan: filters.Plan) -> list[Row] | Refusal:
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
                return await self._fetch(hunt, self._planned(hunt, search=False))
            if isinstance(listed, Refusal):
                return listed
            for row in listed:
                rows.setdefault(int(row["number"]), row)
        if lists:
            await self._keep(hunt, mark, lists, list(rows.values()))
        return [dict(row) for row in rows.values()]

    async def _mark(self, hunt: _Hunt) -> IndexMark | None:
        """The repository's index, where it is young and nothing happened that updates no item."""
        mark = await self.index.mark(hunt.repository.full_name)
        if mark is None:
            return None
        shuffled = await self.shuffled(hunt.repository) if self.shuffled else None
        return mark if is_current(mark, hunt.now, shuffled) else None

    async def _keep(
        self, hunt: _Hunt, mark: IndexMark | None, lists: Sequence[KeptList], rows: list[Row]
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
        self, hunt: _Hunt, mark: IndexMark, lists: Sequence[KeptList]
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

    async def _updated(self, hunt: _Hunt, since: str) -> list[Row] | Refusal:
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

    async def _listed(self, hunt: _Hunt, call: filters.Call) -> list[Row] | Refusal:
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

    async def _sift(
        self, hunt: _Hunt, rows: Sequence[Row], residual: filters.Query, *, discussed: bool = False
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

    async def _complete(self, hunt: _Hunt, matched: Sequence[Row], *, discussed: bool) -> Refusal | None:
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

    async def _one(self, hunt: _Hunt, number: int) -> Found | Refusal:
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


__all__ = ["GitHubTracker", "Memory", "Shuffled"]
