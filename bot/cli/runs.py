"""`roundsman runs`, `roundsman sessions` and `roundsman stop`: what happens, and its end."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from bot.cli.client import BY, AsJson, opened, repository_named, warn_if_idle
from bot.cli.ends import ended_badly, wrong_usage
from bot.cli.opening import roundsman_of, settings_of
from bot.cli.telling import as_json, columns, facts, when
from bot.flow.clock import SystemClock
from bot.model.run import RunStatus, Session
from bot.store import answers, audit, jobs, repositories, transcripts, words
from bot.store import runs as stored
from bot.store import sessions as stored_sessions
from bot.store.answers import ToldRun
from bot.store.database import Database, Db
from bot.web.api import deeds
from bot.web.api.shapes import ItemOut, RunOut, SessionOut

runs = typer.Typer(help="Runs: one firing of one job each.", no_args_is_help=True)
sessions = typer.Typer(help="Sessions: one agent at work on one item each.", no_args_is_help=True)
RunId = Annotated[int, typer.Argument(metavar="RUN", min=1, max=2**31 - 1, help="The run's number.")]
SessionId = Annotated[
    int, typer.Argument(metavar="SESSION", min=1, max=2**31 - 1, help="The session's number.")
]


@runs.command("list")
def list_(
    repository: Annotated[str | None, typer.Argument(metavar="[OWNER/REPO]", help="One repository; all when left out.")] = None,
    job: Annotated[str | None, typer.Option(help="One job of it.")] = None,
    status: Annotated[RunStatus | None, typer.Option(help="Only runs that stand so.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    json: AsJson = False,
) -> None:  # fmt: skip
    """List runs, newest first."""
    if job and not repository:
        raise wrong_usage(f"which repository's {job!r}?", "name OWNER/REPO first")
    with opened() as database:
        places = (
            [repository_named(database, repository)] if repository else database.read_now(repositories.every)
        )
        one = database.read_now(deeds.job_named, places[0], job).id if job else None
        found, _ = database.read_now(
            answers.page_of_runs, repository_ids=[place.id for place in places], job_id=one, status=status, limit=limit
        )  # fmt: skip
    told = [RunOut.of(run) for run in found]
    if json:
        as_json([run.model_dump(mode="json") for run in told])
        return
    rows = [
        (run.id, run.repository, run.job, run.trigger, run.status, when(run.created_at), run.items_processed, run.items_failed, f"${run.cost:.2f}")
        for run in told
    ]  # fmt: skip
    columns(
        ("run", "repository", "job", "trigger", "status", "recorded", "items", "failed", "cost"),
        rows,
        "no runs",
    )


@runs.command("show")
def show(run: RunId, json: AsJson = False) -> None:
    """Show a run: its counts, its sessions, and what it decided about each item."""
    with opened() as database:
        told = RunOut.of(_run(database, run))
        items = database.read_now(stored.items_of, run)
        work = database.read_now(stored_sessions.of_run, run)
    if json:
        decided = [ItemOut.of(item).model_dump() for item in items]
        as_json(told.model_dump(mode="json") | {"items": decided})
        return
    facts([
        ("run", told.id), ("job", f"{told.repository} {told.job}"), ("status", told.status), ("why", told.error or told.reason),
        ("trigger", f"{told.trigger} by {told.by}" if told.by else told.trigger), ("recorded", when(told.created_at)),
        ("ended", when(told.completed_at)), ("found", told.items_found), ("processed", told.items_processed), ("skipped", told.items_skipped),
        ("deferred", told.items_deferred), ("failed", told.items_failed), ("cost", f"${told.cost:.2f}"),
    ])  # fmt: skip
    typer.echo("")
    columns(
        ("item", "session", "status", "why", "comment"),
        [(_item(s), s.id, s.status, s.reason, s.comment_url) for s in work],
        "no sessions",
    )
    left = [item for item in items if item.verdict != "picked"]
    if left:
        typer.echo("")
        columns(
            ("item", "verdict", "reason"),
            [(f"#{item.number}", item.verdict, item.reason) for item in left],
            "",
        )


def _item(session: Session) -> str:
    return f"#{session.number}" if session.number else "-"


def _run(database: Database, run: int) -> ToldRun:
    told = database.read_now(answers.told_run, run)
    if told is None:
        raise wrong_usage(f"no run {run}", "see `roundsman runs list`")
    return told


@runs.command("cancel")
def cancel(run: RunId, json: AsJson = False) -> None:
    """End a run and its sessions within seconds."""
    now = SystemClock().now()
    with opened() as database:
        told = _run(database, run)
        if told.run.status.final:
            raise ended_badly(f"run {run} has ended already: {told.run.status}", "there is nothing to cancel")

        def work(db: Db) -> None:
            if stored.request_cancel(db, run, now):
                audit.note(db, BY, "run.cancelled", f"run {run}", now, repository_id=told.repository.id)

        database.write_now(work)
        after = RunOut.of(_run(database, run))
    if json:
        as_json(after.model_dump(mode="json"))
    else:
        typer.echo(f"run {run} is {after.status}" if after.status.final else f"run {run} ends")


@runs.command("undo")
def undo(run: RunId, json: AsJson = False) -> None:
    """Take back what a run did on GitHub: comments, labels and the rest."""
    with opened() as database:
        told = _run(database, run)
        if not told.run.status.final:
            raise ended_badly(f"run {run} has not ended", f"cancel it first: roundsman runs cancel {run}")
    program = roundsman_of(settings_of())
    left = asyncio.run(_undo(program, run))
    if json:
        as_json({"run": run, "left": left})
    else:
        typer.echo(f"run {run} is taken back" if not left else "\n".join(left))
    if left:
        raise ended_badly(
            f"{len(left)} deeds of run {run} could not be taken back", "try again, or do it by hand"
        )


async def _undo(program: Any, run: int) -> list[str]:
    try:
        return list(await program.undo(run, BY))
    finally:
        await program.stop()


@sessions.command("show")
def show_session(session: SessionId, json: AsJson = False) -> None:
    """Show a session: how it stands, its prompt, and what was decided about its actions."""
    with opened() as database:
        told = _session(database, session)
    if json:
        as_json(told.model_dump(mode="json"))
        return
    facts([
        ("session", told.id), ("run", told.run_id), ("job", f"{told.repository} {told.job}"), ("item", f"#{told.number} {told.title}" if told.number else told.title),
        ("status", told.status), ("why", told.reason), ("engine", told.engine), ("model", told.model), ("turns", told.turns),
        ("tokens", f"{told.tokens_in} in, {told.tokens_out} out"), ("cost", f"${told.cost:.4f}"), ("comment", told.comment_url),
    ])  # fmt: skip
    if told.prompt:
        typer.echo(f"\n{told.prompt}")


def _session(database: Database, session: int) -> SessionOut:
    found = database.read_now(answers.told_session, session)
    if found is None:
        raise wrong_usage(f"no session {session}", "see `roundsman runs show RUN` for its sessions")
    return SessionOut.of(*found, full=True)


@sessions.command("cancel")
def cancel_session(session: SessionId, json: AsJson = False) -> None:
    """End a session within seconds."""
    now = SystemClock().now()
    with opened() as database:
        before = _session(database, session)
        if before.status.final:
            raise ended_badly(
                f"session {session} has ended already: {before.status}", "there is nothing to cancel"
            )
        database.write_now(stored_sessions.request_cancel, session, now)
        after = _session(database, session)
    if json:
        as_json(after.model_dump(mode="json"))
    else:
        typer.echo(
            f"session {session} is {after.status}" if after.status.final else f"session {session} ends"
        )


@sessions.command("rerun")
def rerun(session: SessionId, json: AsJson = False) -> None:
    """Work on the session's item again, in a run of its own."""
    now = SystemClock().now()
    with opened() as database:
        before = _session(database, session)

        def work(db: Db) -> ToldRun:
            run = stored.get(db, before.run_id)
            job = jobs.get_job(db, run.job_id) if run else None
            assert run is not None
            assert job is not None
            again = deeds.run_job(db, job, BY, now, number=before.number or None, dry_run=run.dry_run)
            [told] = answers.told_runs(db, [again])
            return told

        told = RunOut.of(database.write_now(work))
        warn_if_idle(database)
    if json:
        as_json(told.model_dump(mode="json"))
    else:
        typer.echo(f"run {told.id} waits; see `roundsman runs show {told.id}`")


@sessions.command("transcript")
def transcript(session: SessionId, json: AsJson = False) -> None:
    """Print everything the agent said, one event a line."""
    with opened() as database:
        _session(database, session)
        after = 0
        while True:
            rows = database.read_now(transcripts.transcript, session, after)
            for seq, at, event in rows:
                if json:
                    as_json({"seq": seq, "at": at.isoformat(), "event": event})
                else:
                    typer.echo(f"{when(at)}  {_said(event)}")
            if not rows:
                return
            after = rows[-1][0]


def _said(event: dict[str, Any]) -> str:
    kind = str(event.get("kind") or event.get("type") or "event")
    text = next(
        (
            str(event[key])
            for key in ("text", "summary", "command", "name", "words", "message")
            if event.get(key)
        ),
        "",
    )
    return f"{kind}: {' '.join(text.split())}" if text else kind


def stop(
    everything: Annotated[bool, typer.Option("--all", help="Halt every fire and session at once.")] = False,
    lift: Annotated[bool, typer.Option("--lift", help="Let the rounds go on.")] = False,
    json: AsJson = False,
) -> None:
    """Stop everything, or take a stop back."""
    if everything == lift:
        raise wrong_usage("stop what?", "use --all to halt everything, --lift to go on")
    now = SystemClock().now()

    def work(db: Db) -> None:
        if everything:
            words.stop_all(db, now, BY)
        else:
            words.resume_all(db)
        deed = "service.stopped" if everything else "service.resumed"
        audit.note(db, BY, deed, "everything", now)

    with opened() as database:
        database.write_now(work)
    if json:
        as_json({"stopped": everything})
    else:
        typer.echo(
            "everything is stopped; `roundsman stop --lift` lets it go on"
            if everything
            else "the rounds go on"
        )
