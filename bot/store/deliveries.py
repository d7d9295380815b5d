"""Webhook deliveries: each kept once by its id before GitHub has our answer, worked on in order per subject."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlmodel import Session, col, select

from bot.model.happening import Delivery, Happening, News, Place
from bot.model.run import Frozen
from bot.store import hearing, indexed
from bot.store.sql import change, count_new, known_of, one_at_a_time
from bot.store.tables import Deliveries

LOCK_DELIVERIES = 0x64656C69  # "deli"
_HAPPENINGS: TypeAdapter[tuple[Happening, ...]] = TypeAdapter(tuple[Happening, ...])
_HANDLED = (
    sa.update(Deliveries.__table__)  # type: ignore[attr-defined]
    .where(col(Deliveries.seq) == sa.bindparam("its_seq"), col(Deliveries.handled_at).is_(None))
    .values(handled_at=sa.bindparam("at"), outcome=sa.bindparam("its_outcome"), body=sa.null())
)


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


Settle = Callable[[Session, Sequence[Delivery], datetime], Mapping[str, str]]
"""Tells which deliveries ask for nothing, in what words, by their ids."""


def record(
    db: Session, arrived: Sequence[Delivery], now: datetime, settle: Settle | None = None, *, told: bool = True
) -> dict[str, bool]:  # fmt: skip
    """Keep deliveries; gives the ids of those that are new, and whether each waits to be worked on.

    One that is ignored, or that `settle` has an end for, is kept as handled. What they tell of items goes into the index of
    their repositories, in the same transaction; with `told` off nothing does, and the index is asked about instead.
    """
    _tell(db, arrived, now) if told else hearing.doubt(db)
    ends = {each.guid: f"ignored: {each.ignored}" for each in arrived if each.ignored}
    if settle is not None:
        ends |= settle(db, [each for each in arrived if not each.ignored], now)
    here = known(db, [delivery.guid for delivery in arrived])
    rows = {each.guid: _row(each, now, ends.get(each.guid)) for each in arrived if each.guid not in here}
    count_new(db, Deliveries, list(rows.values()))
    return {guid: guid not in ends for guid in rows}


def _tell(db: Session, arrived: Sequence[Delivery], now: datetime) -> None:
    news: dict[Place, list[News]] = {}
    for each in arrived:
        if each.news is not None:
            news.setdefault(each.news.place, []).append(each.news)
    for place, told in news.items():
        indexed.hear(db, place, told, now)


def _row(delivery: Delivery, now: datetime, end: str | None) -> dict[str, Any]:
    body = None if end else {"happenings": _HAPPENINGS.dump_python(delivery.happenings, mode="json")}
    return {
        "guid": delivery.guid, "event": delivery.event, "action": delivery.action, "installation_id": delivery.installation,
        "repository": delivery.repository, "subject": delivery.subject, "body": body, "received_at": now, "executor": None,
        "handled_at": now if end else None, "outcome": end[:2000] if end else None,
    }  # fmt: skip


def claim(db: Session, executor: str, limit: int) -> list[Kept]:
    """Take waiting deliveries, oldest first; none whose subject another process still works on."""
    one_at_a_time(db, LOCK_DELIVERIES)
    other = sa.orm.aliased(Deliveries)
    at_work = select(other.subject).where(
        col(other.handled_at).is_(None), col(other.executor).is_not(None), col(other.subject).is_not(None)
    )
    free = sa.or_(col(Deliveries.subject).is_(None), col(Deliveries.subject).not_in(at_work))
    wanted = (
        select(*(getattr(Deliveries, name) for name in (*Kept.model_fields, "body") if name != "happenings"))
        .where(col(Deliveries.handled_at).is_(None), col(Deliveries.executor).is_(None), free)
        .order_by(col(Deliveries.seq))
        .limit(limit)
    )
    found = [_kept(row._asdict()) for row in db.execute(wanted)]
    if found:
        taken = [delivery.seq for delivery in found]
        change(db, sa.update(Deliveries).where(col(Deliveries.seq).in_(taken)).values(executor=executor))
    return found


def _kept(row: dict[str, Any]) -> Kept:
    return Kept.model_validate(row | (row.pop("body") or {}))


def handled(db: Session, seq: int, outcome: str, now: datetime) -> None:
    """Write down what became of a delivery; its contents are no longer needed."""
    all_handled(db, {seq: outcome}, now)


def all_handled(db: Session, outcomes: Mapping[int, str], now: datetime) -> None:
    """Write down what became of several, together."""
    rows = [{"its_seq": seq, "its_outcome": outcome[:2000]} for seq, outcome in outcomes.items()]
    if rows:
        db.connection().execute(_HANDLED, [row | {"at": now} for row in rows])


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
    return known_of(db, Deliveries, "guid", guids)


def any_waiting(db: Session) -> bool:
    """Whether there is one nobody has taken."""
    free = select(Deliveries.seq).where(
        col(Deliveries.handled_at).is_(None), col(Deliveries.executor).is_(None)
    )
    return db.exec(free.limit(1)).first() is not None


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
