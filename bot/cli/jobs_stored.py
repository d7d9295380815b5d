"""`roundsman jobs …` on stored jobs: list, show, apply, pause, resume, run, preview, backfill."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.client import BY, AsJson, JobName, RepositoryName, opened, repository_named, warn_if_idle
from bot.cli.ends import ended_badly, wrong_usage
from bot.cli.jobs import read_files
from bot.cli.telling import as_json, columns, facts, when
from bot.flow.clock import SystemClock
from bot.model.job import JobSpec
from bot.model.run import Repository
from bot.store import answers
from bot.store import jobs as stored
from bot.store.answers import ToldRun
from bot.store.configuration import import_configuration
from bot.store.database import Database
from bot.store.repositories import ensure_repository
from bot.web.api import deeds
from bot.web.api.shapes import JobOut, RunOut, preview_spec

PAGE = 100


def list_(
    repository: Annotated[str | None, typer.Argument(metavar="[OWNER/REPO]", help="One repository; all when left out.")] = None,
    status: Annotated[str | None, typer.Option(help="active, paused or disabled.")] = None,
    json: AsJson = False,
) -> None:  # fmt: skip
    """List jobs with their next fire and their last run."""
    if status not in (None, "active", "paused", "disabled"):
        raise wrong_usage(f"no status {status!r}", "use active, paused or disabled")
    with opened() as database:
        ids = [repository_named(database, repository).id] if repository else None
        told = _every(database, repository_ids=ids, status=status)
    if json:
        as_json([job.model_dump(mode="json") for job in told])
        return
    rows = [
        (job.repository, job.name, job.status, when(job.next_run_at), job.last_run_status, job.run_count, job.error_count)
        for job in told
    ]  # fmt: skip
    head = ("repository", "job", "status", "next fire", "last run", "runs", "errors")
    columns(head, rows, "no jobs; make one in the dashboard or with `roundsman jobs apply`")


def _every(database: Database, **which: Any) -> list[JobOut]:
    told: list[JobOut] = []
    while True:
        page, total = database.read_now(answers.page_of_jobs, page=len(told) // PAGE + 1, limit=PAGE, **which)
        told += [JobOut.of(job) for job in page]
        if len(told) >= total or not page:
            return told


def show(repository: RepositoryName, job: JobName, json: AsJson = False) -> None:
    """Show a job with its last twenty runs."""
    with opened() as database:
        place = repository_named(database, repository)
        database.read_now(deeds.job_named, place, job)
        found = database.read_now(answers.told_job, place.id, job)
    assert found is not None
    told = JobOut.of(found)
    if json:
        as_json(told.model_dump(mode="json"))
        return
    facts([
        ("job", told.name), ("repository", told.repository), ("status", told.status), ("why", told.pause_reason or told.error),
        ("next fire", when(told.next_run_at)), ("target", told.spec.get("target", "issues")), ("filter", told.spec.get("filter")),
        ("command", told.spec.get("command") or told.spec.get("prompt")), ("source", told.source_path or told.source),
        ("runs", told.run_count), ("errors", told.error_count),
    ])  # fmt: skip
    typer.echo("")
    _tell_runs(told.last_runs, "no runs yet")


def _tell_runs(runs: list[RunOut], empty: str) -> None:
    rows = [
        (run.id, run.job, run.trigger, run.status, when(run.created_at), run.items_processed, run.items_failed, f"${run.cost:.2f}")
        for run in runs
    ]  # fmt: skip
    columns(("run", "job", "trigger", "status", "recorded", "items", "failed", "cost"), rows, empty)


def apply(
    repository: RepositoryName,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="A roundsman.yml; several are read together.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")] = False,
    json: AsJson = False,
) -> None:  # fmt: skip
    """Make or change the jobs a file names, all or none. Jobs it does not name stay as they are."""
    found = read_files(files, repository)
    for fault in (*found.faults, *found.warnings):
        typer.echo(str(fault), err=True)
    if not found.ok:
        raise ended_badly(
            f"nothing was applied: {len(found.faults)} faults", "mend what is listed and apply again"
        )
    now = SystemClock().now()
    with opened() as database:
        place = database.write_now(ensure_repository, repository, now)
        applied = database.write_now(import_configuration, place.id, found.jobs, now, by=BY, rehearse=dry_run)
    if json:
        as_json(
            {
                "created": applied.created,
                "changed": applied.changed,
                "unchanged": applied.unchanged,
                "dry_run": dry_run,
            }
        )
        return
    for word, names in (
        ("created", applied.created),
        ("changed", applied.changed),
        ("unchanged", applied.unchanged),
    ):
        for name in names:
            typer.echo(f"{'would be ' if dry_run and word != 'unchanged' else ''}{word}: {name}")


def _stand(repository: str, job: str, deed: deeds.Standing, json: bool, reason: str | None = None) -> None:
    with opened() as database:
        place = repository_named(database, repository)
        after = database.write_now(deeds.stand, place, job, deed, BY, SystemClock().now(), reason)
        found = database.read_now(answers.told_job, place.id, job)
    if json and found:
        as_json(JobOut.of(found).model_dump(mode="json"))
    else:
        then = f"; next fire {when(after.next_run_at)}" if after.next_run_at else ""
        typer.echo(f"{after.name} is {after.status}{then}")


def pause(
    repository: RepositoryName, job: JobName, reason: Annotated[str | None, typer.Option(help="Why.")] = None, json: AsJson = False
) -> None:  # fmt: skip
    """Hold a job back; sessions that have begun go on."""
    _stand(repository, job, "pause", json, reason)


def resume(repository: RepositoryName, job: JobName, json: AsJson = False) -> None:
    """Let a paused job fire again."""
    _stand(repository, job, "resume", json)


def enable(repository: RepositoryName, job: JobName, json: AsJson = False) -> None:
    """Switch a job on."""
    _stand(repository, job, "enable", json)


def disable(repository: RepositoryName, job: JobName, json: AsJson = False) -> None:
    """Switch a job off: nobody can run it."""
    _stand(repository, job, "disable", json)


def run(
    repository: RepositoryName, job: JobName,
    number: Annotated[int | None, typer.Option(min=1, help="This item alone, done before or not.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show everything, write nothing on GitHub.")] = False,
    json: AsJson = False,
) -> None:  # fmt: skip
    """Ask the workers to run a job now; `roundsman run` does it here instead."""
    with opened() as database:
        place = repository_named(database, repository)
        fired = database.write_now(
            deeds.run, place, job, BY, SystemClock().now(), number=number, dry_run=dry_run
        )
        warn_if_idle(database)
    told = RunOut.of(ToldRun(fired, job, place, []))
    if json:
        as_json(told.model_dump(mode="json"))
    else:
        typer.echo(f"run {fired.id} waits; see `roundsman runs show {fired.id}`")


def preview(
    repository: RepositoryName, job: JobName, n: Annotated[int, typer.Option("-n", min=1, max=50, help="How many fires.")] = 5,
    json: AsJson = False,
) -> None:  # fmt: skip
    """Show when a job fires next, in its own time zone, and what it asks for."""
    with opened() as database:
        place = repository_named(database, repository)
        found = database.read_now(deeds.job_named, place, job)
    try:
        spec = JobSpec.model_validate(found.spec)
    except ValueError:
        raise ended_badly(f"{job!r} is no longer valid: {found.error}", "edit it") from None
    told = preview_spec(SystemClock().now(), spec, stored.identity_of(place.full_name, job), found, n)
    if json:
        as_json(told.model_dump(mode="json"))
        return
    for words in (*told.schedule_in_words, told.filter_in_words):
        if words:
            typer.echo(words)
    for fire in told.next_fires:
        typer.echo(fire)
    if not told.next_fires:
        typer.echo("fires by no clock")


def backfill(
    repository: RepositoryName, job: JobName,
    since: Annotated[str, typer.Option(metavar="ISO", help="From this instant …")],
    until: Annotated[str | None, typer.Option(metavar="ISO", help="… to this one; now when left out.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show everything, write nothing on GitHub.")] = False,
    json: AsJson = False,
) -> None:  # fmt: skip
    """Run the scheduled fires of a stretch of the past; doing it twice runs none twice."""
    now = SystemClock().now()
    first, last = _instant(since), _instant(until) if until else now
    with opened() as database:
        place: Repository = repository_named(database, repository)
        fired = database.write_now(deeds.backfill, place, job, first, last, BY, now, dry_run=dry_run)
        warn_if_idle(database)
    told = [RunOut.of(ToldRun(one, job, place, [])) for one in fired]
    if json:
        as_json([one.model_dump(mode="json") for one in told])
    else:
        _tell_runs(told, "no fires lie in that stretch, or they were run before")


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise wrong_usage(f"{text!r} is no instant", "write it like 2026-12-01T09:00Z") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
