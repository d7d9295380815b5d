"""Money: reserved before a session starts, settled after; one conditional UPDATE a scope, so threads cannot overspend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.store.sql import change, insert_new
from bot.store.tables import Budgets, Reservations

CENT = 0.01
DUST = 1e-9


@dataclass(frozen=True, slots=True)
class Scope:
    """What a cap stands over: `name` is its key, `words` how people call it, `cap` in USD, `day` for purging."""

    name: str
    words: str
    cap: float
    day: str | None = None


@dataclass(frozen=True, slots=True)
class Reserved:
    """Whether money was set aside: `yes`; `wait` for others to settle; `refused` because it is spent."""

    answer: Literal["yes", "wait", "refused"]
    amount: float = 0.0
    words: str = ""


def reserve(db: Session, attempt: str, scopes: Sequence[Scope], amount: float, now: datetime) -> Reserved:
    """Set `amount` aside in every scope, in the order given, or in none. Asking twice for an attempt is safe."""
    if db.exec(select(Reservations).where(Reservations.attempt == attempt)).first():
        return Reserved("yes", amount)
    with db.begin_nested() as point:
        for scope in scopes:
            if not _take(db, scope, amount):
                answer = _why_not(db, scope, amount)
                point.rollback()
                return answer
            db.add(Reservations(attempt=attempt, scope=scope.name, amount=amount, made_at=now))
        db.flush()
    return Reserved("yes", amount)


def _take(db: Session, scope: Scope, amount: float) -> bool:
    insert_new(db, Budgets, [{"scope": scope.name, "reserved": 0.0, "settled": 0.0, "day": scope.day}])
    fits = col(Budgets.reserved) + col(Budgets.settled) + amount <= scope.cap + DUST
    taken = (
        sa.update(Budgets)
        .where(col(Budgets.scope) == scope.name, fits)
        .values(reserved=Budgets.reserved + amount)
    )
    return change(db, taken) == 1


def _why_not(db: Session, scope: Scope, amount: float) -> Reserved:
    settled = spent(db, scope.name)
    if settled + amount > scope.cap + DUST:
        words = f"the budget of {scope.words} is ${scope.cap:g}: ${settled:.2f} is spent and a session may need ${amount:g}"
        return Reserved("refused", words=words)
    return Reserved(
        "wait", words=f"waits for money others have reserved in the budget of {scope.words} (${scope.cap:g})"
    )


def spent(db: Session, scope: str) -> float:
    """What a scope has settled."""
    return float(db.exec(select(Budgets.settled).where(Budgets.scope == scope)).first() or 0.0)


def settle(db: Session, attempt: str, cost: float) -> None:
    """Turn an attempt's reservations into what it really cost; a second time changes nothing."""
    for row in db.exec(
        select(Reservations).where(Reservations.attempt == attempt).order_by(col(Reservations.scope))
    ).all():
        mine = sa.update(Reservations).where(
            col(Reservations.attempt) == attempt,
            col(Reservations.scope) == row.scope,
            col(Reservations.settled).is_(None),
        )
        if change(db, mine.values(settled=cost)):
            values = {"reserved": Budgets.reserved - row.amount, "settled": Budgets.settled + cost}
            change(db, sa.update(Budgets).where(col(Budgets.scope) == row.scope).values(values))


def open_attempts(db: Session) -> list[str]:
    """Attempts whose reservations nobody has settled yet."""
    return list(db.exec(select(Reservations.attempt).where(col(Reservations.settled).is_(None)).distinct()))


def reserved_for(db: Session, attempt: str) -> float | None:
    """What was set aside for an attempt; None where no budget applies."""
    return db.exec(select(Reservations.amount).where(Reservations.attempt == attempt)).first()
