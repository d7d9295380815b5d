"""Taking back what a run did on GitHub, by the journal of its effects, newest first."""

from __future__ import annotations

from typing import Protocol

from bot.model.item import RepositoryRef
from bot.model.run import Effect
from bot.ports import Clock, Refusal
from bot.store import effects, runs
from bot.store.database import Database


class Undoer(Protocol):
    """The part of a Publisher that undoing needs."""

    async def undo(self, repository: RepositoryRef, effect: Effect) -> Refusal | None:
        """Take one recorded effect back."""
        ...


async def undo_run(database: Database, publisher: Undoer, clock: Clock, run_id: int) -> list[str]:
    """Take back everything a run did; gives the words of what could not be. Doing it again tries only what is left."""
    place = await database.read(runs.place_of, run_id)
    if place is None:
        return [f"there is no run {run_id}"]
    _, _, repository = place
    ref = RepositoryRef(
        repository.owner, repository.name, repository.installation_id, repository.default_branch
    )
    left = []
    for effect in await database.read(effects.of_run, run_id):
        if not effect.done or effect.undone_at is not None:
            continue
        refusal = await publisher.undo(ref, effect)
        if refusal is None or refusal.kind == "gone":
            await database.write(effects.undone, effect.id, clock.now())
        else:
            left.append(f"{_named(effect)}: {refusal.words}")
    return left


def _named(effect: Effect) -> str:
    where = f" on #{effect.number}" if effect.number else ""
    return f"{effect.kind.replace('_', ' ')}{where}"
