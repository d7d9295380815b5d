"""Whether webhooks reach us: the door's sign of life, and since when nothing is known to have been lost.

A stretch of hearing has a name of its own. A door that starts, one that was away, a delivery refused or found to be
missing: each begins another stretch, and what was known under the old name must be asked for once.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from bot.store import installations, words
from bot.store.repositories import by_name
from bot.store.sql import change
from bot.store.tables import Words

NAME = "hearing"
LIVES = timedelta(seconds=60)
"""A door that gave no sign for so long may have missed something."""
FRESH = timedelta(minutes=5)
"""For so long GitHub's own list of deliveries, once compared with ours, counts as compared."""


def beat(db: Session, now: datetime, *, anew: bool) -> None:
    """A door is open; `anew` where it has just been opened, or something may have been lost."""
    last = words.since(db, NAME)
    if anew or last is None or now - last > LIVES:
        words.put(db, NAME, secrets.token_hex(8), now)
    else:  # the name is left alone: another process may be changing it
        change(db, sa.update(Words).where(col(Words.name) == NAME).values(at=now))


def doubt(db: Session) -> None:
    """Something was lost: another stretch begins, whether a door is open or not."""
    change(db, sa.update(Words).where(col(Words.name) == NAME).values(value=secrets.token_hex(8)))


def stretch(db: Session, repository: str, compared: str, events: frozenset[str], now: datetime) -> str | None:
    """The stretch in which all `events` of a repository reach us; None where they may not.

    `compared` is the word that tells when GitHub's list of deliveries was last compared with ours.
    """
    seen, looked = words.since(db, NAME), words.since(db, compared)
    if seen is None or looked is None or now - seen > LIVES or now - looked > FRESH:
        return None
    here = by_name(db, repository)
    installation = installations.get(db, here.installation_id) if here and here.installation_id else None
    if installation is None or not events <= set(installation.events or ()):
        return None
    return str(words.get(db, NAME))
