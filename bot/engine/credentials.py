"""Who we are to GitHub, from the environment or from set-up; the environment wins."""

from __future__ import annotations

from bot.github.credentials import Credentials
from bot.github.vault import NAME, Locked, is_current, seal, unseal
from bot.ports import Clock
from bot.settings import Settings, SettingsError
from bot.store import words
from bot.store.database import Database


def known_credentials(database: Database, settings: Settings, clock: Clock) -> Credentials:
    """The credentials in force; those kept under an older key are encrypted anew. Raises SettingsError."""
    given = Credentials.of(settings)
    if given.present:
        return given
    sealed = database.read_now(words.get, NAME)
    if not isinstance(sealed, str):
        return given
    try:
        kept = unseal(sealed, settings.keys())
    except Locked as locked:
        raise SettingsError(str(locked)) from locked
    if not is_current(sealed, settings.key()):
        database.write_now(words.put, NAME, seal(kept, settings.key()), clock.now())
    return kept
