"""Set-up: open until an App is there, behind a secret printed once; closed for good afterwards."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from sqlmodel import Session

from bot.store import audit, words

SECRET, STATE, APP = "setup-secret", "setup-state", "github-app"
STATE_LIFE = timedelta(hours=1)


def is_done(db: Session) -> bool:
    """Whether an App has been set up."""
    return words.get(db, APP) is not None


def open_door(db: Session, now: datetime) -> str | None:
    """A fresh one-time secret, the old one void; None where set-up is closed."""
    if is_done(db):
        return None
    secret = secrets.token_urlsafe(24)
    words.put(db, SECRET, _hash(secret), now)
    return secret


def holds(db: Session, secret: str) -> bool:
    """Whether this is the secret in force."""
    known = words.get(db, SECRET)
    return isinstance(known, str) and hmac.compare_digest(known, _hash(secret)) and not is_done(db)


def depart(db: Session, now: datetime) -> str:
    """A fresh state to send to GitHub; the one before is void."""
    state = secrets.token_urlsafe(24)
    words.put(db, STATE, {"hash": _hash(state), "at": now.isoformat()}, now)
    return state


def arrive(db: Session, state: str, now: datetime) -> bool:
    """Whether the browser comes back with the state it left with, in time; it counts once."""
    known = words.get(db, STATE)
    words.forget(db, STATE)
    if not isinstance(known, dict) or is_done(db):
        return False
    fresh = now - datetime.fromisoformat(str(known.get("at"))) < STATE_LIFE
    return fresh and hmac.compare_digest(str(known.get("hash")), _hash(state))


def finish(db: Session, sealed: str, app_id: int, now: datetime) -> bool:
    """Keep the App's sealed credentials and close the door; False where somebody was quicker."""
    if is_done(db):
        return False
    words.put(db, APP, sealed, now)
    for name in (SECRET, STATE):
        words.forget(db, name)
    audit.note(db, "set-up", "app.registered", str(app_id), now)
    return True


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
