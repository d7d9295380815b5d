"""`/api/stats`: what was done, how it ended, how long it took, what it cost, what people made of it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from bot.model.schedule import JOB_NAME
from bot.store import jobs, stats
from bot.store.stats import Spread, Tally
from bot.store.stretch import Where
from bot.web.auth import Context, Visible, nothing_here
from bot.web.problems import Problem

router = APIRouter(prefix="/api", tags=["overview"])


class TallyOut(BaseModel):
    """Sessions of a day, a job or a repository; `success_rate` counts quiet ones as ended well."""

    label: str
    runs: int
    sessions: int
    succeeded: int
    quiet: int
    failed: int
    cancelled: int
    success_rate: float | None = None
    tokens_in: int
    tokens_out: int
    cost: float = Field(description="US dollars.")

    @classmethod
    def of(cls, tally: Tally) -> TallyOut:
        """Tell a tally."""
        told = asdict(tally) | {"label": tally.label or str(tally.key), "success_rate": tally.rate}
        return cls.model_validate(told)


class SpreadOut(BaseModel):
    """Percentiles in milliseconds, over `n` values."""

    n: int
    p50: float
    p90: float
    p99: float

    @classmethod
    def of(cls, spread: Spread) -> SpreadOut:
        """Tell a spread."""
        return cls.model_validate(spread, from_attributes=True)


class AcceptanceOut(BaseModel):
    """What people made of the outcomes: of so many, so many stand."""

    comments: int
    taken_back: int
    labels: int
    labels_kept: int
    pull_requests: int
    pull_requests_merged: int
    read: int = Field(description="Comments whose reactions were looked at.")
    removed: int = Field(description="Of those, how many somebody deleted.")
    approving: int = Field(description="Reactions 👍 ❤️ 🎉 🚀 on them.")
    disapproving: int = Field(description="Reactions 👎 😕 on them.")
    other_reactions: int


class StatsOut(BaseModel):
    """Numbers over a stretch of days."""

    days: int
    total: TallyOut
    runs: dict[str, int] = Field(description="Runs by status.")
    duration_ms: SpreadOut
    lag_ms: SpreadOut = Field(description="From due to recorded.")
    wait_ms: SpreadOut = Field(description="From queued to started.")
    acceptance: AcceptanceOut
    by_day: list[TallyOut]
    by_job: list[TallyOut]
    by_repository: list[TallyOut]


@router.get("/stats")
async def statistics(
    context: Context, visible: Visible, days: Annotated[int, Query(ge=1, le=365)] = 30,
    repository: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}$")] = None,
    job: Annotated[str | None, Query(pattern=JOB_NAME.replace(r"\Z", "$"))] = None,
) -> StatsOut:  # fmt: skip
    """Tell the numbers of all your repositories, of one, or of one job of it."""
    chosen = [one for one in visible if repository is None or one.full_name.lower() == repository.lower()]
    if repository is not None and not chosen:
        raise nothing_here(repository)
    job_id = None
    if job is not None:
        if repository is None:
            raise Problem(422, "which repository's job? name `repository` too", code="invalid")
        found = await context.database.read(jobs.by_name, chosen[0].id, job)
        if found is None:
            raise Problem(404, f"there is no job {job!r} in {chosen[0].full_name}", code="unknown")
        job_id = found.id
    now = context.now()
    where = Where([one.id for one in chosen], now - timedelta(days=days), now + timedelta(seconds=1), job_id)
    told = await context.database.read(stats.statistics, where)
    return StatsOut(
        days=days, total=TallyOut.of(told.total), runs=told.runs, duration_ms=SpreadOut.of(told.duration),
        lag_ms=SpreadOut.of(told.lag), wait_ms=SpreadOut.of(told.wait),
        acceptance=AcceptanceOut.model_validate(told.acceptance, from_attributes=True),
        by_day=[TallyOut.of(one) for one in told.by_day], by_job=[TallyOut.of(one) for one in told.by_job],
        by_repository=[TallyOut.of(one) for one in told.by_repository],
    )  # fmt: skip
