"""Comment commands, acted on: who may is asked live, 👀 at once, 🚀 or 😕 at the end, a word where a reaction says too little."""

from __future__ import annotations

import hashlib
from datetime import datetime

from bot.engine.answers import Answers
from bot.engine.conclusions import Conclusions
from bot.engine.configuration import ref_of
from bot.engine.orders import Orders
from bot.engine.scene import Scene
from bot.engine.speech import Speech
from bot.flow import command, replies
from bot.flow.ceilings import Ceilings
from bot.flow.command import Commands, CommentCommand
from bot.flow.replies import Reply
from bot.flow.seen import COMMENTS
from bot.flow.trigger import same_bot
from bot.github.client import Client, moment
from bot.github.items import GitHubTracker
from bot.github.people import MAY_COMMAND, role_of
from bot.model.happening import Commented
from bot.model.run import Repository
from bot.ports import Clock, Publisher, Refusal
from bot.store import audit, effects, jobs
from bot.store.database import Database, Db


class Commander:
    """Acts on comments."""

    def __init__(
        self, database: Database, clock: Clock, client: Client, publisher: Publisher, tracker: GitHubTracker, base_url: str,
        ceilings: Ceilings,
    ) -> None:  # fmt: skip
        self.database, self.clock, self.client, self.publisher = database, clock, client, publisher
        self.speech = Speech(database, publisher)
        self.orders = Orders(database, clock, ceilings)
        self.answers = Answers(database, clock, tracker, base_url)
        self.conclusions = Conclusions(database, clock, publisher, self.speech)

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
        scene = Scene(said, repository, tuple(every), guid)
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

    async def _do(self, scene: Scene, asked: Commands) -> str | Refusal:
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
            refused = await self.speech.say(
                scene.repository, scene.said.number, said, f"reply-{scene.said.comment}-{_short(scene.guid)}"
            )
            if refused is not None and refused.kind == "busy":
                return refused
        if not any(answer.pending for answer in answers):
            face = "rocket" if all(answer.good for answer in answers) else "confused"
            await self.publisher.react(scene.ref, scene.said.comment, face)
        verbs = ", ".join(f"{each.verb} {each.argument}".strip() for each in asked.commands)
        return f"commands of {scene.said.by.login}: {verbs}"

    async def _one(self, scene: Scene, each: CommentCommand, place: int) -> Reply | Refusal:
        if each.fault:
            return Reply(False, f"{each.fault[0].upper()}{each.fault[1:]}.")
        match each.verb:
            case "run":
                return await self.orders.run(scene, each.argument, place)
            case "rerun":
                return await self.orders.rerun(scene, each.argument, place)
            case "stop":
                return await self.orders.stop(scene, each.argument)
            case "explain":
                return await self.answers.explain(scene, each.argument)
            case "ignore":
                return await self.orders.park(scene, parked=True)
            case "unignore":
                return await self.orders.park(scene, parked=False)
            case "status":
                return await self.answers.status(scene)
            case "help":
                return Reply(True, replies.help_words())

    async def conclude(self) -> int:
        """Put the last reaction on comments whose runs have ended; gives how many."""
        return await self.conclusions.conclude()


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _noted(db: Db, scene: Scene, asked: Commands, now: datetime) -> None:
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
