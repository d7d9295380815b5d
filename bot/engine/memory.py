"""The memory of ticks whose disk does not survive: one comment of the dashboard issue, read into a fresh database, edited in place."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import Any

from bot.engine.configuration import ref_of
from bot.flow import memory as notes
from bot.flow.report import dashboard_issue
from bot.github import ours
from bot.github.client import Client
from bot.github.openings import DASHBOARD
from bot.model.run import Frozen, Repository
from bot.ports import Clock, Publisher, Refusal
from bot.store import jobs, memory, repositories, words
from bot.store.database import Database

_log = logging.getLogger("roundsman.memory")


class Noted(Frozen):
    """What was last read or written of a repository's note: the id of its comment, and the hash of what it tells."""

    comment: str | None = None
    digest: str = ""


@dataclass
class Keeper:
    """Reads and writes the note of each repository; what GitHub refuses is logged, and the tick goes on."""

    database: Database
    clock: Clock
    client: Client
    publisher: Publisher
    key: bytes

    async def recall(self) -> None:
        """Read the notes of repositories this database has never read a note of."""
        for repository in await self._with_jobs():
            if await self._told(repository) is None and (refused := await self._recall(repository)):
                _log.warning(
                    "the note of %s cannot be read: %s; what stayed quiet is looked at again",
                    repository.full_name,
                    refused.words,
                )

    async def foretell(self) -> None:
        """Note that the jobs without items that are due have fired, before they do: another tick finds it."""
        now = self.clock.now()
        for repository in await self._with_jobs():
            if await self.database.write(memory.foretell, repository.id, now):
                await self._keep(repository)

    async def keep(self) -> None:
        """Note what has changed since the notes were read or written."""
        for repository in await self._with_jobs():
            await self._keep(repository)

    async def _with_jobs(self) -> list[Repository]:
        every = await self.database.read(repositories.every)
        return [each for each in every if await self.database.read(jobs.jobs_of, each.id)]

    async def _told(self, repository: Repository) -> Noted | None:
        told = await self.database.read(words.get, f"noted:{repository.id}")
        return Noted.model_validate(told) if isinstance(told, dict) else None

    async def _note_down(self, repository: Repository, noted: Noted) -> None:
        await self.database.write(words.put, f"noted:{repository.id}", noted.model_dump(), self.clock.now())

    async def _recall(self, repository: Repository) -> Refusal | None:
        ref = ref_of(repository)
        home = await self._home(repository)
        if isinstance(home, Refusal):
            return home
        row: dict[str, Any] | Refusal | None = None
        if home is not None:
            mark = notes.mark(self.key, repository.full_name)
            row = await ours.first(self.client, ref, f"issues/{home}/comments", mark)
        if isinstance(row, Refusal):
            return row
        found = None
        if row is not None:
            found = notes.unfolded(self.key, repository.full_name, str(row.get("body") or ""))
        if found is not None:
            await self.database.write(memory.recall, repository.id, found, self.clock.now())
        comment = str(row["id"]) if row else None
        await self._note_down(repository, Noted(comment=comment, digest=await self._digest(repository)))
        return None

    async def _home(self, repository: Repository) -> int | Refusal | None:
        """The dashboard issue: known here, or found among the issues we opened."""
        home = await self.database.read(words.home_of, repository.id)
        if home is not None:
            return home
        me = await self.client.me()
        if isinstance(me, Refusal):
            return me
        asked = {"state": "all", "sort": "created", "direction": "asc"} | ({"creator": me} if me else {})
        row = await ours.first(self.client, ref_of(repository), "issues", DASHBOARD, most=10, **asked)
        if row is None or isinstance(row, Refusal):
            return row
        await self.database.write(words.set_home, repository.id, int(row["number"]), self.clock.now())
        return int(row["number"])

    async def _digest(self, repository: Repository) -> str:
        told = await self.database.read(memory.remembered, repository.id)
        return hashlib.sha256(told.model_dump_json().encode()).hexdigest()

    async def _keep(self, repository: Repository) -> None:
        told = await self._told(repository) or Noted()
        digest = await self._digest(repository)
        if digest == told.digest:
            return
        if not told.comment and not await self.database.read(memory.worth_telling, repository.id):
            return
        written = await self._write(repository, told.comment)
        if isinstance(written, Refusal):
            _log.warning("the note of %s cannot be kept: %s", repository.full_name, written.words)
            return
        await self._note_down(repository, Noted(comment=written, digest=digest))

    async def _write(self, repository: Repository, known: str | None) -> str | Refusal:
        ref, name = ref_of(repository), repository.full_name
        home = await self.database.read(words.home_of, repository.id)
        if home is None:
            opened = await self.publisher.apply(ref, 0, dashboard_issue(), f"dashboard-{repository.id}", None, None)  # fmt: skip
            if isinstance(opened, Refusal):
                return opened
            home = int(opened.target_id)
            await self.database.write(words.set_home, repository.id, home, self.clock.now())
        told = await self.database.read(memory.remembered, repository.id)
        body, mark = notes.folded(self.key, name, told), notes.mark(self.key, name)
        written = await self.publisher.comment(ref, home, mark, body, known)
        return written if isinstance(written, Refusal) else written.target_id
