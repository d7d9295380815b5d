"""Questions asked in comments: why an item was picked or not, and what became of it so far."""

from __future__ import annotations

from datetime import datetime

from pydantic import ValidationError

from bot.engine.configuration import ref_of
from bot.engine.scene import Scene, named
from bot.flow import replies
from bot.flow.choose import rules_of_spec
from bot.flow.replies import Reply
from bot.flow.selection import why_not
from bot.github.items import GitHubTracker
from bot.model.item import Item
from bot.model.job import JobSpec
from bot.model.run import Job, Repository
from bot.ports import Clock, Refusal
from bot.store import itemlog, ledger
from bot.store.candidates import candidates_of
from bot.store.database import Database, Db


class Answers:
    """Looks at GitHub, the ledger and past runs, and says what they tell."""

    def __init__(self, database: Database, clock: Clock, tracker: GitHubTracker, base_url: str) -> None:
        self.database, self.clock, self.tracker, self.base_url = database, clock, tracker, base_url

    async def explain(self, scene: Scene, name: str) -> Reply | Refusal:
        """Say why the jobs here pick the item or not; of one job where it is named."""
        wanted = scene.here
        if name:
            only = named(scene.jobs, name)
            if only is None:
                return Reply(False, replies.no_such(name, [each.name for each in scene.here], [], []))
            wanted = [only]
        found: list[tuple[str, str]] = []
        for job in wanted:
            why = await self.why(scene.repository, job, scene.said.number)
            if isinstance(why, Refusal):
                return why
            found.append((job.name, why))
        return Reply(True, replies.explain_words(found))

    async def why(self, repository: Repository, job: Job, number: int) -> str | Refusal:
        """Why a job picks an item or not: by which term of its filter, by which earlier run."""
        try:
            spec = JobSpec.model_validate(job.spec)
        except ValidationError:
            return "its stored definition is no longer valid"
        if spec.query is None:
            return f"it works on {spec.target}, not on items"
        now = self.clock.now()
        told = await self.tracker.explain(ref_of(repository), spec.query, spec.target, now, number)
        if isinstance(told, Refusal):
            return told
        matches, because, item = told
        if spec.target != ("prs" if item.is_pull else "issues"):
            return f"it works on {spec.target}"
        if not matches:
            return because
        reason = await self.database.read(_ledger_says, repository.id, job.id, spec, item, now)
        last = await self.database.read(itemlog.last_verdict, job.id, number)
        standing = "" if job.status == "active" else f"; the job is {job.status}"
        if reason is not None:
            return f"{because}; not picked: {reason}{standing}"
        if last is not None and last.verdict != "picked":
            return f"{because}; run {last.run_id} left it: {last.reason}; it is next in line now{standing}"
        return f"{because}; it will be picked{standing}"

    async def status(self, scene: Scene) -> Reply:
        """Tell what the jobs here have done with the item."""
        number = scene.said.number
        past = await self.database.read(itemlog.sessions_of, scene.repository.id, number)
        names = {job.id: job.name for job in scene.jobs}
        known = await self.database.read(ledger.history_of, list(names), number)
        parked = [names[job_id] for job_id, entry in known.items() if entry.parked]
        return Reply(
            True, replies.status_words(past, names, parked, self.base_url, scene.repository.full_name)
        )


def _ledger_says(
    db: Db, repository_id: int, job_id: int, spec: JobSpec, item: Item, now: datetime
) -> str | None:
    [candidate] = candidates_of(db, repository_id, job_id, [item])
    return why_not(candidate, rules_of_spec(spec), now)
