"""Durable glue on the workflow engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bot.engine.book import StoreBook
from bot.engine.durable import Durable
from bot.engine.liveness import liveness_for
from bot.engine.money import Purse
from bot.engine.reaper import fail_run, fail_session
from bot.engine.watch import Watch
from bot.engine.worker import Worker
from bot.flow.ceilings import Ceilings
from bot.flow.crew import Crew
from bot.ports import Book, Clock
from bot.store.admission import Caps
from bot.store.database import Database


def build(
    database: Database, url: str, clock: Clock, data_dir: Path, crew: Callable[[Watch, Book], Crew], *,
    caps: Caps | None = None, poll: float = 1.0, grace: float = 30.0, slot: str | None = None, zone: str = "UTC",
    ceilings: Ceilings | None = None, default_engine: str = "claude",
    secrets: Sequence[str] = (),
) -> Worker:  # fmt: skip
    """Put one working process together; its name is taken here, so two of them never share one."""
    liveness = liveness_for(database.engine, data_dir)
    executor = liveness.hold(slot)
    watch = Watch(database, clock, secrets)

    async def failed(kind: str, number: int, attempt: int, error: BaseException) -> None:
        words = f"an unforeseen fault of Roundsman: {type(error).__name__}: {error}"[:500]
        if kind == "run":
            await database.write(fail_run, number, clock.now(), words)
        else:
            await database.write(fail_session, number, attempt, clock.now(), words)

    durable = Durable(url, executor, crew(watch, StoreBook(database, clock, executor)), failed)
    purse = Purse(zone, ceilings or Ceilings(), default_engine)
    return Worker(database, clock, durable, liveness, watch, purse, caps or Caps(), poll=poll, grace=grace)


__all__ = ["Worker", "build"]
