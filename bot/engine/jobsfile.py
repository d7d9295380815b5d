"""`serve --jobs FILE`: the jobs of several repositories from a local file, read again when it changes.

A broken edit keeps the last good jobs of the repositories it breaks. The repositories' own `roundsman.yml` is not read:
whoever starts Roundsman this way decides alone what runs; commands of the repositories' default branches can be used.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import replace
from pathlib import Path

from bot.engine.configuration import ref_of, said_of
from bot.engine.polling import named_repository
from bot.flow.config import REPOSITORY, Configuration, Source, read_repositories
from bot.flow.document import LARGEST
from bot.flow.review import Surroundings
from bot.github import configfiles
from bot.github.client import Client
from bot.model.run import Repository
from bot.ports import Clock, Refusal
from bot.store import audit, jobs, repositories, words
from bot.store.configuration import Applied, FileJob, apply_configuration
from bot.store.database import Database, Db
from commands.catalog import Catalog

_log = logging.getLogger("roundsman.jobsfile")
LOOK_EVERY = 2.0
COMMANDS_EVERY = 30
"""Looks between two looks at the repositories' commands."""


class JobsFile:
    """Keeps the jobs of one file."""

    def __init__(
        self, database: Database, clock: Clock, client: Client, around: Surroundings, path: Path
    ) -> None:
        self.database, self.clock, self.client = database, clock, client
        self.around, self.path = around, path.absolute()
        self._seen: bytes | None = None
        self._unfinished = True
        self._looks = 0

    async def look(self) -> None:
        """Apply the file where it, or a command it uses, has changed since the last look."""
        try:
            text = await asyncio.to_thread(_read, self.path)
        except OSError as error:
            if self._seen != b"":
                _log.error("%s cannot be read: %s; the last good jobs stay", self.path, error.strerror)
            self._seen = b""
            return
        self._looks += 1
        if text == self._seen and not self._unfinished and self._looks % COMMANDS_EVERY:
            return
        self._unfinished = not await self.apply(text, fresh=text != self._seen)
        self._seen = text

    async def apply(self, text: bytes, *, fresh: bool = True) -> bool:
        """Bring the jobs to what the text says; False where GitHub could not be asked for all of it."""
        source, now = Source(str(self.path), text), self.clock.now()
        asked = True
        known: dict[str, Repository] = {}
        catalogs: dict[str, Catalog] = {}
        for name in read_repositories(source):
            named = re.fullmatch(REPOSITORY, name)
            here = await named_repository(self.database, self.client, self.clock, name) if named else None
            own = await self._commands(here) if isinstance(here, Repository) else None
            for outcome in (here, own):
                if isinstance(outcome, Refusal):
                    _log.warning("%s cannot be looked at: %s", name, outcome.words)
                    asked = False
            if isinstance(here, Repository):
                known[name] = here
            catalogs[name] = Catalog(own if isinstance(own, dict) else {})

        def around(name: str) -> Surroundings:
            return replace(self.around, now=now, repository=name, catalog=catalogs[name])

        found = read_repositories(source, around)
        for name, configuration in found.items():
            if fresh:
                for fault in (*configuration.faults, *configuration.warnings):
                    _log.log(logging.ERROR if fault.severity == "error" else logging.WARNING, "%s", fault)
            if name in known and configuration.ok:
                said = await self.database.write(self._keep, known[name], configuration)
                if said != "nothing changed":
                    _log.info("jobs of %s: %s", name, said)
        if all(configuration.ok for configuration in found.values()):
            await self.database.write(self._let_go, [name.lower() for name in found])
        elif fresh:
            _log.error("%s has faults; the last good jobs stay where it has", self.path)
        return asked

    async def _commands(self, repository: Repository) -> dict[str, str] | Refusal:
        """The repository's own commands; read again when their version changed."""
        ref, name = ref_of(repository), f"commands-version:{repository.id}"
        version = await configfiles.version(self.client, ref)
        if isinstance(version, Refusal):
            return version
        kept = await self.database.read(words.get, f"commands:{repository.id}")
        if kept is not None and await self.database.read(words.get, name) == version:
            return dict(kept)
        files = await configfiles.read(self.client, ref)
        if isinstance(files, Refusal):
            return files
        now = self.clock.now()
        await self.database.write(words.put, f"commands:{repository.id}", files.commands, now)
        await self.database.write(words.put, name, files.version, now)
        return files.commands

    def _keep(self, db: Db, repository: Repository, configuration: Configuration) -> str:
        wanted = [FileJob(job.name, job.spec, job.path, job.line) for job in configuration.jobs]
        applied = apply_configuration(
            db, repository.id, wanted, self.clock.now(), source="local", by="jobs file"
        )
        said = said_of(applied)
        if applied != Applied(unchanged=applied.unchanged):
            audit.note(
                db, "jobs file", "configuration.applied", repository.full_name, self.clock.now(),
                repository_id=repository.id, detail={"words": said},
            )  # fmt: skip
        return said

    def _let_go(self, db: Db, named: list[str]) -> None:
        """Archive the jobs of repositories the file no longer names."""
        for repository in repositories.every(db):
            if repository.full_name.lower() in named:
                continue
            for job in jobs.jobs_of(db, repository.id):
                if job.source == "local" and job.source_path == str(self.path):
                    jobs.archive(db, job.id, self.clock.now())


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST + 1)
