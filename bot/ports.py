"""What the flow asks of the world: small protocols, owned here, implemented in folders beside.

Expected failures are returned (`Refusal`), never raised: an exception comes back from the durable journal as another type.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar, get_args

from pydantic import BaseModel, ConfigDict

from bot.model.agent import AgentEnd, Event, Patch, SessionRequest
from bot.model.index import Checked, IndexMark, KeptList, Row
from bot.model.item import Item, RepositoryRef, Target
from bot.model.job import JobSpec
from bot.model.outcome import Action
from bot.model.run import Effect, Job, Repository, Run, RunStatus, Session, SessionStatus
from bot.model.selection import Candidate, Selection

T = TypeVar("T")


class Value(BaseModel):
    """A frozen value that survives the durable journal as JSON."""

    model_config = ConfigDict(frozen=True)


class Refusal(Value):
    """GitHub would not, and what that means for us.

    `gone` (404, 410, 451): the thing is no more. `forbidden` (401, 403): we lack a permission. `invalid` (422): it
    will never work. `busy` (limits, 5xx, no connection): later, after `retry_after` seconds. `status` is GitHub's.
    """

    kind: Literal["gone", "forbidden", "invalid", "busy"]
    words: str
    retry_after: float = 0.0
    status: int | None = None


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
        self,
        repository: RepositoryRef,
        query: str,
        target: Target,
        now: datetime,
        *,
        number: int | None = None,
        discussed: bool = False,
    ) -> Found | Refusal:
        """Fetch the items that match; pull requests carry their `/pulls` fields.

        With `number`, look at that one item only: it is found if it matches. With `discussed`, pull requests carry
        the number of their comments too, which the cheapest list of them does not tell.
        """
        ...

    async def item(self, repository: RepositoryRef, number: int) -> Item | Refusal:
        """Fetch one item as it is now; a pull request carries its `/pulls` fields."""
        ...

    async def comments(
        self, repository: RepositoryRef, number: int, most: int
    ) -> Sequence[dict[str, Any]] | Refusal:
        """Fetch the newest `most` comments, oldest first."""
        ...


class IndexedItems(Protocol):
    """A repository's items as earlier fires left them: what its lists gave, and what was updated since."""

    async def mark(self, repository: str) -> IndexMark | None:
        """How fresh the index of `owner/name` is; None where there is none."""
        ...

    async def begin(self, repository: str, mark: IndexMark, rows: Sequence[Row]) -> None:
        """Forget what is held of the repository, and begin with these rows."""
        ...

    async def add(
        self,
        repository: str,
        generation: str,
        rows: Sequence[Row],
        *,
        unsure: str,
        since: str | None = None,
        lists: Sequence[KeptList] = (),
    ) -> bool:
        """Put rows in where none is newer, and move the watermark; False where the index has begun anew meanwhile.

        Rows updated at `unsure` or later may have changed again within their second: nothing learnt of them is kept.
        """
        ...

    async def confirm(self, repository: str, generation: str, check: Checked) -> None:
        """Keep that GitHub was asked what is new, and how much had been heard before."""
        ...

    async def rows(self, repository: str, generation: str, *, is_open: bool) -> list[Row] | None:
        """All rows, or the open ones, free to be added to; None where the index has begun anew meanwhile."""
        ...

    async def drop(self, repository: str, number: int) -> None:
        """Take out an item that is no more."""
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
        origin: str = "",
    ) -> Written | Refusal:
        """Do one allowed action other than a comment. `head` is the commit a review or check speaks of.

        `origin` are words of ours that stand under what is opened: an issue, a pull request.
        """
        ...

    async def undo(self, repository: RepositoryRef, effect: Effect) -> Refusal | None:
        """Take one recorded effect back: delete or minimise a comment, restore labels, state, assignees, milestone."""
        ...

    async def react(self, repository: RepositoryRef, comment_id: int, content: str) -> Refusal | None:
        """Put a reaction on a comment."""
        ...


class Meter(Protocol):
    """Told by the model proxy of every paid call under a budget: before it, and asked after it."""

    async def at_stake(self, usd: float) -> None:
        """Record what the call that begins may cost (USD): it counts where nobody lives to see its end. 0: it cost nothing."""
        ...

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

    async def rest(self, seconds: float) -> None:
        """Wait; a replay waits only for what is left."""
        ...


class Place(Value):
    """A run with the job and repository it belongs to."""

    run: Run
    job: Job
    repository: Repository

    @property
    def spec(self) -> JobSpec:
        """The job as it was when the run was recorded."""
        return JobSpec.model_validate(self.run.spec)

    @property
    def ref(self) -> RepositoryRef:
        """The repository as GitHub knows it."""
        r = self.repository
        return RepositoryRef(r.owner, r.name, r.installation_id, r.default_branch)


class Seat(Place):
    """A session with the run, job and repository it belongs to; `reserved` is its attempt's money (USD), None unlimited."""

    session: Session
    reserved: float | None = None
    earlier_cost: float = 0.0
    """What earlier attempts of the session cost (USD)."""

    @property
    def key(self) -> str:
        """The stem of the keys of everything it writes: the same on every attempt, so nothing is written twice."""
        return f"session-{self.session.id}"


class Book(Protocol):
    """What is recorded of runs and sessions; each method is one transaction that may be run twice."""

    async def open(self, run_id: int) -> Place | None:
        """Mark a run as running; None where it has ended meanwhile."""
        ...

    async def candidates(self, place: Place, items: Sequence[Item]) -> list[Candidate]:
        """Put each item beside its state, what the ledger knows and who holds it."""
        ...

    async def remember(self, place: Place, candidate: Candidate, at: datetime) -> None:
        """Enter that the job dealt with an item as it is now, at an instant before this database knew of it."""
        ...

    async def record(
        self, place: Place, found: Found, selection: Selection, most_runs: int | None = None
    ) -> int:
        """Keep the verdicts, claim and queue what was picked, defer the rest; gives how many sessions it has.

        Where `most_runs` of the job have opened sessions in the last 24 hours, nothing is picked and the run is skipped.
        """
        ...

    async def end_run(self, run_id: int, status: RunStatus, words: str) -> None:
        """End a run that works on nothing: skipped with a reason, or failed with an error."""
        ...

    async def postpone(self, run_id: int, seconds: float, words: str) -> None:
        """Put a run back in the queue."""
        ...

    async def seat(self, session_id: int, attempt: int) -> Seat | None:
        """Take a session over for this process; None where the attempt is over."""
        ...

    async def note(self, seat: Seat, **values: Any) -> None:
        """Keep what became known of a session."""
        ...

    async def request(self, seat: Seat) -> SessionRequest:
        """The request as it was briefed."""
        ...

    async def began_work(self, seat: Seat) -> int:
        """Count that the agent starts; gives how often it did before in this attempt."""
        ...

    async def effects(self, seat: Seat, number: int) -> list[Effect]:
        """What we ever did on an item of the seat's repository, oldest first."""
        ...

    async def intend(self, seat: Seat, key: str, **effect: Any) -> Effect:
        """Write down what we are about to do; what stands already stands."""
        ...

    async def did(self, key: str, written: Written) -> None:
        """Write down that it is done."""
        ...

    async def abandon(self, key: str) -> None:
        """Write down that GitHub refused it."""
        ...

    async def last_comment(self, job_id: int, number: int) -> Effect | None:
        """The newest living comment of a job on an item."""
        ...

    async def earlier(self, seat: Seat) -> list[Session]:
        """Earlier sessions of the job on this item that had something to say, newest first."""
        ...

    async def agent_session(self, seat: Seat, engine: str) -> str | None:
        """The agent's own id of the last session of this job on this item with the same engine, to go on from there."""
        ...

    async def again_later(self, seat: Seat, why: str, cost: float) -> None:
        """Queue the next attempt, with backoff."""
        ...

    async def finish(
        self, seat: Seat, status: SessionStatus, *, reason: str | None, failure: str | None, cost: float
    ) -> None:
        """End a session: status, money, ledger, claim; and its run if it was the last."""
        ...

    async def commands(self, place: Place) -> dict[str, str]:
        """The repository's own commands, by path, as on its default branch."""
        ...

    async def home(self, place: Place) -> int | None:
        """The issue that results without an item go to: the job's own, else the repository's dashboard issue."""
        ...

    async def set_home(self, place: Place, number: int) -> None:
        """Remember the repository's dashboard issue."""
        ...


@dataclass(frozen=True, slots=True)
class Data:
    """Data put before a prompt: where it comes from, and its text, written by strangers."""

    name: str
    text: str
    cap: int = 20_000


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a session gets to read beside its item: template fields by path (`item.comments`), and data before the prompt."""

    fields: dict[str, Any]
    data: tuple[Data, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be had, in words."""


class Sources(Protocol):
    """Reads what a command or a job's `context:` asks for."""

    async def gather(self, seat: Seat, item: Item | None, used: frozenset[str]) -> Gathered:
        """Fetch the template fields named in `used` and the job's context; what cannot be had is noted, not raised."""
        ...

    async def every_issue(self, seat: Seat) -> Sequence[dict[str, Any]] | Refusal:
        """All issues of the repository as REST rows, for scripts that compare; fetched at most once a run.

        A refusal is told, never taken for a repository without issues: a script would find nothing and be believed.
        """
        ...


class Clock(Protocol):
    """The only one who knows the time."""

    def now(self) -> datetime:
        """Say the time, aware, in UTC."""
        ...


Role = Literal["none", "read", "triage", "write", "maintain", "admin"]
_ROLES: tuple[Role, ...] = get_args(Role)
_BASES: dict[str, Role] = {"pull": "read", "push": "write"}


def role_from(role_name: str | None, base: str | None) -> Role:
    """Read GitHub's answer: its own roles by name, an organisation's own kind by the base it stands on."""
    for said in (role_name, base):
        known = _BASES.get(said or "", said)
        found = next((role for role in _ROLES if role == known), None)
        if found is not None:
            return found
    return "none"


class Account(Value):
    """Who has signed in with GitHub. `token` acts for them; it is kept encrypted in their own cookie alone."""

    login: str
    id: int
    token: str | None = None


class Identity(Protocol):
    """Signs people in with GitHub and tells their explicit roles."""

    def authorise_url(self, state: str, challenge: str, redirect_uri: str) -> str | Refusal:
        """Where to send the browser; `challenge` is PKCE's S256 challenge. A Refusal while no App is set up."""
        ...

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Account | Refusal:
        """Trade the code for an account. A used, wrong or late code is `invalid`."""
        ...

    async def roles(
        self, account: Account, repositories: Sequence[Repository]
    ) -> Mapping[str, Role] | Refusal:
        """Tell the account's explicit role on each, by lower-case full name; what is left out is `none`.

        That anyone can read a public repository is no role. `forbidden`: the account's token no longer holds.
        """
        ...


class Viewer(Value):
    """Who looks or acts: a person signed in with GitHub, a machine's token, or the local single user.

    `roles` maps repository names in lower case to `read triage write maintain admin`; `local` may do everything.
    """

    login: str
    kind: Literal["person", "machine", "local"] = "person"
    roles: dict[str, Role] = {}
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
