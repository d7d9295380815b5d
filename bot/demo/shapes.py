"""Accounts, repositories, labels and Apps as GitHub's REST API shows them."""

from typing import Any
from urllib.parse import quote

from bot.demo import records as r
from bot.demo.core import Core, at_least
from bot.demo.ids import node_id

Shape = dict[str, Any]

REACTIONS = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]


def simple_user(core: Core, login: str | None) -> Shape | None:
    """`simple-user`, or None for nobody."""
    if login is None:
        return None
    user = core.user(login) or core.ensure_user(login)
    api = f"{core.api_url}/users/{user.login}"
    kind = {"Bot": "bot", "Organization": "org"}.get(user.type, "user")
    web = f"{core.url}/apps/{user.login[:-5]}" if user.type == "Bot" else f"{core.url}/{user.login}"
    return {
        "login": user.login,
        "id": user.id,
        "node_id": node_id(kind, user.id),
        "avatar_url": f"{core.url}/avatars/{user.id}",
        "gravatar_id": "",
        "url": api.replace("[", "%5B").replace("]", "%5D"),
        "html_url": web,
        "followers_url": f"{api}/followers".replace("[", "%5B").replace("]", "%5D"),
        "following_url": f"{api}/following{{/other_user}}",
        "gists_url": f"{api}/gists{{/gist_id}}",
        "starred_url": f"{api}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{api}/subscriptions".replace("[", "%5B").replace("]", "%5D"),
        "organizations_url": f"{api}/orgs".replace("[", "%5B").replace("]", "%5D"),
        "repos_url": f"{api}/repos".replace("[", "%5B").replace("]", "%5D"),
        "events_url": f"{api}/events{{/privacy}}",
        "received_events_url": f"{api}/received_events".replace("[", "%5B").replace("]", "%5D"),
        "type": user.type,
        "user_view_type": "public",
        "site_admin": False,
    }


def full_user(core: Core, user: r.User) -> Shape:
    """`public-user`."""
    return {
        **(simple_user(core, user.login) or {}),
        "name": user.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": user.email,
        "hireable": None,
        "bio": user.bio,
        "twitter_username": None,
        "public_repos": core.tables.repos.count("owner", user.login.lower()),
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": user.created_at,
        "updated_at": user.created_at,
    }


def organization(core: Core, org: r.User) -> Shape:
    """`organization-full`."""
    api = f"{core.api_url}/orgs/{org.login}"
    return {
        "login": org.login,
        "id": org.id,
        "node_id": node_id("org", org.id),
        "url": api,
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events",
        "hooks_url": f"{api}/hooks",
        "issues_url": f"{api}/issues",
        "members_url": f"{api}/members{{/member}}",
        "public_members_url": f"{api}/public_members{{/member}}",
        "avatar_url": f"{core.url}/avatars/{org.id}",
        "description": org.bio or "",
        "name": org.name or org.login,
        "has_organization_projects": True,
        "has_repository_projects": True,
        "public_repos": core.tables.repos.count("owner", org.login.lower()),
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "html_url": f"{core.url}/{org.login}",
        "type": "Organization",
        "created_at": org.created_at,
        "updated_at": org.created_at,
        "archived_at": None,
    }


_REPO_PATHS = {
    "archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}", "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}", "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}", "commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}", "contributors_url": "/contributors", "deployments_url": "/deployments",
    "downloads_url": "/downloads", "events_url": "/events", "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}", "git_refs_url": "/git/refs{/sha}", "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks", "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}", "issues_url": "/issues{/number}", "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}", "languages_url": "/languages", "merges_url": "/merges",
    "milestones_url": "/milestones{/number}", "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}", "releases_url": "/releases{/id}", "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}", "subscribers_url": "/subscribers", "subscription_url": "/subscription",
    "tags_url": "/tags", "teams_url": "/teams", "trees_url": "/git/trees{/sha}",
}  # fmt: skip


def repository(core: Core, repo: r.Repo, login: str | None = None) -> Shape:
    """`full-repository`, which is also a `minimal-repository` and a `repository`."""
    api, web = f"{core.api_url}/repos/{repo.full_name}", f"{core.url}/{repo.full_name}"
    role = core.role(repo, login)
    open_issues = core.tables.issues.count("state", (repo.id, "open"))
    return {
        "id": repo.id,
        "node_id": node_id("repo", repo.id),
        "name": repo.name,
        "full_name": repo.full_name,
        "private": repo.private,
        "owner": simple_user(core, repo.owner),
        "html_url": web,
        "description": repo.description,
        "fork": False,
        "url": api,
        **{key: api + path for key, path in _REPO_PATHS.items()},
        "git_url": f"git://{web.partition('://')[2]}.git",
        "ssh_url": f"git@{core.url.partition('://')[2]}:{repo.full_name}.git",
        "clone_url": f"{web}.git",
        "svn_url": web,
        "mirror_url": None,
        "homepage": None,
        "language": repo.language,
        "forks_count": 0,
        "forks": 0,
        "stargazers_count": 0,
        "watchers_count": 0,
        "watchers": 0,
        "size": 1,
        "default_branch": repo.default_branch,
        "open_issues_count": open_issues,
        "open_issues": open_issues,
        "is_template": False,
        "topics": repo.topics,
        "has_issues": True,
        "has_projects": True,
        "has_wiki": False,
        "has_pages": False,
        "has_downloads": True,
        "has_discussions": False,
        "archived": repo.archived,
        "disabled": False,
        "visibility": "private" if repo.private else "public",
        "pushed_at": repo.pushed_at,
        "created_at": repo.created_at,
        "updated_at": repo.updated_at,
        "permissions": {
            "admin": at_least(role, "admin"),
            "maintain": at_least(role, "maintain"),
            "push": at_least(role, "write"),
            "triage": at_least(role, "triage"),
            "pull": at_least(role, "read"),
        },
        "allow_forking": True,
        "web_commit_signoff_required": False,
        "subscribers_count": 0,
        "network_count": 0,
        "license": None,
    }


def label(core: Core, row: r.Label) -> Shape:
    """`label`."""
    repo = core.tables.repos.rows[row.repo_id]
    return {
        "id": row.id,
        "node_id": node_id("label", row.id),
        "url": f"{core.api_url}/repos/{repo.full_name}/labels/{quote(row.name, safe='')}",
        "name": row.name,
        "color": row.color,
        "default": row.default,
        "description": row.description,
    }


def milestone(core: Core, row: r.Milestone) -> Shape:
    """`milestone`."""
    repo = core.tables.repos.rows[row.repo_id]
    api = f"{core.api_url}/repos/{repo.full_name}/milestones/{row.number}"
    inside = core.tables.issues.count
    return {
        "url": api,
        "html_url": f"{core.url}/{repo.full_name}/milestone/{row.number}",
        "labels_url": f"{api}/labels",
        "id": row.id,
        "node_id": node_id("milestone", row.id),
        "number": row.number,
        "state": row.state,
        "title": row.title,
        "description": row.description,
        "creator": simple_user(core, row.creator),
        "open_issues": inside("milestone", (repo.id, row.number, "open")),
        "closed_issues": inside("milestone", (repo.id, row.number, "closed")),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "closed_at": row.closed_at,
        "due_on": row.due_on,
    }


def app(core: Core, row: r.App) -> Shape:
    """`integration`."""
    return {
        "id": row.id,
        "client_id": row.client_id,
        "slug": row.slug,
        "node_id": node_id("app", row.id),
        "owner": simple_user(core, row.owner),
        "name": row.name,
        "description": row.description,
        "external_url": row.external_url,
        "html_url": f"{core.url}/apps/{row.slug}",
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "permissions": row.permissions,
        "events": row.events,
    }


def app_by_id(core: Core, app_id: int | None) -> Shape | None:
    """`nullable-integration`."""
    row = None if app_id is None else core.tables.apps.get(app_id)
    return None if row is None else app(core, row)


def installation(core: Core, row: r.Installation) -> Shape:
    """`installation`."""
    owner = core.tables.apps.rows[row.app_id]
    account = core.user(row.account) or core.ensure_user(row.account)
    return {
        "id": row.id,
        "client_id": owner.client_id,
        "account": simple_user(core, row.account),
        "repository_selection": "all" if row.repositories is None else "selected",
        "access_tokens_url": f"{core.api_url}/app/installations/{row.id}/access_tokens",
        "repositories_url": f"{core.api_url}/installation/repositories",
        "html_url": f"{core.url}/settings/installations/{row.id}",
        "app_id": row.app_id,
        "app_slug": owner.slug,
        "target_id": account.id,
        "target_type": account.type,
        "permissions": row.permissions,
        "events": row.events,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": simple_user(core, row.suspended_by),
        "suspended_at": row.suspended_at,
    }


def reactions(url: str, counts: dict[str, int]) -> Shape:
    """`reaction-rollup`."""
    return {
        "url": f"{url}/reactions",
        "total_count": sum(counts.values()),
        **{content: counts.get(content, 0) for content in REACTIONS},
    }
