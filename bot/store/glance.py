"""The one question an idle process asks each second: whether there is anything to do, for every loop of it at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from bot.store.tables import Instant


@dataclass(frozen=True, slots=True)
class Glance:
    """What may wait: when the next fire is due, and whether runs, sessions, deliveries or messages do."""

    next_due: datetime | None = None
    runs: bool = False
    sessions: bool = False
    deliveries: bool = False
    messages: bool = False
    held: bool = False
    """Whether some process says it works on something."""
    newest_run: int = 0


# Each state is spelled out: SQLite knows a partial index only by words in the statement.
_LOOK = (
    sa.text(
        """
        SELECT
          EXISTS (SELECT 1 FROM words WHERE name = 'stop') AS stopped,
          (SELECT min(next_run_at) FROM jobs WHERE status = 'active' AND archived_at IS NULL) AS next_due,
          EXISTS (SELECT 1 FROM runs WHERE status IN ('pending', 'running') AND status = 'pending'
            AND executor IS NULL AND (not_before IS NULL OR not_before <= :now)) AS runs,
          EXISTS (SELECT 1 FROM sessions WHERE status IN ('queued', 'running') AND status = 'queued'
            AND (not_before IS NULL OR not_before <= :now)) AS sessions,
          EXISTS (SELECT 1 FROM deliveries WHERE handled_at IS NULL AND executor IS NULL) AS deliveries,
          EXISTS (SELECT 1 FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL
            AND not_before <= :now) AS messages,
          EXISTS (SELECT 1 FROM runs WHERE status IN ('pending', 'running') AND executor IS NOT NULL)
            OR EXISTS (SELECT 1 FROM sessions WHERE status IN ('queued', 'running') AND status = 'running')
            OR EXISTS (SELECT 1 FROM deliveries WHERE handled_at IS NULL AND executor IS NOT NULL) AS held,
          coalesce((SELECT max(id) FROM runs), 0) AS newest_run
        """
    )
    .bindparams(sa.bindparam("now", type_=Instant()))
    .columns(
        stopped=sa.Boolean, next_due=Instant(), runs=sa.Boolean, sessions=sa.Boolean, deliveries=sa.Boolean,
        messages=sa.Boolean, held=sa.Boolean, newest_run=sa.Integer,
    )
)  # fmt: skip


def glance(db: Session | sa.Connection, now: datetime) -> Glance:
    """Look once, by one statement; no run or session waits, and no fire is due, while everything is stopped."""
    stopped, next_due, runs, sessions, *others = db.execute(_LOOK, {"now": now}).one()
    if stopped:
        next_due, runs, sessions = None, False, False
    return Glance(next_due, runs, sessions, *others)
