"""How commands open the program: settings and database, each fault as one line."""

from __future__ import annotations

from typing import Any

from bot.app import Roundsman, build, open_database
from bot.cli.ends import ended_badly, wrong_usage
from bot.engine.liveness import LivenessError
from bot.settings import Settings, SettingsError, load
from bot.store.database import Database, DatabaseError


def settings_of(**given: Any) -> Settings:
    """Read the settings, or end with exit code 2."""
    try:
        return load(**{name: value for name, value in given.items() if value is not None})
    except SettingsError as error:
        what, _, do = str(error).rpartition("; ")
        raise wrong_usage(what or str(error), do or "correct it") from None


def database_of(settings: Settings) -> Database:
    """Open the database, or end with exit code 2."""
    try:
        return open_database(settings)
    except (DatabaseError, OSError) as error:
        what, _, do = str(error).rpartition("; ")
        raise wrong_usage(
            what or str(error), do or "correct ROUNDSMAN_DATABASE_URL or ROUNDSMAN_DATA_DIR"
        ) from None


def roundsman_of(settings: Settings, **parts: Any) -> Roundsman:
    """Build the program, or end with one line that says what is wrong."""
    try:
        return build(settings, database=database_of(settings), **parts)
    except SettingsError as error:
        what, _, do = str(error).rpartition("; ")
        raise wrong_usage(what or str(error), do or "correct it") from None
    except LivenessError as error:
        raise ended_badly(str(error), "stop the other process first") from None
