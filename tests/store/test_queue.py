"""The queue of rows, on both databases: fair between repositories, within every limit, held by one process at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.model.job import JobSpec
from bot.model.run import RunStatus, Session, SessionStatus, Trigger, TriggerKind
from bot.store import admission, effects, jobs, ledger, repositories, runqueue, runs, sessions
from bot.store.admission import Caps
from bot.store.budget import Reserved, Scope, open_attempts, reserve
from bot.store.database import Database, Db
from bot.store.sessions import HeldByAnother
from bot.store.sql import count_new
from bot.store.tables import Runs

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
SPEC = {"on": {"schedule": "0 9 * * *"}, "prompt": "Look."}


def a_job(db: Db, repository: str = "acme/shop", name: str = "triage", **spec: Any) -> int:
    """A job of a repository."""
    place = repositories.ensure_repository(db, repository, NOW)
    return jobs.save_job(db, place.id, name, JobSpec.model_validate(SPEC | spec), now=NOW).id


def fired(db: Db, job: int, count: int = 1, *, kind: TriggerKind = TriggerKind.manual) -> list[int]:
    """Pending runs of a job."""
    found = [runs.fire(db, job, Trigger(kind=kind, occasion=f"{kind}-{job}-{n}"), NOW) for n in range(count)]
    return [run.id for run in found if run]


def queued(db: Db, job: int, *numbers: int, concurrency: int = 3) -> list[Session]:
    """A running run of the job that has chosen these items."""
    run_id = fired(db, job, 1 + len(runs.runs_of(db, job)))[-1]
    run = runs.begin(db, run_id, "one", NOW)
    assert run is not None
    ledger.take(db, job, run_id, numbers, NOW)
    rows = [
        {"run_id": run_id, "job_id": job, "repository_id": run.repository_id, "number": n, "is_pull": False, "title": "", "url": "",
         "status": "queued", "priority": 2, "queued_at": NOW, "concurrency": concurrency, "attempt": 1, "crashes": 0, "turns": 0,
         "tokens_in": 0, "tokens_out": 0, "cost": 0.0}
        for n in numbers
    ]  # fmt: skip
    sessions.queue(db, rows)
    runs.chosen(
        db, run_id, found=len(numbers), skipped=0, deferred=0, requests=1, facts={"chosen": len(numbers)}
    )
    return sessions.of_run(db, run_id)


def free(db: Db, session: Any) -> Reserved:
    """Costs nothing."""
    return Reserved("yes")


def admitted(db: Db, caps: Caps, executor: str = "one") -> list[int]:
    """Admit what may start."""
    return [session for session, _ in admission.admit(db, executor, caps, NOW, reserve=free)]


def test_a_thousand_runs_of_one_repository_hold_nobody_up(database: Database) -> None:
    """Repositories take turns: the quiet one's only run is among the first."""

    def work(db: Db) -> None:
        fired(db, a_job(db, "acme/loud"), 1000)
        (quiet,) = fired(db, a_job(db, "zoo/quiet"))
        assert quiet in [run for run, _ in runqueue.claim(db, "one", 4, NOW)]

    database.write_now(work)


def test_what_people_ask_for_goes_before_what_time_asks_for(database: Database) -> None:
    """Priority comes before turns."""

    def work(db: Db) -> None:
        fired(db, a_job(db, "acme/loud"), 20, kind=TriggerKind.event)
        (by_hand,) = fired(db, a_job(db, "zoo/quiet"))
        assert [run for run, _ in runqueue.claim(db, "one", 1, NOW)] == [by_hand]

    database.write_now(work)


def test_a_job_s_priority_decides_who_goes_first(database: Database) -> None:
    """High before normal before low, whoever came first; sessions have the priority of their run."""

    def work(db: Db) -> None:
        made = [a_job(db, "acme/shop", name, priority=name) for name in ("low", "normal", "high")]
        low, normal, high = (fired(db, job, kind=TriggerKind.schedule)[0] for job in made)
        assert [run for run, _ in runqueue.claim(db, "one", 3, NOW)] == [high, normal, low]

    database.write_now(work)


def test_runs_that_wait_hide_none_that_may_start(database: Database) -> None:
    """More runs than a look takes wait for a held item; the one behind them is found all the same."""

    def work(db: Db) -> None:
        job = a_job(db)
        queued(db, job, 7)
        kind = TriggerKind.event
        for n in range(40):
            assert runs.fire(db, job, Trigger(kind=kind, occasion=f"e-{n}", number=7), NOW)
        free_one = runs.fire(db, job, Trigger(kind=kind, occasion="e-free", number=8), NOW)
        assert free_one is not None
        assert runqueue.claim(db, "one", 4, NOW) == [(free_one.id, 1)]
        assert runqueue.claim(db, "one", 4, NOW) == []

    database.write_now(work)


def test_a_job_at_its_limit_hides_nobody_else_s_sessions(database: Database) -> None:
    """A hundred sessions that wait for their own job's limit do not fill the head of the queue."""

    def work(db: Db) -> None:
        narrow = a_job(db, name="narrow")
        first = queued(db, narrow, *range(1, 101), concurrency=1)
        other = queued(db, a_job(db, name="other"), 500)
        caps = Caps(total=2, worker=2, repository=10)
        assert admitted(db, caps) == [first[0].id, other[0].id]

    database.write_now(work)


def test_sessions_stay_within_every_cap(database: Database) -> None:
    """Everywhere, in the process, in the repository, in the job."""

    def work(db: Db) -> None:
        queued(db, a_job(db), *range(1, 10), concurrency=2)
        queued(db, a_job(db, "zoo/park"), *range(1, 10), concurrency=9)
        assert len(admitted(db, Caps(total=5, worker=4, repository=3))) == 4
        assert len(admitted(db, Caps(total=5, worker=4, repository=3))) == 0
        assert len(admitted(db, Caps(total=5, worker=4, repository=3), "two")) == 1

    database.write_now(work)


def test_a_session_is_held_by_one_process(database: Database) -> None:
    """Another cannot take it until it is let loose; then the first to ask holds it."""

    def work(db: Db) -> None:
        (session,) = queued(db, a_job(db), 1)
        admitted(db, Caps())
        with pytest.raises(HeldByAnother):
            sessions.own(db, session.id, 1, "two")
        sessions.let_loose(db, [session.id], "one")
        assert sessions.own(db, session.id, 1, "two") is not None
        with pytest.raises(HeldByAnother):
            sessions.own(db, session.id, 1, "one")
        sessions.finish(db, session.id, 1, SessionStatus.succeeded, NOW)
        assert sessions.own(db, session.id, 1, "two") is None

    database.write_now(work)


def test_cancelling_what_waits_leaves_no_claim_and_no_money_behind(database: Database) -> None:
    """A session that was admitted, put back and then cancelled gives everything back."""

    def work(db: Db) -> None:
        job = a_job(db)
        first, _ = queued(db, job, 1, 2)
        reserve(db, sessions.attempt_key(first.id, 1), [Scope("day", "the day", 5.0)], 1.0, NOW)
        assert runs.request_cancel(db, first.run_id, NOW)
        run = runs.get(db, first.run_id)
        assert run is not None
        assert run.status is RunStatus.cancelled
        assert ledger.claims(db, job, [1, 2]) == {}
        assert open_attempts(db) == []

    database.write_now(work)


def test_a_retry_begins_with_a_clean_slate_unless_it_was_cancelled(database: Database) -> None:
    """What the last attempt left is gone; a cancelled session is not queued again."""

    def work(db: Db) -> None:
        one, two = queued(db, a_job(db), 1, 2)
        admitted(db, Caps())
        for session in (one, two):
            sessions.note(db, session.id, 1, end={"ending": "failed"}, decision={"summary": "x"})
        sessions.request_cancel(db, two.id, NOW)
        for session in (one, two):
            sessions.again_later(db, session.id, 1, NOW + timedelta(minutes=1), "529", 0.1)
        again, over = sessions.get(db, one.id), sessions.get(db, two.id)
        assert again is not None
        assert (again.status, again.attempt, again.end, again.decision) == (
            SessionStatus.queued,
            2,
            None,
            None,
        )
        assert over is not None
        assert over.status is SessionStatus.cancelled

    database.write_now(work)


def test_what_a_session_meant_to_do_ends_with_it(database: Database) -> None:
    """A write nobody saw done does not hold its item back for ever."""

    def work(db: Db) -> None:
        job = a_job(db)
        (session,) = queued(db, job, 1)
        admitted(db, Caps())
        place = {"job_id": job, "repository_id": session.repository_id, "number": 1, "kind": "labels.add"}
        effects.intend(db, "a", session_id=session.id, facet="label:bug", **place)
        sessions.finish(db, session.id, 1, SessionStatus.failed, NOW)
        assert effects.of_session(db, session.id) == []

    database.write_now(work)


def test_events_do_not_make_a_scheduled_fire_skip(database: Database) -> None:
    """Only rounds meet rounds: a run for one item is none."""

    def work(db: Db) -> None:
        job = a_job(db)
        runs.fire(db, job, Trigger(kind=TriggerKind.event, occasion="delivery", number=3), NOW)
        assert runs.live_runs(db, [job]) == {}
        (round_,) = fired(db, job)
        assert runs.live_runs(db, [job]) == {job: [round_]}

    database.write_now(work)


def test_rows_written_at_once_are_what_they_were_and_count_once(database: Database) -> None:
    """Instants, JSON, nothing and quotes come back as they went in; rows that are there already are not counted."""

    def work(db: Db) -> None:
        held = jobs.get_job(db, a_job(db, prompt='it\'s "odd" \\ ünïcode :rows %s'))
        assert held is not None
        given = [
            runs.row_for(held, Trigger(kind=TriggerKind.schedule, occasion=f"o-{n}", scheduled_for=NOW), NOW, reason="it's\n\\n")
            for n in range(3)
        ]  # fmt: skip
        ended = runs.row_for(
            held, Trigger(kind=TriggerKind.schedule, occasion="o-skipped"), NOW, status="skipped", error="e"
        )
        assert count_new(db, Runs, [*given, ended]) == 4
        assert count_new(db, Runs, [*given, ended]) == 0
        kept = runs.runs_of(db, held.id)[-1]
        assert (kept.spec, kept.scheduled_for, kept.created_at) == (held.spec, NOW, NOW)
        assert (kept.reason, kept.started_at, kept.number, kept.dry_run) == ("it's\n\\n", None, None, False)

    database.write_now(work)
