"""The audit log: who did what, when. Appended to, read, purged by age; never changed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from bot.model.run import Frozen
from bot.store.tables import Audit


class AuditEntry(Frozen):
    """One thing somebody did."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str
    repository_id: int | None = None
    detail: dict[str, Any] | None = None


def note(
    db: Session, actor: str, action: str, target: str, now: datetime, *,
    repository_id: int | None = None, detail: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write down that `actor` did `action` (`job.paused`) to `target`, in the transaction that does it."""
    db.add(
        Audit(at=now, actor=actor, action=action, target=target, repository_id=repository_id, detail=detail)
    )


def entries(
    db: Session, *, repository_ids: Collection[int] | None = None, before: int | None = None, limit: int = 50
) -> list[AuditEntry]:
    """The newest entries, newest first: of all the service, or of these repositories alone."""
    wanted = select(Audit)
    if repository_ids is not None:
        wanted = wanted.where(col(Audit.repository_id).in_(repository_ids))
    if before is not None:
        wanted = wanted.where(col(Audit.id) < before)
    return [
        AuditEntry.model_validate(row) for row in db.exec(wanted.order_by(col(Audit.id).desc()).limit(limit))
    ]
