"""Quiet hours: when notifications wait for the morning."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from bot.settings import SettingsError

_WRITTEN = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one wall-clock time to another, over midnight where the second is the earlier."""

    begin: time
    end: time
    zone: tzinfo

    def until(self, now: datetime) -> datetime | None:
        """When the quiet ends that holds now; None where it is not quiet."""
        here = now.astimezone(self.zone)
        wall = here.time().replace(tzinfo=None)
        over_midnight = self.begin > self.end
        quiet = (wall >= self.begin or wall < self.end) if over_midnight else self.begin <= wall < self.end
        if not quiet:
            return None
        length = timedelta(hours=self.end.hour - here.hour, minutes=self.end.minute - here.minute)
        if length <= timedelta():
            length += timedelta(days=1)
        return now.replace(second=0, microsecond=0) + length


def quiet_hours(written: str | None, zone: tzinfo) -> QuietHours | None:
    """Read `22:00-07:00`; raises SettingsError where it is something else."""
    if not written or not written.strip():
        return None
    found = _WRITTEN.fullmatch(written.strip())
    if not found:
        raise SettingsError(f"ROUNDSMAN_QUIET_HOURS {written!r} are no hours; write them like 22:00-07:00")
    hour, minute, to_hour, to_minute = map(int, found.groups())
    return QuietHours(time(hour, minute), time(to_hour, to_minute), zone)
