"""What must hold over database and embedded GitHub, however often the process died."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlmodel import col, select

from bot.flow.schedule import Schedule
from bot.model.job import JobSpec
from bot.model.run import RunStatus, SessionStatus
from bot.store.database import Db
from bot.store.jobs import get_job, identity_of
from bot.store.tables import Budgets, Claims, Effects, Ledger, Repositories, Reservations, Runs, Sessions
from tests.chaos.life import LABEL
from tests.chaos.scene import JOBS, Scene, ours

GOOD = (SessionStatus.succeeded.value, SessionStatus.quiet.value)


@dataclass
class Counts:
    """How much went through."""

    issues: int = 0
    comments: int = 0
    runs: int = 0
    sessions: int = 0
    failed_sessions: int = 0
    requests: int = 0

    @classmethod
    def of(cls, world: Scene) -> Counts:
        """Count."""

        def count(db: Db) -> tuple[int, int, int]:
            every = db.exec(select(Sessions.status)).all()
            return len(db.exec(select(Runs.id)).all()), len(every), sum(s not in GOOD for s in every)

        total, sessions, failed = world.database.read_now(count)
        comments = sum(len(ours(issue)) for issue in world.issues)
        return cls(len(world.issues), comments, total, sessions, failed, len(world.github.requests))


def settled(world: Scene) -> bool:
    """Whether everything people wanted is done: nothing lives, every issue has its comments, the ledger knows all."""
    if any(len(ours(issue)) < len(JOBS) for issue in world.issues):
        return False
    last = world.database.read_now(_newest_rounds, world.job_ids)
    return len(last) == len(world.job_ids) and all(
        run.status == RunStatus.completed.value and run.items_found and run.items_skipped == run.items_found
        for run in last
    )


def idle(db: Db) -> bool:
    """Whether nothing lives."""
    return db.exec(select(Runs.id).where(col(Runs.completed_at).is_(None))).first() is None


def _newest_rounds(db: Db, job_ids: list[int]) -> list[Runs]:
    """The newest round of each job that looked at GitHub."""
    looked = [
        db.exec(
            select(Runs).where(Runs.job_id == job, Runs.status == "completed").order_by(col(Runs.id).desc())
        ).first()
        for job in job_ids
    ]
    return [run for run in looked if run]


def faults_of(world: Scene) -> list[str]:
    """Everything that is wrong; empty when all is well."""
    return [*_on_github(world), *world.database.read_now(lambda db: list(_in_rows(db, world)))]


def _on_github(world: Scene) -> Iterator[str]:
    for issue in world.issues:
        name, said = f"{issue.repository}#{issue.number}", ours(issue)
        jobs = Counter(next(job for job in JOBS if f"<!-- roundsman:{job}#" in body) for body in said)
        if missing := set(JOBS) - set(jobs):
            yield f"lost: {name} has no comment of {', '.join(sorted(missing))}"
        yield from (f"double: {name} has {n} comments of {job}" for job, n in jobs.items() if n > 1)
        if LABEL not in issue.labels:
            yield f"lost: {name} has no label"


def _in_rows(db: Db, world: Scene) -> Iterator[str]:
    yield from _left_over(db)
    yield from _worked_again(db, world)
    yield from _fires(db, world)


def _left_over(db: Db) -> Iterator[str]:
    for kind, rows in {
        "a claim": db.exec(select(Claims)).all(),
        "a run that has not ended": db.exec(select(Runs).where(col(Runs.completed_at).is_(None))).all(),
        "a session that has not ended": db.exec(
            select(Sessions).where(col(Sessions.completed_at).is_(None))
        ).all(),
        "money reserved": db.exec(select(Reservations).where(col(Reservations.settled).is_(None))).all(),
        "a write nobody saw done": db.exec(select(Effects).where(col(Effects.done).is_(False))).all(),
    }.items():
        yield from (f"left over: {kind}: {row!r:.200}" for row in rows)
    for budget in db.exec(select(Budgets)):
        if abs(budget.reserved) > 1e-6:
            yield f"left over: {budget.reserved} reserved in {budget.scope}"
        paid = sum(
            float(r.settled or 0)
            for r in db.exec(select(Reservations).where(Reservations.scope == budget.scope))
        )
        if abs(paid - budget.settled) > 1e-6:
            yield f"money: {budget.scope} settled {budget.settled}, its reservations {paid}"


def _worked_again(db: Db, world: Scene) -> Iterator[str]:
    edits: Counter[tuple[str, int]] = Counter((i.repository, i.number) for i in world.edited)
    names = {row.id: f"{row.owner}/{row.name}" for row in db.exec(select(Repositories))}
    done: Counter[tuple[int, str, int]] = Counter()
    for row in db.exec(select(Sessions).where(col(Sessions.status).in_(GOOD))):
        done[row.job_id, names[row.repository_id], row.number] += 1
    for (job, name, number), times in done.items():
        if times > 1 + edits[name, number]:
            yield f"again: {name}#{number} was done {times} times by job {job}, edited {edits[name, number]} times"
    known = {(row.job_id, row.number) for row in db.exec(select(Ledger)) if row.done_at}
    yield from (f"ledger: job {j} forgot {n}#{i}" for j, n, i in done if (j, i) not in known)


def _fires(db: Db, world: Scene) -> Iterator[str]:
    """Every occasion up to the last recorded one has its row: run, or skipped with its reason."""
    for job_id in world.job_ids:
        job = get_job(db, job_id)
        assert job is not None
        place: Any = db.exec(select(Repositories).where(Repositories.id == job.repository_id)).one()
        spec = JobSpec.model_validate(job.spec)
        schedule = Schedule.of(spec, identity=identity_of(place.full_name, job.name), anchor=job.anchor_at)
        had = set(db.exec(select(Runs.occasion).where(Runs.job_id == job_id, Runs.trigger == "schedule")))
        due = [
            o.id
            for o in schedule.due_between(
                job.created_at, (job.next_run_at or job.created_at) - timedelta(seconds=1)
            )
        ]
        yield from (f"lost fire: {job.name} at {occasion}" for occasion in due if occasion not in had)
