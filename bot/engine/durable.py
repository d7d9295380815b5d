"""The durable journal: runs and sessions as workflows of the engine, replayed by any living process after a crash.

The engine is DBOS Transact. Rows of ours say what waits; the engine is asked only to keep what has begun alive, under
ids that follow from the row (`run-7-1`, `session-12-2`), so that beginning twice is beginning once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from dbos import DBOS, SetWorkflowID, _scheduler, _workflow_commands
from dbos._serialization import DBOSPortableJSONSerializer
from dbos._utils import INTERNAL_QUEUE_NAME
from pydantic import TypeAdapter

from bot import traces
from bot.flow.crew import Crew, Ticket
from bot.flow.run import make_round, work_on
from bot.logs import about
from bot.store.database import connect_journal

T = TypeVar("T")
VERSION = "roundsman-1"
"""Constant over upgrades: recovery looks only for work of its own version."""
PATIENCE = 1_000_000
"""Restarts of a healthy process count as recoveries; crashes of agents are counted by the work step itself."""

NEVER = 3600.0
"""Seconds between the engine's looks for schedules: ours are rows, it has none."""
SWEEP = 4.0
"""Seconds between its sweeps for delays and deadlines, of which we set none; less than the 5 s its own lock lasts."""
BRISK, CALM, STIR = 1.0, 5.0, 60.0
"""Seconds between its looks for work to take up again: for a while after a start or a takeover, and later."""

_log = logging.getLogger("roundsman.engine")


@dataclass(frozen=True, slots=True)
class Known:
    """The engine's word on a workflow: PENDING, ENQUEUED, SUCCESS, ERROR …, and the executor it last ran on."""

    status: str
    executor: str | None


class _Works:
    """Who does the work in this process; the engine calls plain functions, so they look here."""

    def __init__(self) -> None:
        self.at_work: Counter[str] = Counter()

    @contextmanager
    def at(self, name: str) -> Iterator[Crew]:
        """Be at work on something; a second time at once in this process it is dropped without a word."""
        assert self.crew is not None
        if self.at_work[name]:
            raise asyncio.CancelledError
        self.at_work[name] += 1
        try:
            yield self.crew
        finally:
            self.at_work[name] -= 1
            self.at_work += Counter()  # forget those at zero
            self.moved()

    crew: Crew | None = None
    moved: Callable[[], None] = staticmethod(lambda: None)
    failed: Callable[[str, int, int, BaseException], Awaitable[None]] | None = None


_works = _Works()


class DurableSteps:
    """Steps kept in the engine's journal; live and replayed results pass through the same codec."""

    pace: ClassVar[float] = 1.0
    """How long a second of waiting lasts; less where a test's clock runs faster."""

    async def __call__(self, name: str, kind: type[T], work: Callable[[], Awaitable[T]]) -> T:
        """Do `work` once and keep its result as JSON."""
        codec: TypeAdapter[T] = TypeAdapter(kind)

        async def once() -> str:
            with traces.step(name):
                return await kept()

        async def kept() -> str:
            return codec.dump_json(await work()).decode()

        return codec.validate_json(await DBOS.run_step_async({"name": name}, once))

    async def rest(self, seconds: float) -> None:
        """Wait; a replay waits only for what is left."""
        await DBOS.sleep_async(seconds * self.pace)


@DBOS.workflow(name="run", max_recovery_attempts=PATIENCE)
async def _run(run_id: int, attempt: int) -> None:
    about(run=run_id)
    with _works.at(f"run-{run_id}-{attempt}") as crew:
        try:
            with traces.of_run(run_id, "run"):
                await make_round(run_id, crew, DurableSteps())
        except Exception as error:
            await _tell("run", run_id, attempt, error)


@DBOS.workflow(name="session", max_recovery_attempts=PATIENCE)
async def _session(session_id: int, attempt: int) -> None:
    about(session=session_id, attempt=attempt)
    with _works.at(f"session-{session_id}-{attempt}") as crew:
        try:
            seat = await crew.book.seat(session_id, attempt)  # for logs and traces; the flow asks for itself
            run, job = (seat.run.id, seat.job.name) if seat else (None, None)
            about(run=run, job=job, item=seat.session.number if seat else None)
            with traces.of_run(run or 0, "session", session=session_id, attempt=attempt):
                await work_on(Ticket(session=session_id, attempt=attempt), crew, DurableSteps())
        except Exception as error:
            await _tell("session", session_id, attempt, error)


async def _tell(kind: str, number: int, attempt: int, error: Exception) -> None:
    """A fault of our own ends one run or session clearly; the others go on."""
    _log.exception("%s %s failed in an unforeseen way", kind, number, exc_info=error)
    if _works.failed is not None:
        await _works.failed(kind, number, attempt, error)


NAP = 0.2
"""Seconds between looks for messages, which we do not send: a process that stops waits for the end of one."""


class Durable:
    """The engine of one process. Two processes never share an `executor`."""

    def __init__(
        self,
        url: str,
        executor: str,
        crew: Crew,
        failed: Callable[[str, int, int, BaseException], Awaitable[None]],
    ) -> None:
        self._url, self.executor, self._crew, self._failed = url, executor, crew, failed
        self._dbos: Any = None
        self._stirred = 0.0
        self.moved: Callable[[], None] = lambda: None
        """Called when a run or session is over or handed on: there may be room for the next."""

    async def start(self) -> None:
        """Bring the engine up on the running loop; what this executor left unfinished goes on."""
        _works.crew, _works.failed, _works.moved = self._crew, self._failed, self.moved
        self._engine = connect_journal(self._url)
        for name in ("dbos", "dbos.SQLite"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self._dbos = DBOS(
            config={
                "name": "roundsman",
                "system_database_url": self._engine.url.render_as_string(hide_password=False),
                "system_database_engine": self._engine,
                "executor_id": self.executor,
                "application_version": VERSION,
                "serializer": DBOSPortableJSONSerializer(),
                "log_level": "ERROR",
                "use_listen_notify": False,
                "scheduler_polling_interval_sec": NEVER,
                "max_executor_threads": 16,
                "notification_listener_polling_interval_sec": NAP,
            }
        )
        _workflow_commands._BACKGROUND_JOBS_INTERVAL_SEC = SWEEP
        _scheduler._STARTUP_FAST_POLL_DURATION_SEC = 0.0
        self._stir()
        DBOS.launch()  # here on the loop, so that the engine adopts it: recovered work must run where our ports live

    @property
    def running(self) -> bool:
        """Whether the engine is up."""
        return self._dbos is not None

    async def start_run(self, run_id: int, attempt: int) -> None:
        """Begin a run, once."""
        with SetWorkflowID(f"run-{run_id}-{attempt}"):
            await DBOS.start_workflow_async(_run, run_id, attempt)

    async def start_session(self, session_id: int, attempt: int) -> None:
        """Begin an attempt of a session, once."""
        with SetWorkflowID(f"session-{session_id}-{attempt}"):
            await DBOS.start_workflow_async(_session, session_id, attempt)

    def _stir(self) -> None:
        self._stirred = time.monotonic()
        self.pace()

    def pace(self) -> None:
        """Let the engine look for work to take up again as often as now makes sense; to be called now and then."""
        takes_up = self._dbos._registry.get_internal_queue()
        takes_up._polling_interval_sec = BRISK if time.monotonic() - self._stirred < STIR else CALM

    async def adopt(self, executors: Sequence[str]) -> int:
        """Let the living take over what dead executors left; gives how much that was."""
        self._stir()
        handles = await asyncio.to_thread(DBOS._recover_pending_workflows, list(executors))
        return len(handles)

    async def resume(self, workflow_id: str, executor: str) -> None:
        """Let a workflow that `executor` no longer works on go on, here or anywhere."""
        self._stir()
        again = self._dbos._sys_db.reenqueue_for_recovery
        await asyncio.to_thread(again, workflow_id, [executor], INTERNAL_QUEUE_NAME)

    @property
    def at_work(self) -> Collection[str]:
        """The workflows this process is at work on."""
        return _works.at_work

    async def known(self, workflow_id: str) -> Known | None:
        """The engine's word on a workflow; None where it never began."""
        status = await DBOS.get_workflow_status_async(workflow_id)
        return Known(status.status, status.executor_id) if status else None

    async def forget(self, before_ms: int, most: int = 200) -> int:
        """Delete finished workflows that completed before the instant (ms since 1970), with their steps."""
        done = await DBOS.list_workflows_async(
            status=["SUCCESS", "ERROR", "CANCELLED"], completed_before=_iso(before_ms), limit=most,
            load_input=False, load_output=False,
        )  # fmt: skip
        if done:
            await DBOS.delete_workflows_async([workflow.workflow_id for workflow in done])
        return len(done)

    async def abandon(self) -> None:
        """Drop what is at work without a word; it stays pending and goes on elsewhere."""
        tasks = list(getattr(self._dbos, "_workflow_tasks", ()))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Let go: what has not ended stays pending and is replayed by the next process."""
        await self.abandon()
        # The engine made its own thread pool the loop's default and shuts it down: give the loop a fresh one.
        with ThreadPoolExecutor(1) as ending:
            await asyncio.get_running_loop().run_in_executor(ending, DBOS.destroy)
        asyncio.get_running_loop().set_default_executor(
            ThreadPoolExecutor(16, thread_name_prefix="roundsman")
        )
        self._engine.dispose()
        self._dbos = None
        _works.crew = _works.failed = None


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
