"""Sessions: queued by a run, admitted one place for all limits, finished exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session as Db
from sqlmodel import col, select

from bot.model.run import Session, SessionStatus
from bot.store import effects, ledger, runs, words
from bot.store.budget import Reserved, settle
from bot.store.sql import LOCK_ADMISSION, change, insert_new, lives, one_at_a_time
from bot.store.tables import Jobs, Sessions, Transcript

LIVE = (SessionStatus.queued.value, SessionStatus.running.value)
LOOK = 60
CUT_OFF = "the service went down while it worked"


@dataclass(frozen=True, slots=True)
class Caps:
    """How many sessions may work at once: everywhere, in this process, in one repository."""

    total: int = 3
    worker: int = 3
    repository: int = 3


@dataclass(slots=True)
class _Room:
    """What is taken now."""

    total: int = 0
    worker: int = 0
    repositories: Counter[int] = field(default_factory=Counter)
    jobs: Counter[int] = field(default_factory=Counter)
    limits: dict[int, int] = field(default_factory=dict)

    def take(self, repository: int, job: int, mine: bool) -> None:
        self.total += 1
        self.worker += mine
        self.repositories[repository] += 1
        self.jobs[job] += 1

    def full_jobs(self) -> list[int]:
        return [job for job, count in self.jobs.items() if count >= self.limits.get(job, count + 1)]


def attempt_key(session_id: int, attempt: int) -> str:
    """The name of one attempt: its workflow, its reservations."""
    return f"session-{session_id}-{attempt}"


def runs_since(db: Db, job_id: int, since: datetime, but: int) -> int:
    """How many runs of a job have opened sessions since then, one apart; another such look waits for this one's end."""
    db.exec(select(Jobs.id).where(Jobs.id == job_id).with_for_update()).first()
    wanted = select(sa.func.count(sa.distinct(col(Sessions.run_id)))).where(
        Sessions.job_id == job_id, Sessions.run_id != but, col(Sessions.queued_at) > since
    )
    return int(db.exec(wanted).one())


def queue(db: Db, rows: Sequence[dict[str, Any]]) -> None:
    """Queue sessions; one a run and item."""
    for start in range(0, len(rows), 200):
        insert_new(db, Sessions, rows[start : start + 200])


def get(db: Db, session_id: int) -> Session | None:
    """One session."""
    row = db.get(Sessions, session_id, populate_existing=True)
    return Session.model_validate(row) if row else None


def of_run(db: Db, run_id: int) -> list[Session]:
    """The sessions of a run, in order of their items."""
    rows = db.exec(select(Sessions).where(Sessions.run_id == run_id).order_by(col(Sessions.id)))
    return [Session.model_validate(row) for row in rows]


def of_item(db: Db, job_id: int, number: int, limit: int = 10) -> list[Session]:
    """The newest sessions of a job on an item, newest first."""
    wanted = select(Sessions).where(Sessions.job_id == job_id, Sessions.number == number)
    return [
        Session.model_validate(row) for row in db.exec(wanted.order_by(col(Sessions.id).desc()).limit(limit))
    ]


def admit(
    db: Db, executor: str, caps: Caps, now: datetime, *,
    reserve: Callable[[Db, Sessions], Reserved], most: int = 10,
) -> list[tuple[int, int]]:  # fmt: skip
    """Start what may start, as (id, attempt): by priority, fair between repositories, within every limit and budget.

    `reserve` sets the money aside. A session whose budget is spent ends here
    as `skipped`; one whose money is only reserved by others waits.
    """
    one_at_a_time(db, LOCK_ADMISSION)
    if words.stopped(db):
        return []
    room = _room(db, executor)
    if room.total >= caps.total or room.worker >= caps.worker:
        return []
    admitted: list[tuple[int, int]] = []
    for session in _candidates(db, room, caps, now):
        if len(admitted) >= most or room.total >= caps.total or room.worker >= caps.worker:
            break
        full = room.repositories[session.repository_id] >= caps.repository
        if full or room.jobs[session.job_id] >= session.concurrency:
            continue
        match reserve(db, session):
            case Reserved(answer="yes"):
                _start(db, session, executor, now)
                room.take(session.repository_id, session.job_id, mine=True)
                admitted.append((int(session.id or 0), session.attempt))
            case Reserved(answer="wait", words=why):
                change(db, sa.update(Sessions).where(col(Sessions.id) == session.id).values(reason=why))
            case Reserved(words=why):
                finish(
                    db,
                    int(session.id or 0),
                    session.attempt,
                    SessionStatus.skipped,
                    now,
                    reason=why,
                    failure="budget",
                )
    return admitted


def _room(db: Db, executor: str) -> _Room:
    room = _Room()
    running = select(Sessions.repository_id, Sessions.job_id, Sessions.concurrency, Sessions.executor).where(
        lives(col(Sessions.status), LIVE), Sessions.status == SessionStatus.running.value
    )
    for repository, job, limit, holder in db.exec(running):
        room.take(repository, job, holder == executor)
        room.limits[job] = limit
    return room


def _candidates(db: Db, room: _Room, caps: Caps, now: datetime) -> list[Sessions]:
    """The head of the queue: within a priority, repositories take turns, those with the least at work first.

    Of each job only the first few count: a long queue that waits for its own limit or budget hides nobody else's.
    """
    full = [repository for repository, count in room.repositories.items() if count >= caps.repository]
    in_job = sa.func.row_number().over(
        partition_by=(col(Sessions.priority), col(Sessions.job_id)), order_by=col(Sessions.id)
    )
    ready = (
        sa.select(
            col(Sessions.id), col(Sessions.priority), col(Sessions.repository_id), in_job.label("in_job")
        )
        .where(lives(col(Sessions.status), LIVE), col(Sessions.status) == SessionStatus.queued.value)
        .where(sa.or_(col(Sessions.not_before).is_(None), col(Sessions.not_before) <= now))
        .where(col(Sessions.repository_id).not_in(full), col(Sessions.job_id).not_in(room.full_jobs()))
        .subquery()
    )
    turn = sa.func.row_number().over(
        partition_by=(ready.c.priority, ready.c.repository_id), order_by=(ready.c.in_job, ready.c.id)
    )
    waiting = (
        sa.select(ready.c.id, ready.c.priority, ready.c.repository_id, turn.label("turn"))
        .where(ready.c.in_job <= caps.total)
        .subquery()
    )
    head = db.execute(
        sa.select(waiting.c.id, waiting.c.priority, waiting.c.repository_id, waiting.c.turn)
        .order_by(waiting.c.priority, waiting.c.turn, waiting.c.id)
        .limit(LOOK)
    ).all()
    order = sorted(
        head, key=lambda row: (row.priority, row.turn + room.repositories[row.repository_id], row.id)
    )
    rows = {
        row.id: row
        for row in db.exec(select(Sessions).where(col(Sessions.id).in_([row.id for row in order])))
    }
    return [rows[row.id] for row in order]


def _start(db: Db, session: Sessions, executor: str, now: datetime) -> None:
    change(
        db,
        sa.update(Sessions)
        .where(col(Sessions.id) == session.id, col(Sessions.status) == SessionStatus.queued.value)
        .values(
            status=SessionStatus.running.value, executor=executor, started_at=sa.func.coalesce(Sessions.started_at, now),
            reason=None, not_before=None,
        ),
    )  # fmt: skip


class HeldByAnother(Exception):  # noqa: N818 - said of a session, in the field's words
    """The session is at work in another process, which took it over while this one seemed dead."""


def own(db: Db, session_id: int, attempt: int, executor: str) -> Session | None:
    """Hold a session in this process; None where this attempt is over. Raises HeldByAnother."""
    at_work = sa.and_(
        col(Sessions.id) == session_id,
        col(Sessions.attempt) == attempt,
        col(Sessions.status) == SessionStatus.running.value,
    )
    free = sa.or_(col(Sessions.executor).is_(None), col(Sessions.executor) == executor)
    if change(db, sa.update(Sessions).where(at_work, free).values(executor=executor)):
        return get(db, session_id)
    if db.exec(select(Sessions.id).where(at_work)).first() is not None:
        raise HeldByAnother
    return None


def let_loose(db: Db, session_ids: Collection[int], executor: str) -> None:
    """Take sessions from a dead process, for whoever is first to go on with them."""
    if not session_ids:
        return
    change(
        db,
        sa.update(Sessions)
        .where(col(Sessions.id).in_(session_ids), col(Sessions.executor) == executor)
        .where(col(Sessions.status) == SessionStatus.running.value)
        .values(executor=None),
    )


def note(db: Db, /, session_id: int, attempt: int, **values: Any) -> None:
    """Keep what became known while it works: the state it saw, the prompt, how the agent ended."""
    change(
        db,
        sa.update(Sessions)
        .where(col(Sessions.id) == session_id, col(Sessions.attempt) == attempt)
        .values(**values),
    )


def request_of(db: Db, session_id: int) -> dict[str, Any] | None:
    """The request as it was briefed."""
    found = db.exec(select(Sessions.request).where(Sessions.id == session_id)).first()
    return dict(found) if found else None


def attempts_of(db: Db, session_id: int) -> list[dict[str, Any]]:
    """The ended attempts of a session: number, reason, cost."""
    return list(db.exec(select(Sessions.attempts).where(Sessions.id == session_id)).first() or ())


def began_work(db: Db, session_id: int, attempt: int) -> int:
    """Count that the agent is about to start; gives how often before in this attempt (crashes of ours)."""
    row = db.exec(select(Sessions).where(Sessions.id == session_id)).one()
    before, values = row.crashes, dict[str, Any]()
    if before and (metered := _metered(row)):  # what the dead process spent stays spent
        values["attempts"] = [*(row.attempts or []), _tried(attempt, CUT_OFF, metered)]
    change(
        db,
        sa.update(Sessions)
        .where(col(Sessions.id) == session_id, col(Sessions.attempt) == attempt)
        .values(crashes=before + 1, **values),
    )
    return before


def spent_before(tries: Sequence[dict[str, Any]], attempt: int) -> float:
    """What an attempt had spent when processes died under it: its part so far of what it settles."""
    return sum(float(past.get("cost") or 0) for past in tries if past.get("attempt") == attempt)


def spent_in(db: Db, session_id: int, attempt: int) -> float | None:
    """All that the meter saw an attempt spend, whoever died under it; None where nobody knows the session any more."""
    row = db.exec(select(Sessions).where(Sessions.id == session_id)).first()
    if row is None:
        return None
    return spent_before(row.attempts or [], attempt) + (_metered(row) if row.attempt == attempt else 0.0)


def _metered(row: Sessions) -> float:
    """What the meter wrote down since the last try was entered."""
    earlier = sum(float(past.get("cost") or 0) for past in row.attempts or [])
    return max(0.0, round(row.cost - earlier, 9))


def _tried(attempt: int, reason: str | None, cost: float) -> dict[str, Any]:
    return {"attempt": attempt, "reason": reason, "cost": cost}


def request_cancel(db: Db, session_id: int, now: datetime) -> bool:
    """Ask for a session's end; one that waits is cancelled here and now."""
    session = get(db, session_id)
    if session is None or session.status.final:
        return False
    if session.status is SessionStatus.queued:
        return finish(
            db, session_id, session.attempt, SessionStatus.cancelled, now, reason="cancelled before it began"
        )
    return bool(
        change(
            db,
            sa.update(Sessions)
            .where(col(Sessions.id) == session_id, col(Sessions.cancel_requested_at).is_(None))
            .values(cancel_requested_at=now),
        )
    )


def wishes(db: Db, session_ids: Collection[int]) -> dict[int, bool]:
    """Of these sessions those at work, each with whether somebody wants it ended."""
    wanted = select(Sessions.id, Sessions.cancel_requested_at).where(
        col(Sessions.id).in_(session_ids), Sessions.status == SessionStatus.running.value
    )
    return {int(found or 0): asked is not None for found, asked in db.exec(wanted)}


def again_later(db: Db, session_id: int, attempt: int, until: datetime, why: str, cost: float) -> bool:
    """Queue the next attempt of a session that failed in a way that may pass; it begins with a clean slate."""
    row = db.exec(select(Sessions).where(Sessions.id == session_id)).one()
    if row.cancel_requested_at is not None:
        return finish(
            db, session_id, attempt, SessionStatus.cancelled, row.cancel_requested_at, reason=why, cost=cost
        )
    whole = cost + spent_before(row.attempts or [], attempt)
    tries = [*(row.attempts or []), _tried(attempt, why, cost)]
    touched = change(
        db,
        sa.update(Sessions)
        .where(col(Sessions.id) == session_id, col(Sessions.attempt) == attempt, col(Sessions.status) == SessionStatus.running.value)
        .values(
            status=SessionStatus.queued.value, attempt=attempt + 1, crashes=0, executor=None, not_before=until, reason=why, attempts=tries,
            end=None, decision=None,
        ),
    )  # fmt: skip
    settle(db, attempt_key(session_id, attempt), whole)
    return bool(touched)


def finish(
    db: Db, /, session_id: int, attempt: int, status: SessionStatus, now: datetime, *,
    reason: str | None = None, failure: str | None = None, cost: float | None = None, **values: Any,
) -> bool:  # fmt: skip
    """End a session exactly once: its status, money, ledger entry and claim, and its run if it was the last.

    Without a `cost` the attempt took what the meter saw.
    """
    row = db.exec(select(Sessions).where(Sessions.id == session_id)).one()
    cost = _metered(row) if cost is None else cost
    whole = cost + spent_before(row.attempts or [], attempt)
    tries = [*(row.attempts or []), _tried(attempt, reason, cost)]
    touched = change(
        db,
        sa.update(Sessions)
        .where(
            col(Sessions.id) == session_id, col(Sessions.attempt) == attempt, col(Sessions.status).in_(LIVE)
        )
        .values(
            status=status.value,
            reason=reason,
            failure=failure,
            completed_at=now,
            attempts=tries,
            not_before=None,
            **values,
        ),
    )
    settle(db, attempt_key(session_id, attempt), whole)
    if not touched:
        return False
    ended = get(db, session_id)
    assert ended is not None
    effects.abandon_unfinished(db, session_id)
    _enter(db, ended, now)
    ledger.let_go(db, ended.job_id, ended.number, ended.run_id)
    runs.close_if_done(db, ended.run_id, now)
    return True


def _enter(db: Db, session: Session, now: datetime) -> None:
    """Write the session's end into the ledger; a dry run leaves no trace there."""
    run = runs.get(db, session.run_id)
    if run is None or run.dry_run:
        return
    if session.failure == "budget":
        from bot.store.aftermath import budget_reached

        budget_reached(db, run, now)
    if session.status.done:
        ledger.done(db, session.job_id, session.number, session.saw or {}, session.run_id, session.id, now)
    elif session.status in (SessionStatus.failed, SessionStatus.timeout):
        from bot.store.aftermath import session_failed

        session_failed(db, session, run, now)


def say(
    db: Db, session_id: int, attempt: int, first: int, events: Sequence[dict[str, Any]], now: datetime
) -> None:
    """Append to the transcript, numbered from `first`."""
    rows = [
        {"session_id": session_id, "seq": first + n, "attempt": attempt, "at": now, "event": e}
        for n, e in enumerate(events)
    ]
    insert_new(db, Transcript, rows)


def next_seq(db: Db, session_id: int) -> int:
    """The number of the transcript's next event."""
    return (
        int(
            db.exec(select(sa.func.max(Transcript.seq)).where(Transcript.session_id == session_id)).first()
            or 0
        )
        + 1
    )


def transcript(
    db: Db, session_id: int, after: int = 0, limit: int = 1000
) -> list[tuple[int, datetime, dict[str, Any]]]:
    """The events after number `after`, oldest first, as (number, time, event)."""
    wanted = select(Transcript).where(Transcript.session_id == session_id, col(Transcript.seq) > after)
    return [
        (row.seq, row.at, row.event) for row in db.exec(wanted.order_by(col(Transcript.seq)).limit(limit))
    ]


def working(db: Db, executor: str) -> int:
    """How many sessions this process has at work."""
    wanted = select(sa.func.count()).where(
        Sessions.executor == executor, Sessions.status == SessionStatus.running.value
    )
    return int(db.exec(wanted).one())


def held_of(db: Db, executor: str | None) -> list[tuple[int, int]]:
    """Sessions this process has at work, as (id, attempt); for None those that were let loose and not taken up yet."""
    wanted = select(Sessions.id, Sessions.attempt).where(Sessions.executor == executor)
    return [
        (int(s or 0), attempt)
        for s, attempt in db.exec(wanted.where(Sessions.status == SessionStatus.running.value))
    ]


def any_waiting(db: Db, now: datetime) -> bool:
    """Whether a session waits that may start by now."""
    wanted = select(Sessions.id).where(
        lives(col(Sessions.status), LIVE), Sessions.status == SessionStatus.queued.value
    )
    return (
        db.exec(
            wanted.where(sa.or_(col(Sessions.not_before).is_(None), col(Sessions.not_before) <= now)).limit(1)
        ).first()
        is not None
    )


def requeue(db: Db, session_id: int, attempt: int) -> None:
    """Put an admitted session that never began, and that nobody holds, back in the queue."""
    change(
        db,
        sa.update(Sessions)
        .where(
            col(Sessions.id) == session_id,
            col(Sessions.attempt) == attempt,
            col(Sessions.status) == SessionStatus.running.value,
            col(Sessions.executor).is_(None),
        )
        .values(status=SessionStatus.queued.value),
    )
