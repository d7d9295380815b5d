"""Webhook deliveries: each kept once by its id before GitHub has our answer, worked on in order per subject."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlmodel import Session, col, select

from bot.model.happening import Delivery, Happening
from bot.model.run import Frozen
from bot.store.sql import change, insert_new, one_at_a_time
from bot.store.tables import Deliveries

LOCK_DELIVERIES = 0x64656C69  # "deli"
_HAPPENINGS: TypeAdapter[tuple[Happening, ...]] = TypeAdapter(tuple[Happening, ...])


class Kept(Frozen):
    """A delivery as it is kept; `happenings` are dropped once it is handled."""

    seq: int
    guid: str
    event: str
    action: str | None = None
    installation_id: int | None = None
    repository: str | None = None
    subject: str | None = None
    received_at: datetime
    handled_at: datetime | None = None
    outcome: str | None = None
    happenings: tuple[Happening, ...] = ()


def record(db: Session, arrived: Sequence[Delivery], now: datetime) -> set[str]:
    """Keep deliveries; gives the ids of those that are new. One that is ignored is kept as handled."""
    rows = {delivery.guid: _row(delivery, now) for delivery in arrived}
    new = insert_new(db, Deliveries, list(rows.values()), Deliveries.guid)
    return {str(row[0]) for row in new}


def _row(delivery: Delivery, now: datetime) -> dict[str, Any]:
    ignored = delivery.ignored
    body = None if ignored else {"happenings": _HAPPENINGS.dump_python(delivery.happenings, mode="json")}
    return {
        "guid": delivery.guid, "event": delivery.event, "action": delivery.action, "installation_id": delivery.installation,
        "repository": delivery.repository, "subject": delivery.subject, "body": body, "received_at": now, "executor": None,
        "handled_at": now if ignored else None, "outcome": f"ignored: {ignored}" if ignored else None,
    }  # fmt: skip


def claim(db: Session, executor: str, limit: int) -> list[Kept]:
    """Take waiting deliveries, oldest first; none whose subject another process still works on."""
    one_at_a_time(db, LOCK_DELIVERIES)
    other = sa.orm.aliased(Deliveries)
    at_work = sa.exists().where(
        col(other.handled_at).is_(None), col(other.executor).is_not(None), col(other.subject) == col(Deliveries.subject)
    )  # fmt: skip
    wanted = (
        select(Deliveries)
        .where(col(Deliveries.handled_at).is_(None), col(Deliveries.executor).is_(None), sa.not_(at_work))
        .order_by(col(Deliveries.seq))
        .limit(limit)
    )
    found = [_kept(row) for row in db.exec(wanted)]
    if found:
        taken = [delivery.seq for delivery in found]
        change(db, sa.update(Deliveries).where(col(Deliveries.seq).in_(taken)).values(executor=executor))
    return found


def _kept(row: Deliveries) -> Kept:
    held = (row.body or {}).get("happenings") or ()
    return Kept.model_validate(row).model_copy(update={"happenings": _HAPPENINGS.validate_python(held)})


def handled(db: Session, seq: int, outcome: str, now: datetime) -> None:
    """Write down what became of a delivery; its contents are no longer needed."""
    values = {"handled_at": now, "outcome": outcome[:2000], "body": None}
    change(
        db,
        sa.update(Deliveries)
        .where(col(Deliveries.seq) == seq, col(Deliveries.handled_at).is_(None))
        .values(**values),
    )


def all_handled(db: Session, outcomes: Mapping[int, str], now: datetime) -> None:
    """Write down what became of several, together."""
    for seq, outcome in outcomes.items():
        handled(db, seq, outcome, now)


def release(db: Session, executors: Collection[str]) -> int:
    """Give back what dead processes had taken and not handled."""
    return change(
        db,
        sa.update(Deliveries)
        .where(col(Deliveries.executor).in_(executors), col(Deliveries.handled_at).is_(None))
        .values(executor=None),
    )


def holders(db: Session) -> list[str]:
    """The processes that hold deliveries."""
    wanted = select(Deliveries.executor).where(
        col(Deliveries.handled_at).is_(None), col(Deliveries.executor).is_not(None)
    )
    return sorted({str(name) for name in db.exec(wanted.distinct())})


def known(db: Session, guids: Collection[str]) -> set[str]:
    """Which of these ids have arrived."""
    found: set[str] = set()
    every = sorted(guids)
    for start in range(0, len(every), 900):
        rows = db.exec(select(Deliveries.guid).where(col(Deliveries.guid).in_(every[start : start + 900])))
        found |= set(rows)
    return found


def waiting(db: Session) -> int:
    """How many are not handled yet."""
    return int(
        db.exec(
            select(sa.func.count()).select_from(Deliveries).where(col(Deliveries.handled_at).is_(None))
        ).one()
    )


def latest(db: Session, limit: int = 50, before: int | None = None) -> list[Kept]:
    """The newest deliveries, newest first, without their contents."""
    wanted = select(Deliveries).order_by(col(Deliveries.seq).desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(col(Deliveries.seq) < before)
    return [Kept.model_validate(row) for row in db.exec(wanted)]


def last_received(db: Session) -> datetime | None:
    """When the newest delivery came."""
    return db.exec(select(Deliveries.received_at).order_by(col(Deliveries.seq).desc()).limit(1)).first()


def purge(db: Session, before: datetime) -> int:
    """Forget handled deliveries received before."""
    return change(
        db,
        sa.delete(Deliveries).where(
            col(Deliveries.received_at) < before, col(Deliveries.handled_at).is_not(None)
        ),
    )
