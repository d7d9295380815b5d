"""What the pages of the service itself show: who did what, installations, faulty files."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session as Db
from sqlmodel import col, select

from bot.model.run import Repository
from bot.store.tables import Audit, Installations, Repositories
from bot.store.views import Ids, within


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the audit log."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str
    repository: str | None
    detail: dict[str, Any] = field(default_factory=dict)


def audit_log(
    db: Db, ids: Ids, *, limit: int = 50, before: int | None = None, actor: str | None = None, action: str | None = None
) -> list[Entry]:  # fmt: skip
    """The newest lines of the audit log, newest first; those of no repository only for who may see all."""
    wanted = (
        select(Audit, Repositories.full_name)
        .join(Repositories, col(Repositories.id) == col(Audit.repository_id), isouter=True)
        .where(within(col(Audit.repository_id), ids))
        .order_by(col(Audit.id).desc())
        .limit(limit)
    )
    if before is not None:
        wanted = wanted.where(col(Audit.id) < before)
    if actor:
        wanted = wanted.where(Audit.actor == actor)
    if action:
        wanted = wanted.where(col(Audit.action).startswith(action, autoescape=True))
    return [
        Entry(int(row.id or 0), row.at, row.actor, row.action, row.target, name, row.detail or {})
        for row, name in db.exec(wanted)
    ]


@dataclass(frozen=True, slots=True)
class Installed:
    """An installation with its repositories; `id` is None for repositories reached by a token."""

    id: int | None
    account: str
    account_type: str
    since: datetime | None
    suspended: bool
    removed: bool
    repositories: tuple[tuple[Repository, dict[str, Any] | None, datetime | None], ...]


def installations(db: Db) -> list[Installed]:
    """Every installation and what it holds; repositories without one come last."""
    held: dict[int | None, list[tuple[Repository, dict[str, Any] | None, datetime | None]]] = {}
    wanted = select(Repositories).where(col(Repositories.archived_at).is_(None))
    for row in db.exec(wanted.order_by(col(Repositories.full_name))):
        place = (Repository.model_validate(row), row.config_error, row.config_checked_at)
        held.setdefault(row.installation_id, []).append(place)
    found = [
        Installed(
            row.id, row.account, row.account_type, row.created_at, row.suspended_at is not None, row.removed_at is not None,
            tuple(held.pop(row.id, ())),
        )
        for row in db.exec(select(Installations).order_by(col(Installations.account)))
    ]  # fmt: skip
    for left, repositories in held.items():
        owner = repositories[0][0].owner
        found.append(Installed(left, owner, "", None, False, False, tuple(repositories)))
    return found


def file_faults(db: Db, repository_id: int) -> list[str]:
    """What is wrong with the repository's own file of jobs, one sentence each."""
    found = db.exec(select(Repositories.config_error).where(Repositories.id == repository_id)).first()
    return [str(fault) for fault in (found or {}).get("faults") or ()]
