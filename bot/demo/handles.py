"""What building methods give back: a repository or an item one can go on building on, and look into."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from bot.demo import deeds, pulldeeds
from bot.demo import records as r
from bot.demo.core import Actor, Core
from bot.demo.gitstore import Files, NewCommit, Person
from bot.demo.ids import iso, parse_time
from bot.demo.vocabulary import make_label, make_milestone

When = str | datetime | None
CommitSpec = tuple[str, str | datetime, str, Mapping[str, str | bytes | None]]
"""(author login, date, message, files); a file that is None is deleted, a path ending in `*` is executable."""


def stamp(at: When) -> str | None:
    """A time given as a datetime or as ISO 8601 text, as GitHub writes it."""
    if at is None:
        return None
    return iso(at if isinstance(at, datetime) else parse_time(at))


def person(core: Core, author: str) -> Person:
    """Name and e-mail for a commit by a login."""
    user = core.ensure_user(author)
    return Person(user.name or user.login, user.email or f"{user.login}@users.noreply.github.com")


def new_commit(core: Core, spec: CommitSpec) -> NewCommit:
    """A commit from its short form."""
    author, at, message, files = spec
    moment = at if isinstance(at, datetime) else parse_time(at)
    return NewCommit(person(core, author), moment, message, files)


class DemoIssue:
    """An issue or pull request of the embedded GitHub."""

    def __init__(self, core: Core, row: r.Issue) -> None:
        self._core = core
        self.row = row

    @property
    def number(self) -> int:
        """Its number."""
        return self.row.number

    @property
    def title(self) -> str:
        """Its title."""
        return self.row.title

    @property
    def repository(self) -> str:
        """`owner/name`."""
        return self._core.repo_of(self.row).full_name

    @property
    def comments(self) -> list[r.Comment]:
        """Its comments, oldest first."""
        return sorted(self._core.tables.comments.under("issue", self.row.id), key=lambda x: x.id)

    @property
    def reviews(self) -> list[r.Review]:
        """Its reviews, oldest first."""
        return self._core.tables.reviews.under("issue", self.row.id)

    @property
    def labels(self) -> list[str]:
        """The names of its labels."""
        return [self._core.tables.labels.rows[i].name for i in self.row.labels]

    @property
    def reactions(self) -> list[r.Reaction]:
        """Reactions on the item itself."""
        return self._core.tables.reactions.under("subject", ("issue", self.row.id))

    @property
    def pull(self) -> r.Pull:
        """What it has beyond an issue, for a pull request."""
        return self._core.tables.pulls.rows[self.row.id]

    @property
    def url(self) -> str:
        """Its page."""
        return (
            f"{self._core.url}/{self.repository}/{'pull' if self.row.is_pull else 'issues'}/{self.row.number}"
        )

    def comment(self, author: str, body: str, *, created_at: When = None) -> r.Comment:
        """Comment as someone."""
        row = deeds.add_comment(self._core, self.row, self._actor(author), body, stamp(created_at))
        self._core.save()
        return row

    def edit(self, author: str, *, title: str | None = None, body: str | None = None) -> None:
        """Change title or body as someone."""
        if title is not None:
            deeds.rename(self._core, self.row, title, self._actor(author))
        if body is not None:
            deeds.rewrite(self._core, self.row, body, self._actor(author))
        self._core.save()

    def edit_comment(self, comment: r.Comment, author: str, body: str) -> None:
        """Change a comment as someone."""
        deeds.edit_comment(self._core, comment, body, self._actor(author))
        self._core.save()

    def delete_comment(self, comment: r.Comment, author: str) -> None:
        """Delete a comment as someone."""
        deeds.delete_comment(self._core, comment, self._actor(author))
        self._core.save()

    def label(self, *names: str, by: str | None = None) -> None:
        """Add labels (made if need be)."""
        repo = self._core.repo_of(self.row)
        have = [self._core.tables.labels.rows[i] for i in self.row.labels]
        deeds.set_labels(
            self._core, self.row, have + [make_label(self._core, repo, x) for x in names], self._actor(by)
        )
        self._core.save()

    def unlabel(self, *names: str, by: str | None = None) -> None:
        """Take labels off."""
        gone = {x.casefold() for x in names}
        have = [self._core.tables.labels.rows[i] for i in self.row.labels]
        deeds.set_labels(
            self._core, self.row, [x for x in have if x.name.casefold() not in gone], self._actor(by)
        )
        self._core.save()

    def assign(self, *logins: str, by: str | None = None) -> None:
        """Make the assignees exactly these."""
        deeds.set_assignees(self._core, self.row, list(logins), self._actor(by))
        self._core.save()

    def milestone(self, number: int | None, by: str | None = None) -> None:
        """Put into a milestone, or None to take out."""
        deeds.set_milestone(self._core, self.row, number, self._actor(by))
        self._core.save()

    def react(self, user: str, content: str) -> None:
        """React as someone (`+1 -1 laugh confused heart hooray rocket eyes`)."""
        deeds.react(self._core, self.row, self._core.ensure_user(user).login, content)
        self._core.save()

    def close(self, by: str | None = None, *, reason: str = "completed", closed_at: When = None) -> None:
        """Close."""
        deeds.close(self._core, self.row, self._actor(by), reason, stamp(closed_at))
        self._core.save()

    def reopen(self, by: str | None = None) -> None:
        """Open again."""
        deeds.reopen(self._core, self.row, self._actor(by))
        self._core.save()

    def review(
        self,
        author: str,
        state: str = "COMMENTED",
        body: str = "",
        *,
        submitted_at: When = None,
        comments: Sequence[tuple[str, int, str]] = (),
    ) -> r.Review:
        """Review a pull request: `APPROVED`, `CHANGES_REQUESTED` or `COMMENTED`, with (path, line, body) comments."""
        notes = [pulldeeds.LineNote(path, text, line) for path, line, text in comments]
        row = pulldeeds.submit_review(
            self._core, self.row, self._actor(author), state, body, notes, at=stamp(submitted_at)
        )
        self._core.save()
        return row

    def request_review(self, *logins: str, teams: Sequence[str] = ()) -> None:
        """Ask people and teams (by slug) for a review."""
        pulldeeds.request_reviewers(self._core, self.row, list(logins), list(teams), self._actor(None))
        self._core.save()

    def push(self, *commits: CommitSpec) -> str:
        """Add commits to a pull request's branch; the new head SHA."""
        sha = pulldeeds.push_commits(
            self._core, self.row, [new_commit(self._core, x) for x in commits], self._actor(commits[0][0])
        )
        self._core.save()
        return sha

    def merge(self, by: str | None = None, *, merged_at: When = None) -> None:
        """Merge a pull request."""
        pulldeeds.merge(self._core, self.row, self._actor(by), stamp(merged_at))
        self._core.save()

    def _actor(self, login: str | None) -> Actor:
        return Actor(self._core.ensure_user(login or self._core.repo_of(self.row).owner).login)


class DemoRepo:
    """A repository of the embedded GitHub."""

    def __init__(self, core: Core, row: r.Repo) -> None:
        self._core = core
        self.row = row

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return self.row.full_name

    @property
    def issues(self) -> list[DemoIssue]:
        """All issues and pull requests by number."""
        rows = self._core.tables.issues.under("repo", self.row.id)
        return [DemoIssue(self._core, x) for x in sorted(rows, key=lambda x: x.number)]

    @property
    def clone_url(self) -> str:
        """Where git finds it."""
        return f"{self._core.url}/{self.full_name}.git"

    def get(self, number: int) -> DemoIssue:
        """The item of this number; KeyError if there is none."""
        row = self._core.issue(self.row, number)
        if row is None:
            raise KeyError(number)
        return DemoIssue(self._core, row)

    def head(self, branch: str | None = None) -> str | None:
        """The SHA of a branch (the default one), None while it does not exist."""
        return self._core.git.open(self.row.id).resolve(branch or self.row.default_branch)

    def label(self, name: str, color: str = "ededed", description: str | None = None) -> r.Label:
        """Make a label, or give the one of this name new looks."""
        row = make_label(self._core, self.row, name, color, description)
        row.color, row.description = color, description if description is not None else row.description
        self._core.tables.labels.put(row)
        self._core.save()
        return row

    def milestone(
        self, title: str, *, description: str | None = None, due_on: When = None, creator: str | None = None,
        created_at: When = None, closed_at: When = None,
    ) -> r.Milestone:  # fmt: skip
        """Make a milestone."""
        row = make_milestone(self._core, self.row, title, creator or self.row.owner, description=description,
                             due_on=stamp(due_on), at=stamp(created_at))  # fmt: skip
        if closed_at is not None:
            row.state, row.closed_at = "closed", stamp(closed_at)
        self._core.tables.milestones.put(row)
        self._core.save()
        return row

    def collaborator(self, login: str, role: str = "write") -> None:
        """Give someone a role (`read triage write maintain admin` or one of the organisation's own)."""
        self.row.collaborators[self._core.ensure_user(login).login] = role
        self._core.tables.repos.put(self.row)
        self._core.save()

    def issue(
        self,
        title: str,
        *,
        body: str | None = None,
        author: str | None = None,
        labels: Iterable[str] = (),
        assignees: Iterable[str] = (),
        milestone: int | None = None,
        state: str = "open",
        state_reason: str | None = None,
        type: str | None = None,  # noqa: A002
        created_at: When = None,
        updated_at: When = None,
        closed_at: When = None,
        closed_by: str | None = None,
        number: int | None = None,
    ) -> DemoIssue:
        """Make an issue; dates default to now, the author to the owner. Labels are made if need be."""
        core = self._core
        actor = Actor(core.ensure_user(author or self.row.owner).login)
        row = deeds.open_issue(
            core, self.row, actor, title, body,
            labels=[make_label(core, self.row, x) for x in labels],
            assignees=[core.ensure_user(x).login for x in assignees],
            milestone=milestone, kind=type, at=stamp(created_at), number=number,
        )  # fmt: skip
        if state == "closed":
            closer = Actor(core.ensure_user(closed_by or self.row.owner).login)
            deeds.close(core, row, closer, state_reason, stamp(closed_at or updated_at or created_at))
        if updated_at is not None:
            row.updated_at = stamp(updated_at) or row.updated_at
            core.tables.issues.put(row)
        core.save()
        return DemoIssue(core, row)

    def commit(self, *commits: CommitSpec, branch: str | None = None) -> str:
        """Add commits to a branch (the default one; a new one starts at the default branch); the last SHA."""
        sha = pulldeeds.commit_to_branch(
            self._core,
            self.row,
            branch or self.row.default_branch,
            [new_commit(self._core, x) for x in commits],
            Actor(self._core.ensure_user(commits[0][0]).login),
        )
        self._core.save()
        return sha

    def pull(
        self,
        title: str,
        branch: str,
        files: Files | None = None,
        *,
        body: str | None = None,
        author: str | None = None,
        labels: Iterable[str] = (),
        assignees: Iterable[str] = (),
        milestone: int | None = None,
        base: str | None = None,
        draft: bool = False,
        reviewers: Iterable[str] = (),
        team_reviewers: Iterable[str] = (),
        commits: Sequence[CommitSpec] = (),
        head_repo: str | None = None,
        state: str = "open",
        closed_at: When = None,
        merged_at: When = None,
        merged_by: str | None = None,
        created_at: When = None,
        updated_at: When = None,
        number: int | None = None,
        head_sha: str | None = None,
    ) -> DemoIssue:
        """Make a pull request from a new branch.

        Its commits are `commits`, or one commit with `files` (default: one small file). `head_sha` makes it on paper
        only, without a branch in git. `merged_at` merges, `state="closed"` closes it. `head_repo` (`owner/name`) makes
        it come from a fork by name; its commits are kept in this repository, as `refs/pull/N/head` are on GitHub.
        """
        core = self._core
        actor = Actor(core.ensure_user(author or self.row.owner).login)
        new = [new_commit(core, x) for x in commits]
        if not new and head_sha is None:
            at = parse_time(stamp(created_at) or core.now())
            new = [NewCommit(person(core, actor.login), at, title, files or {f"{branch}.txt": f"{title}\n"})]
        row = pulldeeds.open_pull(
            core, self.row, actor, title, body, branch=branch, base=base or self.row.default_branch, commits=new,
            head_sha=head_sha, head_repo=head_repo, draft=draft, at=stamp(created_at), number=number,
            labels=[make_label(core, self.row, x) for x in labels],
            assignees=[core.ensure_user(x).login for x in assignees], milestone=milestone,
        )  # fmt: skip
        if reviewers or team_reviewers:
            pulldeeds.request_reviewers(core, row, list(reviewers), list(team_reviewers), actor, quiet=True)
        if merged_at is not None:
            closer = Actor(core.ensure_user(merged_by or self.row.owner).login)
            pulldeeds.merge(core, row, closer, stamp(merged_at))
        elif state == "closed":
            deeds.close(core, row, Actor(self.row.owner), None, stamp(closed_at or updated_at or created_at))
        if updated_at is not None:
            row.updated_at = stamp(updated_at) or row.updated_at
        elif created_at is not None and state == "open" and merged_at is None:
            row.updated_at = row.created_at
        core.tables.issues.put(row)
        core.save()
        return DemoIssue(core, row)

    def status(
        self, sha: str, state: str, *, context: str = "ci", description: str | None = None
    ) -> r.Status:
        """Set a commit status (`success failure error pending`)."""
        core = self._core
        row = r.Status(core.tables.next_id("status", 300_001), self.row.id, sha, state, context, description,
                       creator=self.row.owner, created_at=core.now())  # fmt: skip
        core.tables.statuses.put(row)
        core.save()
        return row
