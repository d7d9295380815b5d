"""What jobs of a repository are reviewed against: the operator's settings, the repository's commands and other jobs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from bot.flow.ceilings import Ceilings
from bot.flow.refusal import where_of
from bot.flow.review import Surroundings, review
from bot.model.fault import Objection
from bot.model.job import JobSpec
from bot.model.run import Repository
from bot.store import jobs, words
from bot.store.database import Db
from bot.web.context import WebContext
from bot.web.problems import Fault, Problem
from commands.catalog import Catalog


async def catalog_of(context: WebContext, repository: Repository) -> Catalog:
    """The library, and the repository's own commands of its default branch."""
    return Catalog(dict(await context.database.read(words.get, f"commands:{repository.id}") or {}))


async def surroundings_of(context: WebContext, repository: Repository) -> Surroundings:
    """All that a job of this repository can lean on, and must keep to."""
    settings = context.settings

    def names(db: Db) -> list[str]:
        return [job.name for job in jobs.jobs_of(db, repository.id)]

    return Surroundings(
        now=context.now(),
        repository=repository.full_name,
        ceilings=Ceilings.of(settings.ceilings, settings.minimum_period),
        catalog=await catalog_of(context, repository),
        channels=list(settings.notify),
        mcp_servers=list(settings.mcp_servers),
        databases=list(settings.database_contexts),
        hosts=[host.lower() for host in settings.http_context],
        jobs=await context.database.read(names),
        default_engine=settings.default_engine,
        default_model=settings.default_model,
    )


async def fit(
    context: WebContext, spec: JobSpec, repository: Repository, *, before: JobSpec | None = None
) -> list[Fault]:
    """Raise a 422 that names everything that keeps a job from working here; give the warnings.

    `before` is the job as it stood: an instant that has gone by since is no fault of an edit that leaves it alone.
    """
    around = await surroundings_of(context, repository)
    if before is not None and before.on == spec.on:
        around = replace(around, now=None)
    found = review(spec, around)
    refuse([one for one in found if one.severity == "error"])
    return [fault_of(one) for one in found]


def refuse(found: Collection[Objection], given: object = None) -> None:
    """Raise a 422 where there is anything to object to."""
    if found:
        faults = [fault_of(one, given) for one in found]
        words_first = f"{faults[0].pointer or 'the job'}: {faults[0].message}"
        raise Problem(422, words_first, code="invalid", errors=faults)


def fault_of(objection: Objection, given: object = None) -> Fault:
    """An objection as a fault, its place a JSON pointer into what was given."""
    where: Sequence[str | int] = objection.where if given is None else where_of(objection.where, given)
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in where]
    pointer = "/" + "/".join(parts) if parts else ""
    return Fault(pointer=pointer, message=objection.message, hint=objection.hint, severity=objection.severity)
