"""What can be done to issues and comments: the change, `updated_at`, the event list and the webhook together."""

from collections.abc import Iterable
from typing import Any

from bot.demo import records as r
from bot.demo import shapes, shapes_issues, webhooks
from bot.demo.core import Actor, Core
from bot.demo.mentions import mentioned


def shape_of(core: Core, row: r.Issue) -> dict[str, Any]:
    """The payload keys of webhooks about an item: `issue`, or `number` and `pull_request`."""
    repo = core.repo_of(row)
    if not row.is_pull:
        return {"issue": {**shapes_issues.issue(core, row, repo), **shapes_issues.closed_by(core, row)}}
    pull = core.tables.pulls.rows[row.id]
    size = {
        "additions": pull.additions or 0,
        "deletions": pull.deletions or 0,
        "changed_files": pull.changed_files or 0,
        "commits": pull.commits or 0,
    }
    return {"number": row.number, "pull_request": shapes_issues.pull_full(core, row, repo, size)}


def announce(core: Core, row: r.Issue, action: str, actor: Actor, **more: Any) -> None:
    """Send `issues` or `pull_request`."""
    kind = "pull_request" if row.is_pull else "issues"
    webhooks.emit(core, kind, action, actor, core.repo_of(row), **shape_of(core, row), **more)


def note(core: Core, row: r.Issue, event: str, actor: Actor, at: str | None = None, **detail: Any) -> None:
    """Add to the event list."""
    core.tables.events.put(
        r.Event(core.tables.next_id("event", 500_001), row.repo_id, row.id, actor.login, event, at or core.now(),
                detail, actor.app_id)
    )  # fmt: skip


def touch(core: Core, row: r.Issue, at: str | None = None) -> None:
    """Bump `updated_at`; it never goes back."""
    row.updated_at = max(row.updated_at, at or core.now())
    core.tables.issues.put(row)


def new_number(core: Core, repo: r.Repo, wanted: int | None = None) -> int:
    """The next number of a repository, shared by issues and pull requests."""
    number = wanted if wanted is not None else repo.next_number
    repo.next_number = max(repo.next_number, number + 1)
    core.tables.repos.put(repo)
    return number


def open_issue(
    core: Core,
    repo: r.Repo,
    actor: Actor,
    title: str,
    body: str | None = None,
    *,
    labels: Iterable[r.Label] = (),
    assignees: Iterable[str] = (),
    milestone: int | None = None,
    kind: str | None = None,
    at: str | None = None,
    number: int | None = None,
) -> r.Issue:
    """Create an issue."""
    at = at or core.now()
    row = r.Issue(
        id=core.tables.next_id("issue", 100_001),
        repo_id=repo.id,
        number=new_number(core, repo, number),
        title=title,
        author=actor.login,
        body=body,
        labels=[x.id for x in labels],
        assignees=list(assignees),
        milestone=milestone,
        created_at=at,
        updated_at=at,
        type=kind,
        via_app=actor.app_id,
        mentions=mentioned(body),
    )
    core.tables.issues.put(row)
    for tag in labels:
        note(core, row, "labeled", actor, at, label={"name": tag.name, "color": tag.color})
    announce(core, row, "opened", actor)
    return row


def rename(core: Core, row: r.Issue, title: str, actor: Actor) -> None:
    """Change the title."""
    if title == row.title:
        return
    before, row.title = row.title, title
    touch(core, row)
    note(core, row, "renamed", actor, rename={"from": before, "to": title})
    announce(core, row, "edited", actor, changes={"title": {"from": before}})


def rewrite(core: Core, row: r.Issue, body: str | None, actor: Actor) -> None:
    """Change the body."""
    if body == row.body:
        return
    before, row.body = row.body, body
    row.mentions = sorted({*row.mentions, *mentioned(body)})
    touch(core, row)
    announce(core, row, "edited", actor, changes={"body": {"from": before or ""}})


def close(core: Core, row: r.Issue, actor: Actor, reason: str | None = None, at: str | None = None) -> None:
    """Close, or change the reason of what is closed."""
    reason = None if row.is_pull else reason or "completed"
    if row.state == "closed" and row.state_reason == reason:
        return
    was_open = row.state == "open"
    row.state, row.state_reason = "closed", reason
    if was_open:
        row.closed_at, row.closed_by = at or core.now(), actor.login
    touch(core, row, at)
    note(core, row, "closed", actor, at, state_reason=reason)
    announce(core, row, "closed", actor)


def reopen(core: Core, row: r.Issue, actor: Actor) -> None:
    """Open again."""
    if row.state == "open":
        return
    row.state, row.closed_at, row.closed_by = "open", None, None
    row.state_reason = None if row.is_pull else "reopened"
    touch(core, row)
    note(core, row, "reopened", actor)
    announce(core, row, "reopened", actor)


def set_labels(core: Core, row: r.Issue, labels: list[r.Label], actor: Actor) -> None:
    """Make the labels exactly these; one event for each that came or went."""
    wanted = list(dict.fromkeys(x.id for x in labels))
    gone = [i for i in row.labels if i not in wanted]
    came = [i for i in wanted if i not in row.labels]
    if not gone and not came:
        return
    row.labels = [i for i in row.labels if i in wanted] + came
    touch(core, row)
    for event, action, changed in (("unlabeled", "unlabeled", gone), ("labeled", "labeled", came)):
        for tag in (core.tables.labels.rows[i] for i in changed):
            note(core, row, event, actor, label={"name": tag.name, "color": tag.color})
            announce(core, row, action, actor, label=shapes.label(core, tag))


def set_assignees(core: Core, row: r.Issue, logins: list[str], actor: Actor) -> None:
    """Make the assignees exactly these."""
    wanted = [core.ensure_user(x).login for x in logins][:10]
    gone = [x for x in row.assignees if x not in wanted]
    came = [x for x in wanted if x not in row.assignees]
    if not gone and not came:
        return
    row.assignees = [x for x in row.assignees if x in wanted] + came
    touch(core, row)
    for action, changed in (("unassigned", gone), ("assigned", came)):
        for login in changed:
            note(core, row, action, actor, assignee=login, assigner=actor.login)
            announce(core, row, action, actor, assignee=shapes.simple_user(core, login))


def set_milestone(core: Core, row: r.Issue, number: int | None, actor: Actor) -> None:
    """Put into a milestone or take out of it."""
    if row.milestone == number:
        return
    before, row.milestone = row.milestone, number
    touch(core, row)
    for action, which in (("demilestoned", before), ("milestoned", number)):
        found = None if which is None else core.tables.milestones.one("number", (row.repo_id, which))
        if found is not None:
            note(core, row, action, actor, milestone={"title": found.title})
            announce(core, row, action, actor, milestone=shapes.milestone(core, found))


def lock(core: Core, row: r.Issue, actor: Actor, *, locked: bool, reason: str | None = None) -> None:
    """Lock or unlock the conversation."""
    row.locked, row.lock_reason = locked, reason if locked else None
    touch(core, row)
    note(core, row, "locked" if locked else "unlocked", actor)
    announce(core, row, "locked" if locked else "unlocked", actor)


def add_comment(core: Core, row: r.Issue, actor: Actor, body: str, at: str | None = None) -> r.Comment:
    """Comment; the item's `updated_at` moves, whoever wrote it."""
    at = at or core.now()
    comment = core.tables.comments.put(
        r.Comment(core.tables.next_id("comment", 900_001), row.repo_id, row.id, actor.login, body, at, at,
                  via_app=actor.app_id)
    )  # fmt: skip
    row.comments += 1
    row.mentions = sorted({*row.mentions, *mentioned(body)})
    touch(core, row, at)
    announce_comment(core, comment, "created", actor)
    return comment


def edit_comment(core: Core, comment: r.Comment, body: str, actor: Actor) -> None:
    """Change a comment's text; the item's `updated_at` moves."""
    before, comment.body, comment.updated_at = comment.body, body, core.now()
    core.tables.comments.put(comment)
    row = core.tables.issues.rows[comment.issue_id]
    row.mentions = sorted({*row.mentions, *mentioned(body)})
    touch(core, row)
    announce_comment(core, comment, "edited", actor, changes={"body": {"from": before}})


def delete_comment(core: Core, comment: r.Comment, actor: Actor) -> None:
    """Delete a comment; the item's `updated_at` moves."""
    row = core.tables.issues.rows[comment.issue_id]
    row.comments -= 1
    touch(core, row)
    announce_comment(core, comment, "deleted", actor)
    core.tables.comments.drop(comment.id)


def announce_comment(core: Core, comment: r.Comment, action: str, actor: Actor, **more: Any) -> None:
    """Send `issue_comment`; on a pull request, too, the item goes as `issue`."""
    row, repo = core.tables.issues.rows[comment.issue_id], core.repo_of(comment)
    issue = {**shapes_issues.issue(core, row, repo), **shapes_issues.closed_by(core, row)}
    shape = shapes_issues.comment(core, comment)
    webhooks.emit(core, "issue_comment", action, actor, repo, issue=issue, comment=shape, **more)


Subject = r.Issue | r.Comment | r.ReviewComment


def subject_kind(subject: Subject) -> str:
    """How a reaction names what it is on."""
    if isinstance(subject, r.Issue):
        return "issue"
    return "comment" if isinstance(subject, r.Comment) else "review_comment"


def react(core: Core, subject: Subject, login: str, content: str) -> tuple[r.Reaction, bool]:
    """Add a reaction; the same one again is the first one (False). `updated_at` stays."""
    kind = subject_kind(subject)
    found = core.tables.reactions.one("one", (kind, subject.id, login.lower(), content))
    if found is not None:
        return found, False
    row = r.Reaction(core.tables.next_id("reaction", 700_001), kind, subject.id, login, content, core.now())
    subject.reactions[content] = subject.reactions.get(content, 0) + 1
    _put_subject(core, subject)
    return core.tables.reactions.put(row), True


def unreact(core: Core, subject: Subject, row: r.Reaction) -> None:
    """Take a reaction back."""
    subject.reactions[row.content] -= 1
    _put_subject(core, subject)
    core.tables.reactions.drop(row.id)


def _put_subject(core: Core, subject: Subject) -> None:
    if isinstance(subject, r.Issue):
        core.tables.issues.put(subject)
    elif isinstance(subject, r.Comment):
        core.tables.comments.put(subject)
    else:
        core.tables.review_comments.put(subject)
