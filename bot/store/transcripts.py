"""What agents said, as it was kept: counted while they still speak."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col

from bot.store.tables import Transcript


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens and dollars of the calls a session has made so far."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0


def spent_so_far(db: Session, session_id: int, attempt: int) -> Spent:
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
