"""What made a run fire, and when that began: a webhook's arrival, the moment it was due, or the wish itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from bot.store import runs
from bot.store.tables import Deliveries


@dataclass(frozen=True, slots=True)
class Cause:
    """From the cause's begin to the run's record; `delivery` is GitHub's id of the webhook."""

    kind: str
    began: datetime
    recorded: datetime
    delivery: str | None = None


def cause_of(db: Session, run_id: int) -> Cause | None:
    """The cause of a run."""
    run = runs.get(db, run_id)
    if run is None:
        return None
    _, _, guid = run.occasion.rpartition("@")
    guid = guid.partition("/")[0]
    arrived = db.exec(select(Deliveries.received_at).where(col(Deliveries.guid) == guid)).first()
    if arrived is not None:
        return Cause("webhook", min(arrived, run.created_at), run.created_at, guid)
    return Cause(run.trigger.value, min(run.scheduled_for or run.created_at, run.created_at), run.created_at)
