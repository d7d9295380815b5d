"""`roundsman jobs`: the jobs of repositories. `validate` needs nothing but the file."""

import json
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.ends import ended_badly, wrong_usage
from bot.cli.shelf import Place, shelf
from bot.flow.clock import SystemClock
from bot.flow.config import (
    Configuration,
    ConfiguredJob,
    Source,
    names_repositories,
    read_configuration,
    read_repositories,
)
from bot.flow.document import LARGEST
from bot.flow.review import Surroundings
from bot.flow.schedule import Schedule
from bot.flow.zone import local
from commands.catalog import Catalog

STORED = "bot.cli.jobs_stored"
COMMANDS = {
    "validate": Place(
        "bot.cli.jobs:validate",
        "Check a configuration without network: every fault with its place. Exit code 1 when it has any, 2 when unread.",
    ),
    "list": Place(f"{STORED}:list_", "List jobs with their next fire and their last run."),
    "show": Place(f"{STORED}:show", "Show a job with its last twenty runs."),
    "apply": Place(
        f"{STORED}:apply",
        "Make or change the jobs a file names, all or none. Jobs it does not name stay as they are.",
    ),
    "pause": Place(f"{STORED}:pause", "Hold a job back; sessions that have begun go on."),
    "resume": Place(f"{STORED}:resume", "Let a paused job fire again."),
    "enable": Place(f"{STORED}:enable", "Switch a job on."),
    "disable": Place(f"{STORED}:disable", "Switch a job off: nobody can run it."),
    "run": Place(f"{STORED}:run", "Ask the workers to run a job now; `roundsman run` does it here instead."),
    "preview": Place(
        f"{STORED}:preview", "Show when a job fires next, in its own time zone, and what it asks for."
    ),
    "backfill": Place(
        f"{STORED}:backfill",
        "Run the scheduled fires of a stretch of the past; doing it twice runs none twice.",
    ),
}
jobs = typer.Typer(help="The jobs of repositories.", cls=shelf(COMMANDS), no_args_is_help=True)


def validate(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help="A roundsman.yml; several are read together. Or the file of `serve --jobs`, alone.",
        ),
    ],
    repository: Annotated[
        str | None, typer.Option("--repo", metavar="OWNER/REPO", help="Whose file it is.")
    ] = None,
    organisation: Annotated[
        Path | None, typer.Option("--defaults", metavar="FILE", help="The organisation's file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One object: ok, jobs, faults, warnings.")] = False,
) -> None:
    """Check a configuration without network: every fault with its place. Exit code 1 when it has any, 2 when unread."""
    found = _read(files, repository, organisation)
    if as_json:
        typer.echo(json.dumps(_as_json(found), ensure_ascii=False))
    else:
        for fault in (*found.faults, *found.warnings):
            typer.echo(str(fault))
    if not found.ok:
        count = len(found.faults)
        what = f"{', '.join(str(path) for path in files)} is invalid: {count} fault{'s' if count > 1 else ''}"
        raise ended_badly(what, "mend what is listed and validate again")
    if not as_json:
        _praise(files, found)


def _read(files: list[Path], repository: str | None, organisation: Path | None) -> Configuration:
    if len(files) > 1 or not names_repositories(source := _source(files[0])):
        return read_files(files, repository, organisation)
    if repository or organisation:
        what = "--repo" if repository else "--defaults"
        raise wrong_usage(f"{files[0]} names its repositories itself", f"leave out {what}")
    return _together(read_repositories(source, _alone))


def _alone(repository: str) -> Surroundings:
    """What is known of a repository without asking for it: its own commands may be anything."""
    return Surroundings(now=SystemClock().now(), repository=repository, catalog=Catalog(), lone=True)


def _together(found: dict[str, Configuration]) -> Configuration:
    """The jobs of all repositories with the repository before their names; faults of the file itself once."""
    jobs = [
        replace(job, name=f"{name}: {job.name}")
        for name, configuration in found.items()
        for job in configuration.jobs
    ]
    faults = dict.fromkeys(fault for each in found.values() for fault in each.faults)
    warnings = dict.fromkeys(fault for each in found.values() for fault in each.warnings)
    return Configuration(tuple(jobs), tuple(faults), tuple(warnings))


def read_files(files: list[Path], repository: str | None, organisation: Path | None = None) -> Configuration:
    """Read configuration files together, with the commands beside them."""
    sources = [_source(path) for path in files]
    above = _source(organisation) if organisation else None
    around = Surroundings(
        now=SystemClock().now(), repository=repository, catalog=_catalog(files[0]), lone=True
    )
    return read_configuration(sources, around, above)


def _praise(files: list[Path], found: Configuration) -> None:
    typer.echo(
        f"{', '.join(str(path) for path in files)}: valid, {len(found.jobs)} job{'s' if len(found.jobs) != 1 else ''}"
    )
    for job in found.jobs:
        typer.echo(f"  {job.name}: {_next(job)}")


def _next(job: ConfiguredJob) -> str:
    now = SystemClock().now()
    schedule = Schedule.of(job.spec, identity=job.name, anchor=now)
    fires = [local(job.spec.timezone, occasion.nominal) for occasion in islice(schedule.occasions(now), 1)]
    return f"next {fires[0]:%a %Y-%m-%d %H:%M %z}" if fires else "fires by no clock"


def _as_json(found: Configuration) -> dict[str, object]:
    return {
        "ok": found.ok,
        "jobs": [job.name for job in found.jobs],
        "faults": [asdict(fault) for fault in found.faults],
        "warnings": [asdict(fault) for fault in found.warnings],
    }


def _source(path: Path) -> Source:
    """Read a file, but never more of it than a configuration may have."""
    try:
        with path.open("rb") as file:
            return Source(str(path), file.read(LARGEST + 1))
    except FileNotFoundError:
        raise wrong_usage(f"no file {path}", "name a roundsman.yml") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        raise wrong_usage(f"cannot read {path!s}: {reason}", "name a file you may read") from None


def _catalog(path: Path) -> Catalog:
    """Take the repository's own commands along where the file lies in its `.github` folder."""
    folder = path.resolve().parent
    root = folder / "roundsman" / "commands" if folder.name == ".github" else folder / "commands"
    if ".github" not in root.parts or not root.is_dir():
        return Catalog()
    return Catalog(
        {
            str(file.relative_to(root).as_posix()): text
            for file in sorted(root.rglob("*"))
            if (text := _text(file)) is not None
        }
    )


def _text(file: Path) -> str | None:
    if file.suffix not in (".md", ".py") or file.is_symlink() or not file.is_file():
        return None
    try:
        return file.read_text("utf-8") if file.stat().st_size <= LARGEST else None
    except (OSError, UnicodeDecodeError):
        return None
