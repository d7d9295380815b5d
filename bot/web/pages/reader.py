"""How one reader sees times, lengths, numbers and money: language, time zone and now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytz
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.numbers import format_compact_decimal, format_currency, format_decimal, format_percent

from bot.web.pages.language import _, locale_of


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: `zone` is the browser's IANA zone (UTC until it has told), `now` the moment of the page."""

    language: str
    zone: str
    now: datetime

    def local(self, instant: datetime, zone: str | None = None) -> datetime:
        """An instant on the reader's wall clock, or another zone's."""
        return instant.astimezone(pytz.timezone(zone or self.zone))

    def time(self, instant: datetime | None, zone: str | None = None) -> str:
        """An instant in full, with its zone: `Mon, 23 Nov 2026, 09:00 CET`."""
        if instant is None:
            return "–"
        locale = locale_of(self.language)
        there = self.local(instant, zone)
        day = format_date(there.date(), "EEE, d MMM y", locale=locale)
        name = there.tzname() or ""
        return f"{day}, {format_time(there.time(), 'HH:mm', locale=locale)} {name}"

    def short(self, instant: datetime | None, zone: str | None = None) -> str:
        """An instant in short: the time for today, else day and time."""
        if instant is None:
            return "–"
        locale = locale_of(self.language)
        there, here = self.local(instant, zone), self.local(self.now, zone)
        pattern = "HH:mm" if there.date() == here.date() else "EEE d MMM, HH:mm"
        return format_datetime(there.replace(tzinfo=None), pattern, locale=locale)

    def clock(self, instant: datetime) -> str:
        """The time of day with seconds, for transcripts."""
        return format_time(self.local(instant).time(), "HH:mm:ss", locale=locale_of(self.language))

    def day(self, day: str | date) -> str:
        """A day in short: `23 Nov`."""
        when = date.fromisoformat(day) if isinstance(day, str) else day
        return format_date(when, "d MMM", locale=locale_of(self.language))

    def ago(self, instant: datetime | None) -> str:
        """How long ago or how far ahead an instant is: `3 hours ago`, `in 2 days`."""
        if instant is None:
            return _("never")
        apart = instant - self.now
        if abs(apart) < timedelta(seconds=1):
            return _("just now")
        return format_timedelta(apart, add_direction=True, locale=locale_of(self.language))

    def since(self, instant: datetime) -> str:
        """How long ago, as a length of time."""
        return self.span(max(0.0, (self.now - instant).total_seconds() * 1000))

    def span(self, ms: float | None) -> str:
        """A length of time: `850 ms`, `42 s`, `3 min 20 s`, `2 h 5 min`."""
        if ms is None:
            return "–"
        if ms < 1000:
            return f"{round(ms)} ms"
        seconds = round(ms / 1000)
        if seconds < 60:
            return f"{seconds} s"
        minutes, seconds = divmod(seconds, 60)
        if minutes < 60:
            return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"

    def money(self, usd: float | None) -> str:
        """US dollars; small sums with enough digits to be more than nothing."""
        if usd is None:
            return "–"
        digits = "¤#,##0.00##" if 0 < abs(usd) < 0.1 else None
        return format_currency(
            usd, "USD", digits, locale=locale_of(self.language), currency_digits=digits is None
        )

    def number(self, n: float) -> str:
        """A number with its group separators."""
        return format_decimal(n, locale=locale_of(self.language))

    def compact(self, n: float) -> str:
        """A large number in short: `12K`."""
        return format_compact_decimal(n, locale=locale_of(self.language), fraction_digits=1)

    def percent(self, share: float | None) -> str:
        """A share of one."""
        return "–" if share is None else format_percent(share, locale=locale_of(self.language))


def zone_or_utc(name: str | None) -> str:
    """A zone somebody's browser named, if there is one of that name."""
    return name if name in pytz.all_timezones_set else "UTC"
