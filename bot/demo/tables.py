"""Tables in memory with the indexes that routes need, remembering which rows changed since the last save."""

from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

from bot.demo import records as r

R = TypeVar("R", bound=r.Record)
Key = Callable[[R], Hashable]


class Table(Generic[R]):
    """Rows by id, plus groups (`under`) and unique keys (`one`)."""

    def __init__(
        self,
        kind: str,
        shape: type[R],
        *,
        groups: dict[str, Key[R]] | None = None,
        keys: dict[str, Key[R]] | None = None,
    ) -> None:
        self.kind = kind
        self.shape = shape
        self.rows: dict[int, R] = {}
        self.dirty: set[int] = set()
        self._groups = groups or {}
        self._keys = keys or {}
        self._grouped: dict[str, dict[Hashable, dict[int, R]]] = {name: {} for name in self._groups}
        self._keyed: dict[str, dict[Hashable, int]] = {name: {} for name in self._keys}
        self._places: dict[int, tuple[list[Hashable], list[Hashable]]] = {}

    def put(self, row: R) -> R:
        """Insert a row, or note that it changed; its indexes follow."""
        self.place(row)
        self.dirty.add(row.id)
        return row

    def place(self, row: R) -> None:
        """Insert without noting a change (used while loading)."""
        groups = [key(row) for key in self._groups.values()]
        keys = [key(row) for key in self._keys.values()]
        before = self._places.get(row.id)
        if before == (groups, keys):
            return
        if before is not None:
            self._forget(row.id, *before)
        self.rows[row.id] = row
        self._places[row.id] = (groups, keys)
        for name, value in zip(self._groups, groups, strict=True):
            self._grouped[name].setdefault(value, {})[row.id] = row
        for name, value in zip(self._keys, keys, strict=True):
            self._keyed[name][value] = row.id

    def _forget(self, row_id: int, groups: list[Hashable], keys: list[Hashable]) -> None:
        for name, value in zip(self._groups, groups, strict=True):
            self._grouped[name].get(value, {}).pop(row_id, None)
        for name, value in zip(self._keys, keys, strict=True):
            if self._keyed[name].get(value) == row_id:
                del self._keyed[name][value]

    def drop(self, row_id: int) -> None:
        """Delete a row, if it is there."""
        if self.rows.pop(row_id, None) is None:
            return
        self._forget(row_id, *self._places.pop(row_id))
        self.dirty.add(row_id)

    def get(self, row_id: int) -> R | None:
        """The row of this id, or None."""
        return self.rows.get(row_id)

    def one(self, key: str, value: Hashable) -> R | None:
        """The row whose unique key has this value, or None."""
        row_id = self._keyed[key].get(value)
        return None if row_id is None else self.rows.get(row_id)

    def under(self, group: str, value: Hashable) -> list[R]:
        """The rows of a group in the order they were made."""
        return list(self._grouped[group].get(value, {}).values())

    def count(self, group: str, value: Hashable) -> int:
        """How many rows a group has."""
        return len(self._grouped[group].get(value, ()))

    def __iter__(self) -> Iterator[R]:
        """All rows; the table may change meanwhile."""
        return iter(list(self.rows.values()))

    def __len__(self) -> int:
        return len(self.rows)


class Tables:
    """Everything the embedded GitHub knows."""

    def __init__(self) -> None:
        self.users = Table("user", r.User, keys={"login": lambda x: x.login.lower()})
        self.teams = Table("team", r.Team, groups={"org": lambda x: x.org_id})
        self.repos = Table(
            "repo", r.Repo,
            groups={"owner": lambda x: x.owner.lower()}, keys={"name": lambda x: x.full_name.lower()},
        )  # fmt: skip
        self.labels = Table(
            "label", r.Label,
            groups={"repo": lambda x: x.repo_id}, keys={"name": lambda x: (x.repo_id, x.name.casefold())},
        )  # fmt: skip
        self.milestones = Table(
            "milestone", r.Milestone,
            groups={"repo": lambda x: x.repo_id}, keys={"number": lambda x: (x.repo_id, x.number)},
        )  # fmt: skip
        self.issues = Table(
            "issue", r.Issue,
            groups={
                "repo": lambda x: x.repo_id,
                "state": lambda x: (x.repo_id, x.state),
                "milestone": lambda x: (x.repo_id, x.milestone, x.state),
            },
            keys={"number": lambda x: (x.repo_id, x.number)},
        )  # fmt: skip
        self.pulls = Table("pull", r.Pull)
        self.comments = Table(
            "comment", r.Comment, groups={"issue": lambda x: x.issue_id, "repo": lambda x: x.repo_id}
        )
        self.reactions = Table(
            "reaction", r.Reaction,
            groups={"subject": lambda x: (x.subject, x.subject_id)},
            keys={"one": lambda x: (x.subject, x.subject_id, x.user.lower(), x.content)},
        )  # fmt: skip
        self.reviews = Table("review", r.Review, groups={"issue": lambda x: x.issue_id})
        self.review_comments = Table(
            "review_comment", r.ReviewComment,
            groups={"issue": lambda x: x.issue_id, "review": lambda x: x.review_id, "repo": lambda x: x.repo_id},
        )  # fmt: skip
        self.events = Table(
            "event", r.Event, groups={"issue": lambda x: x.issue_id, "repo": lambda x: x.repo_id}
        )
        self.suites = Table(
            "suite", r.CheckSuite,
            groups={"commit": lambda x: (x.repo_id, x.head_sha)},
            keys={"app": lambda x: (x.repo_id, x.head_sha, x.app_id)},
        )  # fmt: skip
        self.check_runs = Table(
            "check_run", r.CheckRun,
            groups={"commit": lambda x: (x.repo_id, x.head_sha), "suite": lambda x: x.suite_id},
        )  # fmt: skip
        self.statuses = Table("status", r.Status, groups={"commit": lambda x: (x.repo_id, x.sha)})
        self.apps = Table("app", r.App, keys={"slug": lambda x: x.slug, "client_id": lambda x: x.client_id})
        self.installations = Table(
            "installation", r.Installation,
            groups={"app": lambda x: x.app_id, "account": lambda x: x.account.lower()},
        )  # fmt: skip
        self.tokens = Table(
            "token", r.Token, keys={"token": lambda x: x.token, "refresh": lambda x: x.refresh or f"-{x.id}"}
        )
        self.grants = Table("grant", r.Grant, keys={"code": lambda x: x.code})
        self.deliveries = Table(
            "delivery", r.Delivery, groups={"app": lambda x: x.app_id, "state": lambda x: x.state}
        )
        self.counters: dict[str, int] = {}

    def every(self) -> list[Table[r.Record]]:
        """All tables, for saving and loading."""
        return [table for table in vars(self).values() if isinstance(table, Table)]

    def next_id(self, kind: str, start: int = 1) -> int:
        """The next id of a kind; ids are handed out in order and never again."""
        value = max(self.counters.get(kind, 0) + 1, start)
        self.counters[kind] = value
        return value

    def reserve_id(self, kind: str, used: int) -> None:
        """Note an id that came from outside, so that it is not handed out again."""
        self.counters[kind] = max(self.counters.get(kind, 0), used)
