"""Three answers, and the kinds of facts an answer may wait for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

Item = Mapping[str, Any]
Test = Callable[[Item], bool | None]
"""A compiled term: true, false, or None where the item does not carry the fact."""


class Verdict(StrEnum):
    """Whether an item matches; `UNKNOWN` when facts that would decide are not at hand."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"

    @staticmethod
    def of(answer: bool | None) -> Verdict:
        """Name a truth value."""
        return _NAMED[answer]


_NAMED: dict[bool | None, Verdict] = {True: Verdict.YES, False: Verdict.NO, None: Verdict.UNKNOWN}


class Facet(StrEnum):
    """A group of facts that come together: from the list itself, or from one further request."""

    ITEM = "item"  # GET /repos/{o}/{r}/issues
    PULL = "pull"  # what /pulls adds: head, base, requested reviewers
    COMMENTS = "comments"  # `_comments`
    REVIEWS = "reviews"  # `_reviews`
    DECISION = "review_decision"  # `_review_decision`
    CHECKS = "checks"  # `_checks`
    LINKED = "linked"  # `_linked`
    PROJECTS = "projects"  # `_projects`
    QUEUE = "merge_queue"  # `_merge_queue`
    COMMITS = "commits"  # `_commits`
    REPOSITORY = "repository"  # `_repository`, once for all items
    TEAMS = "teams"  # who belongs to a team
    VIEWER = "viewer"  # who `@me` is


RIDES_ALONG: Mapping[Facet, str] = {
    Facet.COMMENTS: "_comments",
    Facet.REVIEWS: "_reviews",
    Facet.DECISION: "_review_decision",
    Facet.CHECKS: "_checks",
    Facet.LINKED: "_linked",
    Facet.PROJECTS: "_projects",
    Facet.QUEUE: "_merge_queue",
    Facet.COMMITS: "_commits",
}
"""The key under which a further fact rides along with an item."""


def negated(answer: bool | None) -> bool | None:
    """Kleene's NOT: what is unknown stays unknown."""
    return None if answer is None else not answer


def any_of(tests: tuple[Test, ...]) -> Test:
    """Kleene's OR over the tests, in the order given."""
    if len(tests) == 1:
        return tests[0]

    def either(item: Item) -> bool | None:
        answer: bool | None = False
        for test in tests:
            one = test(item)
            if one:
                return True
            if one is None:
                answer = None
        return answer

    return either


def all_of(tests: tuple[tuple[Test, bool], ...]) -> Test:
    """Kleene's AND over tests, each with the answer wanted of it: False stands for NOT."""
    if len(tests) == 1:
        return tests[0][0] if tests[0][1] else none_of(tests[0][0])
    (first, wanted), *others = tests or ((_true, True),)
    first_refusal = not wanted
    refuted = tuple((test, not wanted) for test, wanted in others)

    def every(item: Item) -> bool | None:
        answer: bool | None = first(item)  # apart from the loop, because most items are out after it
        if answer is first_refusal:
            return False
        if answer is not None:
            answer = True
        for test, refusal in refuted:
            one = test(item)
            if one is refusal:
                return False
            if one is None:
                answer = None
        return answer

    return every


def _true(item: Item) -> bool:
    return True


def none_of(test: Test) -> Test:
    """Kleene's NOT of a test."""

    def denied(item: Item) -> bool | None:
        answer = test(item)
        return None if answer is None else not answer

    return denied
