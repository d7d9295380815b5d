"""What is past its time goes, and nothing that is still asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel, select

from bot.model.job import JobSpec
from bot.store import budget, jobs, repositories, retention, runs, words
from bot.store.database import Database, Db
from bot.store.retention import Kept
from bot.store.tables import (
    Audit,
    Budgets,
    Deliveries,
    Effects,
    Idempotency,
    Jobs,
    Ledger,
    Repositories,
    Reservations,
    RunItems,
    Runs,
    Sessions,
    Transcript,
    Words,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SPEC = JobSpec.model_validate({"on": {"every": "1d"}, "prompt": "Look."})


def days(count: float) -> datetime:
    """So many days ago."""
    return NOW - timedelta(days=count)


class House:
    """A repository with a job."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.place = database.write_now(repositories.ensure_repository, "acme/shop", days(400))
        self.job = self.database.write_now(
            jobs.save_job, self.place.id, "look", SPEC, source="api", by="ada", now=days(400)
        )

    def run(self, age: float, status: str = "completed", **more: Any) -> int:
        """A run of so many days ago, with one session, its transcript, money and deed."""
        at = days(age)

        def work(db: Db) -> int:
            over = at if status in retention.FINAL else None
            run = Runs(
                job_id=self.job.id, repository_id=self.place.id, trigger="schedule", occasion=f"{age}", status=status, spec={},
                created_at=at, completed_at=over, **more,
            )  # fmt: skip
            db.add(run)
            db.flush()
            session = Sessions(
                run_id=run.id, job_id=self.job.id, repository_id=self.place.id, number=1, title="t", url="u",
                status="succeeded" if over else "running", queued_at=at, completed_at=over,
            )  # fmt: skip
            db.add(session)
            db.add(RunItems(run_id=run.id, number=1, verdict="picked", reason="picked", title="t"))
            db.flush()
            name = f"session-{session.id}-1"
            scope = budget.Scope(f"run {run.id}", "run", 5.0)
            budget.reserve(db, name, [scope], 1.0, at)
            if over:
                budget.settle(db, name, 0.5)
            db.add(Transcript(session_id=session.id, seq=1, at=at, event={"kind": "said"}))
            db.add(Effects(key=name, session_id=session.id, run_id=run.id, job_id=self.job.id, repository_id=self.place.id, number=1, kind="comment", done=True, at=at))  # fmt: skip
            return int(run.id or 0)

        return self.database.write_now(work)

    def sweep(self, **kept: Any) -> dict[str, int]:
        """Sweep until nothing goes."""
        gone = {}
        for name, one in retention.sweeps(Kept(**kept), NOW).items():
            gone[name] = 0
            while took := self.database.write_now(retention.take, one):
                gone[name] += took
        return gone

    def count(self, table: type[SQLModel]) -> int:
        """How many rows there are."""
        return self.database.read_now(
            lambda db: db.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        )


@pytest.fixture
def house(database: Database) -> House:
    """A house on each database."""
    return House(database)


def test_runs_go_by_age_but_the_last_of_a_job_stay(house: House) -> None:
    """Of thirty old runs the newest twenty stay, and a young one and a living one besides; deeds stay all."""
    old = [house.run(300 - n) for n in range(30)]
    living = house.run(200.5, status="running")
    young = house.run(1)
    gone = house.sweep()
    left = house.database.read_now(lambda db: sorted(db.exec(select(Runs.id))))
    assert left == [*old[12:], living, young]
    assert gone["runs"] == 12
    assert house.count(Sessions) == len(left)
    assert house.count(RunItems) == len(left)
    assert house.count(Effects) == 32
    assert house.count(Reservations) == 2, "what was settled long ago is summed up nowhere"
    assert house.count(Budgets) == 2


def test_a_transcript_goes_before_its_run(house: House) -> None:
    """Transcripts are kept for thirty days by themselves."""
    for age in (40, 31, 29):
        house.run(age)
    gone = house.sweep()
    assert (gone["transcripts"], house.count(Transcript), house.count(Runs)) == (2, 1, 3)


def test_a_deleted_job_goes_with_its_history_and_then_its_repository(house: House) -> None:
    """After the time of a run nobody asks for them; until then both can be restored."""
    for n in range(3):
        house.run(200 - n)
    house.database.write_now(jobs.archive, house.job.id, days(89))
    house.sweep()
    assert house.count(Jobs) == 1

    def longer_ago(db: Db) -> None:
        db.execute(sa.update(Jobs).values(archived_at=days(91)))
        db.execute(sa.update(Repositories).values(archived_at=days(91)))
        db.add(Ledger(job_id=house.job.id, number=1))
        words.put(db, f"home:{house.place.id}", 7, days(300))

    house.database.write_now(longer_ago)
    house.sweep()
    for table in (Runs, Sessions, Ledger, Jobs, Effects, Repositories, Words):
        assert house.count(table) == 0, table.__name__


def test_a_living_run_holds_its_deleted_job(house: House) -> None:
    """What still works is not pulled away from under its process."""
    house.run(100, status="running")
    house.database.write_now(
        lambda db: db.execute(sa.update(Jobs).values(archived_at=days(99))) and None  # type: ignore[func-returns-value]
    )
    house.sweep()
    assert (house.count(Jobs), house.count(Runs)) == (1, 1)


def test_money_of_attempts_that_are_over_is_settled_at_what_was_spent(house: House) -> None:
    """At what the meter saw; at all of it where nobody knows the session any more; one at work keeps its own."""
    house.run(1, status="running")
    over = house.run(2, status="completed")

    def orphan(db: Db) -> None:
        session = db.exec(select(Sessions).where(Sessions.run_id == over)).one()
        session.attempt, session.cost = 2, 0.7
        session.attempts = [{"attempt": 1, "cost": 0.4}]
        db.add(session)
        budget.reserve(db, f"session-{session.id}-2", [budget.Scope("job 1", "job", 5.0)], 2.0, days(1))
        budget.reserve(db, "session-999-1", [budget.Scope("job 2", "job", 5.0)], 2.0, days(1))

    house.database.write_now(orphan)
    assert house.sweep()["orphaned reservations"] == 2
    left = house.database.read_now(
        lambda db: {b.scope: (b.reserved, round(b.settled, 6)) for b in db.exec(select(Budgets))}
    )
    assert (left["job 1"], left["job 2"]) == ((0.0, 0.3), (0.0, 2.0))
    assert left["run 1"] == (1.0, 0.0)


def test_small_things_go_by_age(house: House) -> None:
    """Deliveries that were handled, the audit log, idempotency keys, sign-outs."""

    def work(db: Db) -> None:
        for age in (31, 1):
            for handled in (True, False):
                db.add(Deliveries(guid=f"{age}{handled}", event="issues", received_at=days(age), handled_at=days(age) if handled else None))  # fmt: skip
        db.execute(sa.delete(Audit))
        for age in (366, 1):
            db.add(Audit(at=days(age), actor="ada", action="job.paused", target="look"))
        for age in (2.0, 0.5):
            db.add(Idempotency(key=f"{age}", fingerprint="f", status=201, at=days(age)))
        for age in (61, 1):
            words.put(db, f"signed-out/{age}", True, days(age))
        words.put(db, "stop", {"by": "ada"}, days(300))

    house.database.write_now(work)
    house.sweep()
    assert house.database.read_now(lambda db: sorted(db.exec(select(Deliveries.guid)))) == [
        "1False",
        "1True",
        "31False",
    ]
    assert (house.count(Audit), house.count(Idempotency)) == (1, 1)
    assert house.database.read_now(lambda db: sorted(db.exec(select(Words.name)))) == ["signed-out/1", "stop"]


def test_what_is_swept_does_not_fire_again(house: House) -> None:
    """The next fire follows from the job, not from the history that went."""
    for n in range(30):
        house.run(300 - n)
    before = house.database.read_now(jobs.get_job, house.job.id)
    house.sweep(last=1)
    after = house.database.read_now(jobs.get_job, house.job.id)
    assert before is not None
    assert after is not None
    assert after.next_run_at == before.next_run_at
    assert len(house.database.read_now(runs.runs_of, house.job.id)) == 1
