"""Tests on what a list's item carries itself: kind, state, names, numbers, dates, issue fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from filters.context import Context
from filters.dates import Dates
from filters.patterns import names, remembered
from filters.values import FieldValue, IssueRef, Meaning, Numbers, Pattern
from filters.verdict import Item, Test, any_of

Build = Callable[[tuple[Any, ...], Context], Test]
"""Compile the meanings of a term's values, read in a context, to one test: any of them holds."""


def is_pull(item: Item) -> bool:
    """A pull request has the key `pull_request` in the issue list, `head` in the pull list."""
    return item.get("pull_request") is not None or "head" in item


def is_issue(item: Item) -> bool:
    """Everything that is not a pull request."""
    return item.get("pull_request") is None and "head" not in item


def of_pulls(test: Test) -> Test:
    """A test that no issue meets."""
    return lambda item: test(item) if is_pull(item) else False


def of_issues(test: Test) -> Test:
    """A test that no pull request meets."""
    return lambda item: test(item) if is_issue(item) else False


def flag(key: str, wanted: bool = True) -> Test:
    """Whether the boolean under a key is as wanted."""

    def test(item: Item) -> bool | None:
        value = item.get(key)
        return None if value is None else bool(value) is wanted

    return test


def state(wanted: str) -> Test:
    """Open or closed; a merged pull request is closed."""

    def test(item: Item) -> bool | None:
        value = item.get("state")
        return None if value is None else value == wanted

    return test


def in_state(wanted: str) -> Test:
    """The same for a term of its own: an item without a state raises `KeyError`, which the matcher answers."""
    return lambda item: item["state"] == wanted


def merged_at(item: Item) -> Any:
    """When a pull request was merged, None if it was not; `KeyError` where the item does not say."""
    if "merged_at" in item:
        return item["merged_at"]
    pull = item.get("pull_request")
    if isinstance(pull, Mapping) and "merged_at" in pull:
        return pull["merged_at"]
    if item.get("state") == "open":
        return None
    raise KeyError("merged_at")


def merged(item: Item) -> bool | None:
    """Whether it is a merged pull request."""
    if not is_pull(item):
        return False
    try:
        return merged_at(item) is not None
    except KeyError:
        return bool(item["merged"]) if "merged" in item else None


def unmerged(item: Item) -> bool | None:
    """Whether it is a pull request that is open, or was closed without merging."""
    if not is_pull(item):
        return False
    answer = merged(item)
    return None if answer is None else not answer


def summary(key: str, count: str) -> Test:
    """Whether a summary object of an issue counts more than none; no pull request has one."""

    def test(item: Item) -> bool | None:
        if is_pull(item):
            return False
        value = item.get(key)
        if value is None:
            return False if key in item else None
        return bool(value[count] > 0) if count in value else None

    return test


def labels(patterns: Iterable[Pattern], context: Context) -> Test:
    """Any label meets any pattern; labels come as objects or plain strings."""
    patterns = tuple(patterns)
    nothing = any(pattern.nothing for pattern in patterns)
    meets, judged = remembered(patterns)

    def test(item: Item) -> bool | None:
        given = item.get("labels")
        if given is None:
            return nothing if "labels" in item else None
        for label in given:
            name = label if label.__class__ is str else label["name"]
            hit = judged.get(name)
            if hit or (hit is None and meets(name)):
                return True
        return nothing and not given

    return test


def named(key: str, inner: str) -> Build:
    """Whether the `inner` name of the object under a key meets a pattern; null is none."""

    def build(patterns: tuple[Pattern, ...], context: Context) -> Test:
        nothing = any(pattern.nothing for pattern in patterns)
        meets = names(patterns)

        def test(item: Item) -> bool | None:
            value = item.get(key)
            if value is None:
                return nothing if key in item else None
            return meets(value if value.__class__ is str else value[inner])

        return test

    return build


def issue_type(patterns: tuple[Pattern, ...], context: Context) -> Test:
    """Whether an issue's type meets a pattern; pull requests have none."""
    nothing = any(pattern.nothing for pattern in patterns)
    test = named("type", "name")(patterns, context)
    return lambda item: nothing if is_pull(item) else test(item)


def reason(item: Item) -> str | None:
    """Why an issue was closed, in the words of the query; `KeyError` where the item does not say."""
    if is_pull(item):
        return None
    value = item["state_reason"]
    return value.casefold().replace("_", " ").replace("-", " ") if value else None


def counted(number: Callable[[Item], int | None]) -> Build:
    """Whether a number lies in any of the ranges."""

    def build(ranges: tuple[Numbers, ...], context: Context) -> Test:
        if len(ranges) > 1:
            return any_of(tuple(build((numbers,), context) for numbers in ranges))
        low, high = _whole(ranges[0])

        def test(item: Item) -> bool | None:
            value = number(item)
            return None if value is None else low <= value <= high

        return test

    return build


def _whole(numbers: Numbers) -> tuple[float, float]:
    """A range of whole numbers with both ends in it."""
    low = float("-inf") if numbers.low is None else numbers.low + numbers.low_open
    return low, float("inf") if numbers.high is None else numbers.high - numbers.high_open


def comments(item: Item) -> int | None:
    """How many comments, as the list says."""
    return item.get("comments")


def reactions(item: Item) -> int | None:
    """How many reactions, of any kind."""
    value = item.get("reactions")
    return value.get("total_count") if isinstance(value, Mapping) else None


def interactions(item: Item) -> int | None:
    """Comments and reactions together."""
    spoken, felt = comments(item), reactions(item)
    return None if spoken is None or felt is None else spoken + felt


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


def parent(refs: tuple[IssueRef, ...], context: Context) -> Test:
    """Whether an issue is a sub-issue of one of those named."""
    wanted = {(ref.repository, ref.number) for ref in refs}

    def test(item: Item) -> bool | None:
        if is_pull(item):
            return False
        url = item.get("parent_issue_url")
        if url is None:
            return False if "parent_issue_url" in item else None
        parts = url.casefold().rstrip("/").split("/")
        return ("*", 0) in wanted or (f"{parts[-4]}/{parts[-3]}", int(parts[-1])) in wanted

    return test


def slug(name: str) -> str:
    """A field's name as its slug: folded, spaces and underscores as hyphens."""
    return "-".join(name.casefold().replace("_", " ").replace("-", " ").split())


def field_values(item: Item, field: str) -> list[Any] | None:
    """The values of an issue's field; empty where it has none, None where the item does not say."""
    if is_pull(item):
        return []
    given = item.get("issue_field_values")
    if given is None:
        return None
    found: list[Any] = []
    for entry in given:
        inner = entry.get("field") or entry.get("issue_field") or {}
        keys = (entry.get("issue_field_name"), entry.get("name"), entry.get("slug"), entry.get("field_name"))
        keys += (inner, None) if isinstance(inner, str) else (inner.get("name"), inner.get("slug"))
        if any(isinstance(key, str) and slug(key) == field for key in keys):
            found += _field_contents(entry)
    return found


def _field_contents(entry: Mapping[str, Any]) -> list[Any]:
    option = entry.get("single_select_option")
    if isinstance(option, Mapping) and option.get("name") is not None:
        return [option["name"]]
    options = entry.get("multi_select_options")
    if options:
        return [each["name"] for each in options]
    value = entry.get("value")
    return [] if value is None else list(value) if isinstance(value, list) else [value]


def field(name: str, values: tuple[FieldValue, ...], context: Context) -> Test:
    """Whether a field of an issue has one of the values."""
    wanted = slug(name)
    tests = [_field_test(value, context) for value in values]
    nothing = any(value.pattern is not None and value.pattern.nothing for value in values)

    def test(item: Item) -> bool | None:
        given = field_values(item, wanted)
        if given is None:
            return None
        if not given:
            return nothing
        return any(holds(value) for holds in tests for value in given)

    return test


def _field_test(value: FieldValue, context: Context) -> Callable[[Any], bool]:
    meets = names((value.pattern,)) if value.pattern else None
    holds = within((value.dates,), context) if value.dates else None
    numbers = value.numbers

    def test(given: Any) -> bool:
        if isinstance(given, bool) or given is None:
            return False
        if isinstance(given, int | float):
            return numbers is not None and numbers.holds(given)
        if meets is not None and meets(given):
            return True
        if holds is not None:
            try:
                return holds(given)
            except ValueError:
                pass
        return _numeric(given, numbers)

    return test


def _numeric(given: str, numbers: Numbers | None) -> bool:
    try:
        return numbers is not None and numbers.holds(float(given))
    except ValueError:
        return False


def present(key: str) -> Test:
    """Whether there is something under a key; null and empty are nothing, absent is unknown."""
    return lambda item: bool(item[key]) if key in item else None


def choices(table: Mapping[str, Test]) -> Build:
    """A closed set of words, each with a test of its own."""
    return lambda meanings, context: any_of(tuple(table[meaning.key] for meaning in meanings))


def meanings_of(kind: type[Any], meanings: tuple[Meaning, ...]) -> tuple[Any, ...]:
    """The meanings of one kind."""
    return tuple(meaning for meaning in meanings if isinstance(meaning, kind))
