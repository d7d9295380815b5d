"""Numbers over time: runs and sessions by day, job and repository; percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session as Db
from sqlmodel import col

from bot.model.run import RunStatus, SessionStatus
from bot.store.acceptance import Acceptance, acceptance
from bot.store.stretch import Where
from bot.store.tables import Jobs, Repositories, Runs, Sessions
from bot.store.views import ENDED

MOST_MEASURED = 20_000
"""Of how many of the newest sessions or runs the percentiles are taken."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Sessions of a day, job or repository: how they ended and what they took."""

    key: Any
    label: str = ""
    sessions: int = 0
    succeeded: int = 0
    quiet: int = 0
    failed: int = 0
    cancelled: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    runs: int = 0
    budget: float | None = None

    @property
    def rate(self) -> float | None:
        """The share of ended sessions that ended well."""
        ended = self.succeeded + self.quiet + self.failed
        return (self.succeeded + self.quiet) / ended if ended else None


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of a measure in milliseconds, over `n` values."""

    n: int = 0
    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0


@dataclass(frozen=True, slots=True)
class Statistics:
    """All a statistics page says."""

    total: Tally
    by_day: tuple[Tally, ...] = ()
    by_job: tuple[Tally, ...] = ()
    by_repository: tuple[Tally, ...] = ()
    runs: dict[str, int] = field(default_factory=dict)
    duration: Spread = Spread()
    lag: Spread = Spread()
    wait: Spread = Spread()
    acceptance: Acceptance = field(default_factory=Acceptance)


def statistics(db: Db, where: Where) -> Statistics:
    """Everything about a part of the history."""
    days = by_day(db, where)
    return Statistics(
        total=_total(days),
        by_day=tuple(days),
        by_job=tuple(by_job(db, where)),
        by_repository=tuple(by_repository(db, where)),
        runs=runs_by_status(db, where),
        duration=durations(db, where),
        lag=lags(db, where),
        wait=waits(db, where),
        acceptance=acceptance(db, where),
    )


def _total(tallies: Sequence[Tally]) -> Tally:
    names = (
        "sessions",
        "succeeded",
        "quiet",
        "failed",
        "cancelled",
        "tokens_in",
        "tokens_out",
        "cost",
        "runs",
    )
    return Tally(None, "", **{name: sum(getattr(one, name) for one in tallies) for name in names})


def _day(db: Db, column: Any) -> Any:
    """The UTC day of an instant, as `YYYY-MM-DD`."""
    if db.get_bind().dialect.name == "postgresql":
        return sa.func.to_char(sa.func.timezone("UTC", column), "YYYY-MM-DD")
    return sa.func.substr(sa.cast(column, sa.String), 1, 10)


def _measures() -> tuple[Any, ...]:
    status = col(Sessions.status)

    def n(*names: str) -> Any:
        return sa.func.sum(sa.case((status.in_(names), 1), else_=0))

    return (
        n(*ENDED), n(SessionStatus.succeeded.value), n(SessionStatus.quiet.value),
        n(SessionStatus.failed.value, SessionStatus.timeout.value), n(SessionStatus.cancelled.value),
        sa.func.sum(Sessions.tokens_in), sa.func.sum(Sessions.tokens_out), sa.func.sum(Sessions.cost),
    )  # fmt: skip


def _tallies(db: Db, where: Where, key: Any) -> dict[Any, Tally]:
    rows = db.execute(sa.select(key, *_measures()).where(where.of_sessions()).group_by(key))
    names = ("sessions", "succeeded", "quiet", "failed", "cancelled", "tokens_in", "tokens_out")
    found = {}
    for name, *counts, cost in rows:
        known = {field: int(n or 0) for field, n in zip(names, counts, strict=True)}
        found[name] = Tally(name, "", **known, cost=float(cost or 0))
    return found


def _runs_by(db: Db, where: Where, key: Any) -> dict[Any, int]:
    rows = db.execute(sa.select(key, sa.func.count()).where(where.of_runs()).group_by(key))
    return {name: int(count) for name, count in rows}


def _with(tally: Tally | None, key: Any, label: str, runs: int, budget: float | None = None) -> Tally:
    return replace(tally or Tally(key), label=label, runs=runs, budget=budget)


def by_day(db: Db, where: Where) -> list[Tally]:
    """Each UTC day of the stretch, the empty ones too, oldest first."""
    tallies = _tallies(db, where, _day(db, col(Sessions.completed_at)))
    runs = _runs_by(db, where, _day(db, col(Runs.created_at)))
    first, last = where.since.date(), where.until.date()
    days = [date.fromordinal(n).isoformat() for n in range(first.toordinal(), last.toordinal() + 1)]
    return [_with(tallies.get(day), day, day, runs.get(day, 0)) for day in days]


def by_job(db: Db, where: Where, most: int = 50) -> list[Tally]:
    """The jobs that did something, the dearest first, with their budget of a day."""
    tallies = _tallies(db, where, col(Sessions.job_id))
    runs = _runs_by(db, where, col(Runs.job_id))
    keys = sorted(
        {*tallies, *runs}, key=lambda k: (-(tallies[k].cost if k in tallies else 0), -runs.get(k, 0), k)
    )[:most]
    names = {
        row[0]: row[1:]
        for row in db.execute(
            sa.select(col(Jobs.id), col(Jobs.name), col(Repositories.owner), col(Repositories.name), col(Jobs.spec))
            .join(Repositories, col(Repositories.id) == col(Jobs.repository_id))
            .where(col(Jobs.id).in_(keys))
        )
    }  # fmt: skip
    found = []
    for key in keys:
        name, owner, repository, spec = names.get(key, ("?", "?", "?", {}))
        found.append(
            _with(tallies.get(key), key, f"{owner}/{repository}/{name}", runs.get(key, 0), _budget(spec))
        )
    return found


def _budget(spec: dict[str, Any]) -> float:
    return float(((spec.get("limits") or {}).get("budget") or {}).get("day", 20.0))


def by_repository(db: Db, where: Where) -> list[Tally]:
    """The repositories that did something, the dearest first."""
    tallies = _tallies(db, where, col(Sessions.repository_id))
    runs = _runs_by(db, where, col(Runs.repository_id))
    names = {
        key: f"{owner}/{name}"
        for key, owner, name in db.execute(
            sa.select(col(Repositories.id), col(Repositories.owner), col(Repositories.name)).where(
                col(Repositories.id).in_({*tallies, *runs})
            )
        )
    }
    found = [_with(tallies.get(key), key, names.get(key, "?"), runs.get(key, 0)) for key in {*tallies, *runs}]
    return sorted(found, key=lambda one: (-one.cost, one.label))


def runs_by_status(db: Db, where: Where) -> dict[str, int]:
    """How the runs of the stretch stand; those of no status are zero."""
    rows = db.execute(
        sa.select(col(Runs.status), sa.func.count()).where(where.of_runs()).group_by(col(Runs.status))
    )
    return {status.value: 0 for status in RunStatus} | {status: int(count) for status, count in rows}


def spread(values: list[float]) -> Spread:
    """Percentiles by nearest rank."""
    if not values:
        return Spread()
    values.sort()

    def at(share: float) -> float:
        return values[min(len(values) - 1, int(share * len(values)))]

    return Spread(len(values), at(0.5), at(0.9), at(0.99))


def _between(db: Db, first: Any, last: Any, which: Any, newest: Any) -> Spread:
    rows = db.execute(
        sa.select(first, last)
        .where(which, first.is_not(None), last.is_not(None))
        .order_by(newest.desc())
        .limit(MOST_MEASURED)
    )
    return spread([max(0.0, (end - start).total_seconds() * 1000) for start, end in rows])


def durations(db: Db, where: Where) -> Spread:
    """How long sessions took."""
    which = sa.and_(where.of_sessions(), col(Sessions.status).in_(ENDED))
    at = col(Sessions.completed_at)
    return _between(db, col(Sessions.started_at), at, which, at)


def waits(db: Db, where: Where) -> Spread:
    """How long sessions waited for their turn."""
    at = col(Sessions.completed_at)
    return _between(db, col(Sessions.queued_at), col(Sessions.started_at), where.of_sessions(), at)


def lags(db: Db, where: Where) -> Spread:
    """How late scheduled runs were recorded."""
    at = col(Runs.created_at)
    which = sa.and_(where.of_runs(), col(Runs.trigger) == "schedule")
    return _between(db, col(Runs.scheduled_for), at, which, at)
