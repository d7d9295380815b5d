"""Issues, pull requests, comments, reviews and events as GitHub's REST API shows them."""

from typing import Any

from bot.demo import records as r
from bot.demo.core import Core
from bot.demo.ids import node_id
from bot.demo.shapes import Shape, app_by_id, label, milestone, reactions, repository, simple_user


def issue(core: Core, row: r.Issue, repo: r.Repo) -> Shape:
    """`issue`: what `/issues` gives for issues and, with the key `pull_request`, for pull requests."""
    root = f"{core.api_url}/repos/{repo.full_name}"
    api = f"{root}/issues/{row.number}"
    out: Shape = {
        "url": api,
        "repository_url": root,
        "labels_url": f"{api}/labels{{/name}}",
        "comments_url": f"{api}/comments",
        "events_url": f"{api}/events",
        "html_url": f"{core.url}/{repo.full_name}/{'pull' if row.is_pull else 'issues'}/{row.number}",
        "id": row.id,
        "node_id": node_id("pull" if row.is_pull else "issue", row.id),
        "number": row.number,
        "title": row.title,
        "user": simple_user(core, row.author),
        "labels": labels(core, row),
        "state": row.state,
        "locked": row.locked,
        "assignee": simple_user(core, row.assignees[0]) if row.assignees else None,
        "assignees": [simple_user(core, x) for x in row.assignees],
        "milestone": _milestone(core, row),
        "comments": row.comments,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "closed_at": row.closed_at,
        "author_association": row.association or core.association(repo, row.author),
        "active_lock_reason": row.lock_reason,
        "body": row.body,
        "reactions": reactions(api, row.reactions),
        "timeline_url": f"{api}/timeline",
        "performed_via_github_app": app_by_id(core, row.via_app),
        "state_reason": row.state_reason,
    }
    if row.is_pull:
        out.update(_pull_keys(core, row, repo))
    else:
        out.update(_issue_keys(core, row))
    return out


def _pull_keys(core: Core, row: r.Issue, repo: r.Repo) -> Shape:
    pull = core.tables.pulls.rows[row.id]
    web = f"{core.url}/{repo.full_name}/pull/{row.number}"
    return {
        "draft": pull.draft,
        "pull_request": {
            "url": f"{core.api_url}/repos/{repo.full_name}/pulls/{row.number}",
            "html_url": web,
            "diff_url": f"{web}.diff",
            "patch_url": f"{web}.patch",
            "merged_at": pull.merged_at,
        },
    }


def _issue_keys(core: Core, row: r.Issue) -> Shape:
    kind = None
    if row.type is not None:
        kind = {
            "id": 1,
            "node_id": "IT_1",
            "name": row.type,
            "description": None,
            "color": "gray",
            "is_enabled": True,
        }
    blockers = [x for x in (core.tables.issues.get(i) for i in row.blocked_by) if x is not None]
    return {
        "type": kind,
        "sub_issues_summary": {"total": 0, "completed": 0, "percent_completed": 0},
        "issue_dependencies_summary": {
            "blocked_by": sum(x.state == "open" for x in blockers),
            "blocking": 0,
            "total_blocked_by": len(blockers),
            "total_blocking": 0,
        },
    }


def closed_by(core: Core, row: r.Issue) -> Shape:
    """What only the single issue has."""
    return {"closed_by": simple_user(core, row.closed_by)}


def labels(core: Core, row: r.Issue) -> list[Shape]:
    """An issue's labels."""
    return [label(core, x) for x in (core.tables.labels.get(i) for i in row.labels) if x is not None]


def _milestone(core: Core, row: r.Issue) -> Shape | None:
    if row.milestone is None:
        return None
    found = core.tables.milestones.one("number", (row.repo_id, row.milestone))
    return None if found is None else milestone(core, found)


def comment(core: Core, row: r.Comment) -> Shape:
    """`issue-comment`."""
    repo, parent = core.repo_of(row), core.tables.issues.rows[row.issue_id]
    api = f"{core.api_url}/repos/{repo.full_name}/issues/comments/{row.id}"
    kind = "pull" if parent.is_pull else "issues"
    return {
        "url": api,
        "html_url": f"{core.url}/{repo.full_name}/{kind}/{parent.number}#issuecomment-{row.id}",
        "issue_url": f"{core.api_url}/repos/{repo.full_name}/issues/{parent.number}",
        "id": row.id,
        "node_id": node_id("comment", row.id),
        "user": simple_user(core, row.author),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "body": row.body,
        "author_association": row.association or core.association(repo, row.author),
        "reactions": reactions(api, row.reactions),
        "performed_via_github_app": app_by_id(core, row.via_app),
    }


def reaction(core: Core, row: r.Reaction) -> Shape:
    """`reaction`."""
    return {
        "id": row.id,
        "node_id": node_id("reaction", row.id),
        "user": simple_user(core, row.user),
        "content": row.content,
        "created_at": row.created_at,
    }


def _side(core: Core, repo: r.Repo, ref: str, sha: str, other: str | None) -> Shape:
    owner = (other or repo.full_name).partition("/")[0]
    source = repo if other is None else core.repo(other)
    return {
        "label": f"{owner}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": simple_user(core, owner),
        "repo": None if source is None else repository(core, source),
    }


def pull_simple(core: Core, row: r.Issue, repo: r.Repo) -> Shape:
    """`pull-request-simple`: what the list gives (no counts, no reactions, no state_reason)."""
    pull = core.tables.pulls.rows[row.id]
    root = f"{core.api_url}/repos/{repo.full_name}"
    api, web = f"{root}/pulls/{row.number}", f"{core.url}/{repo.full_name}/pull/{row.number}"
    statuses = f"{root}/statuses/{pull.head_sha}"
    return {
        "url": api,
        "id": pull.pull_id,
        "node_id": node_id("pull", row.id),
        "html_url": web,
        "diff_url": f"{web}.diff",
        "patch_url": f"{web}.patch",
        "issue_url": f"{root}/issues/{row.number}",
        "number": row.number,
        "state": row.state,
        "locked": row.locked,
        "title": row.title,
        "user": simple_user(core, row.author),
        "body": row.body,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "closed_at": row.closed_at,
        "merged_at": pull.merged_at,
        "merge_commit_sha": pull.merge_commit_sha,
        "assignee": simple_user(core, row.assignees[0]) if row.assignees else None,
        "assignees": [simple_user(core, x) for x in row.assignees],
        "requested_reviewers": [simple_user(core, x) for x in pull.reviewers],
        "requested_teams": [
            team(core, t) for t in (find_team(core, repo, s) for s in pull.team_reviewers) if t
        ],
        "labels": labels(core, row),
        "milestone": _milestone(core, row),
        "draft": pull.draft,
        "commits_url": f"{api}/commits",
        "review_comments_url": f"{api}/comments",
        "review_comment_url": f"{root}/pulls/comments{{/number}}",
        "comments_url": f"{root}/issues/{row.number}/comments",
        "statuses_url": statuses,
        "head": _side(core, repo, pull.head_ref, pull.head_sha, pull.head_repo),
        "base": _side(core, repo, pull.base_ref, pull.base_sha, None),
        "_links": {
            "self": {"href": api},
            "html": {"href": web},
            "issue": {"href": f"{root}/issues/{row.number}"},
            "comments": {"href": f"{root}/issues/{row.number}/comments"},
            "review_comments": {"href": f"{api}/comments"},
            "review_comment": {"href": f"{root}/pulls/comments{{/number}}"},
            "commits": {"href": f"{api}/commits"},
            "statuses": {"href": statuses},
        },
        "author_association": row.association or core.association(repo, row.author),
        "auto_merge": None,
        "active_lock_reason": row.lock_reason,
    }


def pull_full(core: Core, row: r.Issue, repo: r.Repo, size: dict[str, int]) -> Shape:
    """`pull-request`; `size` has additions, deletions, changed_files and commits."""
    pull = core.tables.pulls.rows[row.id]
    return {
        **pull_simple(core, row, repo),
        "merged": pull.merged_at is not None,
        "mergeable": None if row.state == "closed" else True,
        "rebaseable": None if row.state == "closed" else True,
        "mergeable_state": "unknown" if row.state == "closed" else ("draft" if pull.draft else "clean"),
        "merged_by": simple_user(core, pull.merged_by),
        "comments": row.comments,
        "review_comments": core.tables.review_comments.count("issue", row.id),
        "maintainer_can_modify": pull.head_repo is not None,
        **size,
    }


def find_team(core: Core, repo: r.Repo, slug: str) -> r.Team | None:
    """A team of the repository's organisation by slug."""
    owner = core.user(repo.owner)
    rows = [] if owner is None else core.tables.teams.under("org", owner.id)
    return next((t for t in rows if t.slug == slug), None)


def team(core: Core, row: r.Team) -> Shape:
    """`team`."""
    org = core.tables.users.rows[row.org_id]
    api = f"{core.api_url}/organizations/{org.id}/team/{row.id}"
    return {
        "id": row.id,
        "node_id": node_id("team", row.id),
        "name": row.name,
        "slug": row.slug,
        "description": None,
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": "push",
        "url": api,
        "html_url": f"{core.url}/orgs/{org.login}/teams/{row.slug}",
        "members_url": f"{api}/members{{/member}}",
        "repositories_url": f"{api}/repos",
        "type": "organization",
        "organization_id": org.id,
        "parent": None,
    }


def review(core: Core, row: r.Review) -> Shape:
    """`pull-request-review`."""
    repo, parent = core.repo_of(row), core.tables.issues.rows[row.issue_id]
    web = f"{core.url}/{repo.full_name}/pull/{parent.number}#pullrequestreview-{row.id}"
    api = f"{core.api_url}/repos/{repo.full_name}/pulls/{parent.number}"
    out: Shape = {
        "id": row.id,
        "node_id": node_id("review", row.id),
        "user": simple_user(core, row.author),
        "body": row.body,
        "state": row.state,
        "html_url": web,
        "pull_request_url": api,
        "author_association": core.association(repo, row.author),
        "_links": {"html": {"href": web}, "pull_request": {"href": api}},
        "commit_id": row.commit_id,
    }
    if row.submitted_at is not None:
        out["submitted_at"] = row.submitted_at
    return out


def review_comment(core: Core, row: r.ReviewComment) -> Shape:
    """`pull-request-review-comment`."""
    repo, parent = core.repo_of(row), core.tables.issues.rows[row.issue_id]
    api = f"{core.api_url}/repos/{repo.full_name}/pulls/comments/{row.id}"
    pull = f"{core.api_url}/repos/{repo.full_name}/pulls/{parent.number}"
    web = f"{core.url}/{repo.full_name}/pull/{parent.number}#discussion_r{row.id}"
    out: Shape = {
        "url": api,
        "pull_request_review_id": row.review_id,
        "id": row.id,
        "node_id": node_id("review_comment", row.id),
        "diff_hunk": row.diff_hunk,
        "path": row.path,
        "position": row.position,
        "original_position": row.position or 1,
        "commit_id": row.commit_id,
        "original_commit_id": row.commit_id,
        "user": simple_user(core, row.author),
        "body": row.body,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "html_url": web,
        "pull_request_url": pull,
        "author_association": core.association(repo, row.author),
        "_links": {"self": {"href": api}, "html": {"href": web}, "pull_request": {"href": pull}},
        "reactions": reactions(api, row.reactions),
        "start_line": row.start_line,
        "original_start_line": row.start_line,
        "start_side": row.start_side,
        "line": row.line,
        "original_line": row.line,
        "side": row.side,
        "subject_type": "line" if row.line is not None or row.position is not None else "file",
    }
    if row.in_reply_to is not None:
        out["in_reply_to_id"] = row.in_reply_to
    return out


def event(core: Core, row: r.Event) -> Shape:
    """`issue-event` and the entries of the timeline."""
    repo = core.tables.repos.rows[row.repo_id]
    detail: dict[str, Any] = dict(row.detail)
    for key in ("assignee", "assigner", "review_requester", "requested_reviewer"):
        if key in detail:
            detail[key] = simple_user(core, detail[key])
    return {
        "id": row.id,
        "node_id": node_id("event", row.id),
        "url": f"{core.api_url}/repos/{repo.full_name}/issues/events/{row.id}",
        "actor": simple_user(core, row.actor),
        "event": row.event,
        "commit_id": detail.pop("commit_id", None),
        "commit_url": None,
        "created_at": row.created_at,
        **detail,
        "performed_via_github_app": app_by_id(core, row.via_app),
    }
