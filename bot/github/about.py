"""What GitHub knows about an item beyond its row, as text: conversation, links, diff, files, checks, commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bot.github.client import Client
from bot.github.items import GitHubTracker
from bot.model.item import Item, RepositoryRef
from bot.ports import Refusal

MOST_COMMENTS = 50
MOST_COMMITS = 30
MOST_BODY = 2_000
"""Characters of a linked item's body that are shown."""


class About:
    """Reads parts of an item; each gives text, empty where there is nothing, or a refusal."""

    def __init__(self, client: Client, tracker: GitHubTracker) -> None:
        self._client, self._tracker = client, tracker

    async def part(self, name: str, ref: RepositoryRef, item: Item | None) -> str | Refusal:
        """One part by the name jobs give it; what the item does not have is refused with the reason."""
        match name:
            case "checks":
                return await self.checks(ref, (item.head_sha if item else None) or ref.default_branch)
            case "commits":
                return await self.commits(ref, item)
        if item is None:
            return Refusal(kind="invalid", words=f"a job without items has no {name}")
        if name == "comments":
            return await self.comments(ref, item.number)
        if name == "linked":
            return await self.linked(ref, item)
        if not item.is_pull:
            return Refusal(kind="invalid", words=f"#{item.number} is no pull request, so it has no {name}")
        return await (self.diff if name == "diff" else self.files)(ref, item.number)

    async def comments(self, ref: RepositoryRef, number: int) -> str | Refusal:
        """The newest comments, oldest first, without our own; a copied marker makes nobody us."""
        rows = await self._tracker.comments(ref, number, MOST_COMMENTS)
        if isinstance(rows, Refusal):
            return rows
        me = await self._client.me()
        mine = None if isinstance(me, Refusal) or not me else me.casefold()
        theirs = [row for row in rows if not _is_ours(row, mine)]
        return "\n\n".join(
            f"{(row.get('user') or {}).get('login', 'ghost')} wrote on {row.get('created_at')}:\n{row.get('body')}"
            for row in theirs
        )

    async def linked(self, ref: RepositoryRef, item: Item) -> str | Refusal:
        """Items that close it or that it closes, with their text, then those that mention it."""
        node = item.payload.get("node_id")
        data = (
            await self._client.graphql(ref, _LINKED, {"id": node})
            if node
            else Refusal(kind="invalid", words="GitHub gave the item no node id")
        )
        mentions = await self._client.rows(ref, f"issues/{item.number}/timeline", most=5)
        if isinstance(data, Refusal) and isinstance(mentions, Refusal):
            return data
        closing = [] if isinstance(data, Refusal) else closing_of(data)
        named = {line.partition(":")[0] for line in closing}
        mentioned = [] if isinstance(mentions, Refusal) else mentions_of(mentions, ref.full_name)
        return "\n\n".join([*closing, *(m for m in mentioned if m.partition(":")[0] not in named)])

    async def diff(self, ref: RepositoryRef, number: int) -> str | Refusal:
        """The pull request's diff."""
        answer = await self._client.get(ref, f"pulls/{number}", accept="application/vnd.github.diff")
        return answer if isinstance(answer, Refusal) else answer.text

    async def files(self, ref: RepositoryRef, number: int) -> str | Refusal:
        """The files a pull request changes, one a line."""
        rows = await self._client.rows(ref, f"pulls/{number}/files", most=10)
        return rows if isinstance(rows, Refusal) else "\n".join(map(_file, rows))

    async def checks(self, ref: RepositoryRef, commit: str) -> str | Refusal:
        """Check runs and statuses of a commit, one a line; a job's own permission may show but one kind."""
        runs = await self._client.rows(ref, f"commits/{commit}/check-runs", within="check_runs", most=5)
        states = await self._client.rows(ref, f"commits/{commit}/status", within="statuses", most=1)
        if isinstance(runs, Refusal) and isinstance(states, Refusal):
            return runs
        lines = [] if isinstance(runs, Refusal) else [_check(row) for row in runs]
        lines += [] if isinstance(states, Refusal) else [_status(row) for row in states]
        return "\n".join(lines)

    async def commits(self, ref: RepositoryRef, item: Item | None) -> str | Refusal:
        """The commits of a pull request, else the newest of the default branch, one a line."""
        pull = item is not None and item.is_pull
        path = f"pulls/{item.number}/commits" if item and pull else "commits"
        params = {"per_page": MOST_COMMITS} | ({} if pull else {"sha": ref.default_branch})
        rows = await self._client.rows(ref, path, params=params, most=1)
        return rows if isinstance(rows, Refusal) else "\n".join(map(_commit, rows))


def closing_of(data: Mapping[str, Any]) -> list[str]:
    """Read GraphQL's answer to which items close this one, or are closed by it."""
    node = data.get("node") or {}
    held = node.get("closingIssuesReferences") or node.get("closedByPullRequestsReferences") or {}
    pulls = "closedByPullRequestsReferences" in node
    how = "would close this" if pulls else "is closed by this"
    lines = []
    for row in held.get("nodes") or ():
        if not row:
            continue
        kind = "pull request" if pulls else "issue"
        head = f"#{row.get('number')}: {row.get('title')} ({kind}, {str(row.get('state')).lower()}, {how})"
        lines.append(f"{head}\n{str(row.get('body') or '')[:MOST_BODY]}".rstrip())
    return lines


def mentions_of(timeline: Iterable[Mapping[str, Any]], here: str) -> list[str]:
    """Read the timeline for items that mention this one; each once, as `#7` here and `o/n#7` elsewhere."""
    found: dict[str, str] = {}
    for event in timeline:
        source = (
            ((event.get("source") or {}).get("issue") or {})
            if event.get("event") == "cross-referenced"
            else {}
        )
        if not source.get("number"):
            continue
        where = str((source.get("repository") or {}).get("full_name") or here)
        name = ("" if where.casefold() == here.casefold() else where) + f"#{source['number']}"
        kind = "pull request" if "pull_request" in source else "issue"
        found[name] = f"{name}: {source.get('title')} ({kind}, {source.get('state')}, mentions this)"
    return list(found.values())


_FIELDS = "nodes { number title state body }"
_LINKED = (
    "query($id: ID!) { node(id: $id) { __typename "
    f"... on PullRequest {{ closingIssuesReferences(first: 20) {{ {_FIELDS} }} }} "
    f"... on Issue {{ closedByPullRequestsReferences(first: 20, includeClosedPrs: true) {{ {_FIELDS} }} }} }} }}"
)


def _is_ours(row: Mapping[str, Any], me: str | None) -> bool:
    author = str((row.get("user") or {}).get("login") or "").casefold()
    return "<!-- roundsman" in str(row.get("body")) and me in (None, author)


def _file(row: Mapping[str, Any]) -> str:
    return f"{row.get('status')} {row.get('filename')} (+{row.get('additions')} -{row.get('deletions')})"


def _check(row: Mapping[str, Any]) -> str:
    title = (row.get("output") or {}).get("title")
    return f"{row.get('name')}: {row.get('conclusion') or row.get('status')}" + (
        f", {title}" if title else ""
    )


def _status(row: Mapping[str, Any]) -> str:
    said = row.get("description")
    return f"{row.get('context')}: {row.get('state')}" + (f", {said}" if said else "")


def _commit(row: Mapping[str, Any]) -> str:
    commit = row.get("commit") or {}
    author = commit.get("author") or {}
    first = str(commit.get("message") or "").partition("\n")[0]
    return f"{str(row.get('sha'))[:10]} {author.get('date')} {author.get('name')}: {first}"
