"""The engine on both databases: rows are the queue, the journal keeps what has begun."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dbos import _queue, _scheduler, _sys_db_postgres, _workflow_commands
from sqlmodel import select

from bot.engine.durable import BRISK, CALM, STIR, SWEEP
from bot.engine.housekeeping import Housekeeping
from bot.engine.reaper import fail_session
from bot.model.agent import AgentEnd, Failure, Said
from bot.model.outcome import AddLabels, Outcome
from bot.model.run import RunStatus, SessionStatus, Trigger, TriggerKind
from bot.ports import Refusal
from bot.store import admission, budget, jobs, runqueue, runs, sessions, transcripts, words
from bot.store.admission import Caps
from bot.store.budget import Reserved
from bot.store.database import Database
from bot.store.retention import Kept
from bot.store.tables import Outbox, Sessions
from tests.adapters.bench import Bench
from tests.fakes import HandClock, MemoryGitHub, ScriptedAgent


@pytest.fixture
async def bench(database: Database, database_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    """A process at work."""
    bench = Bench(database, database_url, tmp_path)
    await bench.wake()
    yield bench
    if bench.worker:
        await bench.die()


async def test_a_due_job_works_on_each_matching_item_once(bench: Bench) -> None:
    """Matching items get a comment, others none, and the next fire works on nothing that is done."""
    crash = bench.github.issue("Crash on empty cart", "bug")
    bench.github.issue("Nice to have", "idea")
    bench.agent.when("Triage #1", says="Happens in cart.total().")
    job = bench.job()
    bench.clock.move(minutes=1)
    (run,) = await bench.ended(job)
    assert (run.status, run.items_found, run.items_processed) == (RunStatus.completed, 1, 1)
    assert run.trigger is TriggerKind.schedule
    assert "cart.total()" in bench.github.comments_of[crash][0]["body"]
    bench.clock.move(days=1)
    newest, _ = await bench.ended(job, 2)
    assert (newest.items_found, newest.items_processed, newest.items_skipped) == (1, 0, 1)
    assert bench.agent.sessions == 1
    (verdict,) = bench.database.read_now(runs.items_of, newest.id)
    assert verdict.reason == f"already done by run {run.id}, unchanged since"


async def test_people_s_changes_bring_an_item_back_and_ours_do_not(bench: Bench) -> None:
    """Our label and comment leave the item done; a person's edit makes it new, and the sticky comment is edited."""
    number = bench.github.issue("Crash", "bug")
    bench.agent.when("Triage #1", says="First look.", actions=[AddLabels(labels=("needs-info",))])
    job = bench.job(may={"comment": 1, "labels": ["needs-info"]})
    bench.clock.move(minutes=1)
    await bench.ended(job)
    assert {label["name"] for label in bench.github.rows[number]["labels"]} == {"bug", "needs-info"}
    bench.clock.move(days=1)
    await bench.ended(job, 2)
    assert bench.agent.sessions == 1
    bench.github.touch(number, title="Crash on an empty cart")
    bench.agent.when("Triage #1", says="Second look.")
    bench.clock.move(days=1)
    await bench.ended(job, 3)
    (comment,) = bench.github.comments_of[number]
    assert "Second look." in comment["body"]
    assert "Earlier rounds (1)" in comment["body"]
    assert "First look." in comment["body"]


async def test_what_does_not_fit_comes_first_next_time(bench: Bench) -> None:
    """`max_items` defers the rest with a reason; the deferred go first at the next fire."""
    for _ in range(3):
        bench.github.issue("Crash", "bug")
    job = bench.job(max_items=2)
    bench.clock.move(minutes=1)
    (run,) = await bench.ended(job)
    assert (run.items_processed, run.items_deferred, run.items_quiet) == (2, 1, 2)
    bench.clock.move(days=1)
    newest, _ = await bench.ended(job, 2)
    picked = [
        item.number for item in bench.database.read_now(runs.items_of, newest.id) if item.verdict == "picked"
    ]
    assert picked == [3]
    assert bench.github.comments_of == {}


async def test_a_failure_is_tried_at_the_next_fire_and_then_parked(bench: Bench) -> None:
    """Failed sessions are not processed; after `limits.attempts` the item is parked until somebody changes it."""
    number = bench.github.issue("Crash", "bug")
    failed = AgentEnd(ending="failed", failure=Failure.of("refusal", "the model refused"))
    bench.agent.when("Triage #1", end=failed)
    job = bench.job(limits={"attempts": 2})
    for fire in range(1, 4):
        bench.clock.move(minutes=1) if fire == 1 else bench.clock.move(days=1)
        await bench.ended(job, fire)
    assert bench.agent.sessions == 2
    newest = bench.runs(job)[0]
    (verdict,) = bench.database.read_now(runs.items_of, newest.id)
    assert verdict.reason.startswith("parked: 2 sessions failed")
    bench.github.touch(number, body="With steps now.")
    bench.agent.when("Triage #1", says="Understood.")
    bench.clock.move(days=1)
    await bench.ended(job, 4)
    assert "Understood." in bench.github.comments_of[number][0]["body"]


async def test_passing_faults_are_retried_within_the_run(bench: Bench) -> None:
    """An API fault queues the next attempt with backoff; the run waits for it."""
    bench.github.issue("Crash", "bug")
    bench.agent.when(
        "Triage #1", end=AgentEnd(ending="failed", failure=Failure.of("api_fault", "529 overloaded"))
    )
    job = bench.job(limits={"retries": 2})
    bench.clock.move(minutes=1)
    await bench.until(lambda: any(s.attempt == 2 for s in bench.database.read_now(sessions.of_run, 1)))
    bench.agent.when("Triage #1", says="Now it works.")
    await bench.until(lambda: (bench.clock.move(seconds=5), bench.agent.sessions == 2)[1])
    (run,) = await bench.ended(job)
    assert run.status is RunStatus.completed
    (session,) = bench.database.read_now(sessions.of_run, run.id)
    assert (session.status, session.attempt) == (SessionStatus.succeeded, 2)


async def test_issues_that_could_not_be_read_are_not_taken_for_none(bench: Bench) -> None:
    """A script that compares waits for its repository's issues and is tried again; it does not find "nothing"."""
    bench.github.issue("Crash", "bug")
    bench.sources.issues = Refusal(kind="busy", words="502 Bad Gateway")
    job = bench.job(command="issue/find-duplicates", prompt=None, agent={}, limits={"retries": 2})
    bench.clock.move(minutes=1)
    await bench.until(lambda: any(s.attempt == 2 for s in bench.database.read_now(sessions.of_run, 1)))
    bench.sources.issues = ()
    await bench.until(lambda: (bench.clock.move(seconds=5), bool(bench.runs(job)[0].status.final))[1])
    (session,) = bench.database.read_now(sessions.of_run, 1)
    assert (session.status, session.attempt) == (SessionStatus.quiet, 2)


@pytest.mark.parametrize(
    "where", ["before comment", "after comment", "before labels.add", "after labels.add"]
)
async def test_dying_around_a_write_doubles_and_loses_nothing(bench: Bench, where: str) -> None:
    """The process dies before or after a write, its successor finishes: one comment, one label, one session."""
    number = bench.github.issue("Crash", "bug")
    bench.agent.when("Triage #1", says="Look.", actions=[AddLabels(labels=("needs-info",))])
    job = bench.job(may={"comment": 1, "labels": ["needs-info"]})
    died = asyncio.Event()

    def die(at: str) -> None:
        if at == where:
            bench.github.fault = None
            died.set()
            raise asyncio.CancelledError

    bench.github.fault = die
    bench.clock.move(minutes=1)
    await asyncio.wait_for(died.wait(), 60)
    await bench.die()
    await bench.wake()
    (run,) = await bench.ended(job)
    assert (run.status, run.items_processed) == (RunStatus.completed, 1)
    assert len(bench.github.comments_of[number]) == 1
    assert bench.agent.sessions == 1
    bench.clock.move(days=1)
    await bench.ended(job, 2)
    assert bench.agent.sessions == 1


async def test_a_dry_run_writes_nothing_and_remembers_nothing(bench: Bench) -> None:
    """Everything is shown, nothing is done."""
    bench.github.issue("Crash", "bug")
    bench.agent.when("Triage #1", says="Look.", actions=[AddLabels(labels=("bug",))])
    job = bench.job(may={"comment": 1, "labels": ["*"]})
    bench.database.write_now(
        runs.fire, job, Trigger(kind=TriggerKind.manual, occasion="try", dry_run=True), bench.clock.now()
    )
    (run,) = await bench.ended(job)
    assert run.status is RunStatus.completed
    assert bench.github.comments_of == {}
    (session,) = bench.database.read_now(sessions.of_run, run.id)
    assert session.decision is not None
    assert session.decision["summary"] == "Look."
    bench.clock.move(minutes=1)
    await bench.ended(job, 2)
    assert bench.agent.sessions == 2


async def test_cancelling_a_run_ends_its_agents(bench: Bench) -> None:
    """Cancel reaches a working session within moments, and the run ends as cancelled."""
    bench.github.issue("Crash", "bug")
    bench.agent.hold = asyncio.Event()
    job = bench.job()
    bench.clock.move(minutes=1)
    await bench.until(lambda: bench.agent.sessions == 1)
    (run,) = bench.runs(job)
    bench.database.write_now(runs.request_cancel, run.id, bench.clock.now())
    (run,) = await bench.ended(job)
    assert run.status is RunStatus.cancelled


async def test_the_same_occasion_fires_once(bench: Bench) -> None:
    """A second firing of one occasion is no firing."""
    job = bench.job()
    trigger = Trigger(kind=TriggerKind.event, occasion="delivery-1", number=None)
    first = bench.database.write_now(runs.fire, job, trigger, bench.clock.now())
    again = bench.database.write_now(runs.fire, job, trigger, bench.clock.now())
    assert first is not None
    assert again is None


async def test_five_failed_runs_in_a_row_pause_the_job(bench: Bench) -> None:
    """The job gives up and says why."""
    bench.github.issue("Crash", "bug")
    bench.agent.when("Triage #1", end=AgentEnd(ending="failed", failure=Failure.of("refusal", "no")))
    job = bench.job(limits={"give_up": 2, "attempts": 9})
    bench.clock.move(minutes=1)
    await bench.ended(job, 1)
    bench.clock.move(days=1)
    await bench.ended(job, 2)
    stored = bench.database.read_now(jobs.get_job, job)
    assert stored is not None
    assert stored.status == "paused"
    assert "2 failed runs in a row" in str(stored.pause_reason)


async def test_an_agent_that_takes_the_process_down_is_given_up(bench: Bench) -> None:
    """A session whose agent went down with us three times fails for good; the process goes on."""
    bench.github.issue("Crash", "bug")

    class Deadly(ScriptedAgent):
        async def work(self, *args: Any, **kwargs: Any) -> AgentEnd:
            self.sessions += 1
            raise asyncio.CancelledError

    bench.agent = Deadly()
    await bench.die()
    await bench.wake()
    job = bench.job()
    bench.clock.move(minutes=1)
    for count in range(1, 4):
        await bench.until(lambda count=count: bench.agent.sessions == count)
        await bench.die()
        await bench.wake()
    (run,) = await bench.ended(job)
    assert run.status is RunStatus.failed
    assert bench.agent.sessions == 3


async def test_what_was_claimed_and_never_begun_begins_after_a_restart(bench: Bench) -> None:
    """A process dies between taking a row and starting its workflow; its next life, of the same name, begins it."""
    bench.github.issue("Crash", "bug")
    bench.agent.when("Triage #1", says="Look.")
    job = bench.job()
    await bench.die()
    trigger = Trigger(kind=TriggerKind.manual, occasion="by hand")
    bench.database.write_now(runs.fire, job, trigger, bench.clock.now())
    assert bench.database.write_now(runqueue.claim, "slot-0", 5, bench.clock.now()) == [(1, 1)]
    await bench.wake()
    (run,) = await bench.ended(job)
    assert run.status is RunStatus.completed


async def test_what_was_admitted_and_never_begun_begins_after_a_restart(bench: Bench) -> None:
    """The same for a session."""
    bench.github.issue("Crash", "bug")
    bench.agent.when("Triage #1", says="Look.")
    job = bench.job()
    assert bench.worker is not None
    bench.worker.caps = Caps(0, 0, 0)
    bench.clock.move(minutes=1)
    await bench.until(lambda: bool(bench.database.read_now(sessions.of_run, 1)))
    await bench.die()
    free = Reserved("yes")
    bench.database.write_now(admission.admit, "slot-0", Caps(), bench.clock.now(), reserve=lambda *_: free)
    await bench.wake()
    (run,) = await bench.ended(job)
    assert (run.status, bench.agent.sessions) == (RunStatus.completed, 1)


async def test_a_workflow_cut_off_in_a_living_process_goes_on(bench: Bench) -> None:
    """The engine drops a workflow (the database was away too long): two looks later it is taken up again."""
    number = bench.github.issue("Crash", "bug")
    bench.agent.when("Triage #1", says="Look.")
    job = bench.job()
    bench.agent.hold = asyncio.Event()
    bench.clock.move(minutes=1)
    await bench.until(lambda: bench.agent.sessions == 1)
    assert bench.worker is not None
    await bench.worker.durable.abandon()
    bench.agent.hold = None
    for _ in range(2):
        await bench.worker.reaper.look(bench.clock.now())
    (run,) = await bench.ended(job)
    assert run.status is RunStatus.completed
    assert len(bench.github.comments_of[number]) == 1


async def test_a_run_cancelled_while_it_chooses_works_on_nothing(bench: Bench) -> None:
    """The wish comes between the look at GitHub and the record of it."""
    bench.github.issue("Crash", "bug")
    job = bench.job()

    async def cancelled_meanwhile(*args: Any, **kwargs: Any) -> Any:
        await bench.database.write(runs.request_cancel, 1, bench.clock.now())
        return await MemoryGitHub.matching(bench.github, *args, **kwargs)

    bench.github.matching = cancelled_meanwhile  # type: ignore[method-assign]
    bench.clock.move(minutes=1)
    (run,) = await bench.ended(job)
    assert (run.status, bench.agent.sessions) == (RunStatus.cancelled, 0)


def test_the_engine_still_asks_how_often_to_look() -> None:
    """Its intervals that no setting reaches are set under these names; under others it would look each second again."""
    jobs_of, loop, queue = _workflow_commands.background_jobs_thread, _scheduler, _queue.queue_worker_thread
    assert "_BACKGROUND_JOBS_INTERVAL_SEC" in jobs_of.__code__.co_names
    assert "_STARTUP_FAST_POLL_DURATION_SEC" in loop.dynamic_scheduler_loop.__code__.co_names
    assert "_polling_interval_sec" in queue.__code__.co_names
    assert SWEEP * 1000 < _sys_db_postgres.BACKGROUND_JOB_LOCK_IDLE_TIMEOUT_MS


async def test_the_engine_looks_seldom_once_nothing_is_to_be_taken_up(bench: Bench) -> None:
    """Each second after a start or a takeover, every few seconds later."""
    assert bench.worker is not None
    durable = bench.worker.durable
    takes_up = durable._dbos._registry.get_internal_queue()
    assert takes_up._polling_interval_sec == BRISK
    durable._stirred -= STIR
    durable.pace()
    assert takes_up._polling_interval_sec == CALM
    await durable.adopt(["nobody"])
    assert takes_up._polling_interval_sec == BRISK


def test_an_outcome_is_plain_json() -> None:
    """What crosses the journal survives it."""
    end = AgentEnd(ending="succeeded", outcome=Outcome(summary="x", actions=(AddLabels(labels=("a",)),)))
    assert AgentEnd.model_validate_json(end.model_dump_json()) == end


async def test_a_job_may_go_on_with_the_agent_s_own_session(bench: Bench) -> None:
    """`session: continue` hands the agent its own last session of this job and item; `new` never does."""
    number = bench.github.issue("Crash", "bug")
    ended = AgentEnd(ending="succeeded", outcome=Outcome(summary="Seen."), agent_session="own-7")
    bench.agent.when("Triage #1", end=ended)
    job = bench.job(session="continue")
    bench.clock.move(minutes=1)
    await bench.ended(job)
    bench.github.touch(number, title="Crash again")
    bench.clock.move(days=1)
    await bench.ended(job, 2)
    assert [request.resume for request in bench.agent.requests] == [None, "own-7"]


async def test_secrets_and_token_shapes_never_reach_a_transcript(bench: Bench) -> None:
    """What an agent says is kept with every known secret and token shape taken out."""

    class Leaky(ScriptedAgent):
        async def work(self, request: Any, *, sink: Any, cancelled: Any, meter: Any) -> AgentEnd:
            await sink(Said(text="the key is hush-hush-hush and ghp_0123456789abcdefghijklmnopqrstuvwxyz"))
            return AgentEnd(ending="quiet")

    bench.agent, bench.secrets = Leaky(), ("hush-hush-hush",)
    await bench.die()
    await bench.wake()
    bench.github.issue("Crash", "bug")
    job = bench.job()
    bench.clock.move(minutes=1)
    (run,) = await bench.ended(job)
    (session,) = bench.database.read_now(sessions.of_run, run.id)
    said = str(bench.database.read_now(transcripts.transcript, session.id))
    assert "the key is [redacted] and [redacted]" in said


async def test_a_spent_budget_is_a_reason_and_is_told_once(bench: Bench) -> None:
    """What a run may spend ends its sessions with a reason; nothing failed, and the channel hears it once."""
    for _ in range(3):
        bench.github.issue("Crash", "bug")
    bench.agent.when("Triage", says="Seen.", cost=0.9)
    limits = {"budget": {"session": 1, "run": 1.5, "day": 20}, "concurrency": 1}
    job = bench.job(limits=limits, notify=[{"to": "slack"}])
    bench.clock.move(minutes=1)
    (run,) = await bench.ended(job)
    assert (run.status, run.items_processed, run.items_failed) == (RunStatus.completed, 1, 0)
    assert run.cost == pytest.approx(0.9)
    reasons = {
        s.reason
        for s in bench.database.read_now(sessions.of_run, run.id)
        if s.status is SessionStatus.skipped
    }
    assert reasons == {"the budget of run 1 is $1.5: $0.90 is spent and a session may need $1"}
    told = bench.database.read_now(
        lambda db: [row.event for row in db.exec(select(Outbox)) if row.channel == "slack"]
    )
    assert told == ["budget"]


async def test_what_another_process_dropped_goes_on(bench: Bench) -> None:
    """The journal names a process that let a session be, as its row was another's: the row's holder takes it up."""
    number = bench.github.issue("Crash", "bug")
    bench.agent.when("Triage #1", says="Look.")
    job = bench.job()
    bench.agent.hold = asyncio.Event()
    bench.clock.move(minutes=1)
    await bench.until(lambda: bench.agent.sessions == 1)
    assert bench.worker is not None
    await bench.worker.durable.abandon()

    def named(db: Any) -> None:
        schema = "dbos." if db.get_bind().dialect.name == "postgresql" else ""
        db.execute(
            sa.text(f"UPDATE {schema}workflow_status SET executor_id = 'elsewhere' WHERE status = 'PENDING'")
        )

    bench.database.write_now(named)
    bench.agent.hold = None
    for _ in range(2):
        await bench.worker.reaper.look(bench.clock.now())
    (run,) = await bench.ended(job)
    assert run.status is RunStatus.completed
    assert len(bench.github.comments_of[number]) == 1


async def test_what_was_let_loose_by_one_who_died_then_goes_on(bench: Bench) -> None:
    """A session without a holder and without a workflow is put back in the queue and worked on once."""
    number = bench.github.issue("Crash", "bug")
    bench.agent.when("Triage #1", says="Look.")
    job = bench.job()
    assert bench.worker is not None
    beginning = bench.worker.durable.start_session

    async def dies(session_id: int, attempt: int) -> None:
        """The process dies between the row and the journal."""
        await bench.database.write(sessions.let_loose, [session_id], bench.worker.executor)

    bench.worker.durable.start_session = dies
    bench.clock.move(minutes=1)
    await bench.until(lambda: bool(bench.database.read_now(sessions.held_of, None)))
    bench.worker.durable.start_session = beginning
    for _ in range(2):
        await bench.worker.reaper.look(bench.clock.now())
    bench.worker.nudge()
    (run,) = await bench.ended(job)
    assert run.status is RunStatus.completed
    assert len(bench.github.comments_of[number]) == 1


async def test_the_engines_journal_of_what_has_ended_is_swept(bench: Bench) -> None:
    """Housekeeping forgets ended workflows with their steps, and none that lives."""
    bench.github.issue("Crash", "bug")
    bench.agent.when("Triage #1", says="Look.")
    job = bench.job()
    bench.clock.move(minutes=1)
    await bench.ended(job)
    bench.agent.hold = asyncio.Event()
    bench.github.issue("Smoke", "bug")
    bench.clock.move(days=1)
    await bench.until(lambda: bench.agent.sessions == 2)
    assert bench.worker is not None

    def left(db: Any) -> list[str]:
        schema = "dbos." if db.get_bind().dialect.name == "postgresql" else ""
        rows = db.execute(
            sa.text(f"SELECT workflow_uuid FROM {schema}workflow_status WHERE name IN ('run', 'session')")
        )
        return sorted(row[0] for row in rows)

    later = HandClock()
    later.move(days=40_000)  # the engine stamps its rows by the machine's clock
    house = Housekeeping(bench.database, later, bench.worker.durable, Kept(runs=timedelta(days=99_999)))
    gone = await house.sweep()
    assert gone["engine"] >= 3
    assert bench.database.read_now(left) == ["session-2-1"]
    bench.agent.hold.set()
    assert (await house.sweep())["engine"] >= 0


def paid(bench: Bench) -> bool:
    """Whether the meter has written something down."""
    return bool(bench.database.read_now(lambda db: db.exec(select(sa.func.max(Sessions.cost))).one()))


async def test_what_a_dead_process_spent_stays_spent(bench: Bench) -> None:
    """The attempt begins anew with what is left of its money, and settles at what both lives took."""
    bench.github.issue("Crash", "bug")
    bench.agent.pays = 0.3
    bench.agent.when("Triage #1", says="Look.", cost=0.3)
    bench.agent.hold = asyncio.Event()
    job = bench.job(limits={"budget": {"session": 0.5}})
    bench.clock.move(minutes=1)
    await bench.until(lambda: paid(bench))
    assert bench.agent.may_go_on is True
    await bench.die()
    bench.agent.hold = None
    await bench.wake()
    (run,) = await bench.ended(job)
    (session,) = bench.database.read_now(sessions.of_run, run.id)
    assert (run.status, bench.agent.sessions) == (RunStatus.completed, 2)
    assert not bench.agent.may_go_on
    assert session.cost == pytest.approx(0.6)
    assert bench.database.read_now(budget.spent, f"run {run.id}") == pytest.approx(0.6)
    assert bench.database.read_now(budget.open_attempts) == []


async def test_a_call_under_way_when_the_process_died_counts_at_what_it_may_have_cost(bench: Bench) -> None:
    """Nobody saw its end, but the provider charges for it; told once it counts as what it was, and nothing is left at stake."""
    bench.github.issue("Crash", "bug")
    bench.agent.pays, bench.agent.stakes = 0.2, 0.15
    bench.agent.when("Triage #1", says="Look.", cost=0.2)
    bench.agent.hold = asyncio.Event()
    job = bench.job(limits={"budget": {"session": 1}})
    bench.clock.move(minutes=1)
    await bench.until(lambda: bool(bench.database.read_now(words.get, "stake:1")))
    await bench.die()
    bench.agent.hold = None
    bench.agent.stakes = 0.0
    await bench.wake()
    (run,) = await bench.ended(job)
    (session,) = bench.database.read_now(sessions.of_run, run.id)
    assert session.cost == pytest.approx(0.2 + 0.15 + 0.2)
    assert bench.database.read_now(budget.spent, f"run {run.id}") == pytest.approx(0.55)
    assert bench.database.read_now(words.get, "stake:1") is None


async def test_a_session_the_engine_gave_up_settles_what_the_meter_saw(bench: Bench) -> None:
    """Nobody tells its cost, so what was written down while it worked counts."""
    bench.github.issue("Crash", "bug")
    bench.agent.pays = 0.3
    bench.agent.hold = asyncio.Event()
    job = bench.job()
    bench.clock.move(minutes=1)
    await bench.until(lambda: paid(bench))
    (run,) = bench.runs(job)
    (session,) = bench.database.read_now(sessions.of_run, run.id)
    bench.database.write_now(fail_session, session.id, 1, bench.clock.now(), "gone")
    assert bench.database.read_now(budget.spent, f"run {run.id}") == pytest.approx(0.3)
