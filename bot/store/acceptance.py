"""What people made of the outcomes: comments, labels kept, pull requests merged, reactions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session as Db
from sqlmodel import col, select

from bot.store.stretch import Where
from bot.store.tables import Effects, IndexedItems, Reactions


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What people made of what we did: of how many, how many stand."""

    comments: int = 0
    taken_back: int = 0
    labels: int = 0
    labels_kept: int = 0
    pull_requests: int = 0
    pull_requests_merged: int = 0
    read: int = 0
    """Comments whose reactions were looked at."""
    removed: int = 0
    """Of those, how many somebody deleted."""
    approving: int = 0
    disapproving: int = 0
    other_reactions: int = 0


def acceptance(db: Db, where: Where, most: int = 5_000) -> Acceptance:
    """Whether labels we gave are still there and pull requests we opened were merged, as the index of items knows; reactions."""
    wanted = (
        select(Effects)
        .where(col(Effects.done), where.over(Effects, col(Effects.at)))
        .where(col(Effects.kind).in_(("comment", "labels.add", "pull_request")))
        .order_by(col(Effects.id).desc())
        .limit(most)
    )
    effects = list(db.exec(wanted))
    items = _rows_of(db, effects)
    comments = [one for one in effects if one.kind == "comment"]
    given = [(one, items.get((one.repository_id, one.number))) for one in effects if one.kind == "labels.add"]
    known = [(one, row) for one, row in given if row is not None]
    pulls = [
        (one, items.get((one.repository_id, _number(one)))) for one in effects if one.kind == "pull_request"
    ]
    return Acceptance(
        comments=len(comments),
        taken_back=sum(1 for one in comments if one.undone_at is not None),
        labels=sum(len(_added(one)) for one, _ in known),
        labels_kept=sum(len(_added(one) & _labels(row)) for one, row in known),
        pull_requests=len(pulls),
        pull_requests_merged=sum(1 for _, row in pulls if row and _merged(row)),
        **_reactions(db, where),
    )


def _reactions(db: Db, where: Where) -> dict[str, int]:
    names = ("read", "removed", "approving", "disapproving", "other_reactions")
    row = db.execute(
        sa.select(
            sa.func.count(), sa.func.sum(sa.case((col(Reactions.gone), 1), else_=0)), sa.func.sum(Reactions.approving),
            sa.func.sum(Reactions.disapproving), sa.func.sum(Reactions.others),
        ).where(where.over(Reactions, col(Reactions.at)))
    ).one()  # fmt: skip
    return {name: int(n or 0) for name, n in zip(names, row, strict=True)}


def _number(effect: Effects) -> int:
    tail = (effect.url or "").rstrip("/").rpartition("/")[2]
    return int(tail) if tail.isdigit() else 0


def _rows_of(db: Db, effects: Sequence[Effects]) -> dict[tuple[int, int], dict[str, Any]]:
    wanted = {
        (one.repository_id, _number(one) if one.kind == "pull_request" else one.number) for one in effects
    }
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for repository_id in {key for key, _ in wanted}:
        numbers = sorted(number for key, number in wanted if key == repository_id)
        for start in range(0, len(numbers), 900):
            rows = db.exec(
                select(IndexedItems).where(
                    IndexedItems.repository_id == repository_id,
                    col(IndexedItems.number).in_(numbers[start : start + 900]),
                )
            )
            found |= {(repository_id, row.number): row.row for row in rows}
    return found


def _added(effect: Effects) -> set[str]:
    before, after = (
        set(value) if isinstance(value, list) else set() for value in (effect.before, effect.after)
    )
    return {str(name) for name in after - before}


def _labels(row: dict[str, Any]) -> set[str]:
    return {label if isinstance(label, str) else str(label.get("name")) for label in row.get("labels") or ()}


def _merged(row: dict[str, Any]) -> bool:
    return bool(row.get("merged_at") or (row.get("pull_request") or {}).get("merged_at"))
