"""Fires in time, on both databases, through the engine as it runs: overlap, catch-up, what holds a job back, what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.model.agent import AgentEnd, Failure
from bot.model.run import Repository, RunStatus, TriggerKind
from bot.store import jobs, runs, words
from bot.store.database import Database, Db
from bot.web.api import deeds
from tests.adapters.bench import Bench

MINUTELY = {"schedule": "* * * * *"}


@pytest.fixture
async def bench(database: Database, database_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    """A process at work."""
    bench = Bench(database, database_url, tmp_path)
    await bench.wake()
    yield bench
    if bench.worker:
        await bench.die()


def told(bench: Bench, job: int) -> list[tuple[str, str]]:
    """Each run's status and reason, oldest first."""
    return [(run.status.value, run.reason or "") for run in reversed(bench.runs(job))]


async def at_work(bench: Bench, job: int, count: int = 1) -> None:
    """Until so many agents of the job have begun."""
    await bench.until(lambda: bench.agent.sessions >= count)


@pytest.mark.parametrize(
    ("overlap", "statuses", "reason"),
    [
        ("skip", ["completed", "skipped"], "the last run still works (overlap: skip)"),
        ("queue", ["completed", "completed"], ""),
        ("cancel", ["cancelled", "completed"], ""),
        ("allow", ["completed", "completed"], ""),
    ],
)
async def test_a_fire_that_meets_a_run_does_as_overlap_says(
    bench: Bench, overlap: str, statuses: list[str], reason: str
) -> None:
    """Skip leaves a recorded run with its reason, queue waits its turn, cancel ends the agent, allow goes beside it."""
    bench.github.issue("Crash", "bug")
    bench.agent.hold = asyncio.Event()
    job = bench.job(on=MINUTELY, overlap=overlap, again="always")
    bench.clock.move(seconds=31)
    await at_work(bench, job)
    bench.clock.move(minutes=1)
    await bench.until(lambda: len(bench.runs(job)) == 2)
    if overlap == "queue":
        await asyncio.sleep(0.3)
        assert bench.runs(job)[0].status is RunStatus.pending
    bench.agent.hold.set()
    bench.agent.hold = None
    found = await bench.ended(job, 2)
    assert [run.status.value for run in reversed(found)] == statuses
    assert found[0].reason == (reason or found[0].reason)


@pytest.mark.parametrize(
    ("mode", "window", "ran", "missed"),
    [("none", "1h", 1, 4), ("latest", "1h", 1, 4), ("all", "1h", 5, 0), ("all", "2m", 2, 3)],
)
async def test_after_a_silence_catch_up_decides(
    bench: Bench, mode: str, window: str, ran: int, missed: int
) -> None:
    """Five fires fell due while the process was down; those not made up for are recorded with their reason."""
    job = bench.job(on=MINUTELY, catch_up={"mode": mode, "window": window}, overlap="allow")
    await bench.die()
    bench.clock.move(minutes=5)
    await bench.wake()
    await bench.ended(job, 5)
    reasons = [reason for status, reason in told(bench, job) if status == "skipped"]
    assert len(reasons) == missed
    assert all("missed" in reason for reason in reasons)
    assert len(bench.runs(job)) - len(reasons) == ran


async def test_pausing_keeps_what_works_and_resuming_takes_the_next_fire(bench: Bench) -> None:
    """A paused job does not fire, its session goes on; resumed, it fires at the next minute, not at those that passed."""
    bench.github.issue("Crash", "bug")
    bench.agent.hold = asyncio.Event()
    job = bench.job(on=MINUTELY)
    bench.clock.move(seconds=31)
    await at_work(bench, job)
    bench.database.write_now(jobs.pause, job, bench.clock.now())
    bench.clock.move(minutes=10)
    bench.agent.hold.set()
    (run,) = await bench.ended(job)
    assert run.status is RunStatus.completed
    bench.database.write_now(jobs.resume, job, bench.clock.now())
    bench.clock.move(minutes=1)
    await bench.ended(job, 2)
    assert len(bench.runs(job)) == 2


async def test_a_disabled_job_has_no_next_fire_and_an_edit_recomputes_it(bench: Bench) -> None:
    """Disabling clears the next fire, enabling brings it back; a new schedule counts from now, also while a run works."""
    job = bench.job()
    now = bench.clock.now()
    assert bench.database.write_now(jobs.disable, job, now).next_run_at is None
    assert bench.database.write_now(jobs.enable, job, now).next_run_at == datetime(2026, 6, 1, 9, tzinfo=UTC)
    bench.github.issue("Crash", "bug")
    bench.agent.hold = asyncio.Event()
    bench.clock.move(minutes=1)
    await at_work(bench, job)
    assert bench.job(on={"schedule": "30 12 * * *"}) == job
    again = bench.database.read_now(jobs.get_job, job)
    assert again is not None
    assert again.next_run_at == datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
    bench.agent.hold.set()
    (run,) = await bench.ended(job)
    assert run.status is RunStatus.completed


async def test_a_job_follows_another_where_its_result_is_the_one_named(bench: Bench) -> None:
    """After a failed run the one that waits for failures fires, the one that waits for success does not."""
    bench.github.issue("Crash", "bug")
    bench.agent.when("Triage", end=AgentEnd(ending="failed", failure=Failure.of("refusal", "it would not")))
    first = bench.job()
    on_failure = bench.job("mourn", on={"after": {"job": "triage", "on": ["failed"]}}, filter="is:closed")
    on_success = bench.job("cheer", on={"after": "triage"}, filter="is:closed")
    bench.clock.move(minutes=1)
    await bench.ended(first)
    (run,) = await bench.ended(on_failure)
    assert (run.trigger, run.by) == (TriggerKind.after, "triage")
    assert bench.runs(on_success) == []


async def test_a_condition_and_a_gate_hold_a_fire_back_with_the_reason(bench: Bench) -> None:
    """`when` is judged after selection, `gate` by a second query; both leave a skipped run and no session."""
    bench.github.issue("Crash", "bug")
    picky = bench.job("picky", when="items > 1")
    gated = bench.job("gated", gate={"skip_if": {"filter": "is:open label:bug", "more_than": 0}})
    bench.clock.move(minutes=1)
    await bench.ended(picky)
    await bench.ended(gated)
    assert told(bench, picky) == [("skipped", "its condition does not hold: items > 1")]
    assert told(bench, gated) == [
        ("skipped", "held back by its gate: 1 items match 'is:open label:bug', more than 0")
    ]
    assert bench.agent.sessions == 0


async def test_an_expired_job_fires_no_more(bench: Bench) -> None:
    """The last fire before its end is the last; the job shows no next one."""
    job = bench.job(expires="2026-06-02T12:00")

    def spent() -> bool:
        found = bench.database.read_now(jobs.get_job, job)
        return found is not None and found.next_run_at is None

    for _ in range(3):
        bench.clock.move(days=1)
        await asyncio.sleep(0.1)
    await bench.until(spent)
    await bench.ended(job)
    assert {run.scheduled_for for run in bench.runs(job)} <= {
        datetime(2026, 6, 1, 9, tzinfo=UTC), datetime(2026, 6, 2, 9, tzinfo=UTC),
    }  # fmt: skip


async def test_a_backfill_goes_in_a_line_of_its_own(bench: Bench) -> None:
    """Its runs wait for each other, today's fire waits for none of them, and a second one runs nothing twice."""
    bench.github.issue("Crash", "bug")
    job = bench.job(again="always")
    bench.agent.hold = asyncio.Event()
    now = bench.clock.now()

    def fill(db: Db) -> int:
        place = Repository.model_validate(bench.repository)
        return len(deeds.backfill(db, place, "triage", now - timedelta(days=3), now, "ada", now))

    assert bench.database.write_now(fill) == 3
    assert bench.database.write_now(fill) == 0
    await at_work(bench, job)
    assert [run.status.value for run in reversed(bench.runs(job))] == ["running", "pending", "pending"]
    bench.clock.move(minutes=1)
    await bench.until(
        lambda: len(bench.runs(job)) == 4 and bench.runs(job)[0].status is not RunStatus.pending
    )
    assert bench.runs(job)[0].trigger is TriggerKind.schedule
    assert [run.status.value for run in bench.runs(job)[1:3]] == ["pending", "pending"]
    bench.agent.hold.set()
    bench.agent.hold = None
    assert all(run.status is RunStatus.completed for run in await bench.ended(job, 4))


async def test_the_global_stop_halts_fires_and_sessions_until_it_is_taken_back(bench: Bench) -> None:
    """Agents at work are cancelled, nothing fires meanwhile, and afterwards the rounds go on."""
    bench.github.issue("Crash", "bug")
    bench.agent.hold = asyncio.Event()
    job = bench.job(on=MINUTELY)
    bench.clock.move(seconds=31)
    await at_work(bench, job)
    bench.database.write_now(words.stop_all, bench.clock.now(), "ada")
    (run,) = await bench.ended(job)
    assert run.status is RunStatus.cancelled
    bench.clock.move(minutes=1)
    await asyncio.sleep(0.5)
    assert len(bench.runs(job)) == 1
    bench.agent.hold = None
    bench.database.write_now(words.resume_all)
    bench.clock.move(minutes=1)
    await bench.until(lambda: any(r.status is RunStatus.completed for r in bench.runs(job)))


async def test_a_clock_that_jumps_fires_nothing_twice(bench: Bench) -> None:
    """Set back an hour, the hour's fires do not come again; set forward, they are made up for as after a silence."""
    job = bench.job(on={"every": "10m"}, overlap="allow")
    for fires in (1, 2, 3):
        bench.clock.move(minutes=10)
        await bench.ended(job, fires)
    bench.clock.move(hours=-1)
    await asyncio.sleep(0.3)
    bench.clock.move(minutes=50)
    await asyncio.sleep(0.3)
    assert len(bench.runs(job)) == 3
    bench.clock.move(hours=2)
    await bench.until(lambda: sum(run.status is RunStatus.completed for run in bench.runs(job)) == 4)
    occasions = [run.occasion for run in bench.runs(job)]
    assert len(occasions) == len(set(occasions))


async def test_a_run_asked_for_by_hand_leaves_the_next_fire_where_it_is(bench: Bench) -> None:
    """Also of a paused job."""
    job = bench.job()
    before = bench.database.read_now(jobs.get_job, job)
    place = Repository.model_validate(bench.repository)
    bench.database.write_now(lambda db: deeds.run(db, place, "triage", "ada", bench.clock.now()).id)
    await bench.ended(job)
    after = bench.database.read_now(jobs.get_job, job)
    assert before is not None
    assert after is not None
    assert after.next_run_at == before.next_run_at
    bench.database.write_now(jobs.pause, job, bench.clock.now())
    bench.database.write_now(lambda db: deeds.run(db, place, "triage", "ada", bench.clock.now()).id)
    await bench.ended(job, 2)
    assert {run.trigger for run in bench.database.read_now(runs.runs_of, job)} == {TriggerKind.manual}
