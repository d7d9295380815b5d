"""Records as GraphQL sees them: dictionaries whose connections are functions of their arguments."""

import base64
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from graphql import GraphQLError

from bot.demo import records as r
from bot.demo import shapes_issues
from bot.demo.commits import Commit, commits_between, one_commit
from bot.demo.core import Core
from bot.demo.diffs import diff_of_pull, pull_base
from bot.demo.gitstore import GitFault
from bot.demo.ids import node_id
from bot.demo.linked import closed_issues, closing_pulls
from bot.demo.searchterms import review_decision
from bot.demo.statuses import latest_statuses, rollup

T = TypeVar("T")
Fields = dict[str, Any]

REACTIONS = {
    "+1": "THUMBS_UP", "-1": "THUMBS_DOWN", "laugh": "LAUGH", "hooray": "HOORAY", "confused": "CONFUSED",
    "heart": "HEART", "rocket": "ROCKET", "eyes": "EYES",
}  # fmt: skip


def _cursor(position: int) -> str:
    return base64.b64encode(f"cursor:{position}".encode()).decode()


def _position(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor).decode().removeprefix("cursor:"))
    except ValueError as fault:
        raise GraphQLError(f"`{cursor}` does not appear to be a valid cursor.") from fault


def connection(name: str, rows: Sequence[T], shape: Callable[[T], Fields], args: Fields) -> Fields:
    """A page of a list; GitHub insists on `first` or `last` of at most 100."""
    first, last = args.get("first"), args.get("last")
    wanted = first if first is not None else last
    if wanted is None:
        raise GraphQLError(
            f"You must provide a `first` or `last` value to properly paginate the `{name}` connection."
        )
    if not 0 <= wanted <= 100:
        raise GraphQLError(
            f"Requesting {wanted} records on the `{name}` connection exceeds the limit of 100 records."
        )
    start = _position(args["after"]) if args.get("after") else 0
    end = _position(args["before"]) - 1 if args.get("before") else len(rows)
    low, high = (start, min(end, start + wanted)) if first is not None else (max(start, end - wanted), end)
    nodes = [shape(x) for x in rows[low:high]]
    return {
        "nodes": nodes,
        "edges": [{"cursor": _cursor(low + i + 1), "node": x} for i, x in enumerate(nodes)],
        "totalCount": len(rows),
        "issueCount": len(rows),
        "pageInfo": {
            "hasNextPage": high < len(rows),
            "hasPreviousPage": low > 0,
            "startCursor": _cursor(low + 1) if nodes else None,
            "endCursor": _cursor(high) if nodes else None,
        },
    }


def _listed(
    name: str, rows: Callable[[], Sequence[T]], shape: Callable[[T], Fields]
) -> Callable[..., Fields]:
    return lambda _info, **args: connection(name, rows(), shape, args)


def actor(core: Core, login: str | None) -> Fields | None:
    """A user, bot (its login without `[bot]`, as GraphQL has it) or organisation."""
    if login is None:
        return None
    user = core.ensure_user(login)
    kind = {"Bot": "bot", "Organization": "org"}.get(user.type, "user")
    return {
        "__typename": user.type,
        "id": node_id(kind, user.id),
        "databaseId": user.id,
        "login": user.login.removesuffix("[bot]"),
        "name": user.name,
        "avatarUrl": f"{core.url}/avatars/{user.id}",
        "url": f"{core.url}/{user.login}",
    }


def _user(core: Core, login: str) -> Fields:
    return {**(actor(core, login) or {}), "__typename": "User"}


def _label(row: r.Label) -> Fields:
    return {
        "__typename": "Label", "id": node_id("label", row.id), "name": row.name, "color": row.color,
        "description": row.description,
    }  # fmt: skip


def _milestone(core: Core, row: r.Issue) -> Fields | None:
    found = core.tables.milestones.one("number", (row.repo_id, row.milestone))
    if found is None:
        return None
    return {
        "__typename": "Milestone", "id": node_id("milestone", found.id), "number": found.number,
        "title": found.title, "dueOn": found.due_on, "state": found.state.upper(),
    }  # fmt: skip


def repository(core: Core, repo: r.Repo) -> Fields:
    """`Repository` without its lists, which need the asker."""
    return {
        "__typename": "Repository",
        "id": node_id("repo", repo.id),
        "databaseId": repo.id,
        "name": repo.name,
        "nameWithOwner": repo.full_name,
        "isPrivate": repo.private,
        "isArchived": repo.archived,
        "url": f"{core.url}/{repo.full_name}",
        "owner": actor(core, repo.owner),
        "defaultBranchRef": _ref(repo.default_branch),
        "labels": _listed("labels", lambda: core.tables.labels.under("repo", repo.id), _label),
    }


def _ref(name: str) -> Fields:
    return {"__typename": "Ref", "id": node_id("ref", name), "name": name}


def item(core: Core, row: r.Issue) -> Fields:
    """`Issue` or `PullRequest`."""
    repo = core.repo_of(row)
    labels = [x for x in (core.tables.labels.get(i) for i in row.labels) if x is not None]
    web = f"{core.url}/{repo.full_name}/{'pull' if row.is_pull else 'issues'}/{row.number}"
    fields: Fields = {
        "__typename": "PullRequest" if row.is_pull else "Issue",
        "id": node_id("pull" if row.is_pull else "issue", row.id),
        "databaseId": row.id,
        "fullDatabaseId": str(row.id),
        "number": row.number,
        "title": row.title,
        "body": row.body or "",
        "bodyText": row.body or "",
        "url": web,
        "state": row.state.upper(),
        "author": actor(core, row.author),
        "authorAssociation": row.association or core.association(repo, row.author),
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
        "closedAt": row.closed_at,
        "closed": row.state == "closed",
        "locked": row.locked,
        "milestone": _milestone(core, row),
        "repository": repository(core, repo),
        "labels": _listed("labels", lambda: labels, _label),
        "assignees": _listed("assignees", lambda: row.assignees, lambda x: _user(core, x)),
        "participants": _listed("participants", lambda: _participants(core, row), lambda x: _user(core, x)),
        "comments": _listed("comments", lambda: core.tables.comments.under("issue", row.id), lambda x: comment(core, x)),
        "reactions": _listed("reactions", lambda: core.tables.reactions.under("subject", ("issue", row.id)),
                             lambda x: _reaction(core, x)),
        "projectItems": _listed("projectItems", lambda: row.projects, lambda x: _project(core, x)),
    }  # fmt: skip
    return fields | (_pull(core, repo, row) if row.is_pull else _issue(core, row))


def _participants(core: Core, row: r.Issue) -> list[str]:
    authors = [row.author, *(x.author for x in core.tables.comments.under("issue", row.id))]
    return list(dict.fromkeys(x for x in authors if x is not None and not x.endswith("[bot]")))


def _reaction(core: Core, row: r.Reaction) -> Fields:
    return {
        "__typename": "Reaction", "id": node_id("reaction", row.id), "content": REACTIONS[row.content],
        "user": _user(core, row.user), "createdAt": row.created_at,
    }  # fmt: skip


def _project(core: Core, name: str) -> Fields:
    owner, _, number = name.partition("/")
    whole = int(number) if number.isdecimal() else 0
    project = {
        "__typename": "ProjectV2", "id": f"PVT_{name}", "number": whole, "title": f"Project {number}",
        "url": f"{core.url}/orgs/{owner}/projects/{number}", "owner": actor(core, owner),
    }  # fmt: skip
    return {"__typename": "ProjectV2Item", "id": f"PVTI_{name}", "isArchived": False, "project": project}


def _issue(core: Core, row: r.Issue) -> Fields:
    kind = {"__typename": "IssueType", "id": f"IT_{row.type}", "name": row.type} if row.type else None

    def references(info: Any, *, includeClosedPrs: bool = False, **args: Any) -> Fields:  # noqa: N803
        rows = [x for x in closing_pulls(core, row) if includeClosedPrs or _counts(core, x)]
        return connection("closedByPullRequestsReferences", rows, lambda x: item(core, x), args)

    reason = row.state_reason.upper() if row.state_reason else None
    return {"stateReason": reason, "issueType": kind, "closedByPullRequestsReferences": references}


def _counts(core: Core, row: r.Issue) -> bool:
    """Without `includeClosedPrs` only open and merged pull requests are given."""
    return row.state == "open" or core.tables.pulls.rows[row.id].merged_at is not None


def _pull(core: Core, repo: r.Repo, row: r.Issue) -> Fields:
    pull = core.tables.pulls.rows[row.id]
    merged = pull.merged_at is not None
    return {
        "state": "MERGED" if merged else row.state.upper(),
        "merged": merged,
        "mergedAt": pull.merged_at,
        "isDraft": pull.draft,
        "isInMergeQueue": pull.queued,
        "isCrossRepository": pull.head_repo is not None,
        "additions": pull.additions or 0,
        "deletions": pull.deletions or 0,
        "changedFiles": pull.changed_files or 0,
        "headRefName": pull.head_ref,
        "headRefOid": pull.head_sha,
        "baseRefName": pull.base_ref,
        "baseRefOid": pull.base_sha,
        "headRef": _ref(pull.head_ref),
        "baseRef": _ref(pull.base_ref),
        "reviewDecision": review_decision(core, row),
        "statusCheckRollup": _rollup(core, repo, pull.head_sha),
        "reviews": lambda _info, **args: _reviews(core, row, args),
        "latestReviews": _listed("latestReviews", lambda: _latest(core, row), lambda x: review(core, x)),
        "reviewRequests": _listed("reviewRequests", lambda: _requests(core, repo, pull), lambda x: x),
        "commits": _listed("commits", lambda: _commits(core, row), lambda x: _pull_commit(core, repo, x)),
        "files": _listed("files", lambda: diff_of_pull(core, row), lambda x: {
            "path": x.path, "additions": x.additions, "deletions": x.deletions}),
        "closingIssuesReferences": _listed("closingIssuesReferences", lambda: closed_issues(core, row),
                                           lambda x: item(core, x)),
    }  # fmt: skip


def _reviews(core: Core, row: r.Issue, args: Fields) -> Fields:
    rows = core.tables.reviews.under("issue", row.id)
    if args.get("states"):
        rows = [x for x in rows if x.state in args["states"]]
    if args.get("author"):
        rows = [x for x in rows if (x.author or "").lower() == args["author"].lower()]
    return connection("reviews", rows, lambda x: review(core, x), args)


def _latest(core: Core, row: r.Issue) -> list[r.Review]:
    return list({x.author: x for x in core.tables.reviews.under("issue", row.id)}.values())


def _requests(core: Core, repo: r.Repo, pull: r.Pull) -> list[Fields]:
    people = [{"id": f"RR_{x}", "requestedReviewer": actor(core, x)} for x in pull.reviewers]
    teams = [
        t for t in (shapes_issues.find_team(core, repo, s) for s in pull.team_reviewers) if t is not None
    ]
    groups = [{"id": f"RR_{x.id}", "requestedReviewer": _team(repo, x)} for x in teams]
    return [*people, *groups]


def _team(repo: r.Repo, row: r.Team) -> Fields:
    combined = f"{repo.owner}/{row.slug}"
    return {"__typename": "Team", "id": node_id("team", row.id), "name": row.name, "slug": row.slug,
            "combinedSlug": combined}  # fmt: skip


def _commits(core: Core, row: r.Issue) -> list[Commit]:
    found = pull_base(core, row)
    return [] if found is None else commits_between(*found)


def _pull_commit(core: Core, repo: r.Repo, commit: Commit) -> Fields:
    return {"id": f"PURC_{commit.sha}", "commit": _commit(core, repo, commit)}


def _commit(core: Core, repo: r.Repo, commit: Commit) -> Fields:
    return {
        "__typename": "Commit",
        "id": node_id("commit", commit.sha),
        "oid": commit.sha,
        "abbreviatedOid": commit.sha[:7],
        "message": commit.message,
        "messageHeadline": commit.message.partition("\n")[0],
        "committedDate": commit.committer[2],
        "statusCheckRollup": _rollup(core, repo, commit.sha),
    }


def _rollup(core: Core, repo: r.Repo, sha: str) -> Fields | None:
    state = rollup(core, repo, sha)
    if state is None:
        return None
    runs: list[Fields] = [_check_run(x) for x in core.tables.check_runs.under("commit", (repo.id, sha))]
    contexts = runs + [_status(x) for x in latest_statuses(core, repo, sha)]
    return {
        "id": f"SCR_{sha}",
        "state": state,
        "contexts": _listed("contexts", lambda: contexts, lambda x: x),
    }


def _check_run(row: r.CheckRun) -> Fields:
    return {
        "__typename": "CheckRun", "id": node_id("check_run", row.id), "databaseId": row.id, "name": row.name,
        "status": row.status.upper(), "conclusion": row.conclusion.upper() if row.conclusion else None,
    }  # fmt: skip


def _status(row: r.Status) -> Fields:
    return {
        "__typename": "StatusContext", "id": node_id("status", row.id), "context": row.context,
        "state": row.state.upper(), "description": row.description,
    }  # fmt: skip


def _minimized(reason: str | None) -> Fields:
    shown = None if reason is None else reason.lower().replace("_", "-")
    return {"isMinimized": reason is not None, "minimizedReason": shown, "viewerCanMinimize": True}


def comment(core: Core, row: r.Comment) -> Fields:
    """`IssueComment`."""
    shape = shapes_issues.comment(core, row)
    return {
        "__typename": "IssueComment",
        "id": shape["node_id"],
        "databaseId": row.id,
        "fullDatabaseId": str(row.id),
        "author": actor(core, row.author),
        "authorAssociation": shape["author_association"],
        "body": row.body,
        "bodyText": row.body,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
        "url": shape["html_url"],
        "viewerDidAuthor": lambda info: info.context.caller.login == row.author,
        "reactions": _listed("reactions", lambda: core.tables.reactions.under("subject", ("comment", row.id)),
                             lambda x: _reaction(core, x)),
        **_minimized(row.minimized),
    }  # fmt: skip


def review(core: Core, row: r.Review) -> Fields:
    """`PullRequestReview`."""
    shape = shapes_issues.review(core, row)
    repo = core.repo_of(row)
    at = row.submitted_at or core.now()
    return {
        "__typename": "PullRequestReview",
        "id": shape["node_id"],
        "databaseId": row.id,
        "author": actor(core, row.author),
        "authorAssociation": shape["author_association"],
        "body": row.body,
        "state": row.state,
        "submittedAt": row.submitted_at,
        "createdAt": at,
        "updatedAt": at,
        "url": shape["html_url"],
        "commit": lambda _info: _commit_at(core, repo, row.commit_id),
        "comments": _listed("comments", lambda: core.tables.review_comments.under("review", row.id),
                            lambda x: review_comment(core, x)),
        **_minimized(row.minimized),
    }  # fmt: skip


def _commit_at(core: Core, repo: r.Repo, sha: str) -> Fields | None:
    try:
        return _commit(core, repo, one_commit(core.git.open(repo.id, repo.default_branch), sha))
    except GitFault:
        return None


def review_comment(core: Core, row: r.ReviewComment) -> Fields:
    """`PullRequestReviewComment`."""
    shape = shapes_issues.review_comment(core, row)
    return {
        "__typename": "PullRequestReviewComment",
        "id": shape["node_id"],
        "databaseId": row.id,
        "author": actor(core, row.author),
        "body": row.body,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
        "path": row.path,
        "line": row.line,
        "url": shape["html_url"],
        **_minimized(row.minimized),
    }
