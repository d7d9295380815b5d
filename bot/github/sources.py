"""What a session gets to read beside its item: the conversation, the diff, the files, all issues for scripts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.github.client import Client
from bot.github.items import GitHubTracker
from bot.model.item import Item
from bot.ports import Data, Gathered, Refusal, Seat

MOST_COMMENTS = 50
RUNS_KEPT = 4


class GitHubSources:
    """Fetches template fields and the `github` contexts; `others` gathers the job's further contexts."""

    def __init__(
        self,
        client: Client,
        tracker: GitHubTracker,
        others: Callable[[Seat, Item | None], Awaitable[tuple[tuple[Data, ...], tuple[str, ...]]]]
        | None = None,
    ) -> None:
        self._client, self._tracker, self._others = client, tracker, others
        self._issues: OrderedDict[int, list[dict[str, Any]]] = OrderedDict()

    async def gather(self, seat: Seat, item: Item | None, used: frozenset[str]) -> Gathered:
        """Fetch what the templates name and the job's context asks for."""
        fields: dict[str, Any] = {}
        notes: list[str] = []
        for path, fetch in self._fields(seat, item).items():
            if path in used:
                got = await fetch()
                if isinstance(got, Refusal):
                    notes.append(f"{path} could not be read: {got.words}")
                    got = ""
                fields[path] = got
        data, more = await self._others(seat, item) if self._others else ((), ())
        return Gathered(fields=fields, data=data, notes=(*notes, *more))

    def _fields(self, seat: Seat, item: Item | None) -> Mapping[str, Callable[[], Awaitable[Any]]]:
        async def labels() -> Any:
            rows = await self._client.rows(seat.ref, "labels")
            return rows if isinstance(rows, Refusal) else [str(row.get("name")) for row in rows]

        if item is None:
            return {"repo.labels": labels}
        pull = f"pulls/{item.number}"

        async def comments() -> Any:
            return await self.conversation(seat, item.number)

        async def diff() -> Any:
            answer = await self._client.get(seat.ref, pull, accept="application/vnd.github.diff")
            return answer if isinstance(answer, Refusal) else answer.text

        async def files() -> Any:
            rows = await self._client.rows(seat.ref, f"{pull}/files", most=10)
            return rows if isinstance(rows, Refusal) else "\n".join(_file(row) for row in rows)

        async def checks() -> Any:
            rows = await self._client.rows(
                seat.ref, f"commits/{item.head_sha}/check-runs", within="check_runs", most=5
            )
            return (
                rows
                if isinstance(rows, Refusal)
                else "\n".join(
                    f"{row.get('name')}: {row.get('conclusion') or row.get('status')}" for row in rows
                )
            )

        async def linked() -> Any:
            return ""

        return {
            "repo.labels": labels,
            "item.comments": comments,
            "item.linked": linked,
            "item.diff": diff,
            "item.files": files,
            "item.checks": checks,
        }

    async def conversation(self, seat: Seat, number: int) -> str | Refusal:
        """The newest comments as text, oldest first; ours are left out by their hidden marker."""
        rows = await self._tracker.comments(seat.ref, number, MOST_COMMENTS)
        if isinstance(rows, Refusal):
            return rows
        theirs = [row for row in rows if "<!-- roundsman" not in str(row.get("body"))]
        return "\n\n".join(
            f"{(row.get('user') or {}).get('login', 'ghost')} wrote on {row.get('created_at')}:\n{row.get('body')}"
            for row in theirs
        )

    async def every_issue(self, seat: Seat) -> Sequence[dict[str, Any]]:
        """All issues of the repository, fetched once a run."""
        run = seat.run.id
        if run not in self._issues:
            found = await self._tracker.matching(seat.ref, "is:issue", "issues", _long_ago(seat))
            self._issues[run] = (
                [] if isinstance(found, Refusal) else [dict(item.payload) for item in found.items]
            )
            while len(self._issues) > RUNS_KEPT:
                self._issues.popitem(last=False)
        return self._issues[run]


def _long_ago(seat: Seat) -> datetime:
    return seat.run.created_at


def _file(row: Mapping[str, Any]) -> str:
    return f"{row.get('status')} {row.get('filename')} (+{row.get('additions')} -{row.get('deletions')})"
