"""Whether anybody works: the heartbeats of worker processes, and whether the database answers."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.store.tables import Executors


def workers_since(db: Session, now: datetime, within: timedelta) -> int:
    """How many worker processes gave a sign of life within this time."""
    wanted = select(sa.func.count()).select_from(Executors).where(col(Executors.seen_at) >= now - within)
    return int(db.exec(wanted).one())
