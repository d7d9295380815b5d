"""The embedded GitHub itself: state, routes (`app`), and the methods that build a world.

Building methods take times as ISO 8601 text or datetimes, logins for people (made on first mention), and give back
handles (`DemoRepo`, `DemoIssue`) to go on with; see `bot.demo.handles` for `repo.issue(...)`, `repo.pull(...)`,
`repo.commit(...)`, `issue.comment(...)`, `issue.review(...)` and the rest.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from bot.demo import apps, deeds, ids, jwt, shapes, webhooks
from bot.demo import records as r
from bot.demo.core import Actor, Core
from bot.demo.gitstore import Files, NewCommit
from bot.demo.handles import CommitSpec, DemoIssue, DemoRepo, When, new_commit, person, stamp
from bot.demo.ids import parse_time
from bot.demo.pulldeeds import bare
from bot.demo.routes import ASGIApp, build

DEFAULT_PERMISSIONS = {
    "metadata": "read", "issues": "write", "pull_requests": "write", "contents": "write", "checks": "write",
    "statuses": "read", "members": "read",
}  # fmt: skip
DEFAULT_EVENTS = (
    "issues", "issue_comment", "pull_request", "pull_request_review", "push", "check_suite", "check_run",
    "repository", "label", "milestone",
)  # fmt: skip


class GitHub(Core):
    """An embedded GitHub. `app` is the ASGI application; see `Core.__init__` for the arguments."""

    @cached_property
    def app(self) -> ASGIApp:
        """REST at `/` and `/api/v3`, GraphQL at `/graphql` and `/api/graphql`, pages and git at `/{owner}/{repo}`."""
        return build(self)

    # --- people -----------------------------------------------------------------------------------------------------

    def add_user(
        self, login: str, *, name: str | None = None, email: str | None = None, bio: str | None = None,
        created_at: When = None,
    ) -> r.User:  # fmt: skip
        """A person; `name[bot]` makes a bot. The same login again updates it."""
        row = self.ensure_user(login)
        row.name, row.email, row.bio = name or row.name, email or row.email, bio or row.bio
        row.created_at = stamp(created_at) or row.created_at
        self.tables.users.put(row)
        self.save()
        return row

    def add_org(
        self, login: str, *, name: str | None = None, members: Mapping[str, str] | Iterable[str] = (),
        base_role: str = "read",
    ) -> r.User:  # fmt: skip
        """An organisation; members by login, a mapping gives `admin` or `member`."""
        row = self.ensure_user(login)
        row.type, row.name, row.base_role = "Organization", name or row.name, base_role
        roles = dict(members) if isinstance(members, Mapping) else dict.fromkeys(members, "member")
        row.members |= {self.ensure_user(x).login: role for x, role in roles.items()}
        self.tables.users.put(row)
        self.save()
        return row

    def add_team(self, org: str, slug: str, members: Iterable[str] = ()) -> r.Team:
        """A team of an organisation."""
        owner = self.user(org) or self.add_org(org)
        row = r.Team(self.tables.next_id("team", 50_001), owner.id, slug, slug, list(members))
        self.tables.teams.put(row)
        self.save()
        return row

    def personal_token(self, user: str, scopes: Sequence[str] = ("repo",)) -> str:
        """A classic personal access token."""
        number = self.tables.next_id("token")
        secret = ids.secret("ghp_", self.salt, "personal", number)
        login = self.ensure_user(user).login
        self.tables.tokens.put(r.Token(number, secret, "personal", user=login, scopes=list(scopes)))
        self.save()
        return secret

    def user_token(self, app: r.App, user: str, *, lifetime: timedelta = timedelta(hours=8)) -> str:
        """An App's user token, as its OAuth flow would give."""
        number = self.tables.next_id("token")
        secret = ids.secret("ghu_", self.salt, "user", number)
        self.tables.tokens.put(
            r.Token(number, secret, "user", user=self.ensure_user(user).login, app_id=app.id,
                    expires_at=self.auth_now(lifetime))
        )  # fmt: skip
        self.save()
        return secret

    def revoke(self, token: str) -> None:
        """End a token."""
        row = self.tables.tokens.one("token", token)
        if row is not None:
            self.tables.tokens.drop(row.id)
            self.save()

    # --- repositories -----------------------------------------------------------------------------------------------

    def add_repo(
        self, full_name: str, *, files: Files | None = None, commits: Sequence[CommitSpec] = (),
        default_branch: str = "main", private: bool = False, description: str | None = None,
        language: str | None = None, collaborators: Mapping[str, str] | None = None, created_at: When = None,
        topics: Sequence[str] = (),
    ) -> DemoRepo:  # fmt: skip
        """A repository; its history is `commits`, else one commit with `files`, else (both absent) none."""
        owner, _, name = full_name.partition("/")
        login = self.ensure_user(owner).login
        at = stamp(created_at) or self.now()
        row = self.tables.repos.put(
            r.Repo(
                self.tables.next_id("repo", 5001), login, name, private, description, language, default_branch,
                created_at=at, updated_at=at, pushed_at=at, topics=list(topics),
                collaborators={self.ensure_user(k).login: v for k, v in (collaborators or {}).items()},
            )
        )  # fmt: skip
        history = [new_commit(self, x) for x in commits]
        if not history and files is not None:
            history = [NewCommit(person(self, login), parse_time(at), "Initial commit", files)]
        if history:
            bare(self, row).commit(default_branch, history)
        for installation in self.tables.installations.under("account", login.lower()):
            if installation.repositories is None:
                self._tell_added(installation, [row])
        self.save()
        return DemoRepo(self, row)

    def repository(self, full_name: str) -> DemoRepo:
        """The handle of a repository; KeyError if there is none."""
        row = self.repo(full_name)
        if row is None:
            raise KeyError(full_name)
        return DemoRepo(self, row)

    def rename_repo(self, full_name: str, new_name: str, *, actor: str | None = None) -> DemoRepo:
        """Rename (`new`) or transfer (`owner/new`); the old name redirects."""
        row = self.repository(full_name).row
        before, (owner, _, name) = row.full_name, new_name.rpartition("/")
        row.former_names.append(before)
        moved = bool(owner) and owner.lower() != row.owner.lower()
        row.name = name
        if moved:
            before_owner, row.owner = row.owner, self.ensure_user(owner).login
            changes: dict[str, Any] = {"owner": {"from": {"user": {"login": before_owner}}}}
        else:
            changes = {"repository": {"name": {"from": before.partition("/")[2]}}}
        self.tables.repos.put(row)
        action = "transferred" if moved else "renamed"
        webhooks.emit(self, "repository", action, Actor(actor or row.owner), row, changes=changes)
        self.save()
        return DemoRepo(self, row)

    def rename_account(self, login: str, new_login: str) -> None:
        """Give an account another name; its repositories redirect, and each App installed on it hears of it."""
        user = self.ensure_user(login)
        user.login = new_login
        self.tables.users.put(user)
        for row in [row for row in self.tables.repos if row.owner.lower() == login.lower()]:
            row.former_names.append(row.full_name)
            row.owner = new_login
            self.tables.repos.put(row)
        for held in self.tables.installations.under("account", login.lower()):
            held.account = new_login
            self.tables.installations.put(held)
            account = shapes.simple_user(self, new_login)
            webhooks.emit_installation(
                self, held, "installation_target", "renamed", new_login, account=account,
                changes={"login": {"from": login}}, target_type=user.type,
            )  # fmt: skip
        self.save()

    def delete_repo(self, full_name: str) -> None:
        """Delete a repository with all that is in it."""
        row = self.repository(full_name).row
        webhooks.emit(self, "repository", "deleted", Actor(row.owner), row)
        for issue in self.tables.issues.under("repo", row.id):
            for comment in self.tables.comments.under("issue", issue.id):
                self.tables.comments.drop(comment.id)
            self.tables.issues.drop(issue.id)
        self.tables.repos.drop(row.id)
        self.git.drop(row.id)
        self.save()

    def delete_issue(self, issue: DemoIssue) -> None:
        """Delete an issue, as an admin can; `since` will not show it."""
        deeds.announce(self, issue.row, "deleted", Actor(issue.repository.partition("/")[0]))
        for comment in issue.comments:
            self.tables.comments.drop(comment.id)
        repo = self.repo_of(issue.row)
        repo.deleted.append(issue.number)
        self.tables.repos.put(repo)
        self.tables.issues.drop(issue.row.id)
        self.save()

    # --- Apps -------------------------------------------------------------------------------------------------------

    def add_app(
        self, slug: str = "roundsman", *, name: str | None = None, owner: str = "octo-operator",
        permissions: Mapping[str, str] | None = None, events: Iterable[str] = DEFAULT_EVENTS,
        webhook_url: str | None = None, webhook_secret: str | None = "It's a Secret to Everybody",
        callback_urls: Sequence[str] = (), external_url: str = "https://example.com", description: str | None = None,
    ) -> r.App:  # fmt: skip
        """Register an App; the record has `id`, `private_key` (PEM), `webhook_secret`, `client_id`, `client_secret`."""
        number = self.tables.next_id("app", 1)
        private, public = jwt.key_pair(number)
        now = self.now()
        self.ensure_user(owner)
        self.ensure_user(f"{slug}[bot]")
        row = self.tables.apps.put(
            r.App(
                number, slug, name or slug.title(), owner, f"Iv1.{ids.secret('', self.salt, 'client', number)[:16]}",
                ids.secret("", self.salt, "client-secret", number), private, public, webhook_secret, webhook_url,
                list(callback_urls), dict(permissions or DEFAULT_PERMISSIONS), list(events), description,
                external_url, now, now,
            )
        )  # fmt: skip
        self.save()
        return row

    def app_jwt(self, app: r.App) -> str:
        """A JWT signed by the App, good for nine minutes."""
        return jwt.issue_jwt(app.private_key, app.id, self.auth_clock())

    def install(
        self, app: r.App, account: str, repositories: Sequence[str] | None = None,
        permissions: Mapping[str, str] | None = None, *, actor: str | None = None,
    ) -> r.Installation:  # fmt: skip
        """Install an App on an account, for all repositories or those named (`name` or `owner/name`)."""
        login = self.ensure_user(account).login
        chosen = None if repositories is None else [self._named(login, x).id for x in repositories]
        row = apps.install(self, app, login, chosen, dict(permissions or app.permissions), actor or login)
        self.save()
        return row

    def _named(self, account: str, name: str) -> r.Repo:
        return self.repository(name if "/" in name else f"{account}/{name}").row

    def add_to_installation(self, row: r.Installation, *repositories: str) -> None:
        """Select more repositories."""
        chosen = [self._named(row.account, x) for x in repositories]
        row.repositories = sorted({*(row.repositories or []), *(x.id for x in chosen)})
        self.tables.installations.put(row)
        self._tell_added(row, chosen)
        self.save()

    def remove_from_installation(self, row: r.Installation, *repositories: str) -> None:
        """Deselect repositories."""
        gone = [self._named(row.account, x) for x in repositories]
        every = apps.brief_repositories(self, row)
        row.repositories = [x["id"] for x in every if x["id"] not in {y.id for y in gone}]
        self.tables.installations.put(row)
        brief = [x for x in every if x["id"] in {y.id for y in gone}]
        webhooks.emit_installation(self, row, "installation_repositories", "removed", row.account,
                                   repositories_added=[], repositories_removed=brief,
                                   repository_selection="selected", requester=None)  # fmt: skip
        self.save()

    def _tell_added(self, row: r.Installation, repos: list[r.Repo]) -> None:
        brief = [x for x in apps.brief_repositories(self, row) if x["id"] in {y.id for y in repos}]
        webhooks.emit_installation(self, row, "installation_repositories", "added", row.account,
                                   repositories_added=brief, repositories_removed=[],
                                   repository_selection="all" if row.repositories is None else "selected",
                                   requester=None)  # fmt: skip

    def installation_token(
        self, row: r.Installation, *, repositories: Sequence[str] | None = None,
        permissions: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        """A token as `POST /app/installations/{id}/access_tokens` gives."""
        chosen = None if repositories is None else [self._named(row.account, x).id for x in repositories]
        token = apps.mint(self, row, chosen, None if permissions is None else dict(permissions))
        self.save()
        return token.token

    def suspend(self, row: r.Installation, *, suspended: bool = True) -> None:
        """Suspend an installation or take it back."""
        apps.set_suspended(self, row, self.now() if suspended else None, row.account)
        self.save()

    def uninstall(self, row: r.Installation) -> None:
        """End an installation."""
        apps.uninstall(self, row, row.account)
        self.save()

    def grant(self, row: r.Installation, **permissions: str) -> None:
        """Accept new permissions (`checks="write"`)."""
        row.permissions |= permissions
        self.tables.installations.put(row)
        webhooks.emit_installation(self, row, "installation", "new_permissions_accepted", row.account)
        self.save()

    # --- webhooks ---------------------------------------------------------------------------------------------------

    @property
    def deliveries(self) -> list[r.Delivery]:
        """Every recorded delivery attempt, oldest first."""
        return list(self.tables.deliveries)

    def waiting(self) -> list[r.Delivery]:
        """Deliveries that are due and not sent."""
        return webhooks.waiting(self)

    def signed_request(self, row: r.Delivery) -> tuple[dict[str, str], bytes]:
        """A delivery's headers and body as they go out, to hand to a door directly."""
        return webhooks.signed_request(self, row)

    async def deliver(self, client: httpx.AsyncClient | None = None) -> int:
        """Send everything that is due, in order; how many went out. In process, pass a client on the bot's ASGI app."""
        if client is None:
            async with httpx.AsyncClient(trust_env=False) as own:
                return await self.deliver(own)
        sent = 0
        while due := self.waiting():
            for row in due:
                await webhooks.deliver_one(self, row, client)
                sent += 1
        return sent

    async def pump(self, client: httpx.AsyncClient | None = None, *, every: float = 0.05) -> None:
        """Deliver for ever; run as a task beside a served GitHub."""
        while True:
            await self.deliver(client)
            await asyncio.sleep(every)

    # --- judging ----------------------------------------------------------------------------------------------------

    def assert_readonly(self) -> None:
        """Fail if any request changed something."""
        if len(self.writes):
            raise AssertionError(f"expected no writes, saw {[f'{x.method} {x.path}' for x in self.writes]}")

    @contextlib.asynccontextmanager
    async def serving(
        self, host: str = "127.0.0.1", port: int = 0, *, deliver: bool = True
    ) -> AsyncIterator[str]:
        """Serve over real HTTP; gives the base URL and makes it the one in payloads."""
        import socket

        import uvicorn

        config = uvicorn.Config(self.app, log_level="critical", lifespan="off")
        server = uvicorn.Server(config)
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        self.url = f"http://{host}:{sock.getsockname()[1]}"
        tasks = [asyncio.create_task(server.serve([sock]))]
        if deliver:
            tasks.append(asyncio.create_task(self.pump()))
        try:
            while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
                await asyncio.sleep(0.005)
            yield self.url
        finally:
            server.should_exit = True
            for task in tasks[1:]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            sock.close()

    def load_export(self, path: Path, *, repository: str | None = None) -> DemoRepo:
        """Load a REST export (see `bot.demo.export`); the repository it describes."""
        from bot.demo.export import load_export

        row = load_export(self, path, repository)
        self.save()
        return DemoRepo(self, row)
