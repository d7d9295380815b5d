"""One process at work: fires what is due, begins runs, admits sessions, ends what should end, takes over from the dead.

Everything waits in rows, so each loop is: look, decide in one transaction, begin. A nudge makes the next look come at
once; without one, an idle process looks every `poll` seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from bot import __version__, traces
from bot.engine import ticker
from bot.engine.durable import Durable
from bot.engine.liveness import Liveness
from bot.engine.money import Purse
from bot.engine.reaper import Reaper
from bot.engine.watch import Watch
from bot.flow.due import PUNCTUAL
from bot.ports import Clock
from bot.store import admission, executors, runqueue, runs, sessions
from bot.store.admission import Caps
from bot.store.cause import cause_of
from bot.store.database import Database
from bot.store.glance import Glance, glance

_log = logging.getLogger("roundsman.worker")

RUNS_AT_ONCE = 8
AHEAD = timedelta(seconds=10)
"""How long before a fire what will be due is read ahead."""
SHOWN_EVERY = 3
"""Beats between two writings of the heartbeat that people see; whether our name is ours is asked at each."""
QUIET_REAPS = 6
"""Looks for the dead between two that are made though nobody holds anything."""
SOON = 0.02
"""Seconds; the shortest rest before a fire that is about to be due."""


@dataclass
class Worker:
    """The loops of one process. `chores` are further looks others bring (deliveries, notifications, index), with their period in seconds."""

    database: Database
    clock: Clock
    durable: Durable
    liveness: Liveness
    watch: Watch
    purse: Purse
    caps: Caps
    poll: float = 1.0
    grace: float = 30.0
    fires: bool = True
    chores: dict[str, tuple[float, Callable[[], Awaitable[object]]]] = field(default_factory=dict)
    onlookers: list[Callable[[Glance], None]] = field(default_factory=list)
    """Told after each look what was seen, so that nobody else need ask each second."""
    beat_every: float = 5.0
    reap_every: float = 10.0
    punctual: timedelta = PUNCTUAL
    """A fire no later than this was not missed; longer where somebody calls us now and then."""

    def __post_init__(self) -> None:
        self._nudge = asyncio.Event()
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._looked = asyncio.Event()
        self.looks = self._beats = self._reaps = 0
        self.seen = Glance()
        self._next_due: datetime | None = None
        self._prepared: datetime | None = None
        self.reaper = Reaper(self.database, self.durable, self.liveness)
        self.lost = asyncio.Event()
        self.durable.moved = self.nudge

    @property
    def executor(self) -> str:
        """This process's name."""
        return self.durable.executor

    async def start(self) -> None:
        """Begin to work."""
        await self.database.write(
            executors.beat,
            self.executor,
            socket.gethostname(),
            os.getpid(),
            __version__,
            self.clock.now(),
            fresh=True,
        )
        await self.reaper.prepare()
        await self.durable.start()
        await self.reaper.start(self.clock.now())
        await self._reap()
        loops = {
            "rounds": (self.poll, self._look),
            "watch": (min(self.poll, 1.0), self._watch),
            "beat": (self.beat_every, self._beat),
            "reap": (self.reap_every, self._reap),
            **self.chores,
        }
        self._tasks = [
            asyncio.create_task(self._loop(name, period, work), name=f"worker {name}")
            for name, (period, work) in loops.items()
        ]

    def nudge(self) -> None:
        """Look at once: somebody wrote a row in this process."""
        self._nudge.set()

    async def stop(self) -> None:
        """Admit nothing more, let sessions end within the grace, hand the rest over."""
        self._stopping.set()
        self._nudge.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not self.lost.is_set():
            await self._drain()
        await self.durable.stop()
        if not self.lost.is_set():
            await self.database.write(executors.gone, self.executor)
        self.liveness.let_go()

    async def _drain(self) -> None:
        waited = 0.0
        while waited < self.grace and await self._at_work():
            await self._watch()
            await asyncio.sleep(0.1)
            waited += 0.1

    async def _at_work(self) -> int:
        return await self.database.read(sessions.working, self.executor)

    async def _loop(self, name: str, period: float, work: Callable[[], Awaitable[object]]) -> None:
        while not self._stopping.is_set():
            try:
                await work()
            except Exception:
                _log.exception("the %s loop met an unforeseen fault; it goes on", name)
            if name == "rounds":
                await self._rest(period)
            else:
                await asyncio.sleep(period)

    async def _rest(self, period: float) -> None:
        """Until the next look, the next fire or a nudge, whichever comes first."""
        if self.fires and self._next_due is not None:
            left = (self._next_due - self.clock.now()).total_seconds()
            period = min(period, max(left, SOON))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._nudge.wait(), period)
        self._nudge.clear()

    # ── the looks ──

    async def _look(self) -> None:
        """Fire, begin, admit; once more at once while there was something to do."""
        now = self.clock.now()
        seen = self.seen = await self.database.glimpse(glance, now)
        self._next_due = seen.next_due
        for tell in self.onlookers:
            tell(seen)
        fired = begun = admitted = 0
        if self.fires and seen.next_due is not None and seen.next_due <= now:
            fired = await asyncio.to_thread(ticker.tick, self.database, now, self.punctual)
            self._next_due = None
        elif self.fires:
            await self._prepare(seen.next_due, now)
        if seen.runs or fired:
            begun = await self._begin_runs()
        if seen.sessions:
            admitted = await self._admit()
        self.looks += 1
        self._looked.set()
        self._looked.clear()
        if fired or begun or admitted:
            self._nudge.set()

    async def _prepare(self, next_due: datetime | None, now: datetime) -> None:
        """Once before each fire, shortly before it: read ahead what will be due."""
        if next_due is None or next_due == self._prepared or next_due - now > AHEAD:
            return
        self._prepared = next_due
        await asyncio.to_thread(ticker.prepare, self.database, next_due)

    async def _begin_runs(self) -> int:
        room = RUNS_AT_ONCE - await self.database.read(runs.held_by, self.executor)
        if room <= 0:
            return 0
        claimed = await self.database.write(runqueue.claim, self.executor, room, self.clock.now())
        for run_id, attempt in claimed:
            if traces.on():
                await self._trace(run_id)
            await self.durable.start_run(run_id, attempt)
        return len(claimed)

    async def _trace(self, run_id: int) -> None:
        """What made the run fire stands at the head of its trace."""
        cause = await self.database.read(cause_of, run_id)
        if cause is not None:
            traces.before(run_id, cause.kind, cause.began, cause.recorded, delivery=cause.delivery)

    async def _admit(self) -> int:
        now = self.clock.now()
        reserve = partial(self.purse.reserve, now=now)
        admitted = await self.database.write(admission.admit, self.executor, self.caps, now, reserve=reserve)
        for session_id, attempt in admitted:
            await self.durable.start_session(session_id, attempt)
        return len(admitted)

    async def _watch(self) -> None:
        await self.watch.look()

    async def _beat(self) -> None:
        if await asyncio.to_thread(self.liveness.standing) == "lost":
            _log.error(
                "another process took the name %s while the database was away; this one drops its work and ends",
                self.executor,
            )
            self.lost.set()
            self._stopping.set()
            await self.durable.abandon()
            return
        self._beats += 1
        if self._beats % SHOWN_EVERY:
            return
        await self.database.write(
            executors.beat, self.executor, socket.gethostname(), os.getpid(), __version__, self.clock.now()
        )

    async def _reap(self) -> None:
        """Take over from the dead, and mend rows whose workflow never began; seldom while nobody works on anything."""
        self._reaps += 1
        self.durable.pace()
        if self.seen.held or self._reaps % QUIET_REAPS == 1:
            await self.reaper.look(self.clock.now())

    async def busy(self) -> bool:
        """Whether something works or could start now; asked after the loop has looked twice more."""
        seen = self.looks
        self.nudge()
        while self.looks < seen + 2:
            await self._looked.wait()
        return await self.database.read(runs.anything_left, self.clock.now())
