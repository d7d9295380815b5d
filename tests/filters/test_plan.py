"""Plans: what is pushed, what is left to check, where paging ends, and which way is chosen."""

from datetime import timedelta
from typing import Any

import pytest

import filters
from filters import Facet, Known
from tests.filters.naive import NOW


def planned(text: str, **more: Any) -> filters.Plan:
    """A plan for one repository."""
    return filters.plan(text, repository="octo-org/shop", now=NOW, **({"me": "octocat"} | more))


def pushed(text: str, **more: Any) -> dict[str, str]:
    """The telling parameters of a plan's one call, with its path's last part."""
    [call] = planned(text, **more).calls
    usual = {"sort": "created", "direction": "desc", "per_page": "100"}
    return {"to": call.path.rsplit("/", 1)[1]} | {
        key: value for key, value in call.params if usual.get(key) != value
    }


PUSHED = [
    ("", {"to": "issues", "state": "all"}),
    ("is:open", {"to": "issues", "state": "open"}),
    ("-is:open", {"to": "issues", "state": "closed"}),
    ("is:open label:bug label:p1", {"to": "issues", "state": "open", "labels": "bug,p1"}),
    ('is:open label:"a,b"', {"to": "issues", "state": "open"}),
    ("is:open label:*bug*", {"to": "issues", "state": "open"}),
    ("is:open -label:bug", {"to": "issues", "state": "open"}),
    ("is:open no:assignee", {"to": "issues", "state": "open", "assignee": "none"}),
    ("is:open -assignee:*", {"to": "issues", "state": "open", "assignee": "none"}),
    ("is:open -no:milestone", {"to": "issues", "state": "open", "milestone": "*"}),
    ("is:open assignee:@me", {"to": "issues", "state": "open", "assignee": "octocat"}),
    ("is:open author:app/dependabot", {"to": "issues", "state": "open", "creator": "dependabot[bot]"}),
    ("mentions:bob", {"to": "issues", "state": "all", "mentioned": "bob"}),
    ("is:open type:Bug", {"to": "issues", "state": "open", "type": "Bug"}),
    ("reason:completed", {"to": "issues", "state": "closed"}),
    ("closed:>2026-01-01", {"to": "issues", "state": "closed", "since": "2026-01-01T23:59:59Z"}),
    ("is:open updated:<7d", {"to": "issues", "state": "open", "since": "2026-11-13T11:59:59Z"}),
    ("is:open -updated:>7d", {"to": "issues", "state": "open", "since": "2026-11-13T11:59:59Z"}),
    ("is:pr is:open base:main", {"to": "pulls", "state": "open", "base": "main"}),
    ("is:merged", {"to": "pulls", "state": "closed"}),
    ("is:open review:required", {"to": "pulls", "state": "open"}),
    ("is:open (label:a label:b OR label:a label:c)", {"to": "issues", "state": "open", "labels": "a"}),
    ("is:open sort:updated-asc", {"to": "issues", "state": "open", "sort": "updated", "direction": "asc"}),
    ("repo:octo-org/shop is:open", {"to": "issues", "state": "open"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), PUSHED)
def test_what_every_match_has_is_pushed(text: str, expected: dict[str, str]) -> None:
    """The list is narrowed by what follows from the query, and by nothing else; the state is always sent."""
    found = pushed(text, known=Known(labels={}, open_items=90, all_items=100))
    assert found == expected


def test_what_the_server_decides_is_not_checked_again() -> None:
    """Exact parameters leave the residual; an approximate one stays in it."""
    made = planned("is:open label:bug no:assignee created:>2024-01-01 mentions:bob")
    assert made.residual.text == "created:>2024-01-01"
    assert not made.exact
    assert planned("is:open label:bug").exact


@pytest.mark.parametrize(
    "text",
    [
        "is:open is:closed",
        "repo:other/place is:open",
        "is:merged is:issue",
        "type:Bug is:pr",
        "org:elsewhere",
    ],
)
def test_what_cannot_match_costs_nothing(text: str) -> None:
    """A contradiction, or another repository, needs no request."""
    made = planned(text)
    assert made.calls == ()
    assert sum(made.estimate.values()) == 0
    assert planned("is:pr", target="issues").calls == ()


def test_paging_ends_at_a_bound() -> None:
    """Sorted by the date, the pages end where it passes the bound."""
    [call] = planned("is:open created:>2026-11-01").calls
    assert call.stop is not None
    assert call.stop.passed({"created_at": "2026-10-31T00:00:00Z"})
    assert not call.stop.passed({"created_at": "2026-11-02T00:00:00Z"})
    [call] = planned("is:open updated:>30d").calls
    assert dict(call.params)["sort"] == "updated"
    assert call.stop is not None
    assert call.stop.passed({"updated_at": "2026-11-19T00:00:00Z"})
    assert not call.stop.passed({"updated_at": "2026-10-01T00:00:00Z"})


def test_a_limit_may_end_paging_only_in_order() -> None:
    """A plan says whether its results come in the query's own order."""
    assert planned("is:open").in_order
    assert planned("is:open sort:updated-asc").in_order
    assert not planned("is:open sort:reactions").in_order
    assert not planned("is:open updated:>30d").in_order


def test_an_or_is_divided_where_that_is_cheaper() -> None:
    """Two short lists beat a long one; one page beats two."""
    few = Known(open_items=5_000, all_items=9_000, labels={"a": 20, "b": 30})
    assert [dict(call.params)["labels"] for call in planned("is:open label:a,b", known=few).calls] == [
        "a",
        "b",
    ]
    assert len(planned("is:open label:a,b", known=Known(open_items=80, all_items=100)).calls) == 1


def test_only_survivors_are_enriched() -> None:
    """The plan names the facts that those still unknown need, and what they cost."""
    made = planned("is:open label:bug status:failure", known=Known(open_items=300))
    assert made.enrich == (Facet.PULL, Facet.CHECKS) or made.enrich == (Facet.CHECKS,)
    assert made.estimate["graphql"] >= 1
    assert planned("is:open label:bug").enrich == ()


def test_a_fresh_index_costs_one_request() -> None:
    """Where a local index holds the repository, only what changed since is fetched."""
    made = planned("is:closed label:x", known=Known(indexed_at=NOW - timedelta(minutes=10)))
    assert made.source == "index"
    assert made.estimate["core"] == 1
    assert dict(made.calls[0].params)["since"] == "2026-11-20T11:44:59Z"


def test_search_text_is_absolute_and_alone() -> None:
    """Ages become dates, @me a login, and the query stands in parentheses beside the repository."""
    known = Known(open_items=50_000, all_items=500_000)
    made = planned(
        'crash is:open updated:>7d -author:@me -label:none (team:octo/core OR "two words")',
        known=known,
        target="issues",
    )
    [call] = made.calls
    assert dict(call.params)["q"] == (
        '(crash is:open updated:*..2026-11-13T12:00:00Z -author:octocat -no:label (team:octo/core OR "two words")) repo:octo-org/shop is:issue'
    )
    assert made.residual.text.startswith("is:issue")


def test_search_is_not_planned_where_it_cannot_say_the_query() -> None:
    """Wildcards, too many operators and scarce budgets keep to the list."""
    known = Known(open_items=50_000, all_items=500_000)
    for text in ("crash label:*bug*", "crash (a OR b OR c OR d OR e OR f OR g)"):
        assert all(call.kind != "search" for call in planned(text, known=known).calls)
    spent = Known(
        open_items=50_000, all_items=500_000, remaining={"core": 5_000, "search": 0, "graphql": 50_000}
    )
    assert all(call.kind != "search" for call in planned("crash", known=spent).calls)
