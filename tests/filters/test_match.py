"""Matching: every qualifier against items with the fact, without it, and not knowing it."""

from datetime import UTC, datetime
from typing import Any

import pytest

import filters

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
URL = "https://api.github.com/repos/Octo-Org/Shop"


def issue(**more: Any) -> dict[str, Any]:
    """An open issue, as the REST list gives it."""
    return {
        "number": 1, "repository_url": URL, "title": "Crash on start", "body": "It says: null pointer.\nPing @Alice and @octo-org/core",
        "state": "open", "state_reason": None, "locked": False, "user": {"login": "Bob", "type": "User"},
        "labels": [{"name": "Bug"}, {"name": "help wanted"}], "assignees": [{"login": "carol", "type": "User"}],
        "milestone": {"title": "v1.0"}, "comments": 3, "reactions": {"total_count": 2, "heart": 2},
        "created_at": "2026-11-01T10:00:00Z", "updated_at": "2026-11-19T10:00:00Z", "closed_at": None,
        "type": {"name": "Defect"}, "sub_issues_summary": {"total": 2}, "parent_issue_url": f"{URL}/issues/7",
        "issue_dependencies_summary": {"blocked_by": 1, "blocking": 0},
        "issue_field_values": [
            {"issue_field_name": "Priority", "data_type": "single_select", "value": "High", "single_select_option": {"name": "High"}},
            {"issue_field_name": "Story Points", "data_type": "number", "value": 5},
            {"issue_field_name": "Due", "data_type": "date", "value": "2026-12-01"},
        ],
    } | more  # fmt: skip


def pull(**more: Any) -> dict[str, Any]:
    """A merged pull request with its `/pulls` fields."""
    item = issue(
        number=2, state="closed", draft=False, pull_request={"merged_at": "2026-11-10T12:00:00Z"}, closed_at="2026-11-10T12:00:00Z",
        head={"ref": "fix/crash", "sha": "abcdef1234567890"}, base={"ref": "main"},
        requested_reviewers=[{"login": "dave"}], requested_teams=[{"slug": "core", "html_url": "https://github.com/orgs/octo-org/teams/core"}],
    )  # fmt: skip
    for key in (
        "type",
        "sub_issues_summary",
        "parent_issue_url",
        "issue_dependencies_summary",
        "issue_field_values",
    ):
        del item[key]
    return item | more


def judge(query: str, item: dict[str, Any], **context: Any) -> str:
    """The verdict as a word."""
    return filters.compile(query, now=NOW, **({"me": "bob"} | context))(item).value


BOT = {"login": "dependabot[bot]", "type": "Bot"}
COMMENTS = [{"user": {"login": "erin"}, "body": "same here, cc @frank"}]
REPOSITORY = {
    "full_name": "octo-org/shop",
    "visibility": "public",
    "private": False,
    "archived": False,
    "language": "C++",
}

TABLE = [
    # state and kind
    ("is:open", issue(), "yes"), ("state:OPEN", issue(), "yes"), ("is:closed", pull(), "yes"), ("is:open,closed", pull(), "yes"),
    ("is:issue", issue(), "yes"), ("type:issue", pull(), "no"), ("is:pr", pull(), "yes"), ("is:pr", {"number": 3, "head": {}}, "yes"),
    ("is:merged", pull(), "yes"), ("is:merged", issue(state="closed"), "no"), ("is:unmerged", pull(), "no"),
    ("is:unmerged", pull(pull_request={"merged_at": None}), "yes"), ("is:unmerged", issue(), "no"),
    ("is:draft", pull(draft=True), "yes"), ("draft:false", pull(), "yes"), ("draft:false", issue(), "no"), ("-is:draft", issue(), "yes"),
    ("is:locked", issue(), "no"), ("is:unlocked", issue(), "yes"), ("is:locked", {"number": 1}, "unknown"),
    ("is:blocked", issue(), "yes"), ("is:blocking", issue(), "no"), ("is:blocked", pull(), "no"),
    ("type:defect", issue(), "yes"), ("type:bug,DEFECT", issue(), "yes"), ("type:defect", issue(type=None), "no"), ("no:type", issue(type=None), "yes"),
    ("reason:completed", issue(state_reason="completed"), "yes"), ("reason:not_planned", issue(state_reason="not_planned"), "yes"),
    ('reason:"not planned"', issue(state_reason="not_planned"), "yes"), ("reason:duplicate", issue(), "no"),
    # labels
    ("label:bug", issue(), "yes"), ("label:bu", issue(), "no"), ('label:"HELP WANTED"', issue(), "yes"), ("label:x,bug", issue(), "yes"),
    ("label:bug label:x", issue(), "no"), ("-label:x,bug", issue(), "no"), ("label:*wanted", issue(), "yes"), ("label:*elp*", issue(), "yes"),
    ("label:*", issue(labels=[]), "no"), ("label:none", issue(labels=[]), "yes"), ("no:label", issue(labels=[]), "yes"),
    ("-no:label", issue(), "yes"), ("has:label", issue(), "yes"), ("label:bug", issue(labels=["BUG"]), "yes"), ("label:straße", issue(labels=["STRASSE"]), "yes"),
    ("label:bug", {"number": 1}, "unknown"), ("-label:bug", {"number": 1}, "unknown"), ('label:"a,b"', issue(labels=["a,b"]), "yes"),
    # people
    ("author:bob", issue(), "yes"), ("author:@me", issue(), "yes"), ("author:bo*", issue(), "yes"), ("author:bob", issue(user=None), "no"),
    ("-author:bob", issue(user=None), "yes"), ("author:dependabot", issue(user=BOT), "no"), ("author:app/dependabot", issue(user=BOT), "yes"),
    ("author:Dependabot[bot]", issue(user=BOT), "yes"), ("-author:app/dependabot", issue(user=BOT), "no"), ("author:app/bob", issue(), "no"),
    ("assignee:carol", issue(), "yes"), ("assignee:*", issue(), "yes"), ("assignee:none", issue(), "no"), ("no:assignee", issue(assignees=[]), "yes"),
    ("assignee:none", issue(assignees=[]), "yes"), ("assignee:carol,dave", issue(), "yes"), ("assignee:carol assignee:dave", issue(), "no"),
    ("mentions:alice", issue(), "yes"), ("mentions:octo-org", issue(_comments=[]), "no"), ("mentions:zed", issue(), "unknown"), ("mentions:frank", issue(_comments=COMMENTS), "yes"),
    ("team:octo-org/core", issue(), "yes"), ("team:octo-org/web", issue(_comments=COMMENTS), "no"),
    ("commenter:erin", issue(_comments=COMMENTS), "yes"), ("commenter:erin", issue(), "unknown"), ("-commenter:erin", issue(_comments=[]), "yes"),
    ("involves:bob", issue(), "yes"), ("involves:carol", issue(), "yes"), ("involves:alice", issue(), "yes"), ("involves:zed", issue(), "unknown"), ("involves:zed", issue(_comments=[]), "no"),
    # milestone, numbers, dates
    ("milestone:V1.0", issue(), "yes"), ("milestone:*", issue(), "yes"), ("no:milestone", issue(milestone=None), "yes"), ("milestone:v1.0", issue(milestone=None), "no"),
    ("comments:3", issue(), "yes"), ("comments:>3", issue(), "no"), ("comments:>=3", issue(), "yes"), ("comments:1..3", issue(), "yes"), ("comments:*..2", issue(), "no"), ("comments:4..*", issue(), "no"),
    ("reactions:2", issue(), "yes"), ("interactions:5", issue(), "yes"), ("reactions:>1", {"number": 1}, "unknown"),
    ("created:2026-11-01", issue(), "yes"), ("created:>2026-11-01", issue(), "no"), ("created:>=2026-11-01", issue(), "yes"), ("created:<2026-11-01", issue(), "no"), ("created:<=2026-11-01", issue(), "yes"),
    ("created:2026-10-01..2026-11-01", issue(), "yes"), ("created:*..2026-10-31", issue(), "no"), ("created:2026-11-01T12:00:00+02:00", issue(), "yes"), ("created:>2026-11-01T10:00:00Z", issue(), "no"),
    ("created:>2026-11-01", issue(created_at="2026-11-02T01:00:00+02:00"), "no"),
    ("updated:<7d", issue(), "yes"), ("updated:>7d", issue(), "no"), ("updated:>30h", issue(), "no"), ("updated:<30h", issue(), "yes"), ("updated:1d..2d", issue(), "yes"),
    ("updated:<=1d", issue(updated_at="2026-11-19T15:30:00Z"), "yes"), ("updated:<1d", issue(updated_at="2026-11-19T15:30:00Z"), "no"), ("created:<1mo", issue(), "yes"), ("created:>2w", issue(), "yes"),
    ("updated:@today-1d", issue(), "yes"), ("updated:>=@today", issue(), "no"), ("created:>@today-1m", issue(), "yes"), ("updated:<@today-14d", issue(), "no"),
    ("closed:>2020-01-01", issue(), "no"), ("-closed:>2020-01-01", issue(), "yes"), ("closed:*", pull(), "yes"), ("merged:2026-11-10", pull(), "yes"), ("merged:>2020-01-01", issue(), "no"),
    # the rest of the list's facts
    ("parent-issue:octo-org/shop#7", issue(), "yes"), ("parent-issue:octo-org/shop#8", issue(), "no"), ("-parent-issue:*", issue(), "no"), ("-parent-issue:*", issue(parent_issue_url=None), "yes"), ("has:sub-issue", issue(), "yes"), ("no:parent-issue", pull(), "yes"),
    ("field.priority:high", issue(), "yes"), ("field.Priority:low,HIGH", issue(), "yes"), ('field."story points":>3', issue(), "yes"), ("field.story-points:<=4", issue(), "no"), ("field.due:>=2026-12-01", issue(), "yes"), ("field.due:<2026-12-01", issue(), "no"),
    ("has:field.due", issue(), "yes"), ("no:field.effort", issue(), "yes"), ("field.effort:x", issue(), "no"), ("field.priority:high", pull(), "no"),
    # pull requests
    ("head:fix", pull(), "yes"), ("head:crash", pull(), "no"), ("base:main", pull(), "yes"), ("base:mai", pull(), "no"), ("base:main", issue(), "no"), ("base:main", issue(pull_request={}), "unknown"),
    ("review-requested:dave", pull(), "yes"), ("review-requested:erin", pull(), "unknown"), ("user-review-requested:erin", pull(), "no"), ("team-review-requested:octo-org/core", pull(), "yes"), ("team-review-requested:other/core", pull(), "no"),
    ("review:approved", pull(_review_decision="APPROVED"), "yes"), ("review:approved", pull(_review_decision=None), "no"), ("review:approved", pull(), "unknown"), ("review:none", pull(_reviews=[]), "yes"), ("review:required", issue(), "no"), ("-review:approved", issue(), "yes"),
    ("reviewed-by:erin", pull(_reviews=[{"user": {"login": "erin"}}]), "yes"), ("reviewed-by:erin", pull(), "unknown"),
    ("status:success", pull(_checks="success"), "yes"), ("status:success", pull(_checks=None), "no"), ("status:failure", pull(), "unknown"), ("status:failure", issue(), "no"),
    ("linked:pr", issue(_linked=[4]), "yes"), ("linked:pr", issue(_linked=[]), "no"), ("linked:issue", pull(), "unknown"), ("linked:issue", issue(), "no"),
    ("is:queued", pull(_merge_queue=True), "yes"), ("is:queued", pull(), "unknown"), ("abcdef1", pull(), "yes"), ("1234567", pull(_commits=["12345678"], _comments=[]), "yes"), ("1234567", pull(_comments=[]), "unknown"), ("1234567", issue(_comments=[]), "no"),
    ("project:octo-org/7", issue(_projects=["octo-org/7"]), "yes"), ("no:project", issue(), "unknown"), ("has:project", issue(_projects=[]), "no"),
    # the repository
    ("repo:octo-org/shop", issue(), "yes"), ("repo:a/b repo:octo-org/shop", issue(), "yes"), ("repo:a/b org:octo-org", issue(), "yes"), ("-repo:octo-org/shop", issue(), "no"), ("org:octo-org", issue(), "yes"), ("user:nobody", issue(), "no"),
    ("archived:false", issue(), "unknown"), ("archived:false", issue(_repository=REPOSITORY), "yes"), ("is:public", issue(_repository=REPOSITORY), "yes"), ("language:c++", issue(_repository=REPOSITORY), "yes"), ("language:go", issue(_repository={"language": None}), "no"),
    # free text
    ("crash", issue(), "yes"), ("CRASH", issue(), "yes"), ("cras", issue(_comments=[]), "no"), ("cras", issue(), "unknown"), ("cras in:title,body", issue(), "no"), ('"null pointer"', issue(), "yes"), ('"pointer null" in:body', issue(), "no"),
    ('"pointer. ping" in:body', issue(), "yes"), ("here", issue(_comments=COMMENTS), "yes"), ("here in:comments", issue(_comments=COMMENTS), "yes"), ("crash in:body", issue(), "no"), ("crash pointer", issue(), "yes"), ("NOT crash", issue(), "no"), ("-zebra", issue(), "unknown"), ("zebra in:body", issue(body=None), "no"),
    # a repeated in: narrows: the word must be in both places
    ("in:title in:body crash", issue(), "no"), ("in:title in:body crash", issue(body="A crash."), "yes"), ("in:body in:title crash", issue(title="Slow", body="A crash."), "no"), ("in:title in:body -crash", issue(), "yes"),
    ("in:title in:body,comments crash", issue(_comments=[{"body": "a crash"}]), "yes"), ("in:title in:comments crash", issue(), "unknown"), ("in:title in:comments (in:title crash)", issue(), "yes"), ("in:title in:title crash", issue(), "yes"),
    # operators
    ("label:x OR is:open", issue(), "yes"), ("is:closed OR label:x author:bob", issue(), "no"), ("(is:closed OR label:bug) author:bob", issue(), "yes"), ("-(is:open label:bug)", issue(), "no"), ("is:open commenter:erin", issue(state="closed"), "no"), ("is:open OR commenter:erin", issue(), "yes"), ("NOT (commenter:erin is:closed)", issue(), "yes"),
    ("", issue(), "yes"), ("sort:updated-desc", issue(), "yes"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "item", "verdict"), TABLE, ids=[f"{row[0]}-{row[2]}" for row in TABLE])
def test_verdict(query: str, item: dict[str, Any], verdict: str) -> None:
    """Each qualifier answers as GitHub's search does, and says unknown where the fact is not there."""
    assert judge(query, item) == verdict


def test_me_is_unknown_until_told() -> None:
    """Without a viewer, `@me` decides nothing, and the matcher says that the viewer is what it lacks."""
    matcher = filters.compile("author:@me", now=NOW)
    assert matcher(issue()) is filters.Verdict.UNKNOWN
    assert matcher.needs(issue()) == {filters.Facet.VIEWER}


def test_teams_decide_review_requests() -> None:
    """A review asked of a team is asked of its members."""
    teams = {"Octo-Org/Core": ["Erin"]}
    assert judge("review-requested:erin", pull(), teams=teams) == "yes"
    assert judge("review-requested:frank", pull(), teams=teams) == "no"


def test_only_deciding_facts_are_asked_for() -> None:
    """An item that is settled needs nothing; one that is not names the facts its answer turns on."""
    matcher = filters.compile("label:bug status:success (commenter:erin OR author:bob)", now=NOW, me=None)
    assert matcher.needs(pull(labels=[])) == frozenset()
    assert matcher.needs(pull()) == {filters.Facet.CHECKS}
    assert filters.needs("is:open label:bug") == {filters.Facet.ITEM}


def test_results_are_ordered() -> None:
    """Newest first without a sort; else by the key, those without it last."""
    items = [
        issue(number=n, created_at=f"2026-01-0{n}T00:00:00Z", comments=c) for n, c in ((1, 5), (2, 9), (3, 5))
    ]
    numbers = lambda query: [item["number"] for item in filters.compile(query, now=NOW).order(items)]  # noqa: E731
    assert numbers("is:open") == [3, 2, 1]
    assert numbers("sort:created-asc") == [1, 2, 3]
    assert numbers("sort:comments") == [2, 3, 1]
    assert numbers("sort:comments-asc") == [1, 3, 2]


@pytest.mark.parametrize(
    "broken",
    [
        {"labels": 5},
        {"user": 7},
        {"created_at": "soon"},
        {"labels": [None]},
        {"milestone": []},
        {"state": {}},
    ],
)
def test_malformed_facts_are_no_facts(broken: dict[str, Any]) -> None:
    """A payload of the wrong shape never raises; what cannot be read is not known."""
    query = "label:x OR author:y OR created:2020-01-01 OR milestone:z"
    assert judge(query, issue(**broken)) in {"no", "unknown"}
