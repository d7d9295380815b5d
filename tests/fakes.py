"""Small stand-ins for the ports: state in memory, the same promises as the real ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import filters
from bot.model.agent import AgentEnd, Ended, Said, SessionRequest, Usage
from bot.model.item import Item, RepositoryRef, Target
from bot.model.outcome import Action, AddLabels, Close, Outcome, RemoveLabels
from bot.ports import Found, Gathered, Meter, Refusal, Seat, Sink, Written


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = datetime(2026, 6, 1, 8, 59, 30, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        """The time it shows."""
        return self._now

    def move(self, **by: float) -> datetime:
        """Turn it on."""
        self._now += timedelta(**by)
        return self._now

    def set(self, now: datetime) -> None:
        """Turn it to an instant."""
        self._now = now


class MemoryGitHub:
    """A tracker and publisher over plain rows; dies on request before or after a write."""

    def __init__(self, clock: HandClock) -> None:
        self.clock, self.rows, self.comments_of = (
            clock,
            dict[int, dict[str, Any]](),
            dict[int, list[dict[str, Any]]](),
        )
        self.requests = 0
        self.fault: Callable[[str], None] | Refusal | None = None

    def issue(self, title: str, *labels: str, body: str = "", **more: Any) -> int:
        """Open an issue."""
        number = len(self.rows) + 1
        self.rows[number] = {
            "number": number, "title": title, "body": body, "state": "open", "labels": [{"name": name} for name in labels],
            "user": {"login": "ada", "type": "User"}, "assignees": [], "milestone": None, "comments": 0, "html_url": f"https://github.test/acme/shop/issues/{number}",
            "created_at": self._stamp(), "updated_at": self._stamp(), "author_association": "NONE", **more,
        }  # fmt: skip
        return number

    def _stamp(self) -> str:
        return self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def touch(self, number: int, **changes: Any) -> None:
        """Somebody changes an item."""
        self.rows[number] |= {**changes, "updated_at": self._stamp()}

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
        """Match the rows."""
        self.requests += 1
        if isinstance(self.fault, Refusal):
            return self.fault
        matcher = filters.compile(filters.parse(f"{query} is:issue"), now=now, me=None, teams={})
        rows = [row for row in self.rows.values() if number in (None, row["number"])]
        matched = matcher.order([row for row in rows if matcher(row) is filters.Verdict.YES])
        return Found(tuple(Item.of(dict(row)) for row in matched), examined=len(rows), requests=1)

    async def item(self, repository: RepositoryRef, number: int) -> Item | Refusal:
        """Give one row."""
        row = self.rows.get(number)
        return Item.of(dict(row)) if row else Refusal(kind="gone", words="404 Not Found")

    async def comments(
        self, repository: RepositoryRef, number: int, most: int
    ) -> Sequence[dict[str, Any]] | Refusal:
        """Give an item's comments."""
        return self.comments_of.get(number, [])[-most:]

    async def comment(
        self, repository: RepositoryRef, number: int, marker: str, body: str, known_id: str | None
    ) -> Written | Refusal:
        """Create or edit the comment that carries the marker."""
        self._maybe_die("before comment")
        if isinstance(self.fault, Refusal):
            return self.fault
        mine = self.comments_of.setdefault(number, [])
        found = next((c for c in mine if marker in c["body"]), None)
        if found is None:
            found = {"id": str(1000 + sum(map(len, self.comments_of.values()))), "body": body}
            mine.append(found)
            self.touch(number, comments=self.rows[number]["comments"] + 1)
        found["body"] = body
        self._maybe_die("after comment")
        return Written(target_id=found["id"], url=f"https://github.test/c/{found['id']}", at=self.clock.now())

    async def apply(
        self,
        repository: RepositoryRef,
        number: int,
        action: Action,
        key: str,
        patch: Any,
        head: str | None,
        origin: str = "",
    ) -> Written | Refusal:
        """Do one action."""
        self._maybe_die(f"before {action.kind}")
        if number:
            names = {label["name"] for label in self.rows[number]["labels"]}
            match action:
                case AddLabels(labels=labels):
                    names |= set(labels)
                case RemoveLabels(labels=labels):
                    names -= set(labels)
                case Close():
                    self.touch(number, state="closed")
                case _:
                    pass
            self.touch(number, labels=[{"name": name} for name in sorted(names)])
        else:
            number = self.issue(getattr(action, "title", "dashboard"))
        self._maybe_die(f"after {action.kind}")
        return Written(target_id=str(number), at=self.clock.now())

    def _maybe_die(self, where: str) -> None:
        if callable(self.fault):
            self.fault(where)

    async def undo(self, *args: Any) -> Refusal | None:
        """Nothing to take back."""
        return None

    async def react(self, *args: Any) -> Refusal | None:
        """Nothing to see."""
        return None


class ScriptedAgent:
    """An agent that answers as told, by a word of its prompt."""

    def __init__(self) -> None:
        self.sessions = 0
        self.requests: list[SessionRequest] = []
        self.answers: list[tuple[str, AgentEnd]] = []
        self.hold: asyncio.Event | None = None
        self.pays, self.may_go_on = 0.0, True
        self.stakes = 0.0
        """What the call it is at may cost."""

    def when(
        self,
        words: str,
        *,
        says: str = "",
        end: AgentEnd | None = None,
        actions: Sequence[Action] = (),
        cost: float = 0.0,
    ) -> None:
        """Answer prompts that hold `words`."""
        outcome = Outcome(summary=says, actions=tuple(actions))
        usage = Usage(calls=1, tokens_in=100, tokens_out=20, cost_usd=cost)
        self.answers.insert(
            0,
            (
                words,
                end or AgentEnd(ending="succeeded", outcome=outcome, usage=usage, turns=1, duration_s=2.0),
            ),
        )

    async def work(
        self, request: SessionRequest, *, sink: Sink, cancelled: asyncio.Event, meter: Meter
    ) -> AgentEnd:
        """Answer."""
        self.sessions += 1
        self.requests.append(request)
        await sink(Said(text="looking"))
        if self.pays:
            self.may_go_on = await meter.spent(self.pays)
        if self.stakes:
            await meter.at_stake(self.stakes)
        if self.hold is not None:
            waiting = [asyncio.create_task(self.hold.wait()), asyncio.create_task(cancelled.wait())]
            _, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            if cancelled.is_set():
                return AgentEnd(ending="cancelled")
        end = next((end for words, end in self.answers if words in request.prompt), AgentEnd(ending="quiet"))
        await sink(Ended(ending=end.ending))
        return end


class NoSources:
    """Nothing beside the item; `issues` is what scripts get to read."""

    def __init__(self) -> None:
        self.issues: Sequence[dict[str, Any]] | Refusal = ()

    async def gather(self, seat: Seat, item: Item | None, used: frozenset[str]) -> Gathered:
        """Give nothing."""
        return Gathered(fields={})

    async def every_issue(self, seat: Seat) -> Sequence[dict[str, Any]] | Refusal:
        """Give what is said."""
        return self.issues
