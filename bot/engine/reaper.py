"""Work of dead processes is taken over by the living; rows and journal are brought together again."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from bot.engine.durable import Durable
from bot.engine.liveness import Liveness
from bot.model.run import RunStatus, SessionStatus
from bot.store import deliveries, executors, runs, sessions
from bot.store.database import Database, Db

_log = logging.getLogger("roundsman.reaper")
Kind = Literal["run", "session"]
_OVER = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


@dataclass(frozen=True, slots=True)
class _Held:
    """One attempt that a row says is at work."""

    kind: Kind
    id: int
    attempt: int

    @property
    def workflow(self) -> str:
        return f"{self.kind}-{self.id}-{self.attempt}"


@dataclass
class Reaper:
    """Looks for work nobody does. A process's own rows, and those let loose, count as orphaned
    when two looks in a row find them idle.

    Before a workflow is handed out again its row is let loose: whoever is first to go on with it holds it then.
    """

    database: Database
    durable: Durable
    liveness: Liveness
    _idle: set[str] = field(default_factory=set)
    _former: list[_Held] = field(default_factory=list)

    async def prepare(self) -> None:
        """Let go of what this process's former life held, before the engine hands it out to whoever is free."""
        self._former = await self._release(self.durable.executor)

    async def start(self, now: datetime) -> None:
        """Bring rows and journal of the former life together; the engine is up and takes up its own by itself."""
        await self._mend(self._former, now, but=self.durable.executor)

    async def look(self, now: datetime) -> int:
        """Take over from the dead and mend our own; gives how many workflows were taken over."""
        await self._mend_idle(now)
        holders = await self.database.read(executors.holders)
        holders = sorted({*holders, *await self.database.read(deliveries.holders)})
        dead = await asyncio.to_thread(self.liveness.dead, holders)
        return sum([await self._take_over(name, now) for name in dead])

    async def _take_over(self, name: str, now: datetime) -> int:
        held = await self._release(name)
        await self._mend(held, now)
        taken = await self.durable.adopt([name])
        await self.database.write(executors.forget, [name])
        if held or taken:
            _log.warning("took over %d workflows of %s", len(held) or taken, name)
        return len(held) or taken

    async def _release(self, name: str) -> list[_Held]:
        await self.database.write(runs.release, [name])
        await self.database.write(deliveries.release, [name])
        held = await self._held(name)
        await self._let_loose(held, name)
        return held

    async def _let_loose(self, held: list[_Held], name: str) -> None:
        loose = [one.id for one in held if one.kind == "session"]
        await self.database.write(sessions.let_loose, loose, name)

    async def _mend_idle(self, now: datetime) -> None:
        """Our own, and what somebody let loose and then died, before it was handed out again."""
        held = [*await self._held(self.durable.executor), *await self._loose()]
        idle = [one for one in held if one.workflow not in self.durable.at_work]
        twice = [one for one in idle if one.workflow in self._idle]
        self._idle = {one.workflow for one in idle}
        await self._let_loose(twice, self.durable.executor)
        await self._mend(twice, now)

    async def _held(self, name: str) -> list[_Held]:
        choosing = await self.database.read(runs.held_of, name)
        working = await self.database.read(sessions.held_of, name)
        return [_Held("run", *one) for one in choosing] + [_Held("session", *one) for one in working]

    async def _loose(self) -> list[_Held]:
        return [_Held("session", *one) for one in await self.database.read(sessions.held_of, None)]

    async def _mend(self, held: list[_Held], now: datetime, but: str = "") -> None:
        """Bring each row and its journal together: begun never, cut off in the middle, or ended without a word.

        The executor the journal names may live and yet not be at it: it dropped what another process's row held.
        """
        for one in held:
            known = await self.durable.known(one.workflow)
            if known is None:
                await self._begin_again(one)
            elif known.status in _OVER:
                await self._give_up(one, now)
            elif (
                known.status == "PENDING"
                and one.workflow not in self.durable.at_work
                and known.executor != but
            ):
                await self.durable.resume(one.workflow, known.executor or "")

    async def _begin_again(self, one: _Held) -> None:
        if one.kind == "run":
            await self.database.write(runs.release_one, one.id, one.attempt)
        else:
            await self.database.write(sessions.requeue, one.id, one.attempt)

    async def _give_up(self, one: _Held, now: datetime) -> None:
        if one.kind == "run":
            await self.database.write(_run_again, one.id)
        else:
            words = "the service failed while it worked on this, without a word"
            await self.database.write(fail_session, one.id, one.attempt, now, words)


def _run_again(db: Db, run_id: int) -> None:
    run = runs.get(db, run_id)
    if run is not None and not runs.was_chosen(db, run_id):
        runs.postpone(db, run_id, None, "begun again after its process died")


def fail_session(db: Db, session_id: int, attempt: int, now: datetime, words: str) -> None:
    """End a session that cannot go on."""
    sessions.finish(db, session_id, attempt, SessionStatus.failed, now, reason=words, failure="crash")


def fail_run(db: Db, run_id: int, now: datetime, words: str) -> None:
    """End a run that cannot go on."""
    runs.end(db, run_id, RunStatus.failed, now, error=words)
