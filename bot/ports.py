"""What the flow asks of the world: small protocols, owned here, implemented in folders beside.

Expected failures are returned (`Refusal`), never raised: an exception comes back from the durable journal as another type.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from bot.model.agent import AgentEnd, Event, Patch, SessionRequest
from bot.model.item import Item, RepositoryRef, Target
from bot.model.outcome import Action
from bot.model.run import Repository

T = TypeVar("T")


class Value(BaseModel):
    """A frozen value that survives the durable journal as JSON."""

    model_config = ConfigDict(frozen=True)


class Refusal(Value):
    """GitHub would not, and what that means for us.

    `gone` (404, 410, 451): the thing is no more. `forbidden` (401, 403): we lack a permission. `invalid` (422): it
    will never work. `busy` (limits, 5xx, no connection): later, after `retry_after` seconds.
    """

    kind: Literal["gone", "forbidden", "invalid", "busy"]
    words: str
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a fire fetched: the matching items in result order, and how.

    `undecided` are items whose missing facts could not be had (they are not worked on); `examined` counts all rows
    looked at; `requests` the calls made to GitHub for it.
    """

    items: tuple[Item, ...]
    undecided: tuple[int, ...] = ()
    examined: int = 0
    requests: int = 0


class Tracker(Protocol):
    """Reads a repository's items (`IndexedItems`: by list now, from an incremental index later)."""

    async def matching(
        self, repository: RepositoryRef, query: str, target: Target, now: datetime
    ) -> Found | Refusal:
        """Fetch the items that match; pull requests carry their `/pulls` fields where a term or a head needs them."""
        ...

    async def item(self, repository: RepositoryRef, number: int) -> Item | Refusal:
        """Fetch one item as it is now; a pull request carries its `/pulls` fields."""
        ...

    async def comments(
        self, repository: RepositoryRef, number: int, most: int
    ) -> Sequence[dict[str, Any]] | Refusal:
        """Fetch the newest `most` comments, oldest first."""
        ...


class Written(Value):
    """What a write left on GitHub. `at` is GitHub's clock; `found` says an earlier try had already done it."""

    target_id: str
    url: str = ""
    at: datetime
    before: Any = None
    after: Any = None
    found: bool = False


class Publisher(Protocol):
    """Writes to GitHub, each write once: it looks for `key` among what our own identity wrote, then writes."""

    async def comment(
        self, repository: RepositoryRef, number: int, marker: str, body: str, known_id: str | None
    ) -> Written | Refusal:
        """Create the comment that carries `marker` (a hidden HTML comment, part of `body`), or edit it if it is there.

        `known_id` is where we stored it last time; a copied marker in somebody else's comment means nothing.
        """
        ...

    async def apply(
        self,
        repository: RepositoryRef,
        number: int,
        action: Action,
        key: str,
        patch: Patch | None,
        head: str | None,
    ) -> Written | Refusal:
        """Do one allowed action other than a comment. `head` is the commit a review or check speaks of."""
        ...

    async def undo(
        self, repository: RepositoryRef, number: int, kind: str, target_id: str, before: Any, after: Any
    ) -> Refusal | None:
        """Take one recorded effect back: delete or minimise a comment, restore labels, state, assignees, milestone."""
        ...

    async def react(self, repository: RepositoryRef, comment_id: int, content: str) -> Refusal | None:
        """Put a reaction on a comment."""
        ...


class Meter(Protocol):
    """Asked by the model proxy after every paid call."""

    async def spent(self, usd: float) -> bool:
        """Record the session's total so far (USD); False stops the session before its next call."""
        ...


Sink = Callable[[Event], Awaitable[None]]


class Agent(Protocol):
    """Runs one attempt of one session to its end; nothing expected is raised."""

    async def work(
        self, request: SessionRequest, *, sink: Sink, cancelled: asyncio.Event, meter: Meter
    ) -> AgentEnd:
        """Prepare the workspace, run the agent confined and limited, read its outcome and recompute its patch."""
        ...


class Steps(Protocol):
    """The durable journal: a step's result is kept, so that a replay gets the same answer without doing it again.

    Live and replayed results pass through one codec. Steps run one after another and are named in order.
    """

    async def __call__(self, name: str, kind: type[T], work: Callable[[], Awaitable[T]]) -> T:
        """Do `work` once and keep its result, a value of `kind` that Pydantic can write as JSON."""
        ...


class Clock(Protocol):
    """The only one who knows the time."""

    def now(self) -> datetime:
        """Say the time, aware, in UTC."""
        ...


class Viewer(Value):
    """Who looks or acts: a person signed in with GitHub, a machine's token, or the local single user.

    `roles` maps repository names in lower case to `read triage write maintain admin`; `local` may do everything.
    """

    login: str
    kind: Literal["person", "machine", "local"] = "person"
    roles: dict[str, Literal["none", "read", "triage", "write", "maintain", "admin"]] = {}
    operator: bool = False


Doing = Literal["see", "run", "edit", "operate"]
_NEEDS: dict[Doing, frozenset[str]] = {
    "see": frozenset({"triage", "write", "maintain", "admin"}),
    "run": frozenset({"write", "maintain", "admin"}),
    "edit": frozenset({"maintain", "admin"}),
    "operate": frozenset(),
}


def authorise(viewer: Viewer | None, doing: Doing, repository: Repository | None) -> str | None:
    """Say why `viewer` may not do this, or None where they may. `operate` is for operators alone."""
    if viewer is None:
        return "sign in first"
    if viewer.kind == "local" or viewer.operator:
        return None
    if doing == "operate" or repository is None:
        return "only an operator of this Roundsman may do this"
    role = viewer.roles.get(repository.full_name.lower(), "none")
    if role in _NEEDS[doing]:
        return None
    return f"your role on {repository.full_name} is {role}; this needs {' or '.join(sorted(_NEEDS[doing]))}"
