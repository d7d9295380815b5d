"""Looks now and then at what people made of our comments: a few requests an hour, most of them answered 304."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from bot.engine.configuration import ref_of
from bot.github.client import Client
from bot.ports import Clock, Refusal
from bot.store import reactions
from bot.store.database import Database

_log = logging.getLogger("roundsman.reactions")
EVERY_SECONDS = 1800.0
AT_ONCE = 50


@dataclass
class Listener:
    """Reads reactions for the statistics."""

    database: Database
    clock: Clock
    client: Client

    async def look(self) -> int:
        """Look at the comments that are due; gives how many were seen."""
        seen = 0
        for comment in await self.database.read(reactions.due, self.clock.now(), AT_ONCE):
            path = f"issues/comments/{comment.comment_id}"
            answer = await self.client.get(ref_of(comment.repository), path, conditional=True)
            if isinstance(answer, Refusal) and answer.kind != "gone":
                _log.info("reactions cannot be read now: %s", answer.words)
                break
            counts = None if isinstance(answer, Refusal) else _counts(answer.object.get("reactions"))
            await self.database.write(reactions.saw, comment, counts, self.clock.now())
            seen += 1
        await self.database.write(reactions.forget, self.clock.now())
        return seen


def _counts(told: object) -> dict[str, int]:
    return {str(k): v for k, v in told.items() if isinstance(v, int)} if isinstance(told, dict) else {}
