"""The dashboard issue, steered by ticking boxes: who may is asked live, and our own edits ask for nothing."""

from __future__ import annotations

from datetime import datetime

from bot.engine.configuration import ref_of
from bot.flow.dashboardissue import Wish, section, wishes, with_section
from bot.github.client import Client
from bot.github.people import MAY_COMMAND, role_of
from bot.model.run import Repository, Trigger, TriggerKind
from bot.ports import Clock, Refusal
from bot.store import audit, jobs, runs, words
from bot.store.database import Database, Db


class DashboardIssue:
    """Reads and writes the boxes of a repository's dashboard issue, where it has one."""

    def __init__(self, database: Database, clock: Clock, client: Client) -> None:
        self.database, self.clock, self.client = database, clock, client

    async def number(self, repository: Repository) -> int | None:
        """The issue's number."""
        return await self.database.read(words.home_of, repository.id)

    async def ticked(self, repository: Repository, by: str, guid: str) -> str | Refusal:
        """Somebody edited the issue: do what the boxes ask for if they may, then show how things stand."""
        number = await self.number(repository)
        ref = ref_of(repository)
        answer = await self.client.get(ref, f"issues/{number}")
        if isinstance(answer, Refusal):
            return answer
        every = await self.database.read(jobs.jobs_of, repository.id)
        asked = wishes(str(answer.object.get("body") or ""), every)
        if not asked:
            return "no box was ticked"
        role = await role_of(self.client, ref, by)
        if isinstance(role, Refusal):
            return role
        said = f"refused: {by} is {role} here; boxes need write"
        if role in MAY_COMMAND:
            await self.database.write(_do, repository, asked, by, guid, self.clock.now())
            said = f"{by} ticked " + ", ".join(f"{wish.verb} {wish.job}" for wish in asked)
        shown = await self.show(repository)
        return shown if isinstance(shown, Refusal) else said

    async def show(self, repository: Repository) -> Refusal | None:
        """Bring the list up to date; nothing is written where it is."""
        number = await self.number(repository)
        if number is None:
            return None
        ref = ref_of(repository)
        answer = await self.client.get(ref, f"issues/{number}")
        if isinstance(answer, Refusal):
            return None if answer.kind == "gone" else answer
        before = str(answer.object.get("body") or "")
        every = await self.database.read(jobs.jobs_of, repository.id)
        if section(every, repository.full_name) in before:
            return None
        change = {"body": with_section(before, every, repository.full_name)}
        written = await self.client.write(ref, "PATCH", f"issues/{number}", json=change)
        return written if isinstance(written, Refusal) and written.kind == "busy" else None


def _do(db: Db, repository: Repository, asked: tuple[Wish, ...], by: str, guid: str, now: datetime) -> None:
    for wish in asked:
        job = jobs.by_name(db, repository.id, wish.job)
        if job is None:
            continue
        match wish.verb:
            case "run":
                trigger = Trigger(kind=TriggerKind.manual, occasion=f"box@{guid}", by=by)
                runs.fire(db, job.id, trigger, now)
            case "pause":
                jobs.pause(db, job.id, now, f"paused by {by} in the dashboard issue")
            case "resume":
                jobs.resume(db, job.id, now)
        audit.note(db, by, f"job.{wish.verb}", job.name, now, repository_id=repository.id)
