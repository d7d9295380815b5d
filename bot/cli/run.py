"""`roundsman run`: one fire of one job, here and now, against any GitHub API with a token or an App."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import indent
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from bot.app import Roundsman
from bot.cli.ends import ended_badly, wrong_usage
from bot.cli.opening import roundsman_of, settings_of
from bot.flow.ceilings import Ceilings
from bot.flow.review import Surroundings, review
from bot.model.item import RepositoryRef
from bot.model.job import JobSpec
from bot.model.outcome import Comment, Decision
from bot.model.run import Run, RunStatus, Session, SessionStatus, Trigger, TriggerKind
from bot.store import jobs, repositories, runs, sessions
from commands.catalog import Catalog
from commands.faults import CommandError

NEVER = "0 0 1 1 *"


@dataclass(frozen=True)
class Result:
    """What became of a run, for people and for `--json`."""

    run: Run
    sessions: list[Session]

    @property
    def json(self) -> dict[str, Any]:
        """The summary: quiet is part of worked; one comment for each of the others."""
        run = self.run
        return {
            "found": run.items_found, "worked": run.items_processed, "quiet": run.items_quiet, "skipped": run.items_skipped,
            "deferred": run.items_deferred, "failed": run.items_failed, "comments": [s.comment_url for s in self.sessions if s.comment_url],
        }  # fmt: skip

    @property
    def bad(self) -> str | None:
        """What went wrong, in a line."""
        if self.run.status in (RunStatus.completed, RunStatus.skipped):
            return None
        first = next(
            (s for s in self.sessions if s.status in (SessionStatus.failed, SessionStatus.timeout)), None
        )
        return self.run.error or (
            f"#{first.number}: {first.reason}" if first else f"the run is {self.run.status}"
        )


def run(
    repository: Annotated[
        str, typer.Argument(metavar="OWNER/REPO", help="The repository to make a round of.")
    ],
    job: Annotated[
        str | None,
        typer.Argument(help="A job of its roundsman.yml or of the database; or name --filter and --command."),
    ] = None,
    filter_: Annotated[str | None, typer.Option("--filter", help="A GitHub search query.")] = None,
    command: Annotated[
        str | None, typer.Option("--command", help="A command of the library or the repository.")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", help="An inline prompt instead of a command.")
    ] = None,
    target: Annotated[str, typer.Option(help="issues, prs, codebase or custom.")] = "issues",
    max_items: Annotated[
        int | None, typer.Option("--max-items", min=1, max=50, help="Sessions at most.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show everything, write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON alone.")] = False,
) -> None:
    """Run one job once: fetch what matches, work on what is new, report, and say how many."""
    settings = settings_of()
    try:
        ref = RepositoryRef.of(repository)
    except ValueError as error:
        what, _, do = str(error).rpartition("; ")
        raise wrong_usage(what, do) from None
    if (job is None) == (command is None and prompt is None):
        raise wrong_usage("which job?", "name a JOB, or give --command (or --prompt) with --filter")
    given = {
        "filter": filter_,
        "command": command,
        "prompt": prompt,
        "max_items": max_items,
        "target": target,
    }
    program = roundsman_of(settings)
    try:
        result = asyncio.run(
            _run(program, ref, job, {k: v for k, v in given.items() if v is not None}, dry_run)
        )
    except CannotError as error:
        raise ended_badly(error.what, error.do) from None
    show(result, as_json=as_json, dry_run=dry_run)
    if result.bad:
        raise ended_badly(result.bad, "see `roundsman runs show` for the whole run")


class CannotError(Exception):
    """The run cannot begin."""

    def __init__(self, what: str, do: str) -> None:
        super().__init__(what)
        self.what, self.do = what, do


async def _run(
    program: Roundsman, ref: RepositoryRef, job: str | None, given: dict[str, Any], dry_run: bool
) -> Result:
    program.worker.fires = False
    await program.start()
    try:
        now = program.clock.now()
        here = await program.database.write(repositories.ensure_repository, ref.full_name, now)
        if job is None:
            made = await _ad_hoc(program, here.id, given)
        else:
            made = await _named(program, ref, here.id, job)
        trigger = Trigger(
            kind=TriggerKind.manual, occasion=f"cli-{now.isoformat()}", by="command line", dry_run=dry_run
        )
        fired = await program.database.write(runs.fire, made, trigger, now)
        if fired is None:
            raise CannotError(f"the job {job!r} is disabled or gone", "enable it first")
        return await finished(program, fired.id)
    finally:
        await program.stop()


async def _ad_hoc(program: Roundsman, repository: int, given: dict[str, Any]) -> int:
    """A job of this call alone; its name follows from what it does, so its ledger is found again next time."""
    try:
        spec = JobSpec.model_validate(
            {"on": {"schedule": NEVER}, "status": "paused", "description": headline(given), **_fitting(given)}
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise CannotError(
            f"{'.'.join(map(str, first['loc'])) or 'job'}: {first['msg']}", "correct the option"
        ) from None
    await _reviewed(program, spec)
    name = "run " + (given.get("command") or "prompt").replace("/", "-")
    saved = await program.database.write(
        jobs.save_job, repository, name, spec, source="local", by="command line", now=program.clock.now()
    )
    return saved.id


def headline(given: Mapping[str, Any]) -> str:
    """What stands above the comment: the command's title; its name in words where it is the repository's own."""
    name = given.get("command")
    if name is None:
        return "An answer to a question"
    try:
        return Catalog().get(name).title
    except CommandError:
        return str(name).rpartition("/")[2].replace("-", " ").replace("_", " ").capitalize()


async def _reviewed(program: Roundsman, spec: JobSpec) -> None:
    """Refuse what cannot work before anything is asked of GitHub; a command may be the repository's own."""
    around = Surroundings(
        now=program.clock.now(),
        ceilings=Ceilings.of(program.settings.ceilings, program.settings.minimum_period),
        lone=True,
    )
    for objection in review(spec, around):
        if objection.severity == "error":
            raise CannotError(objection.message, objection.hint or "correct it")


def _fitting(given: dict[str, Any]) -> dict[str, Any]:
    return (
        given if given["target"] in ("issues", "prs") else {k: v for k, v in given.items() if k != "filter"}
    )


async def _named(program: Roundsman, ref: RepositoryRef, repository: int, name: str) -> int:
    found = await program.database.read(jobs.by_name, repository, name)
    if found is None:
        await program.read_configuration(ref)
        found = await program.database.read(jobs.by_name, repository, name)
    if found is None:
        known = [job.name for job in await program.database.read(jobs.jobs_of, repository)]
        raise CannotError(f"{ref.full_name} has no job {name!r}", f"its jobs: {', '.join(known) or 'none'}")
    if found.status == "disabled":
        raise CannotError(f"the job {name!r} is disabled", "enable it first")
    return found.id


async def finished(program: Roundsman, run_id: int) -> Result:
    """Wait for a run's end."""
    program.worker.nudge()
    while True:
        now = await program.database.read(runs.get, run_id)
        assert now is not None
        if now.status is RunStatus.pending and now.reason:
            await program.database.write(runs.request_cancel, run_id, program.clock.now())
            raise CannotError(now.reason, "try again later")
        if now.status.final:
            return Result(now, await program.database.read(sessions.of_run, run_id))
        with contextlib.suppress(TimeoutError):
            await asyncio.sleep(0.05)


def show(result: Result, *, as_json: bool, dry_run: bool = False) -> None:
    """Print the summary."""
    if as_json:
        typer.echo(json.dumps(result.json))
        return
    console = Console()
    counts = result.json
    for session in result.sessions:
        where = f"#{session.number}" if session.number else "the repository:"
        console.print(
            f"  {where} {_word(session, dry_run=dry_run)}", highlight=False, markup=False, soft_wrap=True
        )
        if dry_run and session.decision:
            console.print(indent(_planned(session), "      "), highlight=False, markup=False, soft_wrap=True)
    if result.run.reason:
        console.print(result.run.reason, markup=False)
    numbers = ", ".join(
        f"{counts[name]} {name}" for name in ("found", "worked", "quiet", "skipped", "deferred", "failed")
    )
    console.print(f"{'Dry run: ' if dry_run else ''}{numbers}.", highlight=False)


def _planned(session: Session) -> str:
    """What a dry run would have written: the comment in full, the other actions by kind, what was refused and why."""
    decision = Decision.model_validate(session.decision)
    body = next((action.body for action in decision.allowed if isinstance(action, Comment)), decision.summary)
    others = [f"and: {action.kind}" for action in decision.allowed if not isinstance(action, Comment)]
    refused = [f"refused: {each.kind}: {each.reason}" for each in decision.refused]
    return "\n".join([body.strip(), *others, *refused])


def _word(session: Session, *, dry_run: bool = False) -> str:
    match session.status:
        case SessionStatus.succeeded:
            return "would say:" if dry_run else session.comment_url or "done"
        case SessionStatus.quiet:
            return "nothing to say"
        case _:
            return f"{session.status}: {session.reason or ''}"
