"""The GraphQL shape: the same answers, and unknown where something was not asked for."""

from typing import Any

import pytest

import filters
from tests.filters.naive import NOW

PULL: dict[str, Any] = {
    "__typename": "PullRequest", "number": 7, "title": "Fix", "body": "cc @alice", "state": "MERGED", "locked": False, "isDraft": False,
    "createdAt": "2026-11-01T00:00:00Z", "updatedAt": "2026-11-02T00:00:00Z", "closedAt": "2026-11-02T00:00:00Z", "mergedAt": "2026-11-02T00:00:00Z",
    "author": {"__typename": "Bot", "login": "dependabot"}, "labels": {"nodes": [{"name": "Bug"}]}, "assignees": {"nodes": []}, "milestone": None,
    "comments": {"totalCount": 1, "nodes": [{"author": {"login": "erin"}, "body": "hm"}], "pageInfo": {"hasNextPage": False}},
    "reviews": {"nodes": [{"author": {"login": "frank"}, "state": "APPROVED"}]}, "reviewDecision": "APPROVED",
    "headRefName": "fix", "headRefOid": "abcdef1234", "baseRefName": "main",
    "reviewRequests": {"nodes": [{"requestedReviewer": {"slug": "core", "combinedSlug": "octo/core"}}]},
    "commits": {"nodes": [{"commit": {"statusCheckRollup": {"state": "ERROR"}}}]}, "isInMergeQueue": False,
    "closingIssuesReferences": {"nodes": [{"number": 3}]}, "projectItems": {"nodes": [{"project": {"number": 7, "owner": {"login": "octo"}}}]},
    "repository": {"nameWithOwner": "octo/shop", "visibility": "PUBLIC", "isArchived": False, "primaryLanguage": {"name": "Go"}},
}  # fmt: skip

YES = [
    "is:pr", "is:merged", "is:closed", "draft:false", "author:app/dependabot", "label:bug", "no:assignee", "no:milestone", "comments:1", "commenter:erin",
    "mentions:alice", "reviewed-by:frank", "review:approved", "head:fix", "base:main", "team-review-requested:octo/core", "status:failure", "linked:issue",
    "project:octo/7", "repo:octo/shop", "is:public", "archived:false", "language:go", "abcdef1", "merged:2026-11-02", "-is:queued",
]  # fmt: skip


@pytest.mark.parametrize("query", YES)
def test_a_node_is_judged_like_an_item(query: str) -> None:
    """Each fact of the node answers its qualifier."""
    assert filters.compile(query, now=NOW)(filters.from_graphql(PULL)) is filters.Verdict.YES


def test_what_was_not_asked_for_is_unknown() -> None:
    """A field left out, and a connection with pages left, tell nothing."""
    part = {
        "__typename": "Issue",
        "number": 1,
        "labels": {"nodes": [], "pageInfo": {"hasNextPage": True}},
        "closedByPullRequestsReferences": {"nodes": []},
    }
    item = filters.from_graphql(part)
    assert [
        filters.compile(query, now=NOW)(item).value
        for query in ("label:x", "is:open", "is:issue", "linked:pr")
    ] == ["unknown", "unknown", "yes", "no"]
