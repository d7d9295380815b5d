"""Quiet hours, by a table."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import pytz

from bot.notify.quiet import quiet_hours


@pytest.mark.parametrize(
    ("written", "zone", "now", "until"),
    [
        ("22:00-07:00", "UTC", "2026-06-01T21:59", None),
        ("22:00-07:00", "UTC", "2026-06-01T22:00", "2026-06-02T07:00"),
        ("22:00-07:00", "UTC", "2026-06-01T06:59", "2026-06-01T07:00"),
        ("22:00-07:00", "UTC", "2026-06-01T07:00", None),
        ("12:00-13:30", "UTC", "2026-06-01T12:10", "2026-06-01T13:30"),
        ("12:00-13:30", "UTC", "2026-06-01T14:00", None),
        ("22:00-07:00", "Europe/Zurich", "2026-06-01T20:30", "2026-06-02T05:00"),
        ("", "UTC", "2026-06-01T23:00", None),
    ],
)
def test_when_it_is_quiet(written: str, zone: str, now: str, until: str | None) -> None:
    """Also over midnight and in the operator's zone."""
    quiet = quiet_hours(written, pytz.timezone(zone))
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    found = quiet.until(at) if quiet else None
    assert found == (datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None)
