"""One search for matching items: the question made ready, and the requests it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import filters
from bot.github.client import Client
from bot.github.enrich import Enricher
from bot.model.item import RepositoryRef, Target
from bot.ports import Refusal
from filters import Facet


@dataclass(slots=True)
class Hunt:
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


async def begin(
    client: Client, repository: RepositoryRef, query: str, target: Target, now: datetime
) -> Hunt | Refusal:
    """Read the question, and fetch what of us, the repository and teams its answer turns on."""
    try:
        parsed = filters.parse(query)
    except filters.QueryError as error:
        return Refusal(kind="invalid", words=f"the filter cannot be used: {error}")
    me = await client.me()
    if isinstance(me, Refusal):
        return me
    needs = filters.needs(parsed)
    facts: Mapping[str, Any] = {"full_name": repository.full_name}
    requests = 0
    if Facet.REPOSITORY in needs:
        answer = await client.get(repository, f"/repos/{repository.full_name}", conditional=True)
        requests += 1
        if isinstance(answer, Refusal):
            return answer
        facts = answer.object
    teams = await _teams(client, repository, parsed) if Facet.TEAMS in needs else {}
    return Hunt(
        repository,
        parsed,
        target,
        now,
        me,
        facts,
        teams,
        Enricher(client, repository),
        now,
        requests,
    )


async def _teams(client: Client, repository: RepositoryRef, query: filters.Query) -> dict[str, list[str]]:
    """The members of the teams a query names; one that may not be read stays unknown."""
    named = {
        value.text.lstrip("@").lower() for leaf in filters.leaves(query.root) if isinstance(leaf, filters.Term) and "team" in leaf.name
        for value in leaf.values
    }  # fmt: skip
    found: dict[str, list[str]] = {}
    for name in named:
        org, slash, slug = name.partition("/")
        org, slug = (org, slug) if slash else (repository.owner, org)
        rows = await client.rows(repository, f"/orgs/{org}/teams/{slug}/members")
        if not isinstance(rows, Refusal):
            found[f"{org}/{slug}"] = [str(row.get("login")) for row in rows]
    return found


def planned(client: Client, hunt: Hunt, *, search: bool = True) -> filters.Plan:
    """The cheapest requests, for what is left of GitHub's allowance."""
    account = client.quota_of(hunt.repository)
    left = {"core": 5_000, "search": 30, "graphql": 5_000}
    for resource in left:
        seen = client.quotas.seen.get((account, resource))
        if seen is not None and hunt.now < seen.resets_at:
            left[resource] = seen.remaining
    known = filters.Known(remaining=left | ({} if search else {"search": 0}), milestones=hunt.milestones)
    target = hunt.target if hunt.target in ("issues", "prs") else None
    return filters.plan(
        hunt.query, repository=hunt.repository.full_name, now=hunt.now, me=hunt.me, target=target,
        known=known, teams=hunt.teams, facts=hunt.facts,
    )  # fmt: skip
