"""Machine tokens: only their hash is kept, so a stolen database opens nothing."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, get_args

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.model.run import Frozen
from bot.store.sql import change
from bot.store.tables import MachineTokens

PREFIX = "rdm_"
Scope = Literal["see", "run", "edit", "operate"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


class MachineToken(Frozen):
    """A token as people see it: never its text. `repositories` None means all of them."""

    id: int
    name: str
    scopes: tuple[Scope, ...]
    repositories: tuple[str, ...] | None = None
    created_by: str
    created_at: datetime
    last_used_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


def hashed(text: str) -> str:
    """What is kept of a token; its 256 random bits need no slow hash."""
    return hashlib.sha256(text.encode()).hexdigest()


def create(
    db: Session, name: str, scopes: Sequence[Scope], repositories: Sequence[str] | None, *,
    by: str, now: datetime, expires_at: datetime | None = None,
) -> tuple[MachineToken, str]:  # fmt: skip
    """Make a token; its text is given here and never again."""
    text = PREFIX + secrets.token_urlsafe(32)
    names = None if repositories is None else [name.lower() for name in repositories]
    row = MachineTokens(
        name=name, hash=hashed(text), scopes=list(scopes), repositories=names, created_by=by, created_at=now,
        expires_at=expires_at,
    )  # fmt: skip
    db.add(row)
    db.flush()
    return MachineToken.model_validate(row), text


def find(db: Session, text: str, now: datetime) -> MachineToken | None:
    """The living token of this text."""
    row = db.exec(select(MachineTokens).where(MachineTokens.hash == hashed(text))).first()
    if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        return None
    return MachineToken.model_validate(row)


def used(db: Session, token_id: int, now: datetime) -> None:
    """Remember that a token was used, to the minute."""
    stale = sa.or_(
        col(MachineTokens.last_used_at).is_(None),
        col(MachineTokens.last_used_at) < now - timedelta(minutes=1),
    )
    change(
        db, sa.update(MachineTokens).where(col(MachineTokens.id) == token_id, stale).values(last_used_at=now)
    )


def every(db: Session) -> list[MachineToken]:
    """All tokens that were not revoked, oldest first."""
    wanted = select(MachineTokens).where(col(MachineTokens.revoked_at).is_(None))
    return [MachineToken.model_validate(row) for row in db.exec(wanted.order_by(col(MachineTokens.id)))]


def revoke(db: Session, token_id: int, now: datetime) -> bool:
    """End a token; whether there was one to end."""
    living = sa.update(MachineTokens).where(
        col(MachineTokens.id) == token_id, col(MachineTokens.revoked_at).is_(None)
    )
    return bool(change(db, living.values(revoked_at=now)))
