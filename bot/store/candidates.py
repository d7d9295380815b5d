"""Matching items beside what we know of them: what a run selects from, and what `explain` answers from."""

from __future__ import annotations

from collections.abc import Sequence

from bot.flow.seen import state_of
from bot.model.item import Item
from bot.model.selection import Candidate
from bot.store import effects, ledger, words
from bot.store.database import Db


def candidates_of(
    db: Db, repository_id: int, job_id: int, items: Sequence[Item], run_id: int | None = None
) -> list[Candidate]:
    """Each item beside its state, what the ledger knows of it and who holds it; `run_id` is whoever asks."""
    numbers = [item.number for item in items]
    known, held = ledger.entries(db, job_id, numbers), ledger.claims(db, job_id, numbers)
    ours, home = effects.on_items(db, repository_id, numbers), words.home_of(db, repository_id)
    return [
        Candidate(
            item=item,
            state=state_of(item, ours.get(item.number, ())) if item.number else {},
            entry=known.get(item.number),
            claimed_by=None if held.get(item.number) == run_id else held.get(item.number),
            writing=any(not effect.done for effect in ours.get(item.number, ())),
            home=item.number == home,
        )
        for item in items
    ]
