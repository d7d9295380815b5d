"""Houses for the tests of pages and API."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.store.database import Database
from tests.web.house import House


@pytest.fixture
def house(sqlite: Database, tmp_path: Path) -> House:
    """A house people reach over the internet."""
    return House(sqlite, tmp_path)


@pytest.fixture
def home(sqlite: Database, tmp_path: Path) -> House:
    """A house for the single user of this machine."""
    return House(sqlite, tmp_path, local=True, public_url=None, port=8420)
