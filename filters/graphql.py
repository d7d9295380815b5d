"""The GraphQL shape of an issue or pull request, told in the REST shape that the rest of the package reads.

Only what the node carries is told, so a field that was not asked for stays unknown; a connection of which further
pages are left is not told either, except for what is certain already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Node = Mapping[str, Any]
_BOTS = ("Bot",)


def from_graphql(node: Node) -> dict[str, Any]:
    """Tell a GraphQL `Issue` or `PullRequest` as a REST item with the facts that ride along under `_` keys."""
    item: dict[str, Any] = {}
    for key, tell in _TOLD.items():
        if key in node:
            item |= tell(node[key])
    if _is_pull(node):
        item["pull_request"] = {"merged_at": node["mergedAt"]} if "mergedAt" in node else {}
        if item.get("state") == "merged":
            item["state"] = "closed"
        if "headRefName" in node or "headRefOid" in node:
            item["head"] = {"ref": node.get("headRefName"), "sha": node.get("headRefOid")}
    return item


def _is_pull(node: Node) -> bool:
    return node.get("__typename") == "PullRequest" or any(
        key in node for key in ("headRefName", "isDraft", "mergedAt", "baseRefName")
    )


def _plain(name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda value: {name: value}


def _folded(name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda value: {name: value.lower() if value else None}


def _user(actor: Any) -> dict[str, Any] | None:
    """A REST user: GraphQL calls a bot by its bare name."""
    if actor is None:
        return None
    bot = actor.get("__typename") in _BOTS
    login = actor["login"]
    return {
        "login": f"{login}[bot]" if bot and not login.endswith("[bot]") else login,
        "type": "Bot" if bot else "User",
    }


def _whole(connection: Any) -> bool:
    return not (connection.get("pageInfo") or {}).get("hasNextPage", False)


def _nodes(name: str, tell: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    """The entries of a connection, if all of them are there."""

    def told(connection: Any) -> dict[str, Any]:
        if connection is None:
            return {name: []}
        if "nodes" not in connection or not _whole(connection):
            return {}
        return {name: [tell(node) for node in connection["nodes"] if node is not None]}

    return told


def _comments(connection: Any) -> dict[str, Any]:
    told = _nodes("_comments", _said)(connection)
    return told | ({"comments": connection["totalCount"]} if "totalCount" in (connection or {}) else {})


def _said(node: Any) -> dict[str, Any]:
    return {"user": _user(node.get("author")), "body": node.get("body"), "state": node.get("state")}


def _requests(connection: Any) -> dict[str, Any]:
    if connection is None or not _whole(connection):
        return {}
    asked = [
        node["requestedReviewer"]
        for node in connection.get("nodes") or ()
        if node and node.get("requestedReviewer")
    ]
    return {
        "requested_reviewers": [_user(each) for each in asked if "login" in each],
        "requested_teams": [
            {"slug": each.get("slug"), **_team_org(each)} for each in asked if "login" not in each
        ],
    }


def _team_org(team: Any) -> dict[str, Any]:
    org = str(team.get("combinedSlug") or "").partition("/")[0]
    return {"organization": {"login": org}} if org else {}


def _rollup(commits: Any) -> dict[str, Any]:
    """The checks, from `commits(last: 1)`."""
    nodes = (commits or {}).get("nodes") or []
    if not nodes or "statusCheckRollup" not in nodes[-1].get("commit", {}):
        return {}
    return _checks(nodes[-1]["commit"]["statusCheckRollup"])


def _checks(rollup: Any) -> dict[str, Any]:
    state = rollup["state"].lower() if rollup else None
    return {"_checks": {"error": "failure", "expected": "pending"}.get(state or "", state)}


def _project(node: Any) -> str:
    return f"{node['project']['owner']['login']}/{node['project']['number']}"


def _repository(value: Any) -> dict[str, Any]:
    names = {"nameWithOwner": "full_name", "isArchived": "archived", "isPrivate": "private"}
    told = {rest: value[key] for key, rest in names.items() if key in value}
    if "visibility" in value:
        told["visibility"] = value["visibility"].lower()
    if "primaryLanguage" in value:
        told["language"] = (value["primaryLanguage"] or {}).get("name")
    return {"_repository": told}


_TOLD: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "number": _plain("number"), "title": _plain("title"), "body": _plain("body"), "locked": _plain("locked"),
    "createdAt": _plain("created_at"), "updatedAt": _plain("updated_at"), "closedAt": _plain("closed_at"),
    "state": _folded("state"), "stateReason": _folded("state_reason"), "isDraft": _plain("draft"),
    "author": lambda actor: {"user": _user(actor)},
    "labels": _nodes("labels", lambda node: {"name": node["name"]}),
    "assignees": _nodes("assignees", _user),
    "milestone": _plain("milestone"), "issueType": _plain("type"),
    "comments": _comments, "reviews": _nodes("_reviews", _said), "reviewDecision": _plain("_review_decision"),
    "reactions": lambda value: {"reactions": {"total_count": value["totalCount"]}},
    "baseRefName": lambda name: {"base": {"ref": name}}, "reviewRequests": _requests,
    "commits": _rollup, "statusCheckRollup": _checks, "isInMergeQueue": _plain("_merge_queue"),
    "closingIssuesReferences": _nodes("_linked", lambda node: node["number"]),
    "closedByPullRequestsReferences": _nodes("_linked", lambda node: node["number"]),
    "projectItems": _nodes("_projects", _project), "repository": _repository,
}  # fmt: skip
