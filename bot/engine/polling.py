"""Repositories that no installation brings: named by the operator, looked up once, and let go when no longer named."""

from __future__ import annotations

from collections.abc import Collection

from bot.github import payload
from bot.github.client import Client
from bot.model.item import RepositoryRef
from bot.model.run import Repository
from bot.ports import Clock, Refusal
from bot.store import installations, repositories, words
from bot.store.database import Database

POLLED = "polled"


async def named_repository(
    database: Database, client: Client, clock: Clock, name: str
) -> Repository | Refusal:
    """The repository `owner/name` as we keep it; the first time GitHub is asked for its branch and number."""
    known = await database.read(repositories.by_name, name)
    if known is not None:
        return known
    answer = await client.get(RepositoryRef.of(name), f"/repos/{name}")
    if isinstance(answer, Refusal):
        return answer
    return await database.write(installations.join, None, payload.place(answer.object), clock.now())


async def let_go_of_unnamed(database: Database, clock: Clock, names: Collection[str]) -> list[str]:
    """Archive the repositories that were named the last time and are no more; gives their names."""
    before = await database.read(words.get, POLLED) or []
    named = {name.lower() for name in names}
    if set(before) == named:
        return []
    gone = [await database.read(repositories.by_name, name) for name in before if name not in named]
    left = await database.write(installations.leave, [each for each in gone if each is not None], clock.now())
    await database.write(words.put, POLLED, sorted(named), clock.now())
    return left
