"""Orders given in comments: run a job or a command, run again, stop, leave an item alone."""

from __future__ import annotations

import difflib
from datetime import datetime

from bot.engine.scene import Scene, named
from bot.flow import replies
from bot.flow.ceilings import Ceilings, within
from bot.flow.replies import Reply
from bot.model.item import Target
from bot.model.job import JobSpec
from bot.model.run import Job, Trigger, TriggerKind
from bot.ports import Clock
from bot.store import itemlog, jobs, ledger, runs, sessions, words
from bot.store.database import Database, Db
from commands.catalog import Catalog
from commands.faults import CommandError


class Orders:
    """Writes what was ordered into the rows that workers look at."""

    def __init__(self, database: Database, clock: Clock, ceilings: Ceilings) -> None:
        self.database, self.clock, self.ceilings = database, clock, ceilings

    async def run(self, scene: Scene, name: str, place: int) -> Reply:
        """Run a job by its name, or a command without a job."""
        job = named(scene.jobs, name)
        if job is None:
            own = await self.database.read(words.get, f"commands:{scene.repository.id}")
            catalog = Catalog(dict(own or {}))
            made = await self._ad_hoc(scene, catalog, name)
            if isinstance(made, Reply):
                return made
            job = made
        return await self._fire(scene, job, place)

    async def _ad_hoc(self, scene: Scene, catalog: Catalog, name: str) -> Job | Reply:
        """A command without a job: a paused job of its own runs it, so it has history, limits and a page."""
        target: Target = "prs" if scene.said.pull else "issues"
        try:
            found = catalog.get(name.casefold())
        except CommandError:
            known = catalog.names(target)
            near = difflib.get_close_matches(
                name.casefold(), [*(job.name for job in scene.here), *known], n=1
            )
            return Reply(False, replies.no_such(name, [job.name for job in scene.here], known, near))
        if found.target is not None and found.target != target:
            return Reply(False, f"`{found.name}` works on {found.target}.")
        spec = JobSpec.model_validate(
            {
                "description": f"Made by /roundsman run {found.name}", "on": {"events": ["issue_comment.created"]},
                "target": target, "command": found.name, "again": "always", "status": "paused",
                **within(self.ceilings),
            }
        )  # fmt: skip
        title = f"run {found.name.replace('/', ' ')}" + ("" if found.target else f" on {target}")
        existing = named(scene.jobs, title)
        if existing is not None:
            return existing
        return await self.database.write(
            jobs.save_job, scene.repository.id, title, spec, by=scene.said.by.login, now=self.clock.now()
        )

    async def _fire(self, scene: Scene, job: Job, place: int) -> Reply:
        target = "prs" if scene.said.pull else "issues"
        if job.status == "disabled":
            return Reply(False, f"`{job.name}` is disabled; enable it first.")
        if (aim := job.spec.get("target", "issues")) != target:
            return Reply(False, f"`{job.name}` works on {aim}.")
        trigger = Trigger(
            kind=TriggerKind.comment, occasion=f"{scene.said.comment}@{scene.guid}/{place}", number=scene.said.number,
            by=scene.said.by.login,
        )  # fmt: skip
        await self.database.write(runs.fire, job.id, trigger, self.clock.now())
        return Reply(True, pending=True)

    async def rerun(self, scene: Scene, name: str, place: int) -> Reply:
        """Run a job again here: the named one, or the one that ran last."""
        if name:
            job = named(scene.here, name)
            if job is None:
                return Reply(False, replies.no_such(name, [each.name for each in scene.here], [], []))
            return await self._fire(scene, job, place)
        past = await self.database.read(itemlog.sessions_of, scene.repository.id, scene.said.number)
        living = {job.id: job for job in scene.jobs}
        last = next((living[session.job_id] for session in past if session.job_id in living), None)
        if last is None:
            return Reply(False, "Nothing has run here yet; `/roundsman run NAME` runs a job.")
        return await self._fire(scene, last, place)

    async def stop(self, scene: Scene, name: str) -> Reply:
        """End what works on the item, or one job's work on it."""
        only = named(scene.jobs, name) if name else None
        if name and only is None:
            return Reply(False, replies.no_such(name, [each.name for each in scene.here], [], []))
        stopped = await self.database.write(
            _stopped, scene.repository.id, scene.said.number, only.id if only else None, self.clock.now()
        )
        return Reply(True) if stopped else Reply(True, "Nothing works on this item.")

    async def park(self, scene: Scene, *, parked: bool) -> Reply:
        """Leave the item alone from now on, or no longer."""
        ids, by = [job.id for job in scene.jobs], scene.said.by.login
        if parked:
            await self.database.write(ledger.park, ids, scene.said.number, by)
            return Reply(True)
        count = await self.database.write(ledger.unpark, ids, scene.said.number)
        return Reply(True) if count else Reply(True, "It was not ignored.")


def _stopped(db: Db, repository_id: int, number: int, job_id: int | None, now: datetime) -> int:
    """Ask for the end of everything on an item, or of one job's work on it."""
    count = 0
    for run in itemlog.live_runs(db, repository_id, number):
        if job_id in (None, run.job_id):
            count += runs.request_cancel(db, run.id, now)
    for session in itemlog.live_sessions(db, repository_id, number):
        if job_id in (None, session.job_id):
            count += sessions.request_cancel(db, session.id, now)
    return count
