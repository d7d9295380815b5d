"""The book of runs and sessions, kept in the store: each method is one short transaction that may be run twice."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.logs import about
from bot.model.agent import SessionRequest
from bot.model.item import Item
from bot.model.job import ReportTo
from bot.model.run import Effect, RunItem, RunStatus, Session, SessionStatus
from bot.model.selection import Candidate, Selection
from bot.ports import Clock, Found, Place, Seat, Written
from bot.store import effects, ledger, runs, sessions, words
from bot.store.budget import reserved_for
from bot.store.candidates import candidates_of
from bot.store.database import Database, Db

_log = logging.getLogger("roundsman.rounds")
DAY = timedelta(days=1)


class StoreBook:
    """Implements `Book` over the tables."""

    def __init__(self, database: Database, clock: Clock, executor: str) -> None:
        self._db, self._clock, self._executor = database, clock, executor

    # ── runs ──

    async def open(self, run_id: int) -> Place | None:
        """Mark a run as running; None where it has ended meanwhile."""
        place = await self._db.write(_open, run_id, self._executor, self._clock.now())
        if place is not None:
            run = place.run
            about(run=run.id, job=place.job.name, repository=place.repository.full_name)
            _log.info(
                "run %s of %s begins",
                run.id,
                place.job.name,
                extra={"trigger": run.trigger.value, "lag_ms": run.lag_ms},
            )
        return place

    async def candidates(self, place: Place, items: Sequence[Item]) -> list[Candidate]:
        """Put each item beside its state, what the ledger knows and who holds it."""
        return await self._db.read(candidates_of, place.repository.id, place.job.id, items, place.run.id)

    async def remember(self, place: Place, candidate: Candidate, at: datetime) -> None:
        """Enter that the job dealt with an item as it is now, at an instant before this database knew of it."""
        await self._db.write(
            ledger.done, place.job.id, candidate.item.number, candidate.state, None, None, at
        )

    async def record(
        self, place: Place, found: Found, selection: Selection, most_runs: int | None = None
    ) -> int:
        """Keep the verdicts, claim and queue what was picked, defer the rest."""
        return await self._db.write(_record, place, found, selection, self._clock.now(), most_runs)

    async def end_run(self, run_id: int, status: RunStatus, words: str) -> None:
        """End a run that works on nothing."""
        bad = status is RunStatus.failed
        await self._db.write(
            runs.end,
            run_id,
            status,
            self._clock.now(),
            reason=None if bad else words,
            error=words if bad else None,
        )

    async def postpone(self, run_id: int, seconds: float, words: str) -> None:
        """Put a run back in the queue."""
        until = self._clock.now() + timedelta(seconds=seconds) if seconds else None
        await self._db.write(runs.postpone, run_id, until, words)

    async def commands(self, place: Place) -> dict[str, str]:
        """The repository's own commands, by path."""
        return dict(await self._db.read(words.get, f"commands:{place.repository.id}") or {})

    async def home(self, place: Place) -> int | None:
        """Where results without an item go."""
        if isinstance(place.spec.report, ReportTo):
            return place.spec.report.issue
        return await self._db.read(words.home_of, place.repository.id)

    async def set_home(self, place: Place, number: int) -> None:
        """Remember the repository's dashboard issue."""
        await self._db.write(words.set_home, place.repository.id, number, self._clock.now())

    # ── sessions ──

    async def seat(self, session_id: int, attempt: int) -> Seat | None:
        """Take a session over for this process; None where the attempt is over.

        One that another process has taken over ends here without a word: no step is recorded, no ending written.
        """
        try:
            return await self._db.write(_seat, session_id, attempt, self._executor)
        except sessions.HeldByAnother:
            raise asyncio.CancelledError from None

    async def note(self, seat: Seat, **values: Any) -> None:
        """Keep what became known of a session."""
        await self._db.write(sessions.note, seat.session.id, seat.session.attempt, **values)

    async def request(self, seat: Seat) -> SessionRequest:
        """The request as it was briefed."""
        return SessionRequest.model_validate(await self._db.read(sessions.request_of, seat.session.id))

    async def began_work(self, seat: Seat) -> int:
        """Count that the agent starts."""
        return await self._db.write(sessions.began_work, seat.session.id, seat.session.attempt)

    async def again_later(self, seat: Seat, why: str, cost: float) -> None:
        """Queue the next attempt, with backoff and jitter."""
        spread = (seat.session.id * 7919 % 100) / 100
        until = self._clock.now() + runs.retry_later(seat.session.attempt, base=10.0, spread=spread)
        await self._db.write(sessions.again_later, seat.session.id, seat.session.attempt, until, why, cost)

    async def finish(
        self, seat: Seat, status: SessionStatus, *, reason: str | None, failure: str | None, cost: float
    ) -> None:
        """End a session, and its run if it was the last."""
        now = self._clock.now()
        await self._db.write(
            sessions.finish,
            seat.session.id,
            seat.session.attempt,
            status,
            now,
            reason=reason,
            failure=failure,
            cost=cost,
        )
        told = {"status": status.value, "failure": failure, "cost": round(cost, 4)}
        _log.info("session %s of run %s ends", seat.session.id, seat.run.id, extra=told)

    async def earlier(self, seat: Seat) -> list[Session]:
        """Earlier sessions of the job on this item that had something to say, newest first."""
        found = await self._db.read(sessions.of_item, seat.job.id, seat.session.number, 12)
        return [
            s
            for s in found
            if s.id < seat.session.id and s.status is SessionStatus.succeeded and s.comment_url
        ]

    async def agent_session(self, seat: Seat, engine: str) -> str | None:
        """The agent's own id of the last session on this item with the same engine."""
        found = await self._db.read(sessions.of_item, seat.job.id, seat.session.number, 12)
        return next(
            (
                s.agent_session
                for s in found
                if s.id < seat.session.id and s.engine == engine and s.agent_session
            ),
            None,
        )

    # ── effects ──

    async def effects(self, seat: Seat, number: int) -> list[Effect]:
        """What we ever did on an item, oldest first."""
        found = await self._db.read(effects.on_items, seat.repository.id, [number])
        return found.get(number, [])

    async def intend(self, seat: Seat, key: str, **effect: Any) -> Effect:
        """Write down what we are about to do."""
        place = {
            "session_id": seat.session.id,
            "run_id": seat.run.id,
            "job_id": seat.job.id,
            "repository_id": seat.repository.id,
        }
        return await self._db.write(effects.intend, key, **place, **effect)

    async def did(self, key: str, written: Written) -> None:
        """Write down that it is done."""
        await self._db.write(effects.did, key, at=written.at, target_id=written.target_id, url=written.url)

    async def abandon(self, key: str) -> None:
        """Write down that GitHub refused it."""
        await self._db.write(effects.abandon, key)

    async def last_comment(self, job_id: int, number: int) -> Effect | None:
        """The newest living comment of a job on an item."""
        return await self._db.read(effects.last_comment, job_id, number)


def _open(db: Db, run_id: int, executor: str, now: datetime) -> Place | None:
    if runs.was_chosen(db, run_id):  # and we died before the journal knew
        return None
    if runs.begin(db, run_id, executor, now) is None:
        return None
    found = runs.place_of(db, run_id)
    if found is None:
        return None
    run, job, repository = found
    if run.cancel_requested_at:
        runs.end(db, run_id, RunStatus.cancelled, now, reason="cancelled before it began")
        return None
    return Place(run=run, job=job, repository=repository)


def _record(
    db: Db, place: Place, found: Found, selection: Selection, now: datetime, most_runs: int | None = None
) -> int:
    run, job = place.run, place.job
    standing = runs.get(db, run.id)
    if standing is None or standing.status.final or runs.was_chosen(db, run.id):
        return 0
    if standing.cancel_requested_at is not None:
        runs.end(db, run.id, RunStatus.cancelled, now, reason="cancelled while it chose")
        return 0
    numbers = [candidate.item.number for candidate in selection.picked]
    if numbers and most_runs is not None and sessions.runs_since(db, job.id, now - DAY, run.id) >= most_runs:
        _held(db, place, found, selection, now, f"above the operator's ceiling `runs_per_day`: {most_runs} runs of this job in 24 hours")  # fmt: skip
        return 0
    taken = ledger.take(db, job.id, run.id, numbers, now) if numbers else set()
    if run.number is not None and len(taken) < len(numbers):
        runs.postpone(db, run.id, None, "its item was claimed by another run a moment earlier")
        return 0
    late = [
        RunItem(run_id=run.id, number=n, verdict="skipped", reason="claimed by another run a moment earlier")
        for n in numbers
        if n not in taken
    ]
    verdicts = [
        *(_verdict(run.id, c.item, "picked", "picked") for c in selection.picked if c.item.number in taken),
        *(_verdict(run.id, v.item, "skipped", v.reason) for v in selection.skipped),
        *(_verdict(run.id, v.item, "deferred", v.reason) for v in selection.deferred),
        *late,
    ]
    runs.record_items(db, verdicts)
    if not run.dry_run:
        ledger.deferred(db, job.id, [v.item.number for v in selection.deferred], now)
    sessions.queue(db, [_session(place, c, now) for c in selection.picked if c.item.number in taken])
    runs.chosen(
        db, run.id, found=len(found.items), skipped=len(selection.skipped) + len(late), deferred=len(selection.deferred),
        requests=found.requests, facts={"chosen": len(taken), "examined": found.examined, "undecided": list(found.undecided)[:100]},
    )  # fmt: skip
    runs.close_if_done(db, run.id, now)
    return len(taken)


def _held(db: Db, place: Place, found: Found, selection: Selection, now: datetime, reason: str) -> None:
    """End a run that may not work: what it would have picked comes first the next time."""
    run, held = place.run, [candidate.item for candidate in selection.picked]
    held += [verdict.item for verdict in selection.deferred]
    skipped = [_verdict(run.id, v.item, "skipped", v.reason) for v in selection.skipped]
    runs.record_items(db, [*skipped, *(_verdict(run.id, item, "deferred", reason) for item in held)])
    if not run.dry_run:
        ledger.deferred(db, place.job.id, [item.number for item in held], now)
    runs.chosen(
        db, run.id, found=len(found.items), skipped=len(skipped), deferred=len(held), requests=found.requests,
        facts={"chosen": 0, "examined": found.examined, "undecided": list(found.undecided)[:100]},
    )  # fmt: skip
    runs.end(db, run.id, RunStatus.skipped, now, reason=reason)


def _verdict(run_id: int, item: Item, verdict: Any, reason: str) -> RunItem:
    return RunItem(run_id=run_id, number=item.number, verdict=verdict, reason=reason, title=item.title[:300])


def _session(place: Place, candidate: Candidate, now: datetime) -> dict[str, Any]:
    item, run = candidate.item, place.run
    return {
        "run_id": run.id, "job_id": run.job_id, "repository_id": run.repository_id, "number": item.number, "is_pull": item.is_pull,
        "title": item.title[:300], "url": item.url, "status": SessionStatus.queued.value, "priority": run.priority, "queued_at": now,
        "concurrency": place.spec.limits.concurrency,
        "attempt": 1, "crashes": 0, "turns": 0, "tokens_in": 0, "tokens_out": 0, "cost": 0.0,
    }  # fmt: skip


def _seat(db: Db, session_id: int, attempt: int, executor: str) -> Seat | None:
    """Raises HeldByAnother."""
    session = sessions.own(db, session_id, attempt, executor)
    found = runs.place_of(db, session.run_id) if session else None
    if session is None or found is None:
        return None
    run, job, repository = found
    tries = sessions.attempts_of(db, session_id)
    earlier = sum(float(past.get("cost") or 0) for past in tries)
    reserved = reserved_for(db, sessions.attempt_key(session_id, attempt))
    if reserved is not None:
        reserved = max(0.0, reserved - sessions.spent_before(tries, attempt))
    return Seat(
        run=run, job=job, repository=repository, session=session, reserved=reserved, earlier_cost=earlier
    )
