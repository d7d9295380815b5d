"""What we say on an item in answer to people: once, and known as ours."""

from __future__ import annotations

from bot.engine.configuration import ref_of
from bot.flow.seen import COMMENTS
from bot.github.ours import mark_of
from bot.model.run import Repository
from bot.ports import Publisher, Refusal
from bot.store import effects
from bot.store.database import Database


class Speech:
    """Answers on items."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self.database, self.publisher = database, publisher

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
