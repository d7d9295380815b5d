"""Recorded deliveries, worked off: in order for each subject, side by side across subjects, each once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from bot.engine import plain
from bot.engine.commands import Commander
from bot.engine.configuration import Configurator
from bot.engine.dashboard import DashboardIssue
from bot.flow import command
from bot.flow.trigger import Event, decide, is_ancient, same_bot
from bot.github.client import Client
from bot.github.configfiles import touches
from bot.github.coverage import covered
from bot.model.happening import (
    CheckAsked,
    ChecksDone,
    Commented,
    Happening,
    Installed,
    ItemEvent,
    Place,
    Pushed,
    Renamed,
    RepositoryChanged,
    Selected,
    Shuffled,
)
from bot.model.run import Repository
from bot.ports import Clock, Refusal
from bot.store import audit, deliveries, installations, itemlog, jobs, words
from bot.store.database import Database, Db
from bot.store.deliveries import Kept
from bot.store.glance import Glance

_log = logging.getLogger("roundsman.intake")
AT_ONCE = 8
MOST = 200
GATHER = 0.05
"""Seconds; those that come so close together are looked at together."""
SHARE = 3.0
"""Taking up work rests so many times as long as it took: acknowledging comes first."""
UNTOLD = 15
"""Polls after which one looks though nobody said that something waits."""
TRIES = 6
STRANGER = "we do not look after it"


@dataclass
class Intake:
    """Works off deliveries. `nudged` is told when there may be something to do for the worker."""

    database: Database
    clock: Clock
    client: Client
    configurator: Configurator
    commander: Commander
    dashboard: DashboardIssue
    executor: str
    allowed: Sequence[str] = ()
    nudged: Callable[[], None] | None = None
    poll: float = 1.0

    def __post_init__(self) -> None:
        self._wake = asyncio.Event()
        self._fresh = self._conclude = True
        self._concluded = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: dict[int, str] = {}
        self._writing, self._taking = asyncio.Lock(), asyncio.Lock()

    def wake(self) -> None:
        """Look at once: a delivery was recorded in this process."""
        self._wake.set()

    def saw(self, seen: Glance) -> None:
        """What the worker's look showed: another process may have recorded a delivery, a run may be over."""
        self._conclude |= self.commander.conclusions.may_conclude(seen.newest_run)
        if seen.deliveries or self._conclude:
            self._wake.set()

    async def turn(self) -> None:
        """Wait until something may wait, then begin it; for a loop that never ends."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), UNTOLD * self.poll)
            await asyncio.sleep(GATHER)
        self._wake.clear()
        looked = loop_time()
        taken = await self.begin()
        if self._conclude and looked - self._concluded >= self.poll / 2:
            self._concluded, self._conclude = looked, False
            await self.commander.conclude()
        if taken:
            await asyncio.sleep(SHARE * (loop_time() - looked))
            if taken == MOST:
                self._wake.set()

    async def begin(self) -> int:
        """Take what waits and begin to work on it; gives how many deliveries were taken."""
        async with (
            self._taking
        ):  # one taker at a time, so that what was claimed is a task before anybody looks again
            return await self._begin()

    async def _begin(self) -> int:
        if self._fresh:  # what an earlier life of this name held and did not handle is ours again
            await self.database.write(deliveries.release, [self.executor])
            self._fresh = False
        if len(self._tasks) >= AT_ONCE or not await self.database.read(deliveries.any_waiting):
            return 0
        taken = await self.database.write(deliveries.claim, self.executor, MOST)
        groups: dict[str, list[Kept]] = {}
        for kept in taken:
            groups.setdefault(kept.subject or kept.guid, []).append(kept)
        for group in groups.values():
            task = asyncio.create_task(self._in_order(group), name=f"deliveries of {group[0].subject}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(taken)

    async def drain(self) -> int:
        """Work until nothing waits; for `tick` and tests. Gives how many deliveries were handled."""
        count, more = 0, True
        while more:
            async with self._taking:
                held = set(self._tasks)  # what they work on is not taken; one may end while we look
                taken = await self._begin()
            await asyncio.gather(*self._tasks)
            count, more = count + taken, bool(taken or held)
        await self.commander.conclude()
        return count

    async def stop(self) -> None:
        """Let go: what was begun and not handled is taken up again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.database.write(deliveries.release, [self.executor])

    async def _in_order(self, group: list[Kept]) -> None:
        for kept in group:
            outcome = await self._patiently(kept)
            await self._handled(kept.seq, outcome)
        if self.nudged is not None:
            self.nudged()

    async def _handled(self, seq: int, outcome: str) -> None:
        """Write down what became of a delivery, in one transaction with those that ended during the last one."""
        self._ended[seq] = outcome
        async with self._writing:
            if seq in self._ended:
                group, self._ended = self._ended, {}
                await self.database.write(deliveries.all_handled, group, self.clock.now())

    async def _patiently(self, kept: Kept) -> str:
        """Handle one delivery; where GitHub asks us to wait, wait and do it again: everything in it can be done twice."""
        outcome: str | Refusal = "nothing"
        for attempt in range(1, TRIES + 1):
            try:
                outcome = await self.handle(kept)
            except Exception as fault:
                _log.exception("delivery %s met an unforeseen fault", kept.guid)
                return f"failed: {type(fault).__name__}: {fault}"[:500]
            if isinstance(outcome, str) or outcome.kind != "busy":
                break
            if attempt < TRIES:
                await self._sleep(min(max(outcome.retry_after, 1.0), 600.0))
        return outcome if isinstance(outcome, str) else f"failed: {outcome.words}"

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    # ── one delivery ─────────────────────────────────────────────────────────────────────────────

    async def handle(self, kept: Kept) -> str | Refusal:
        """Do what each of its happenings asks for; says in words what that was."""
        said: list[str] = []
        for happening in kept.happenings:
            outcome = await self._happened(happening, kept)
            if isinstance(outcome, Refusal):
                return outcome
            said.append(outcome)
        return "; ".join(dict.fromkeys(part for part in said if part)) or "nothing to do"

    async def _happened(self, happening: Happening, kept: Kept) -> str | Refusal:
        match happening:
            case Installed():
                return await self._installed(happening)
            case Selected():
                return await self._selected(happening)
            case Renamed():
                return await self._renamed(happening)
            case RepositoryChanged():
                return await self._repository(happening)
            case Pushed():
                return await self._pushed(happening, kept)
            case ItemEvent() | ChecksDone():
                return await self._event(happening, kept)
            case Commented():
                return await self._commented(happening, kept)
            case CheckAsked():
                return await self._recheck(happening, kept)
            case Shuffled():
                return await self._shuffled(happening)
            case _:
                assert_never(happening)

    # ── installations and repositories ───────────────────────────────────────────────────────────

    def _is_allowed(self, account: str) -> bool:
        return not self.allowed or account.lower() in {name.lower() for name in self.allowed}

    async def _installed(self, told: Installed) -> str | Refusal:
        now, target = self.clock.now(), f"{told.account} ({told.installation})"
        self.client.tokens.forget(told.installation)
        await self.database.write(audit.note, told.by.login, f"installation.{told.action}", target, now)
        if told.action in ("deleted", "suspend"):
            end = installations.went if told.action == "deleted" else installations.suspended
            gone = await self.database.write(end, told.installation, now)
            return f"{told.account} left; {len(gone)} repositories archived"
        if not self._is_allowed(told.account):
            await self.database.write(audit.note, told.by.login, "installation.refused", target, now)
            return f"refused: {told.account} is not among the accounts this service is for"
        await self.database.write(
            installations.came, told.installation, told.account, now, account_type=told.account_type,
            permissions=told.permissions, events=told.events,
        )  # fmt: skip
        if told.action == "unsuspend":
            return await self.reconcile_installation(told.installation)
        return await self._join(told.installation, told.repositories)

    async def _renamed(self, told: Renamed) -> str:
        now = self.clock.now()
        self.client.tokens.forget(told.installation)
        moved = await self.database.write(
            installations.account_renamed, told.installation, told.before, told.account, now
        )
        for repository in moved:
            await self._forget_lists(repository, "account renamed")
        await self.database.write(
            audit.note, told.by.login, "installation.renamed", f"{told.before} -> {told.account}", now
        )
        if not self._is_allowed(told.account):
            _log.warning(
                "%s is now %s, which ROUNDSMAN_ALLOWED_ACCOUNTS does not name; name it there, else what is newly selected is refused",
                told.before, told.account,
            )  # fmt: skip
        return f"{told.before} is now {told.account}; {len(moved)} repositories moved"

    async def _join(self, installation: int, places: Sequence[Place]) -> str | Refusal:
        joined: list[str] = []
        for place in places:
            known = await self.database.read(installations.found, place)
            repository = await self.database.write(installations.join, installation, place, self.clock.now())
            if known is not None and known.full_name != repository.full_name:
                await self._forget_lists(repository, "it has another name")
            outcome = await self.configurator.apply(repository, by="installation")
            if isinstance(outcome, Refusal) and outcome.kind == "busy":
                return outcome
            joined.append(place.full_name)
        return f"looking after {', '.join(joined)}" if joined else "no repositories yet"

    async def _selected(self, told: Selected) -> str | Refusal:
        now = self.clock.now()
        self.client.tokens.forget(told.installation)
        if not self._is_allowed(told.account):
            return f"refused: {told.account} is not among the accounts this service is for"
        gone = await self.database.write(_leave, told.removed, told.installation, now)
        outcome = await self._join(told.installation, told.added) if told.added else ""
        if isinstance(outcome, Refusal):
            return outcome
        return "; ".join(part for part in (outcome, f"left {', '.join(gone)}" if gone else "") if part)

    async def reconcile_installation(self, installation: int) -> str | Refusal:
        """Bring our repositories to what the installation covers now."""
        places = await covered(self.client, installation)
        if isinstance(places, Refusal):
            return places
        names = {place.full_name.lower() for place in places}
        ids = {place.github_id for place in places}
        held = await self.database.read(installations.of_installation, installation)
        gone = [each for each in held if each.full_name.lower() not in names]
        gone = [
            each for each in gone if await self.database.read(installations.github_id, each.id) not in ids
        ]
        await self.database.write(installations.leave, gone, self.clock.now())
        return await self._join(installation, places)

    async def _repository(self, told: RepositoryChanged) -> str | Refusal:
        known = await self.database.read(installations.found, told.place)
        if known is None and told.before:
            before = told.place.model_copy(update={"full_name": told.before, "github_id": None})
            known = await self.database.read(installations.found, before)
        if known is None:
            if told.action in ("transferred", "unarchived") and told.installation is not None:
                return await self._join(told.installation, [told.place])
            return STRANGER
        now = self.clock.now()
        if told.installation is not None:
            self.client.tokens.forget(told.installation)
        await self.database.write(
            audit.note, told.by.login, f"repository.{told.action}", told.place.full_name, now, repository_id=known.id
        )  # fmt: skip
        if told.action in ("deleted", "archived"):
            await self.database.write(installations.leave, [known], now)
            return f"{known.full_name} is {told.action}; its jobs are archived"
        moved = await self.database.write(installations.moved, known, told.place, told.installation, now)
        if (
            moved.full_name != known.full_name
        ):  # rows name the repository, and what was noted names the old one
            await self._forget_lists(moved, f"repository {told.action}")
        if moved.default_branch != known.default_branch:
            return await self.configurator.apply(moved, by=told.by.login)
        return f"{known.full_name} is now {moved.full_name}" if told.before else "noted"

    # ── configuration ────────────────────────────────────────────────────────────────────────────

    async def _pushed(self, told: Pushed, kept: Kept) -> str | Refusal:
        home = told.place.full_name.lower().endswith("/.github")
        outcome: str | Refusal = "it does not touch the configuration"
        if home and told.branch == told.place.default_branch:
            outcome = await self._organisation(told)
            if isinstance(outcome, Refusal):
                return outcome
        if told.paths is not None and not any(map(touches, told.paths)):
            return outcome
        repository = await self._ours(told.place, kept)  # a push may overtake its installation
        if repository is None or isinstance(repository, Refusal):
            return repository or (outcome if home else STRANGER)
        if told.deleted or told.branch != (told.place.default_branch or repository.default_branch):
            return "not the default branch"
        if told.place.default_branch and told.place.default_branch != repository.default_branch:
            repository = await self.database.write(
                installations.moved, repository, told.place, None, self.clock.now()
            )
        outcome = await self.configurator.apply(repository, by=told.by.login, head=told.head)
        if not isinstance(outcome, Refusal):
            await self.dashboard.show(repository)
        return outcome

    async def _organisation(self, told: Pushed) -> str | Refusal:
        """The organisation's defaults may have changed: every repository of it is read again."""
        owner = told.place.full_name.partition("/")[0]
        for repository in await self.database.read(installations.of_owner, owner):
            outcome = await self.configurator.apply(repository, by=told.by.login, force=True)
            if isinstance(outcome, Refusal) and outcome.kind == "busy":
                return outcome
        return f"read the configurations of {owner} again"

    async def _recheck(self, told: CheckAsked, kept: Kept) -> str | Refusal:
        if told.app is not None and told.app != self.client.credentials.app_id:
            return "another App's check"
        repository = await self._ours(told.place, kept)
        if repository is None or isinstance(repository, Refusal):
            return repository or STRANGER
        for number in told.pulls:
            outcome = await self.configurator.judge(repository, number)
            if isinstance(outcome, Refusal):
                return outcome
        if told.pulls:
            return "judged again"
        return await self.configurator.apply(repository, by=told.by.login, head=told.head, force=True)

    async def _shuffled(self, told: Shuffled) -> str:
        repository = await self.database.read(installations.found, told.place)
        if repository is None:
            return STRANGER
        await self._forget_lists(repository, told.what)
        return f"remembered lists are forgotten: {told.what}"

    async def _forget_lists(self, repository: Repository, why: str) -> None:
        name = f"shuffled:{repository.full_name.lower()}"
        await self.database.write(words.put, name, why, self.clock.now())

    # ── items ────────────────────────────────────────────────────────────────────────────────────

    async def _ours(self, place: Place, kept: Kept) -> Repository | Refusal | None:
        """The repository of an event; one that is really ours and not known yet is taken in on the way."""
        known = await self.database.read(installations.found, place)
        if (
            known is not None
            or kept.installation_id is None
            or not self._is_allowed(place.full_name.partition("/")[0])
        ):
            return known
        answer = await self.client.as_app("GET", f"/repos/{place.full_name}/installation")
        if isinstance(answer, Refusal):
            return answer if answer.kind == "busy" else None
        if answer.object.get("id") != kept.installation_id or answer.object.get("suspended_at"):
            return None
        joined = await self._join(kept.installation_id, [place])
        if isinstance(joined, Refusal):
            return joined
        return await self.database.read(installations.found, place)

    async def _event(self, told: Event, kept: Kept) -> str | Refusal:
        repository = await self._ours(told.place, kept)
        if repository is None or isinstance(repository, Refusal):
            return repository or STRANGER
        if is_ancient(told.at, self.clock.now()):
            return f"ancient: it happened at {told.at}"
        if _only_commands(kept):
            return ""
        me = await self.client.me()
        if isinstance(me, Refusal):
            return me
        ticked = await self._boxes(told, repository, me, kept.guid)
        if ticked is not None:
            return ticked
        numbers = told.pulls if isinstance(told, ChecksDone) else (told.number,)
        said: list[str] = []
        for number in numbers:
            said += await self.database.write(
                _fire, repository, told, number, me, kept.guid, self.clock.now()
            )
        if isinstance(told, ItemEvent) and told.event in plain.JUDGED:
            judged = await self.configurator.judge(repository, told.number)
            if isinstance(judged, Refusal) and judged.kind == "busy":
                return judged
            said.append(judged.words if isinstance(judged, Refusal) else judged)
        return "; ".join(said) or "no job listens"

    async def _boxes(self, told: Event, repository: Repository, me: str, guid: str) -> str | Refusal | None:
        """An edit of the dashboard issue; None for everything else."""
        if not isinstance(told, ItemEvent) or told.event != "issues.edited":
            return None
        if told.number != await self.dashboard.number(repository):
            return None
        if told.by.bot or same_bot(told.by.login, me):
            return "a bot's edit ticks no box"
        return await self.dashboard.ticked(repository, told.by.login, guid)

    async def _commented(self, told: Commented, kept: Kept) -> str | Refusal:
        repository = await self._ours(told.place, kept)
        if repository is None or isinstance(repository, Refusal):
            return repository or STRANGER
        if is_ancient(told.at, self.clock.now()):
            return f"ancient: it happened at {told.at}"
        if not command.read(told.body).commands:
            return ""
        me = await self.client.me()
        if isinstance(me, Refusal):
            return me
        return await self.commander.act(told, repository, me, kept.guid)


def _only_commands(kept: Kept) -> bool:
    """Whether a comment says nothing but commands: the commands act, the event does not."""
    return any(isinstance(each, Commented) and command.read(each.body).alone for each in kept.happenings)


def _fire(
    db: Db, repository: Repository, told: Event, number: int, me: str, guid: str, now: datetime
) -> list[str]:
    """Decide and record in one transaction."""
    every = jobs.jobs_of(db, repository.id)
    past = itemlog.past_of(db, repository.id, [job.id for job in every], number, now) if told.by.bot else {}
    fires, held = decide(told, number, every, me, guid, past)
    said = [itemlog.fire_for_item(db, firing, now) for firing in fires]
    return said + [f"{each.job.name} did not: {each.reason}" for each in held]


def _leave(db: Db, places: Sequence[Place], installation: int, now: datetime) -> list[str]:
    """Let go of repositories, as far as they are still this installation's."""
    known = [installations.found(db, place) for place in places]
    mine = [each for each in known if each is not None and each.installation_id in (None, installation)]
    return installations.leave(db, mine, now)


def loop_time() -> float:
    """Seconds of the running loop: how long work takes, not what time it is."""
    return asyncio.get_running_loop().time()
