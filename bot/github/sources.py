"""What a session gets to read beside its item: template fields, the job's contexts, all issues for scripts."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, assert_never

from bot.github.about import About
from bot.github.client import Client
from bot.github.gitfile import read_file
from bot.github.items import GitHubTracker
from bot.model.context import Context, DatabaseContext, FileContext, GithubContext, HttpContext, LinearContext
from bot.model.item import Item
from bot.ports import Data, Gathered, Refusal, Seat

Elsewhere = Callable[[HttpContext | LinearContext | DatabaseContext], Awaitable[str | Refusal]]
"""Reads a context that is not GitHub's."""
RUNS_KEPT = 4
MOST_TOGETHER = 400_000
"""Characters of all contexts together: more than a model reads with profit."""
_ITEM_PARTS = ("comments", "linked", "diff", "files", "checks")


class GitHubSources:
    """Fetches template fields and the job's contexts; those that are not GitHub's come from `elsewhere`."""

    def __init__(self, client: Client, tracker: GitHubTracker, elsewhere: Elsewhere | None = None) -> None:
        self._client, self._tracker, self._elsewhere = client, tracker, elsewhere
        self._about = About(client, tracker)
        self._issues: OrderedDict[int, list[dict[str, Any]]] = OrderedDict()
        self._looking = asyncio.Lock()

    async def gather(self, seat: Seat, item: Item | None, used: frozenset[str]) -> Gathered:
        """Fetch what the templates name and the job's context asks for; a part that both name is fetched once."""
        parts: dict[str, str | Refusal] = {}
        fields, notes = await self._fields(seat, item, used, parts)
        data, more = await self._contexts(seat, item, parts)
        return Gathered(fields=fields, data=tuple(data), notes=(*notes, *more))

    async def _fields(
        self, seat: Seat, item: Item | None, used: frozenset[str], parts: dict[str, str | Refusal]
    ) -> tuple[dict[str, Any], list[str]]:
        fields: dict[str, Any] = {}
        notes: list[str] = []
        for path in sorted(used & _PATHS):
            root, _, name = path.partition(".")
            if root == "item" and item is None:
                continue
            got: Any = await (self._labels(seat) if root == "repo" else self._part(name, seat, item, parts))
            if isinstance(got, Refusal):
                notes.append(f"{path} could not be read: {got.words}")
                got = ""
            fields[path] = got
        return fields, notes

    async def _labels(self, seat: Seat) -> list[str] | Refusal:
        rows = await self._client.rows(seat.ref, "labels")
        return rows if isinstance(rows, Refusal) else [str(row.get("name")) for row in rows]

    async def _part(
        self, name: str, seat: Seat, item: Item | None, parts: dict[str, str | Refusal]
    ) -> str | Refusal:
        if name not in parts:
            parts[name] = await self._about.part(name, seat.ref, item)
        return parts[name]

    async def _contexts(
        self, seat: Seat, item: Item | None, parts: dict[str, str | Refusal]
    ) -> tuple[list[Data], list[str]]:
        data: list[Data] = []
        notes: list[str] = []
        left = MOST_TOGETHER
        for context in seat.spec.context:
            name = _named(context, item)
            got = await self._context(context, seat, item, parts)
            if isinstance(got, Refusal):
                notes.append(f"{name} could not be read: {got.words}")
            elif not got.strip():
                notes.append(f"{name}: there is nothing")
            elif left <= 0:
                notes.append(f"{name} was left out: the context has {MOST_TOGETHER:,} characters already")
            else:
                cap = min(context.max_kb * 1024, left)
                data.append(Data(name, got, cap))
                left -= min(len(got), cap)
        return data, notes

    async def _context(
        self, context: Context, seat: Seat, item: Item | None, parts: dict[str, str | Refusal]
    ) -> str | Refusal:
        match context:
            case GithubContext():
                return await self._part(context.github, seat, item, parts)
            case FileContext():
                commit = (item.head_sha if item else None) or seat.ref.default_branch
                return await read_file(self._client, seat.ref, commit, context.file)
            case HttpContext() | LinearContext() | DatabaseContext():
                if self._elsewhere is None:
                    return Refusal(kind="forbidden", words="this process reads nothing outside GitHub")
                return await self._elsewhere(context)
            case _:
                assert_never(context)

    async def every_issue(self, seat: Seat) -> Sequence[dict[str, Any]] | Refusal:
        """All issues of the repository, fetched once a run however many of its sessions ask at once."""
        run = seat.run.id
        async with self._looking:
            if run not in self._issues:
                found = await self._tracker.matching(seat.ref, "is:issue", "issues", seat.run.created_at)
                if isinstance(found, Refusal):
                    return found
                self._issues[run] = [dict(item.payload) for item in found.items]
                while len(self._issues) > RUNS_KEPT:
                    self._issues.popitem(last=False)
            return self._issues[run]


_PATHS = frozenset({"repo.labels", *(f"item.{name}" for name in _ITEM_PARTS)})


def _named(context: Context, item: Item | None) -> str:
    """Where the data comes from, in the words its fence carries; never a header, key or connection string."""
    if context.title:
        return context.title
    match context:
        case GithubContext():
            kind = "pull request" if item and item.is_pull else "issue"
            return (
                f"{context.github} of {kind} {item.number}" if item else f"{context.github} of the repository"
            )
        case FileContext():
            return f"file {context.file}"
        case HttpContext():
            return f"http {context.http.partition('?')[0].partition('#')[0]}"
        case LinearContext():
            return f"linear {context.linear.team or context.linear.project or 'issues'}"
        case DatabaseContext():
            return f"database {context.database}"
        case _:
            assert_never(context)
