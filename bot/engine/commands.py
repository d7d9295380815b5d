"""Comment commands, acted on: who may is asked live, 👀 at once, 🚀 or 😕 at the end, a word where a reaction says too little."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from bot.engine.configuration import ref_of
from bot.flow import command, replies
from bot.flow.ceilings import Ceilings, within
from bot.flow.choose import rules_of_spec
from bot.flow.command import Commands, CommentCommand
from bot.flow.replies import Reply
from bot.flow.seen import COMMENTS
from bot.flow.selection import why_not
from bot.flow.trigger import same_bot
from bot.github.client import Client, moment
from bot.github.items import GitHubTracker
from bot.github.ours import mark_of
from bot.github.people import MAY_COMMAND, role_of
from bot.model.happening import Commented
from bot.model.item import Item, RepositoryRef, Target
from bot.model.job import JobSpec
from bot.model.run import Job, Repository, Run, Trigger, TriggerKind
from bot.ports import Clock, Publisher, Refusal
from bot.store import audit, effects, itemlog, jobs, ledger, runs, sessions, words
from bot.store.candidates import candidates_of
from bot.store.database import Database, Db
from commands.catalog import Catalog
from commands.faults import CommandError

WATERMARK = "comment-runs"


@dataclass(frozen=True, slots=True)
class _Scene:
    """One command in its place."""

    said: Commented
    repository: Repository
    jobs: tuple[Job, ...]
    guid: str

    @property
    def ref(self) -> RepositoryRef:
        return ref_of(self.repository)

    @property
    def here(self) -> list[Job]:
        """The jobs that look at items of this kind."""
        target = "prs" if self.said.pull else "issues"
        return [job for job in self.jobs if job.spec.get("target", "issues") == target]


class Commander:
    """Acts on comments."""

    def __init__(
        self, database: Database, clock: Clock, client: Client, publisher: Publisher, tracker: GitHubTracker, base_url: str,
        ceilings: Ceilings,
    ) -> None:  # fmt: skip
        self.database, self.clock, self.client = database, clock, client
        self.publisher, self.tracker, self.base_url = publisher, tracker, base_url
        self.ceilings = ceilings

    async def act(self, said: Commented, repository: Repository, me: str, guid: str) -> str | Refusal:
        """Act on one comment; says in words what became of it. Twice under one `guid` is once."""
        if said.by.bot or same_bot(said.by.login, me):
            return "a bot's comment commands nothing"
        if said.action == "edited" and said.before is None:
            return "an edit that changed no text"
        asked = command.news(said.body, said.before if said.action == "edited" else None)
        if not asked.commands:
            return "no command in it"
        ref = ref_of(repository)
        role = await role_of(self.client, ref, said.by.login)
        if isinstance(role, Refusal):
            return role
        if role not in MAY_COMMAND:
            return await self._turned_away(said, repository, role)
        if (
            refused := await self.publisher.react(ref, said.comment, "eyes")
        ) is not None and refused.kind == "busy":
            return refused
        every = await self.database.read(jobs.jobs_of, repository.id)
        scene = _Scene(said, repository, tuple(every), guid)
        await self.database.write(_noted, scene, asked, self.clock.now())
        return await self._do(scene, asked)

    async def _turned_away(self, said: Commented, repository: Repository, role: str) -> str | Refusal:
        """A sad face, no word: a reply would let strangers make us talk."""
        refused = await self.publisher.react(ref_of(repository), said.comment, "confused")
        if refused is not None and refused.kind == "busy":
            return refused
        await self.database.write(
            audit.note, said.by.login, "command.refused", f"{repository.full_name}#{said.number}", self.clock.now(),
            repository_id=repository.id, detail={"role": role, "comment": said.comment},
        )  # fmt: skip
        return f"refused: {said.by.login} is {role} here; commands need write"

    async def _do(self, scene: _Scene, asked: Commands) -> str | Refusal:
        answers: list[Reply] = []
        for place, each in enumerate(asked.commands):
            answer = await self._one(scene, each, place)
            if isinstance(answer, Refusal):
                if answer.kind == "busy":
                    return answer
                answer = Reply(False, f"GitHub refused it: {answer.words}")
            answers.append(answer)
        said = "\n\n".join(answer.words for answer in answers if answer.words)
        if said:
            refused = await self.say(
                scene.repository, scene.said.number, said, f"reply-{scene.said.comment}-{_short(scene.guid)}"
            )
            if refused is not None and refused.kind == "busy":
                return refused
        if not any(answer.pending for answer in answers):
            face = "rocket" if all(answer.good for answer in answers) else "confused"
            await self.publisher.react(scene.ref, scene.said.comment, face)
        verbs = ", ".join(f"{each.verb} {each.argument}".strip() for each in asked.commands)
        return f"commands of {scene.said.by.login}: {verbs}"

    async def say(self, repository: Repository, number: int, text: str, key: str) -> Refusal | None:
        """Answer on the item, once; recorded as ours, so that our answer makes no item look changed."""
        mark = mark_of(key)
        await self.database.write(
            effects.intend, key, job_id=0, repository_id=repository.id, number=number, kind="reply", facet=COMMENTS
        )  # fmt: skip
        written = await self.publisher.comment(ref_of(repository), number, mark, f"{text}\n\n{mark}", None)
        if isinstance(written, Refusal):
            if written.kind != "busy":
                await self.database.write(effects.abandon, key)
            return written
        await self.database.write(
            effects.did, key, at=written.at, target_id=written.target_id, url=written.url
        )
        return None

    async def _one(self, scene: _Scene, each: CommentCommand, place: int) -> Reply | Refusal:
        if each.fault:
            return Reply(False, f"{each.fault[0].upper()}{each.fault[1:]}.")
        match each.verb:
            case "run":
                return await self._run(scene, each.argument, place)
            case "rerun":
                return await self._rerun(scene, each.argument, place)
            case "stop":
                return await self._stop(scene, each.argument)
            case "explain":
                return await self._explain(scene, each.argument)
            case "ignore":
                return await self._park(scene, parked=True)
            case "unignore":
                return await self._park(scene, parked=False)
            case "status":
                return await self._status(scene)
            case "help":
                return Reply(True, replies.help_words())

    # ── running and stopping ─────────────────────────────────────────────────────────────────────

    async def _run(self, scene: _Scene, name: str, place: int) -> Reply:
        job = _named(scene.jobs, name)
        if job is None:
            own = await self.database.read(words.get, f"commands:{scene.repository.id}")
            catalog = Catalog(dict(own or {}))
            made = await self._ad_hoc(scene, catalog, name)
            if isinstance(made, Reply):
                return made
            job = made
        return await self._fire(scene, job, place)

    async def _ad_hoc(self, scene: _Scene, catalog: Catalog, name: str) -> Job | Reply:
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
        existing = _named(scene.jobs, title)
        if existing is not None:
            return existing
        return await self.database.write(
            jobs.save_job, scene.repository.id, title, spec, by=scene.said.by.login, now=self.clock.now()
        )

    async def _fire(self, scene: _Scene, job: Job, place: int) -> Reply:
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

    async def _rerun(self, scene: _Scene, name: str, place: int) -> Reply:
        if name:
            job = _named(scene.here, name)
            if job is None:
                return Reply(False, replies.no_such(name, [each.name for each in scene.here], [], []))
            return await self._fire(scene, job, place)
        past = await self.database.read(itemlog.sessions_of, scene.repository.id, scene.said.number)
        living = {job.id: job for job in scene.jobs}
        last = next((living[session.job_id] for session in past if session.job_id in living), None)
        if last is None:
            return Reply(False, "Nothing has run here yet; `/roundsman run NAME` runs a job.")
        return await self._fire(scene, last, place)

    async def _stop(self, scene: _Scene, name: str) -> Reply:
        only = _named(scene.jobs, name) if name else None
        if name and only is None:
            return Reply(False, replies.no_such(name, [each.name for each in scene.here], [], []))
        stopped = await self.database.write(
            _stopped, scene.repository.id, scene.said.number, only.id if only else None, self.clock.now()
        )
        return Reply(True) if stopped else Reply(True, "Nothing works on this item.")

    # ── saying ───────────────────────────────────────────────────────────────────────────────────

    async def _explain(self, scene: _Scene, name: str) -> Reply | Refusal:
        wanted = scene.here
        if name:
            only = _named(scene.jobs, name)
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

    async def _park(self, scene: _Scene, *, parked: bool) -> Reply:
        ids, by = [job.id for job in scene.jobs], scene.said.by.login
        if parked:
            await self.database.write(ledger.park, ids, scene.said.number, by)
            return Reply(True)
        count = await self.database.write(ledger.unpark, ids, scene.said.number)
        return Reply(True) if count else Reply(True, "It was not ignored.")

    async def _status(self, scene: _Scene) -> Reply:
        number = scene.said.number
        past = await self.database.read(itemlog.sessions_of, scene.repository.id, number)
        names = {job.id: job.name for job in scene.jobs}
        known = await self.database.read(ledger.history_of, list(names), number)
        parked = [names[job_id] for job_id, entry in known.items() if entry.parked]
        return Reply(
            True, replies.status_words(past, names, parked, self.base_url, scene.repository.full_name)
        )

    # ── the end of what was asked for ────────────────────────────────────────────────────────────

    async def conclude(self) -> int:
        """Put the last reaction on comments whose runs have ended; gives how many."""
        mark = await self.database.read(words.get, WATERMARK) or {}
        after, done = int(mark.get("after") or 0), set(mark.get("done") or ())
        asked = await self.database.read(itemlog.asked_by_comment, after)
        fresh = [run for run in asked if run.status.final and run.id not in done]
        for run in fresh:
            if await self._concluded(run):
                done.add(run.id)
        if not asked:
            await self._pass_over(after)
        if not fresh:
            return 0
        while asked and asked[0].id in done:
            after = asked.pop(0).id
            done.discard(after)
        await self.database.write(
            words.put, WATERMARK, {"after": after, "done": sorted(done)}, self.clock.now()
        )
        return len(fresh)

    async def _pass_over(self, after: int) -> None:
        """Where nobody asked for anything, do not look through the same runs again."""
        newest = await self.database.read(itemlog.newest_run)
        if newest - after > 500:
            await self.database.write(
                words.put, WATERMARK, {"after": newest - 100, "done": []}, self.clock.now()
            )

    async def _concluded(self, run: Run) -> bool:
        """React for one run; False where GitHub asks us to come back."""
        place = await self.database.read(runs.place_of, run.id)
        comment = run.occasion.partition("@")[0]
        if place is None or not comment.isdecimal() or run.number is None:
            return True
        repository, reply = place[2], replies.ended(run)
        face = "rocket" if reply.good else "confused"
        refused = await self.publisher.react(ref_of(repository), int(comment), face)
        if refused is None and reply.words:
            refused = await self.say(repository, run.number, f"{reply.words}.", f"ended-{run.id}")
        return refused is None or refused.kind != "busy"


def _named(among: Sequence[Job], name: str) -> Job | None:
    """A job by its name, in any case."""
    exact = [job for job in among if job.name == name]
    return exact[0] if exact else next((job for job in among if job.name.casefold() == name.casefold()), None)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _noted(db: Db, scene: _Scene, asked: Commands, now: datetime) -> None:
    """Write the command down; a comment that says nothing else is no news about the item."""
    said, repository = scene.said, scene.repository
    verbs = [f"{each.verb} {each.argument}".strip() for each in asked.commands]
    audit.note(
        db, said.by.login, "command", f"{repository.full_name}#{said.number}", now,
        repository_id=repository.id, detail={"commands": verbs, "comment": said.comment},
    )  # fmt: skip
    if asked.alone and said.action == "created":
        key = f"command-{said.comment}"
        effects.intend(
            db, key, job_id=0, repository_id=repository.id, number=said.number, kind="command", facet=COMMENTS
        )
        effects.did(db, key, at=moment(said.at, now), target_id=str(said.comment), url="")


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


def _ledger_says(
    db: Db, repository_id: int, job_id: int, spec: JobSpec, item: Item, now: datetime
) -> str | None:
    [candidate] = candidates_of(db, repository_id, job_id, [item])
    return why_not(candidate, rules_of_spec(spec), now)
