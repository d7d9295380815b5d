"""Installations and repositories as they come and go, in whatever order deliveries tell of them."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.model.happening import Place
from bot.store import installations
from bot.store.database import Database

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)


def test_a_repository_may_be_told_of_before_its_installation(database: Database) -> None:
    """It joins, moves to yet another unknown one, and the installation's own delivery fills in the rest."""
    shop = Place(full_name="acme/shop", github_id=5)
    here = database.write_now(installations.join, 7, shop, NOW)
    there = database.write_now(installations.moved, here, Place(full_name="corp/shop", github_id=5), 8, NOW)
    assert (there.full_name, there.installation_id) == ("corp/shop", 8)
    database.write_now(
        installations.came, 8, "Corp", NOW, account_type="User", permissions={"issues": "write"}
    )
    corp = database.read_now(installations.get, 8)
    assert corp is not None
    assert (corp.account, corp.account_type, corp.permissions) == ("Corp", "User", {"issues": "write"})
