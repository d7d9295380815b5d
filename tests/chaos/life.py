"""One life of a worker process: the real program, with a scripted agent, a fast clock and a plug that can be pulled."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, SecretStr

from bot.app import build
from bot.cli.serve import work_until_stopped
from bot.engine.durable import DurableSteps
from bot.engine.liveness import AdvisoryLiveness
from bot.model.agent import AgentEnd, Ended, SessionRequest, Usage
from bot.model.outcome import AddLabels, Outcome
from bot.ports import Meter, Sink
from bot.settings import Settings
from bot.store.database import Database, connect
from tests.chaos.plug import Plug, Wire

LABEL = "rounded"


class Orders(BaseModel):
    """What a life is told when it begins."""

    folder: Path
    url: str
    github: str
    token: str
    slot: str
    began: float
    factor: float
    pull_at: int = 0


@dataclass(frozen=True)
class FastClock:
    """Time runs `factor` times as fast since the instant `began` (seconds since 1970), alike in every process."""

    began: float
    factor: float

    def now(self) -> datetime:
        """Say the time."""
        start = datetime(2026, 6, 1, tzinfo=UTC)
        return start + timedelta(seconds=(time.time() - self.began) * self.factor)


class Scripted:
    """Works for a moment, then proposes a comment and a label."""

    async def work(
        self, request: SessionRequest, *, sink: Sink, cancelled: asyncio.Event, meter: Meter
    ) -> AgentEnd:
        """Work on one item; a cancel ends it."""
        try:
            await asyncio.wait_for(cancelled.wait(), 0.01)
        except TimeoutError:
            await meter.spent(0.01)
            await sink(Ended(ending="succeeded"))
            actions = (AddLabels(labels=(LABEL,)),) if "label" in request.prompt else ()
            said = Outcome(summary=f"Looked at it: {request.prompt.splitlines()[0]}", actions=actions)
            usage = Usage(calls=1, tokens_in=10, tokens_out=5, cost_usd=0.01)
            return AgentEnd(ending="succeeded", outcome=said, usage=usage, turns=1, duration_s=0.01)
        return AgentEnd(ending="cancelled")


def live(orders: Orders) -> None:
    """Be a worker until a signal, or until the plug is pulled."""
    settings = Settings(
        data_dir=orders.folder, database_url=orders.url, github_api_url=orders.github, github_url=orders.github,
        github_token=SecretStr(orders.token), secret_key=SecretStr("k" * 32), slot=orders.slot, poll_seconds=0.2,
        grace_seconds=5, max_sessions=8, max_sessions_per_worker=4, max_sessions_per_repo=8, quota_reserve=0,
        model_keys={"claude": SecretStr("none")}, sandbox="none",
    )  # fmt: skip
    DurableSteps.pace = 1 / orders.factor
    plug = Plug(at=orders.pull_at)
    plug.watch()
    database = Database(connect(orders.url))
    clock = FastClock(orders.began, orders.factor)
    program = build(settings, clock=clock, transport=Wire(plug), agent=Scripted(), database=database)
    program.worker.reap_every = 0.5
    if isinstance(program.worker.liveness, AdvisoryLiveness):
        program.worker.liveness.doubt = 2.0
    asyncio.run(work_until_stopped(program))
