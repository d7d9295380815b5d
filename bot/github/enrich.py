"""Facts beyond the lists, fetched only for items whose answer still turns on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from bot.github.client import Client
from bot.model.item import RepositoryRef
from bot.ports import Refusal
from filters import Facet

Row = dict[str, Any]
BATCH = 50
BY_GRAPHQL = frozenset({Facet.DECISION, Facet.CHECKS, Facet.LINKED, Facet.PROJECTS, Facet.QUEUE})
_ROLLUP = {
    "SUCCESS": "success", "PENDING": "pending", "EXPECTED": "pending", "FAILURE": "failure", "ERROR": "failure",
}  # fmt: skip


class Enricher:
    """Adds facts to rows in place; counts its requests. A fact that could not be had stays absent, hence unknown."""

    def __init__(self, client: Client, repository: RepositoryRef) -> None:
        self.client = client
        self.repository = repository
        self.requests = 0

    async def add(self, wanted: Sequence[tuple[Row, Collection[Facet]]]) -> Refusal | None:
        """Fetch for each row the facts named with it; a refusal only where GitHub asks us to wait."""
        lacking = [row for row, facets in wanted if Facet.PULL in facets]
        waits = await self.pulls(lacking)
        batched = [(row, facets) for row, facets in wanted if BY_GRAPHQL & set(facets) and row.get("node_id")]
        for start in range(0, len(batched), BATCH):
            waits = waits or await self._batch(batched[start : start + BATCH])
        for row, facets in wanted:
            waits = waits or await self._each(row, facets)
        return waits

    async def pulls(self, rows: Sequence[Row]) -> Refusal | None:
        """Give pull requests their `/pulls` fields: from the open list where many lack them, else one by one."""
        lacking = {int(row["number"]): row for row in rows if "head" not in row and "pull_request" in row}
        if sum(row.get("state") == "open" for row in lacking.values()) > 2:
            async for page in self.client.pages(self.repository, "pulls", params={"state": "open"}):
                self.requests += 1
                if isinstance(page, Refusal):
                    return _only_busy(page)
                for pull in page.rows:
                    if (row := lacking.pop(int(pull.get("number") or 0), None)) is not None:
                        merge(row, pull)
                if not any(row.get("state") == "open" for row in lacking.values()):
                    break
        for number, row in lacking.items():
            answer = await self._get(f"pulls/{number}")
            if isinstance(answer, Refusal):
                if (busy := _only_busy(answer)) is not None:
                    return busy
            else:
                merge(row, answer)
        return None

    async def _each(self, row: Row, facets: Iterable[Facet]) -> Refusal | None:
        number, pull = row["number"], "pull_request" in row or "head" in row
        for facet in facets:
            match facet:
                case Facet.COMMENTS:
                    path, key = f"issues/{number}/comments", "_comments"
                case Facet.REVIEWS if pull:
                    path, key = f"pulls/{number}/reviews", "_reviews"
                case Facet.COMMITS if pull:
                    path, key = f"pulls/{number}/commits", "_commits"
                case Facet.REVIEWS | Facet.COMMITS:
                    row["_reviews" if facet is Facet.REVIEWS else "_commits"] = []
                    continue
                case _:
                    continue
            rows = await self.client.rows(self.repository, path)
            self.requests += 1
            if isinstance(rows, Refusal):
                if (busy := _only_busy(rows)) is not None:
                    return busy
                continue
            row[key] = [each.get("sha") for each in rows] if facet is Facet.COMMITS else rows
        return None

    async def _batch(self, wanted: Sequence[tuple[Row, Collection[Facet]]]) -> Refusal | None:
        facets = BY_GRAPHQL & {facet for _, asked in wanted for facet in asked}
        ids = [row["node_id"] for row, _ in wanted]
        data = await self.client.graphql(self.repository, _query(facets), {"ids": ids})
        self.requests += 1
        if isinstance(data, Refusal):
            return _only_busy(data)
        for (row, _), node in zip(wanted, data.get("nodes") or (), strict=False):
            if isinstance(node, dict):
                row.update(_facts(node, facets))
        return None

    async def _get(self, path: str) -> Row | Refusal:
        answer = await self.client.get(self.repository, path, conditional=True)
        self.requests += 1
        return answer if isinstance(answer, Refusal) else answer.object


def merge(row: Row, pull: Mapping[str, Any]) -> None:
    """Add the `/pulls` fields to an issue row; what both tell stays as the issue has it."""
    row.update({key: value for key, value in pull.items() if key not in row})


def _only_busy(refusal: Refusal) -> Refusal | None:
    return refusal if refusal.kind == "busy" else None


_OWNER = "owner { ... on Organization { login } ... on User { login } }"
_PROJECTS = f"projectItems(first: 50) {{ nodes {{ project {{ number {_OWNER} }} }} }}"
_PULL = {
    Facet.DECISION: "reviewDecision",
    Facet.QUEUE: "isInMergeQueue",
    Facet.CHECKS: "statusCheckRollup { state }",
    Facet.LINKED: "closingIssuesReferences(first: 50) { nodes { number } }",
    Facet.PROJECTS: _PROJECTS,
}
_ISSUE = {
    Facet.LINKED: "closedByPullRequestsReferences(first: 50, includeClosedPrs: true) { nodes { number } }",
    Facet.PROJECTS: _PROJECTS,
}


def _query(facets: Collection[Facet]) -> str:
    pull = " ".join(text for facet, text in _PULL.items() if facet in facets)
    issue = " ".join(text for facet, text in _ISSUE.items() if facet in facets)
    return (
        "query($ids: [ID!]!) { nodes(ids: $ids) { __typename "
        f"... on PullRequest {{ id {pull} }} ... on Issue {{ id {issue} }} }} }}"
    )


def _facts(node: Mapping[str, Any], facets: Collection[Facet]) -> Row:
    """Read a node's answers as the keys the filters know; a field GitHub kept from us stays absent."""
    pull = node.get("__typename") == "PullRequest"
    facts: Row = {}
    if Facet.DECISION in facets:
        facts["_review_decision"] = node.get("reviewDecision") if pull else None
    if Facet.QUEUE in facets:
        facts["_merge_queue"] = bool(node.get("isInMergeQueue")) if pull else False
    if Facet.CHECKS in facets:
        state = (node.get("statusCheckRollup") or {}).get("state") if pull else None
        facts["_checks"] = _ROLLUP.get(str(state))
    linked = node.get("closingIssuesReferences" if pull else "closedByPullRequestsReferences")
    if Facet.LINKED in facets and isinstance(linked, dict):
        facts["_linked"] = [each["number"] for each in linked.get("nodes") or () if each]
    projects = node.get("projectItems")
    if Facet.PROJECTS in facets and isinstance(projects, dict):
        found = [each.get("project") or {} for each in projects.get("nodes") or () if each]
        facts["_projects"] = [f"{(p.get('owner') or {}).get('login')}/{p['number']}" for p in found if p]
    return facts
