"""Builds the embedded GitHub's own repository: a year of a small open-source project, told up to the clock's now."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from bot.demo.handles import CommitSpec, DemoRepo
from bot.demo.state import GitHub
from bot.demo.story import Change, Issue, Pull, Setting, Story, load

Deed = tuple[float, Callable[[], object]]
"""How many days ago something happened, and what."""


def seed(github: GitHub) -> DemoRepo:
    """Build the organisation and its repository; dates are relative to the GitHub's clock. Returns the repository."""
    story = load()
    now = github.clock()
    repo = _found(github, story.setting, now)
    teller = _Teller(repo, story, now)
    # Oldest first, so that numbers, branches and `updated_at` come out as they would have.
    for _, deed in sorted(teller.deeds(), key=lambda each: -each[0]):
        deed()
    return repo


def _found(github: GitHub, setting: Setting, now: datetime) -> DemoRepo:
    born = now - timedelta(days=363)
    for person in setting.people:
        github.add_user(
            person.login, name=person.name or None, email=person.email, created_at=born - timedelta(days=400)
        )
    roles = {person.login: person.role for person in setting.people if person.role}
    members = {login: "admin" if role == "admin" else "member" for login, role in roles.items()}
    github.add_org(setting.owner, name="Rye & Co", members=members)
    repo = github.add_repo(
        f"{setting.owner}/{setting.name}",
        default_branch=setting.default_branch,
        description=setting.description,
        language="Python",
        collaborators=roles,
        topics=setting.topics,
        created_at=born,
    )
    for label in setting.labels:
        repo.label(label.name, label.color, label.description)
    for milestone in setting.milestones:
        repo.milestone(
            milestone.title,
            description=milestone.description,
            due_on=now + timedelta(days=milestone.due),
            creator=setting.people[0].login,
            created_at=born,
            closed_at=None if milestone.closed is None else now + timedelta(days=milestone.closed),
        )
    return repo


@dataclass
class _Teller:
    """Turns the story into deeds on the repository; `tree` is the default branch as told so far."""

    repo: DemoRepo
    story: Story
    now: datetime
    tree: dict[str, str] = field(default_factory=dict)

    def deeds(self) -> Iterator[Deed]:
        for change in self.story.history:
            if change.pull is None:
                yield change.ago, partial(self._commit, change)
        for issue in self.story.issues:
            yield from self._issue(issue)
        for pull in self.story.pulls:
            yield from self._pull(pull)

    def _at(self, ago: float) -> datetime:
        # People do not all write at the same minute of the day; the order of things within a day stays.
        return self.now - timedelta(days=ago) + timedelta(minutes=int(ago) * 37 % 240)

    def _commit(self, change: Change) -> None:
        self.repo.commit(*self._specs([change], change.author))
        self._follow(change)

    def _follow(self, change: Change) -> None:
        self.tree = _after(self.tree, change.files(self.tree))

    def _specs(self, changes: Iterable[Change], author: str) -> Iterator[CommitSpec]:
        tree = self.tree
        for change in changes:
            files = change.files(tree)
            yield author, self._at(change.ago), change.message, files
            tree = _after(tree, files)

    def _milestone(self, title: str | None) -> int | None:
        titles = [milestone.title for milestone in self.story.setting.milestones]
        return None if title is None else titles.index(title) + 1

    def _issue(self, issue: Issue) -> Iterator[Deed]:
        yield (
            issue.ago,
            partial(
                self.repo.issue,
                issue.title,
                number=issue.number,
                body=issue.body,
                author=issue.author,
                labels=issue.labels,
                assignees=issue.assignees,
                milestone=self._milestone(issue.milestone),
                created_at=self._at(issue.ago),
            ),
        )
        yield from self._comments(issue)
        if issue.closed is not None:
            yield issue.closed - 0.001, partial(self._close, issue, issue.reason)

    def _comments(self, item: Issue | Pull) -> Iterator[Deed]:
        for ago, author, body in item.comments:
            yield ago, partial(self._comment, item.number, author, body, ago)

    def _comment(self, number: int, author: str, body: str, ago: float) -> None:
        self.repo.get(number).comment(author, body, created_at=self._at(ago))

    def _close(self, item: Issue | Pull, reason: str) -> None:
        item_now = self.repo.get(item.number)
        if item_now.row.state == "open" and item.closed is not None:
            item_now.close(item.closed_by, reason=reason, closed_at=self._at(item.closed))

    def _pull(self, pull: Pull) -> Iterator[Deed]:
        merged = self.story.merged(pull)
        yield pull.ago, partial(self._open, pull, merged)
        yield from self._comments(pull)
        for ago, author, verdict, words, notes in pull.reviews:
            yield ago, partial(self._review, pull.number, ago, author, verdict, words, notes)
        if merged is not None:
            yield merged.ago, partial(self._merge, pull, merged)
        if pull.closed is not None:
            yield pull.closed - 0.001, partial(self._close, pull, "completed")

    def _open(self, pull: Pull, merged: Change | None) -> None:
        changes = pull.commits if merged is None else (merged.model_copy(update={"ago": pull.ago}),)
        fork = f"{pull.author}/{self.story.setting.name}" if pull.fork else None
        opened = self.repo.pull(
            pull.title,
            pull.branch,
            number=pull.number,
            body=pull.body,
            author=pull.author,
            labels=pull.labels,
            assignees=pull.assignees,
            milestone=self._milestone(pull.milestone),
            draft=pull.draft,
            reviewers=pull.reviewers,
            commits=list(self._specs(changes, pull.author)),
            head_repo=fork,
            created_at=self._at(pull.ago),
        )
        if pull.status is not None:
            self.repo.status(opened.pull.head_sha, pull.status)

    def _review(
        self,
        number: int,
        ago: float,
        author: str,
        verdict: str,
        words: str,
        notes: tuple[tuple[str, int, str], ...],
    ) -> None:
        self.repo.get(number).review(author, verdict, words, submitted_at=self._at(ago), comments=notes)

    def _merge(self, pull: Pull, change: Change) -> None:
        self.repo.get(pull.number).merge(pull.merged_by, merged_at=self._at(change.ago))
        self._follow(change)


def _after(tree: Mapping[str, str], files: Mapping[str, str | None]) -> dict[str, str]:
    return {path: text for path, text in {**tree, **files}.items() if text is not None}
