"""The state every part of the embedded GitHub shares: tables, clock, journal, git store, faults, limits and logs."""

import shutil
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bot.demo import ids
from bot.demo import records as r
from bot.demo.faults import Faults
from bot.demo.gitstore import GitStore
from bot.demo.journal import Journal
from bot.demo.limits import Limits
from bot.demo.requestlog import RequestLog, WriteLog
from bot.demo.tables import Tables

Clock = Callable[[], datetime]

ROLES = ["none", "read", "triage", "write", "maintain", "admin"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: a login, and the App it acted through, if any."""

    login: str
    app_id: int | None = None


class Core:
    """State without routes."""

    def __init__(
        self,
        *,
        clock: Clock,
        data_dir: Path | None = None,
        auth_clock: Clock | None = None,
        url: str = "https://github.test",
        salt: str = "",
    ) -> None:
        """Open the state.

        `clock` gives every timestamp; `auth_clock` (default: `clock`) judges JWTs and token lifetimes, for worlds
        whose clock is moved by hand while real clients sign with the real time. `data_dir` makes the state durable;
        without it everything lives in memory and a temporary folder. `salt` makes the secrets unpredictable.
        """
        self.clock = clock
        self.auth_clock = auth_clock or clock
        self.url = url.rstrip("/")
        self.salt = salt
        self.numeric_links = True
        self.search_lag = timedelta()
        self.tables = Tables()
        self.faults = Faults()
        self.limits = Limits()
        self.requests = RequestLog()
        self.writes = WriteLog()
        self.data_dir = data_dir or Path(tempfile.mkdtemp(prefix="github-"))
        self._sweep = (
            None if data_dir else weakref.finalize(self, shutil.rmtree, self.data_dir, ignore_errors=True)
        )
        self.git = GitStore(self.data_dir / "git")
        self._journal = Journal(data_dir) if data_dir is not None else None
        if self._journal is not None:
            self._journal.load(self.tables)

    @property
    def api_url(self) -> str:
        """Where payloads say the REST API is."""
        return self.url

    def now(self) -> str:
        """The current time as GitHub writes it."""
        return ids.iso(self.clock())

    def auth_now(self, plus: timedelta = timedelta()) -> str:
        """The current time for token lifetimes."""
        return ids.iso(self.auth_clock() + plus)

    def save(self) -> None:
        """Make every change durable; called before each answer and at the end of each building method."""
        if self._journal is not None:
            self._journal.save(self.tables)

    def close(self) -> None:
        """Save and let go of files."""
        self.save()
        if self._journal is not None:
            self._journal.close()
        if self._sweep is not None:
            self._sweep()

    def user(self, login: str) -> r.User | None:
        """The account of a login (in any case), or None."""
        return self.tables.users.one("login", login.lower())

    def ensure_user(self, login: str) -> r.User:
        """The account of a login, made on first mention."""
        found = self.user(login)
        if found is not None:
            return found
        kind = "Bot" if login.endswith("[bot]") else "User"
        row = r.User(self.tables.next_id("user", 1001), login, type=kind, created_at=self.now())
        return self.tables.users.put(row)

    def repo(self, full_name: str) -> r.Repo | None:
        """The repository `owner/name`, also under a former name, or None."""
        found = self.tables.repos.one("name", full_name.lower())
        if found is not None:
            return found
        return next(
            (x for x in self.tables.repos if full_name.lower() in map(str.lower, x.former_names)), None
        )

    def issue(self, repo: r.Repo, number: int) -> r.Issue | None:
        """The issue or pull request of this number, or None."""
        return self.tables.issues.one("number", (repo.id, number))

    def repo_of(self, row: r.Issue | r.Comment | r.Review | r.ReviewComment | r.CheckRun) -> r.Repo:
        """The repository a record belongs to."""
        return self.tables.repos.rows[row.repo_id]

    def role(self, repo: r.Repo, login: str | None) -> str:
        """What someone may do in a repository: the strongest of ownership, collaboration, membership, publicity."""
        if login is None:
            return "none" if repo.private else "read"
        if login.lower() == repo.owner.lower():
            return "admin"
        given = next((v for k, v in repo.collaborators.items() if k.lower() == login.lower()), None)
        owner = self.user(repo.owner)
        membership = _membership(owner, login)
        if membership == "admin":
            return "admin"
        if given is not None:
            return given
        if membership == "member" and owner is not None and owner.base_role != "none":
            return owner.base_role
        return "none" if repo.private else "read"

    def association(self, repo: r.Repo, login: str | None) -> str:
        """GitHub's `author_association`."""
        if login is None:
            return "NONE"
        if login.lower() == repo.owner.lower():
            return "OWNER"
        if _membership(self.user(repo.owner), login):
            return "MEMBER"
        if any(login.lower() == x.lower() for x in repo.collaborators):
            return "COLLABORATOR"
        return "NONE"


def _membership(owner: r.User | None, login: str) -> str | None:
    if owner is None:
        return None
    return next((v for k, v in owner.members.items() if k.lower() == login.lower()), None)


def at_least(role: str, wanted: str) -> bool:
    """Whether a role includes another; a role of the organisation's own counts as `write`."""
    have = ROLES.index(role) if role in ROLES else ROLES.index("write")
    return have >= ROLES.index(wanted)
