"""A world for each story."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world import World


@pytest.fixture
async def world(tmp_path: Path, database_url: str) -> AsyncIterator[World]:
    """A living Roundsman before an empty GitHub; at the end no comment of ours may be unread."""
    world = World(tmp_path, database_url)
    await world.wakes()
    yield world
    await world.dies()
    assert world.unread() == []
