"""A short rage on each database; `make chaos KILLS=1000` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.harness import rage

KILLS = 6


@pytest.mark.parametrize("seed", [7])
async def test_killing_real_workers_loses_and_doubles_nothing(
    tmp_path: Path, database_url: str, seed: int
) -> None:
    """Most deaths inside a write: no lost item, no double comment, nothing worked on again, nothing left over."""
    workers = 1 if database_url.startswith("sqlite") else 2
    report = await rage(tmp_path, database_url, KILLS, seed, workers=workers)
    assert report.wrong == [], report.lines()
    assert report.kills == KILLS
    assert report.inside_a_write >= KILLS / 3
    assert report.counts.issues > 0
