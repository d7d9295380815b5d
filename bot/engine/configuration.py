"""Configuration in the repository: read on a push, applied whole or not at all, judged on pull requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from bot.engine.bounds import stamp_of
from bot.flow.ceilings import Ceilings
from bot.flow.config import Configuration, ConfiguredJob, Source, read_configuration
from bot.flow.configcheck import Preview, check_of, command_faults, cost_of, fires_of
from bot.flow.review import Surroundings
from bot.github import configfiles
from bot.github.client import Client
from bot.github.configfiles import ConfigFiles, touches
from bot.github.people import MAY_COMMAND, role_of
from bot.model.fault import Fault
from bot.model.item import RepositoryRef
from bot.model.run import Repository
from bot.ports import Clock, Publisher, Refusal, Tracker
from bot.settings import Settings
from bot.store import audit, installations, words
from bot.store.configuration import Applied, FileJob, apply_configuration
from bot.store.database import Database, Db
from commands.catalog import Catalog

PREVIEWED = 10
"""Jobs of a pull request whose matches are counted."""


@dataclass(frozen=True, slots=True)
class Read:
    """A configuration as it was read: the files, the jobs or faults, the faults of its commands."""

    files: ConfigFiles
    found: Configuration
    commands: tuple[Fault, ...] = ()


def ceilings_of(settings: Settings) -> Ceilings:
    """The operator's ceilings; raises ValueError that names the wrong one."""
    try:
        return Ceilings.of(settings.ceilings, settings.minimum_period)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"ROUNDSMAN_CEILINGS: {place}: {first['msg']}") from error


class Configurator:
    """Reads, applies and judges configurations."""

    def __init__(
        self, database: Database, clock: Clock, client: Client, publisher: Publisher, tracker: Tracker,
        around: Surroundings,
    ) -> None:  # fmt: skip
        self.database, self.clock, self.client = database, clock, client
        self.publisher, self.tracker = publisher, tracker
        self.around, self._stamp = around, stamp_of(around)

    async def apply(
        self, repository: Repository, *, by: str = "", head: str | None = None, force: bool = False
    ) -> str | Refusal:
        """Bring the jobs to what stands on the default branch; says in words what that changed.

        With `head` the verdict on that commit is reported there as a check run, whoever read the configuration first:
        an installation, or the push before it. A faulty configuration leaves the last good one in force. One that is
        as it was is not applied again unless `force` asks for it.
        """
        ref = ref_of(repository)
        known, _ = await self.database.read(installations.configuration_of, repository.id)
        outcome = ""
        if not force:
            version = await configfiles.version(self.client, ref)
            if isinstance(version, Refusal):
                return version
            if self._stamped(version) == known:
                outcome = "the configuration is as it was"
                if head is None or not known:
                    return outcome
        read = await self.read(repository)
        if isinstance(read, Refusal):
            return read
        outcome = outcome or await self._keep(repository, read, by or "push")
        if head and (read.files.jobs or known):
            refused = await self._report(repository, read, outcome, head)
            if refused is not None and refused.kind == "busy":
                return refused
        return outcome

    async def _report(self, repository: Repository, read: Read, outcome: str, head: str) -> Refusal | None:
        """Show the verdict on a pushed commit; the branch may have moved on since."""
        ref = ref_of(repository)
        version = await configfiles.version(self.client, ref, head)
        if isinstance(version, Refusal):
            return version
        if version and version != read.files.version:
            pushed = await self.read(repository, head)
            if isinstance(pushed, Refusal):
                return pushed
            read, outcome = pushed, "A later push has changed it again."
        check = check_of(read.found, read.commands, note=outcome)
        written = await self.publisher.apply(ref, 0, check, f"config-{head}", None, head)
        return written if isinstance(written, Refusal) else None

    def _stamped(self, version: str) -> str:
        """A version together with what it was judged under."""
        return f"{version}@{self._stamp}" if version else ""

    async def read(self, repository: Repository, at: str | None = None) -> Read | Refusal:
        """Read what stands on a commit (the default branch), with the organisation's defaults."""
        ref = ref_of(repository)
        files = await configfiles.read(self.client, ref, at)
        if isinstance(files, Refusal):
            return files
        above = await configfiles.organisation(self.client, ref) if files.jobs else None
        if isinstance(above, Refusal):
            return above
        catalog = Catalog(files.commands)
        around = replace(
            self.around, now=self.clock.now(), repository=repository.full_name, catalog=catalog
        )  # fmt: skip
        sources = [Source(path, text) for path, text in files.jobs.items()]
        organisation = Source(f"{repository.owner}/.github", above) if above is not None else None
        found = read_configuration(sources, around, organisation)
        missed = tuple(
            Fault(words.partition(":")[0], 1, 1, "", words.partition(": ")[2]) for words in files.left_out
        )
        return Read(files, replace(found, faults=(*found.faults, *missed)), command_faults(catalog))

    async def _keep(self, repository: Repository, read: Read, by: str) -> str:
        now, version = self.clock.now(), self._stamped(read.files.version)

        def keep(db: Db) -> str:
            if not read.found.ok:
                error = {"faults": [str(fault) for fault in read.found.faults[:50]]}
                installations.configured(db, repository.id, version, error, now)
                first = read.found.faults[0]
                audit.note(
                    db, by, "configuration.refused", repository.full_name, now,
                    repository_id=repository.id, detail={"first": str(first), "count": len(read.found.faults)},
                )  # fmt: skip
                return f"the configuration is faulty, the last good one stays: {first}"
            wanted = [FileJob(job.name, job.spec, job.path, job.line) for job in read.found.jobs]
            applied = apply_configuration(db, repository.id, wanted, now, by=by)
            words.put(db, f"commands:{repository.id}", read.files.commands, now)
            left = _left(applied)
            installations.configured(db, repository.id, version, left, now)
            said = said_of(applied)
            audit.note(
                db, by, "configuration.applied", repository.full_name, now,
                repository_id=repository.id, detail={"words": said},
            )  # fmt: skip
            return said

        return await self.database.write(keep)

    # ── pull requests ────────────────────────────────────────────────────────────────────────────

    async def judge(self, repository: Repository, number: int) -> str | Refusal:
        """Judge what a pull request would make of the configuration, as a check run on its head."""
        ref = ref_of(repository)
        pull = await self.client.get(ref, f"pulls/{number}")
        if isinstance(pull, Refusal):
            return pull
        files = await self.client.rows(ref, f"pulls/{number}/files")
        if isinstance(files, Refusal):
            return files
        names = {str(row.get(key)) for row in files for key in ("filename", "previous_filename")}
        if not any(map(touches, names)):
            return "it does not touch the configuration"
        head = pull.object.get("head") or {}
        sha = str(head.get("sha"))
        read = await self.read(repository, sha)
        if isinstance(read, Refusal):
            return read
        author = str((pull.object.get("user") or {}).get("login") or "")
        trusted = await self._is_trusted(ref, author)
        if isinstance(trusted, Refusal):
            return trusted
        previews = await self._previews(repository, read.found.jobs) if trusted and read.found.ok else []
        if isinstance(previews, Refusal):
            return previews
        note = (
            ""
            if trusted
            else f"What it would match and cost is shown for those who can write to {ref.full_name}."
        )
        check = check_of(read.found, read.commands, previews, note)
        written = await self.publisher.apply(ref, number, check, f"config-{sha}", None, sha)
        if isinstance(written, Refusal):
            return written
        return f"the configuration of #{number} is {'valid' if read.found.ok else 'faulty'}"

    async def _is_trusted(self, ref: RepositoryRef, author: str) -> bool | Refusal:
        role = await role_of(self.client, ref, author)
        return role if isinstance(role, Refusal) else role in MAY_COMMAND

    async def _previews(
        self, repository: Repository, jobs: Sequence[ConfiguredJob]
    ) -> list[Preview] | Refusal:
        now = self.clock.now()
        previews: list[Preview] = []
        for place, job in enumerate(jobs):
            matches = await self._matches(repository, job) if place < PREVIEWED else "not counted"
            if isinstance(matches, Refusal):
                return matches
            previews.append(
                Preview(job.name, fires_of(job, repository.full_name, now), matches, cost_of(job))
            )
        return previews

    async def _matches(self, repository: Repository, job: ConfiguredJob) -> str | Refusal:
        query = job.spec.query
        if query is None:
            return f"the {job.spec.target}" if job.spec.target == "codebase" else "nothing in particular"
        found = await self.tracker.matching(ref_of(repository), query, job.spec.target, self.clock.now())
        if isinstance(found, Refusal):
            return found if found.kind == "busy" else found.words
        shown = ", ".join(f"#\u200b{item.number}" for item in found.items[:5])
        count = len(found.items)
        unsure = f", {len(found.undecided)} undecided" if found.undecided else ""
        more = ", …" if count > 5 else ""
        return (f"{count} ({shown}{more})" if count else "none") + unsure


def ref_of(repository: Repository) -> RepositoryRef:
    """A stored repository as the ports name it."""
    return RepositoryRef(
        repository.owner, repository.name, repository.installation_id, repository.default_branch
    )


def surroundings(settings: Settings, ceilings: Ceilings) -> Surroundings:
    """What the operator's settings let jobs name."""
    return Surroundings(
        ceilings=ceilings, channels=tuple(settings.notify), mcp_servers=tuple(settings.mcp_servers),
        databases=tuple(settings.database_contexts), hosts=tuple(host.lower() for host in settings.http_context),
        default_engine=settings.default_engine, default_model=settings.default_model,
    )  # fmt: skip


def said_of(applied: Applied) -> str:
    """What was changed, in words."""
    parts = [
        f"{kind} {', '.join(names)}"
        for kind, names in (
            ("made", applied.created), ("changed", applied.changed), ("archived", applied.archived),
            ("left alone, as others made jobs of that name:", applied.clashes),
            ("refused", tuple(f"{name} ({why})" for name, why in applied.refused)),
        )
        if names
    ]  # fmt: skip
    return "; ".join(parts) or "nothing changed"


def _left(applied: Applied) -> dict[str, list[str]] | None:
    faults = [f"a job made elsewhere is named {name!r}; rename one of them" for name in applied.clashes]
    faults += [f"{name}: {why}" for name, why in applied.refused]
    return {"faults": faults} if faults else None
