"""Words that must leave: who may send them now, what became of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.model.run import Job, Repository, Run
from bot.store import runs
from bot.store import sessions as session_rows
from bot.store.sql import change
from bot.store.tables import Outbox

WAITING = (col(Outbox.sent_at).is_(None), col(Outbox.given_up_at).is_(None))


@dataclass(frozen=True, slots=True)
class Word:
    """One waiting word; `tries` counts the attempts before this one."""

    id: int
    key: str
    channel: str
    event: str
    run_id: int | None
    body: dict[str, Any]
    tries: int
    not_before: datetime

    @property
    def target(self) -> str | None:
        """The room or person there, where the job names one."""
        return self.body.get("target")


@dataclass(frozen=True, slots=True)
class Ended:
    """A run as words tell of it."""

    run: Run
    job: Job
    repository: Repository
    result: str
    comment_url: str | None


HOOK = "job.completed"
"""The event that goes to outgoing webhooks and to no channel."""


def due(db: Session, now: datetime, *, hooks: bool, most: int = 500) -> list[Word]:
    """Words whose time has come, oldest first: those for webhooks, or those for channels."""
    kind = Outbox.event == HOOK if hooks else Outbox.event != HOOK
    wanted = select(Outbox).where(*WAITING, kind, col(Outbox.not_before) <= now)
    # The sum keeps SQLite from reading all that was ever sent in the order of ids.
    wanted = wanted.order_by(col(Outbox.id) + 0).limit(most)
    return [_word(row) for row in db.exec(wanted)]


def take(db: Session, ids: Collection[int], now: datetime, until: datetime) -> set[int]:
    """Keep other processes from these words until then; gives those nobody else has taken. Counts as a try."""
    mine = (
        sa.update(Outbox)
        .where(col(Outbox.id).in_(ids), *WAITING, col(Outbox.not_before) <= now)
        .values(not_before=until, tries=Outbox.tries + 1)
        .returning(col(Outbox.id))
        .execution_options(synchronize_session=False)
    )
    return {int(row[0]) for row in db.execute(mine)}


def sent(db: Session, ids: Collection[int], now: datetime) -> None:
    """They have left."""
    change(db, sa.update(Outbox).where(col(Outbox.id).in_(ids), *WAITING).values(sent_at=now, error=None))


def later(db: Session, ids: Collection[int], until: datetime, error: str) -> None:
    """They could not leave; try again then."""
    change(
        db, sa.update(Outbox).where(col(Outbox.id).in_(ids), *WAITING).values(not_before=until, error=error)
    )


def give_up(db: Session, ids: Collection[int], now: datetime, error: str) -> None:
    """They will never leave."""
    change(
        db, sa.update(Outbox).where(col(Outbox.id).in_(ids), *WAITING).values(given_up_at=now, error=error)
    )


def reached(db: Session, word_id: int, places: Collection[str]) -> None:
    """A word for several places has reached these; a further try goes to the others alone."""
    row = db.get(Outbox, word_id)
    if row is not None:
        row.body = {**row.body, "reached": sorted(places)}
        db.add(row)


def last_sent(db: Session, since: datetime) -> dict[tuple[str, str | None], datetime]:
    """When each channel and target last got a message, of those that did since then."""
    found: dict[tuple[str, str | None], datetime] = {}
    wanted = select(Outbox).where(col(Outbox.sent_at) >= since, Outbox.event != HOOK)
    for row in db.exec(wanted):
        place = (row.channel, row.body.get("target"))
        assert row.sent_at is not None
        found[place] = max(found.get(place, row.sent_at), row.sent_at)
    return found


def forget(db: Session, before: datetime) -> int:
    """Words that left, or never will, and whose time was long ago."""
    over = sa.or_(col(Outbox.sent_at) < before, col(Outbox.given_up_at) < before)
    return change(db, sa.delete(Outbox).where(over))


def told(db: Session, run_ids: Collection[int]) -> dict[int, Ended]:
    """The runs that words speak of."""
    found: dict[int, Ended] = {}
    for run_id in run_ids:
        place = runs.place_of(db, run_id)
        if place is not None:
            found[run_id] = _ended(db, *place)
    return found


def waiting(db: Session) -> int:
    """How many words wait to leave."""
    return int(db.exec(select(sa.func.count()).select_from(Outbox).where(*WAITING)).one())


def given_up(db: Session, since: datetime) -> list[str]:
    """Why words were given up since then, oldest first."""
    wanted = select(Outbox).where(col(Outbox.given_up_at) >= since).order_by(col(Outbox.id))
    return [f"{row.channel}: {row.error}" for row in db.exec(wanted)]


def _ended(db: Session, run: Run, job: Job, repository: Repository) -> Ended:
    results, urls = [], []
    for session in session_rows.of_run(db, run.id):
        said = str((session.decision or {}).get("summary") or session.reason or "")
        if said:
            results.append(f"#{session.number}: {said}" if session.number else said)
        if session.comment_url:
            urls.append(session.comment_url)
    return Ended(run, job, repository, "\n".join(results[:10]), urls[0] if len(urls) == 1 else None)


def _word(row: Outbox) -> Word:
    return Word(
        int(row.id or 0), row.key, row.channel, row.event, row.run_id, row.body, row.tries, row.not_before
    )
