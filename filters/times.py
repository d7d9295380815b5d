"""Tests on timestamps: GitHub's own form is compared as a string, any other with care."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from filters.context import Context
from filters.dates import Dates
from filters.facts import Build, is_pull, merged_at
from filters.verdict import Item, Test


def timestamp(moment: datetime | None, otherwise: str) -> str:
    """An instant as GitHub writes it, rounded up to whole seconds; `otherwise` for an open end."""
    if moment is None:
        return otherwise
    if moment.microsecond:
        moment = moment.replace(microsecond=0)
        moment = (
            moment + timedelta(seconds=1)
            if moment < datetime.max.replace(microsecond=0, tzinfo=UTC)
            else moment
        )
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def instant(value: Any) -> datetime:
    """A timestamp of any ISO 8601 form (or a datetime) as an instant; without a zone it is UTC."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def within(ranges: tuple[Dates, ...], context: Context) -> Callable[[Any], bool]:
    """Whether a timestamp lies in any of the ranges; GitHub's own form is compared as a string."""
    bounds = [dates.bounds(context.now) for dates in ranges]
    texts = [_texts(dates, context) for dates in ranges]

    def slowly(value: Any) -> bool:
        moment = instant(value)
        return any((low is None or moment >= low) and (high is None or moment < high) for low, high in bounds)

    if len(texts) == 1:
        first, last = texts[0]

        def once(value: Any) -> bool:
            if value.__class__ is str and len(value) == 20 and value[19] == "Z":
                return first <= value < last
            return slowly(value)

        return once

    def any_range(value: Any) -> bool:
        if value.__class__ is str and len(value) == 20 and value[19] == "Z":
            return any(low <= value < high for low, high in texts)
        return slowly(value)

    return any_range


def _texts(dates: Dates, context: Context) -> tuple[str, str]:
    """The bounds as GitHub writes times. It writes whole seconds, so rounding a bound up changes no answer."""
    low, high = dates.bounds(context.now)
    return timestamp(low, ""), timestamp(high, "~")


def dated(key: str) -> Build:
    """Whether the timestamp under a key lies in a range; null, such as never closed, does not."""

    def build(ranges: tuple[Dates, ...], context: Context) -> Test:
        holds = within(ranges, context)
        low, high = _texts(ranges[0], context) if len(ranges) == 1 else ("~", "")

        def test(item: Item) -> bool | None:
            value = item.get(key)
            if value is None:
                return False if key in item else None
            if low <= value < high and len(value) == 20 and value[19] == "Z":
                return True
            return holds(value)

        return test

    return build


def merged_date(ranges: tuple[Dates, ...], context: Context) -> Test:
    """Whether a pull request was merged in a range."""
    holds = within(ranges, context)

    def test(item: Item) -> bool | None:
        if not is_pull(item):
            return False
        try:
            value = merged_at(item)
        except KeyError:
            return None
        return value is not None and holds(value)

    return test
