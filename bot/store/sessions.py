"""Sessions: queued by a run, worked on by attempts, finished exactly once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session as Db
from sqlmodel import col, select

from bot.model.run import Session, SessionStatus
from bot.store import effects, ledger, runs, words
from bot.store.budget import settle
from bot.store.sql import change, insert_new
from bot.store.tables import Jobs, Sessions

LIVE = (SessionStatus.queued.value, SessionStatus.running.value)
CUT_OFF = "the service went down while it worked"


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


def at_stake(db: Db, session_id: int, attempt: int, usd: float, now: datetime) -> None:
    """Keep what the model call under way may cost; it counts if the process dies before it is told."""
    words.put(db, f"stake:{session_id}", {"attempt": attempt, "usd": usd}, now)


def metered(db: Db, session_id: int, attempt: int, cost: float) -> None:
    """Keep what the session has cost so far: no call is under way any more."""
    note(db, session_id, attempt, cost=cost)
    words.forget(db, f"stake:{session_id}")


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
    if before and (took := _metered(db, row)):  # what the dead process spent stays spent
        values["attempts"] = [*(row.attempts or []), _tried(attempt, CUT_OFF, took)]
        values["cost"] = sum(float(past.get("cost") or 0) for past in values["attempts"])
        words.forget(db, f"stake:{session_id}")
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
    return spent_before(row.attempts or [], attempt) + (_metered(db, row) if row.attempt == attempt else 0.0)


def _metered(db: Db, row: Sessions) -> float:
    """What the meter wrote down since the last try was entered, and what was at stake when nobody could write any more."""
    earlier = sum(float(past.get("cost") or 0) for past in row.attempts or [])
    stake = words.get(db, f"stake:{row.id}") or {}
    under_way = float(stake["usd"]) if stake.get("attempt") == row.attempt else 0.0
    return round(max(0.0, row.cost - earlier) + under_way, 9)


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
    cost = _metered(db, row) if cost is None else cost
    words.forget(db, f"stake:{session_id}")
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
