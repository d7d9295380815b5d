"""Parsing and matching, beside a hand-written loop and peer libraries, on the same data in the same run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Any

import jmespath
from luqum.parser import parser as luqum

import filters
from tests.benchmarks.table import Row

Item = dict[str, Any]
NOW = datetime(2026, 11, 20, tzinfo=UTC)
ISSUES = 100_000

# The kind of query a job has (SPEC §3), 178 characters.
QUERY = (
    'is:issue is:open label:bug,"help wanted" -label:wontfix -author:app/dependabot no:assignee '
    'created:>2019-01-01 updated:<365d comments:>=2 -milestone:"v1.0" (label:p1 OR label:p2)'
)
MATCHED = "is:open is:issue -label:wontfix,duplicate -author:app/dependabot no:assignee created:>2019-01-01 comments:>=1"
LUCENE = 'state:open AND label:(bug OR "help wanted") AND NOT label:wontfix AND NOT author:dependabot AND created:[2019-01-01 TO *]'
JMES = (
    "[?state=='open' && pull_request==null && created_at>='2019-01-02T00:00:00Z' && comments>=`1` && length(assignees)==`0` && "
    "!(labels[?name=='wontfix' || name=='duplicate']) && user.login!='dependabot[bot]'].number"
)


KEPT = (
    "repository_url", "number", "title", "user", "labels", "state", "locked", "assignees", "milestone", "comments",
    "created_at", "updated_at", "closed_at", "draft", "pull_request", "state_reason",
)  # fmt: skip


def best(act: Callable[[], object], times: int, rounds: int) -> float:
    """Seconds of one call in the best round: the others met somebody else's work."""
    least = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(times):
            act()
        least = min(least, (time.perf_counter() - begun) / times)
    return least


def by_hand(items: list[Item]) -> list[int]:
    """What one would write without a filter language, for `MATCHED`."""
    found = []
    for item in items:
        if item["state"] != "open" or item.get("pull_request") is not None:
            continue
        if item["assignees"] or item["comments"] < 1 or item["created_at"] < "2019-01-02T00:00:00Z":
            continue
        if item["user"] is not None and item["user"]["login"].casefold() == "dependabot[bot]":
            continue
        if any(label["name"].casefold() in ("wontfix", "duplicate") for label in item["labels"]):
            continue
        found.append(item["number"])
    return found


def written() -> Iterator[Item]:
    """Issues written for the purpose, in the proportions of a real repository."""
    for number in range(1, 2_000):
        pull = number % 5 < 3
        yield {
            "number": number, "title": f"Something {number}", "body": "It does not work. " * 40, "locked": False,
            "state": "open" if number % 6 == 0 else "closed", "user": {"login": f"user{number % 90}", "type": "User"},
            "labels": [{"name": name} for name in ("bug", "help wanted", "wontfix")[: number % 4]],
            "assignees": [{"login": "core"}] if number % 7 == 0 else [], "milestone": None, "comments": number % 9,
            "created_at": f"20{14 + number % 12}-0{1 + number % 9}-11T10:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "closed_at": None,
        } | ({"pull_request": {"merged_at": None}} if pull else {})  # fmt: skip


def corpus() -> list[Item]:
    """A hundred thousand issues, each an object of its own, as they come from the wire."""
    try:
        from tests.filters.real import DATA

        lines = (DATA / "issues.jsonl").read_text().split("\n")[:-1]
    except FileNotFoundError:
        lines = [json.dumps(item) for item in written()]
    # Bodies and links are left out: nothing here reads them, and a hundred thousand of them fill the memory.
    short = [
        json.dumps({key: value for key, value in json.loads(line).items() if key in KEPT}) for line in lines
    ]
    return [json.loads(line) for line in islice(cycle(short), ISSUES)]


def rows() -> list[Row]:
    """The bars of filters: parse in at most 60 microseconds, match at most twice the hand-written loop."""
    return [*_parsing(), *_matching()]


def _parsing() -> Iterator[Row]:
    filters.parse(QUERY)
    ours = best(lambda: filters.parse(QUERY), 50, 300) * 1e6
    theirs = best(lambda: luqum.parse(LUCENE), 20, 10) * 1e6
    yield Row(
        f"filter: parse a query of {len(QUERY)} characters", ours, theirs, f"luqum, {len(LUCENE)} characters of Lucene", ours / theirs,
        "≤ 60 µs", ours <= 60, "µs", "values met before are remembered",
    )  # fmt: skip


def _matching() -> Iterator[Row]:
    items = corpus()
    matcher = filters.compile(MATCHED, now=NOW)
    expected = by_hand(items)
    assert [item["number"] for item in items if matcher.test(item)] == expected
    hand, ours = float("inf"), float("inf")
    for _ in range(5):  # in turns, so that both meet the same weather
        hand = min(hand, best(lambda: by_hand(items), 1, 1))
        ours = min(ours, best(lambda: len(matcher.sift(items)[0]), 1, 1))
    yield Row(
        f"filter: match {ISSUES:,} issues", ours * 1e3, hand * 1e3, "hand-written loop", ours / hand, "≤ 2.0 ×", ours <= 2 * hand, "ms",
        f"{len(expected):,} match",
    )  # fmt: skip
    few = items[: ISSUES // 10]
    query = jmespath.compile(JMES)
    assert query.search(few) == by_hand(few)
    peer = best(lambda: query.search(few), 1, 2) * 10
    yield Row(
        "filter: the same, beside a peer library", ours * 1e3, peer * 1e3, "jmespath", ours / peer, "faster", ours < peer, "ms",
        "the peer's time is ten times that of a tenth",
    )  # fmt: skip
