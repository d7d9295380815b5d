"""A repository's file of jobs, applied whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from sqlmodel import Session

from bot.model.job import JobSpec
from bot.store import audit, jobs


class Configured(Protocol):
    """A job of a file, as whoever reads files gives it."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def spec(self) -> JobSpec:
        """What it does."""
        ...

    @property
    def path(self) -> str | None:
        """Its file."""
        ...

    @property
    def line(self) -> int | None:
        """Where in the file it begins."""
        ...


@dataclass(frozen=True, slots=True)
class FileJob:
    """One job of a file, validated, with the place where it stands."""

    name: str
    spec: JobSpec
    path: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """What a configuration changed, by name; `clashes` are names that jobs made elsewhere hold, left as they were."""

    created: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    archived: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    clashes: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    """Names and reasons of jobs that could not be kept as written (an `at` in the past, say)."""


def apply_configuration(
    db: Session, repository_id: int, configuration: Sequence[Configured], now: datetime, *,
    source: Literal["file", "local"] = "file", by: str | None = None,
) -> Applied:  # fmt: skip
    """Make the jobs of a source be exactly these: new ones made, gone ones archived with their history, the rest changed."""
    before = {job.name: job for job in jobs.jobs_of(db, repository_id)}
    outcome: dict[str, list[str]] = {"created": [], "changed": [], "unchanged": [], "clashes": []}
    refused: list[tuple[str, str]] = []
    for wanted in configuration:
        old = before.get(wanted.name)
        if old is not None and old.source != source:
            outcome["clashes"].append(wanted.name)
            continue
        try:
            new = jobs.save_job(
                db, repository_id, wanted.name, wanted.spec, source=source, source_path=wanted.path,
                source_line=wanted.line, by=by, now=now,
            )  # fmt: skip
        except jobs.JobRefused as refusal:
            refused.append((wanted.name, str(refusal)))
            continue
        kind = (
            "created" if old is None else "unchanged" if new.spec == old.spec and not old.error else "changed"
        )
        outcome[kind].append(wanted.name)
    listed = {wanted.name for wanted in configuration}
    unlisted = [job for job in before.values() if job.source == source and job.name not in listed]
    gone = [
        job for job in unlisted if source == "file" or job.source_path
    ]  # others were made by a call, not a file
    for job in gone:
        jobs.archive(db, job.id, now)
    return Applied(
        archived=tuple(job.name for job in gone),
        refused=tuple(refused),
        **{kind: tuple(names) for kind, names in outcome.items()},
    )


def import_configuration(
    db: Session, repository_id: int, configuration: Sequence[Configured], now: datetime, *, by: str, rehearse: bool = False
) -> Applied:  # fmt: skip
    """Make or change the jobs a file names as if by hand, all or none; what it does not name stays.

    Raises JobRefused for a job that stands in the repository's own file. With `rehearse` nothing is kept.
    """
    outcome: dict[str, list[str]] = {"created": [], "changed": [], "unchanged": []}
    with db.begin_nested() as point:
        for wanted in configuration:
            before = jobs.by_name(db, repository_id, wanted.name)
            if before is not None and before.source != "api":
                raise jobs.ElsewhereKept(
                    f"{wanted.name!r} stands in {before.source_path}:{before.source_line}; change it there"
                )
            after = jobs.save_job(db, repository_id, wanted.name, wanted.spec, by=by, now=now)
            same = before is not None and before.spec == after.spec
            outcome["created" if before is None else "unchanged" if same else "changed"].append(wanted.name)
        if rehearse:
            point.rollback()
        else:
            told = {kind: names for kind, names in outcome.items() if names}
            audit.note(
                db, by, "configuration.imported", "jobs", now, repository_id=repository_id, detail=told
            )
    return Applied(
        created=tuple(outcome["created"]),
        changed=tuple(outcome["changed"]),
        unchanged=tuple(outcome["unchanged"]),
    )
