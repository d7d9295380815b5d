"""The command line as a client of the database: it writes rows and reads them; workers do the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Concatenate, ParamSpec, TypeVar

import typer

from bot.cli.ends import ended_badly, wrong_usage
from bot.cli.opening import database_of, settings_of
from bot.flow.clock import SystemClock
from bot.model.run import Repository
from bot.store import heartbeat, repositories
from bot.store.database import Database, Db
from bot.store.jobs import JobRefused
from bot.web.problems import Problem

P = ParamSpec("P")
R = TypeVar("R")
BY = "command line"

RepositoryName = Annotated[str, typer.Argument(metavar="OWNER/REPO", help="The repository.")]
JobName = Annotated[str, typer.Argument(metavar="JOB", help="The job's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print data alone, as JSON.")]


@contextmanager
def opened() -> Iterator[Database]:
    """The database of the settings; what it refuses ends as one line."""
    database = database_of(settings_of())
    try:
        yield database
    except Problem as problem:
        raise _ended(problem.detail) from None
    except JobRefused as refusal:
        raise _ended(str(refusal)) from None
    finally:
        database.close()


def repository_named(database: Database, full_name: str) -> Repository:
    """The repository, or exit code 2."""
    found = database.read_now(repositories.by_name, full_name)
    if found is None:
        raise wrong_usage(f"no repository {full_name} here", "see `roundsman jobs list` for those there are")
    return found


def done(database: Database, work: Callable[Concatenate[Db, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Write in one transaction."""
    return database.write_now(work, *args, **kwargs)


def warn_if_idle(database: Database) -> None:
    """Say on standard error when nobody is there to do what was asked for."""
    if not database.read_now(heartbeat.workers_since, SystemClock().now(), timedelta(seconds=90)):
        typer.echo("roundsman: no worker runs; start `roundsman serve` and it will begin", err=True)


def _ended(words: str) -> typer.Exit:
    what, _, do = words.partition("; ")
    return ended_badly(what, do or "see `roundsman jobs list`")
