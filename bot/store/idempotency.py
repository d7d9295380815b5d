"""Creations asked for twice with one key happen once; the second gets the first one's answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.store.sql import change, insert_new
from bot.store.tables import Idempotency

KEPT = timedelta(hours=24)


class KeyReused(Exception):  # noqa: N818 - said to people as it is named
    """The key was used for something else."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a creation answered, and whether that was earlier."""

    status: int
    body: dict[str, Any]
    again: bool = False


def once(
    db: Session,
    key: str,
    fingerprint: str,
    now: datetime,
    work: Callable[[Session], tuple[int, dict[str, Any]]],
) -> Answered:
    """Do `work` under a key, in one transaction with it; raises KeyReused where the request differs."""
    change(db, sa.delete(Idempotency).where(col(Idempotency.at) < now - KEPT))
    row = {"key": key, "fingerprint": fingerprint, "status": 0, "body": None, "at": now}
    if not insert_new(db, Idempotency, [row], Idempotency.key):
        known = db.exec(select(Idempotency).where(Idempotency.key == key)).one()
        if known.fingerprint != fingerprint:
            raise KeyReused
        return Answered(known.status, known.body or {}, again=True)
    status, body = work(db)
    change(db, sa.update(Idempotency).where(col(Idempotency.key) == key).values(status=status, body=body))
    return Answered(status, body)
