"""Repositories by name: found, kept up to date, listed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.model.run import Repository
from bot.store.sql import change, insert_new
from bot.store.tables import Installations, Repositories


def get(db: Session, repository_id: int) -> Repository | None:
    """One repository, archived or not."""
    row = db.get(Repositories, repository_id)
    return Repository.model_validate(row) if row else None


def by_name(db: Session, full_name: str) -> Repository | None:
    """The living repository `owner/name`, in whatever case it is written."""
    row = _living(db, full_name)
    return Repository.model_validate(row) if row else None


def every(db: Session) -> list[Repository]:
    """All living repositories, by name."""
    wanted = select(Repositories).where(col(Repositories.archived_at).is_(None))
    return [Repository.model_validate(row) for row in db.exec(wanted.order_by(col(Repositories.full_name)))]


def by_ids(db: Session, ids: Collection[int]) -> dict[int, Repository]:
    """These repositories by id, archived ones too."""
    rows = db.exec(select(Repositories).where(col(Repositories.id).in_(ids)))
    return {int(row.id or 0): Repository.model_validate(row) for row in rows}


def ensure_repository(
    db: Session, full_name: str, now: datetime, *, github_id: int | None = None, installation_id: int | None = None,
    default_branch: str | None = None, private: bool | None = None,
) -> Repository:  # fmt: skip
    """Find the living repository or make it; what is given and differs is brought up to date."""
    owner, _, name = full_name.partition("/")
    told = {
        "github_id": github_id, "installation_id": installation_id, "default_branch": default_branch, "private": private,
    }  # fmt: skip
    known = {key: value for key, value in told.items() if value is not None}
    row = {
        "owner": owner,
        "name": name,
        "full_name": full_name.lower(),
        "default_branch": "main",
        "private": False,
        "created_at": now,
    }
    if installation_id is not None:
        ensure_installation(db, installation_id, owner, now)
    insert_new(db, Repositories, [row | known])
    if known:
        change(
            db,
            sa.update(Repositories)
            .where(col(Repositories.full_name) == full_name.lower(), col(Repositories.archived_at).is_(None))
            .values(**known),
        )
    found = by_name(db, full_name)
    assert found is not None
    return found


def ensure_installation(db: Session, installation_id: int, account: str, now: datetime) -> None:
    """Keep an installation's place: deliveries about its repositories may come before its own."""
    row = {"id": installation_id, "account": account, "account_type": "Organization", "created_at": now}
    insert_new(db, Installations, [row])


def _living(db: Session, full_name: str) -> Repositories | None:
    wanted = select(Repositories).where(
        Repositories.full_name == full_name.lower(), col(Repositories.archived_at).is_(None)
    )
    return db.exec(wanted.execution_options(populate_existing=True)).first()
