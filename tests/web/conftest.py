"""Houses for the tests of pages and API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from bot.store.database import Database
from tests.web.browsing import chromium
from tests.web.house import House


@pytest.fixture
def house(sqlite: Database, tmp_path: Path) -> House:
    """A house people reach over the internet."""
    return House(sqlite, tmp_path)


@pytest.fixture
def home(sqlite: Database, tmp_path: Path) -> House:
    """A house for the single user of this machine."""
    return House(sqlite, tmp_path, local=True, public_url=None, port=8420)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all who ask; each test opens a context of its own."""
    async with chromium() as one:
        yield one
