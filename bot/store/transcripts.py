"""What agents said: kept in order, read again, counted while they still speak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session as Db
from sqlmodel import col, select

from bot.store.sql import insert_new
from bot.store.tables import Transcript


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens and dollars of the calls a session has made so far."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0


def say(
    db: Db, session_id: int, attempt: int, first: int, events: Sequence[dict[str, Any]], now: datetime
) -> None:
    """Append to the transcript, numbered from `first`."""
    rows = [
        {"session_id": session_id, "seq": first + n, "attempt": attempt, "at": now, "event": e}
        for n, e in enumerate(events)
    ]
    insert_new(db, Transcript, rows)


def next_seq(db: Db, session_id: int) -> int:
    """The number of the transcript's next event."""
    return (
        int(
            db.exec(select(sa.func.max(Transcript.seq)).where(Transcript.session_id == session_id)).first()
            or 0
        )
        + 1
    )


def transcript(
    db: Db, session_id: int, after: int = 0, limit: int = 1000
) -> list[tuple[int, datetime, dict[str, Any]]]:
    """The events after number `after`, oldest first, as (number, time, event)."""
    wanted = select(Transcript).where(Transcript.session_id == session_id, col(Transcript.seq) > after)
    return [
        (row.seq, row.at, row.event) for row in db.exec(wanted.order_by(col(Transcript.seq)).limit(limit))
    ]


def spent_so_far(db: Db, session_id: int, attempt: int) -> Spent:
    """What an attempt has told of its calls; the session's own row learns it only when the attempt ends."""
    event = col(Transcript.event)
    wanted = sa.select(event).where(
        col(Transcript.session_id) == session_id,
        col(Transcript.attempt) == attempt,
        event["type"].as_string() == "spent",
    )
    told = list(db.execute(wanted).scalars())
    return Spent(
        sum(int(one.get("tokens_in") or 0) + int(one.get("tokens_cached") or 0) for one in told),
        sum(int(one.get("tokens_out") or 0) for one in told),
        sum(float(one.get("cost_usd") or 0) for one in told),
    )
