"""Tests on what a list's item carries itself: kind, state, names, numbers, dates, issue fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from filters.context import Context
from filters.patterns import names, remembered
from filters.values import IssueRef, Meaning, Numbers, Pattern
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


def present(key: str) -> Test:
    """Whether there is something under a key; null and empty are nothing, absent is unknown."""
    return lambda item: bool(item[key]) if key in item else None


def choices(table: Mapping[str, Test]) -> Build:
    """A closed set of words, each with a test of its own."""
    return lambda meanings, context: any_of(tuple(table[meaning.key] for meaning in meanings))


def meanings_of(kind: type[Any], meanings: tuple[Meaning, ...]) -> tuple[Any, ...]:
    """The meanings of one kind."""
    return tuple(meaning for meaning in meanings if isinstance(meaning, kind))
