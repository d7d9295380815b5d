"""What people made of our comments: which to look at next, and what was seen there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from bot.model.run import Repository
from bot.store.sql import change, upsert
from bot.store.tables import Effects, Reactions, Repositories

SETTLED = timedelta(hours=1)
"""Nobody has read a comment the moment it is written."""
WATCHED = timedelta(days=30)
AGAIN = timedelta(hours=6)
KEPT = timedelta(days=400)
APPROVING = ("+1", "heart", "hooray", "rocket")
DISAPPROVING = ("-1", "confused")
OTHERS = ("laugh", "eyes")


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment of ours on GitHub, last written at `at`."""

    repository: Repository
    comment_id: str
    job_id: int
    at: datetime


def due(db: Session, now: datetime, most: int) -> list[Comment]:
    """Comments of the last month nobody has looked at for a while, the never seen first."""
    at = sa.func.max(Effects.at).label("at")
    written = (
        sa.select(col(Effects.repository_id), col(Effects.target_id), sa.func.max(Effects.job_id).label("job_id"), at)
        .where(col(Effects.kind) == "comment", col(Effects.done), col(Effects.undone_at).is_(None), col(Effects.target_id).is_not(None))
        .where(col(Effects.at) >= now - WATCHED)
        .group_by(col(Effects.repository_id), col(Effects.target_id))
        .having(at <= now - SETTLED)
        .subquery()
    )  # fmt: skip
    known = sa.and_(
        col(Reactions.repository_id) == written.c.repository_id,
        col(Reactions.comment_id) == written.c.target_id,
    )
    rows = db.execute(
        sa.select(Repositories, written.c.target_id, written.c.job_id, written.c.at)
        .join(written, written.c.repository_id == col(Repositories.id))
        .outerjoin(Reactions, known)
        .where(col(Repositories.archived_at).is_(None))
        .where(sa.or_(col(Reactions.looked_at).is_(None), col(Reactions.looked_at) <= now - AGAIN))
        .where(sa.or_(col(Reactions.gone).is_(None), sa.not_(col(Reactions.gone))))
        .order_by(col(Reactions.looked_at).is_not(None), col(Reactions.looked_at), written.c.at.desc())
        .limit(most)
    )
    return [
        Comment(Repository.model_validate(repository), comment, job, written_at)
        for repository, comment, job, written_at in rows
    ]


def saw(db: Session, comment: Comment, counts: Mapping[str, int] | None, now: datetime) -> None:
    """Keep what was seen on a comment: reactions by GitHub's names, or None where somebody deleted it."""

    def told(names: tuple[str, ...]) -> int:
        return sum((counts or {}).get(name, 0) for name in names)

    seen = {
        "job_id": comment.job_id, "at": comment.at, "looked_at": now, "approving": told(APPROVING),
        "disapproving": told(DISAPPROVING), "others": told(OTHERS), "gone": counts is None,
    }  # fmt: skip
    place = {"repository_id": comment.repository.id, "comment_id": comment.comment_id}
    upsert(db, Reactions, place | seen, ("repository_id", "comment_id"), seen)


def forget(db: Session, now: datetime) -> int:
    """Let go of what no page asks about any more."""
    return change(db, sa.delete(Reactions).where(col(Reactions.at) < now - KEPT))
