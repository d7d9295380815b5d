"""What can be done to pull requests and branches: open, push, review, merge."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.demo import deeds, ids, shapes, shapes_issues, webhooks
from bot.demo import records as r
from bot.demo.core import Actor, Core
from bot.demo.diffs import diff_of_pull
from bot.demo.gitstore import NO_COMMIT, BareRepo, GitFault, NewCommit
from bot.demo.linked import closed_issues
from bot.demo.mentions import mentioned


@dataclass(frozen=True, slots=True)
class LineNote:
    """A review comment to be: on a line of the new side unless said otherwise."""

    path: str
    body: str
    line: int | None = None
    side: str = "RIGHT"
    start_line: int | None = None
    start_side: str | None = None
    position: int | None = None


def bare(core: Core, repo: r.Repo) -> BareRepo:
    """The repository's git."""
    return core.git.open(repo.id, repo.default_branch)


def commit_to_branch(
    core: Core, repo: r.Repo, branch: str, commits: Sequence[NewCommit], actor: Actor
) -> str:
    """Add commits to a branch and tell of the push."""
    git = bare(core, repo)
    before = git.refs(f"refs/heads/{branch}").get(f"refs/heads/{branch}")
    start = None if before else git.resolve(repo.default_branch)
    after = git.commit(branch, commits, start=start)
    pushed(core, repo, branch, before or NO_COMMIT, after, actor)
    return after


def pushed(core: Core, repo: r.Repo, branch: str, before: str, after: str, actor: Actor) -> None:
    """What follows a moved branch: `pushed_at`, pull requests of that branch, `push`, a check suite."""
    repo.pushed_at = core.now()
    core.tables.repos.put(repo)
    webhooks.emit(core, "push", None, actor, repo, **_push_payload(core, repo, branch, before, after, actor))
    if after != NO_COMMIT:
        for row in _open_from(core, repo, branch):
            _synchronize(core, row, before, after, actor)
        _ask_for_checks(core, repo, branch, after)


def _open_from(core: Core, repo: r.Repo, branch: str) -> list[r.Issue]:
    rows = core.tables.issues.under("repo", repo.id)
    return [
        x
        for x in rows
        if x.is_pull
        and x.state == "open"
        and (pull := core.tables.pulls.rows[x.id]).head_ref == branch
        and pull.head_repo is None
    ]


def _synchronize(core: Core, row: r.Issue, before: str, after: str, actor: Actor) -> None:
    repo, pull = core.repo_of(row), core.tables.pulls.rows[row.id]
    if pull.head_sha == after:
        return
    pull.head_sha = after
    measure(core, repo, pull)
    bare(core, repo).set_ref(f"refs/pull/{row.number}/head", after)
    core.tables.pulls.put(pull)
    deeds.touch(core, row)
    deeds.announce(core, row, "synchronize", actor, before=before, after=after)


def _push_payload(
    core: Core, repo: r.Repo, branch: str, before: str, after: str, actor: Actor
) -> dict[str, Any]:
    commits = _pushed_commits(core, repo, before, after)
    return {
        "ref": f"refs/heads/{branch}",
        "before": before,
        "after": after,
        "created": before == NO_COMMIT,
        "deleted": after == NO_COMMIT,
        "forced": False,
        "base_ref": None,
        "compare": f"{core.url}/{repo.full_name}/compare/{before[:12]}...{after[:12]}",
        "commits": commits,
        "head_commit": commits[-1] if commits else None,
        "pusher": {"name": actor.login, "email": f"{actor.login}@users.noreply.github.com"},
    }


def _pushed_commits(core: Core, repo: r.Repo, before: str, after: str) -> list[dict[str, Any]]:
    if after == NO_COMMIT:
        return []
    span = after if before == NO_COMMIT else f"{before}..{after}"
    text = bare(core, repo).text(
        "log", "--reverse", "-n", "20", "--name-status", "--no-renames",
        "--format=%x1e%H%x1f%T%x1f%an%x1f%ae%x1f%aI%x1f%B%x1f", span, "--",
    )  # fmt: skip
    return [_pushed_commit(core, repo, x) for x in text.split("\x1e") if x.strip()]


def _pushed_commit(core: Core, repo: r.Repo, text: str) -> dict[str, Any]:
    sha, tree, name, email, at, message, changes = text.split("\x1f")
    files: dict[str, list[str]] = {"A": [], "D": [], "M": []}
    for line in changes.strip().splitlines():
        status, _, path = line.partition("\t")
        files.get(status[:1], files["M"]).append(path)
    who = {"name": name, "email": email, "username": name}
    return {
        "id": sha,
        "tree_id": tree,
        "distinct": True,
        "message": message.strip(),
        "timestamp": at,
        "url": f"{core.url}/{repo.full_name}/commit/{sha}",
        "author": who,
        "committer": who,
        "added": files["A"],
        "removed": files["D"],
        "modified": files["M"],
    }


def _ask_for_checks(core: Core, repo: r.Repo, branch: str, sha: str) -> None:
    """GitHub makes a check suite for every installed App that may write checks."""
    for installation in core.tables.installations.under("account", repo.owner.lower()):
        covered = installation.repositories is None or repo.id in installation.repositories
        if covered and installation.permissions.get("checks") == "write":
            ensure_suite(core, repo, installation.app_id, sha, branch)


def ensure_suite(core: Core, repo: r.Repo, app_id: int, sha: str, branch: str | None) -> r.CheckSuite:
    """The check suite of an App on a commit."""
    found = core.tables.suites.one("app", (repo.id, sha, app_id))
    if found is not None:
        return found
    now = core.now()
    row = r.CheckSuite(core.tables.next_id("suite", 800_001), repo.id, app_id, sha, branch, now, now)
    return core.tables.suites.put(row)


def measure(core: Core, repo: r.Repo, pull: r.Pull) -> None:
    """Count a pull request's lines, files and commits in git; what git does not know stays as it was."""
    git = bare(core, repo)
    try:
        base = git.text("merge-base", pull.base_sha, pull.head_sha)
        rows = [x.split("\t") for x in git.text("diff", "--numstat", base, pull.head_sha).splitlines()]
        pull.commits = int(git.text("rev-list", "--count", f"{base}..{pull.head_sha}"))
    except GitFault:
        return
    pull.additions = sum(int(x[0]) for x in rows if x[0] != "-")
    pull.deletions = sum(int(x[1]) for x in rows if x[1] != "-")
    pull.changed_files = len(rows)


def open_pull(
    core: Core,
    repo: r.Repo,
    actor: Actor,
    title: str,
    body: str | None,
    *,
    branch: str,
    base: str,
    commits: Sequence[NewCommit] = (),
    head_sha: str | None = None,
    head_repo: str | None = None,
    draft: bool = False,
    at: str | None = None,
    number: int | None = None,
    labels: Iterable[r.Label] = (),
    assignees: Iterable[str] = (),
    milestone: int | None = None,
) -> r.Issue:
    """Create a pull request; with `commits` they are first put on its branch."""
    at = at or core.now()
    git = bare(core, repo)
    base_sha = git.resolve(base) if commits or head_sha is None else None
    if commits:
        where = branch if head_repo is None else f"fork/{head_repo.partition('/')[0]}/{branch}"
        head_sha = git.commit(where, commits, start=base_sha)
    row = r.Issue(
        id=core.tables.next_id("issue", 100_001), repo_id=repo.id, number=deeds.new_number(core, repo, number),
        title=title, author=actor.login, body=body, is_pull=True, labels=[x.id for x in labels],
        assignees=list(assignees), milestone=milestone, created_at=at, updated_at=at, via_app=actor.app_id,
        mentions=mentioned(body),
    )  # fmt: skip
    pull = r.Pull(
        id=row.id, pull_id=core.tables.next_id("pull", 200_001), head_ref=branch,
        head_sha=head_sha or git.resolve(branch) or NO_COMMIT, base_ref=base, base_sha=base_sha or NO_COMMIT,
        head_repo=head_repo, draft=draft,
    )  # fmt: skip
    core.tables.pulls.put(pull)
    core.tables.issues.put(row)
    if base_sha is not None:
        git.set_ref(f"refs/pull/{row.number}/head", pull.head_sha)
        measure(core, repo, pull)
        if head_repo is not None and commits:
            git.run("update-ref", "-d", f"refs/heads/fork/{head_repo.partition('/')[0]}/{branch}")
        _ask_for_checks(core, repo, branch, pull.head_sha)
    deeds.announce(core, row, "opened", actor)
    return row


def push_commits(core: Core, row: r.Issue, commits: Sequence[NewCommit], actor: Actor) -> str:
    """Add commits to a pull request's branch."""
    repo, pull = core.repo_of(row), core.tables.pulls.rows[row.id]
    if pull.head_repo is None:
        return commit_to_branch(core, repo, pull.head_ref, commits, actor)
    git, before = bare(core, repo), pull.head_sha
    after = git.commit(f"fork/tmp-{row.number}", commits, start=before)
    git.run("update-ref", "-d", f"refs/heads/fork/tmp-{row.number}")
    _synchronize(core, row, before, after, actor)
    return after


def set_draft(core: Core, row: r.Issue, actor: Actor, *, draft: bool) -> None:
    """Make a draft, or ready for review."""
    pull = core.tables.pulls.rows[row.id]
    if pull.draft == draft:
        return
    pull.draft = draft
    core.tables.pulls.put(pull)
    deeds.touch(core, row)
    action = "converted_to_draft" if draft else "ready_for_review"
    deeds.note(core, row, "convert_to_draft" if draft else "ready_for_review", actor)
    deeds.announce(core, row, action, actor)


def request_reviewers(
    core: Core, row: r.Issue, logins: list[str], teams: list[str], actor: Actor, *, quiet: bool = False
) -> None:
    """Ask for reviews."""
    pull = core.tables.pulls.rows[row.id]
    came = [x for x in (core.ensure_user(y).login for y in logins) if x not in pull.reviewers]
    pull.reviewers += came
    pull.team_reviewers += [x for x in teams if x not in pull.team_reviewers]
    core.tables.pulls.put(pull)
    if quiet:
        return
    deeds.touch(core, row)
    for login in came:
        deeds.note(
            core, row, "review_requested", actor, requested_reviewer=login, review_requester=actor.login
        )
        who = shapes.simple_user(core, login)
        deeds.announce(core, row, "review_requested", actor, requested_reviewer=who)


def drop_reviewers(core: Core, row: r.Issue, logins: list[str], teams: list[str], actor: Actor) -> None:
    """Take requests for reviews back."""
    pull, gone = core.tables.pulls.rows[row.id], {x.lower() for x in logins}
    pull.reviewers = [x for x in pull.reviewers if x.lower() not in gone]
    pull.team_reviewers = [x for x in pull.team_reviewers if x not in teams]
    core.tables.pulls.put(pull)
    deeds.touch(core, row)
    for login in logins:
        who = shapes.simple_user(core, login)
        deeds.announce(core, row, "review_request_removed", actor, requested_reviewer=who)


def submit_review(
    core: Core, row: r.Issue, actor: Actor, state: str, body: str, notes: Sequence[LineNote] = (), *,
    commit_id: str | None = None, at: str | None = None,
) -> r.Review:  # fmt: skip
    """Review a pull request; state `PENDING` keeps it private. The request for the reviewer's review ends."""
    pull, now = core.tables.pulls.rows[row.id], at or core.now()
    review = core.tables.reviews.put(
        r.Review(core.tables.next_id("review", 600_001), row.repo_id, row.id, actor.login, state, body,
                 commit_id or pull.head_sha, None if state == "PENDING" else now)
    )  # fmt: skip
    for note in notes:
        add_line_comment(core, row, actor, note, review_id=review.id, commit_id=review.commit_id, at=now)
    if state != "PENDING":
        publish_review(core, row, review, actor, now)
    return review


def publish_review(core: Core, row: r.Issue, review: r.Review, actor: Actor, at: str) -> None:
    """What follows a submitted review."""
    pull = core.tables.pulls.rows[row.id]
    pull.reviewers = [x for x in pull.reviewers if x != review.author]
    core.tables.pulls.put(pull)
    deeds.touch(core, row, at)
    repo = core.repo_of(row)
    shape = {**shapes_issues.review(core, review), "state": review.state.lower()}
    webhooks.emit(
        core, "pull_request_review", "submitted", actor, repo,
        review=shape, pull_request=shapes_issues.pull_simple(core, row, repo),
    )  # fmt: skip


def add_line_comment(
    core: Core, row: r.Issue, actor: Actor, note: LineNote, *,
    review_id: int | None, commit_id: str, in_reply_to: int | None = None, at: str | None = None,
) -> r.ReviewComment:  # fmt: skip
    """Comment on a line of the diff."""
    at = at or core.now()
    comment = core.tables.review_comments.put(
        r.ReviewComment(
            id=core.tables.next_id("review_comment", 650_001), repo_id=row.repo_id, issue_id=row.id,
            review_id=review_id, author=actor.login, body=note.body, path=note.path, commit_id=commit_id,
            diff_hunk=_hunk(core, row, note), line=note.line, side=note.side, start_line=note.start_line,
            start_side=note.start_side, position=note.position or note.line, in_reply_to=in_reply_to,
            created_at=at, updated_at=at,
        )
    )  # fmt: skip
    deeds.touch(core, row, at)
    repo = core.repo_of(row)
    webhooks.emit(
        core, "pull_request_review_comment", "created", actor, repo,
        comment=shapes_issues.review_comment(core, comment),
        pull_request=shapes_issues.pull_simple(core, row, repo),
    )  # fmt: skip
    return comment


def _hunk(core: Core, row: r.Issue, note: LineNote) -> str:
    for change in diff_of_pull(core, row):
        if change.path == note.path and change.patch:
            return change.patch.split("\n", 1)[0] + "\n" + "\n".join(change.patch.split("\n")[1:5])
    return "@@ -0,0 +1 @@"


def merge(core: Core, row: r.Issue, actor: Actor, at: str | None = None) -> None:
    """Merge: the base branch moves to a merge commit and closing references close."""
    repo, pull, at = core.repo_of(row), core.tables.pulls.rows[row.id], at or core.now()
    git = bare(core, repo)
    tip = git.resolve(pull.base_ref)
    if tip is not None and git.resolve(pull.head_sha) is not None:
        pull.merge_commit_sha = _merge_commit(git, row, pull, tip, actor, at)
        git.set_ref(f"refs/heads/{pull.base_ref}", pull.merge_commit_sha)
    pull.merged_at, pull.merged_by, pull.queued = at, actor.login, False
    core.tables.pulls.put(pull)
    row.state, row.closed_at, row.closed_by = "closed", at, actor.login
    deeds.touch(core, row, at)
    deeds.note(core, row, "merged", actor, at, commit_id=pull.merge_commit_sha)
    deeds.announce(core, row, "closed", actor)
    if pull.base_ref == repo.default_branch:
        for issue in closed_issues(core, row):
            deeds.close(core, issue, actor, "completed", at)
    if tip is not None and pull.merge_commit_sha is not None:
        pushed(core, repo, pull.base_ref, tip, pull.merge_commit_sha, actor)


def _merge_commit(git: BareRepo, row: r.Issue, pull: r.Pull, tip: str, actor: Actor, at: str) -> str:
    try:
        tree = git.text("merge-tree", "--write-tree", tip, pull.head_sha).splitlines()[0]
    except GitFault:  # a conflict in a made-up history: the pull request's side wins
        tree = git.text("rev-parse", f"{pull.head_sha}^{{tree}}")
    who = (
        f"{actor.login} <{actor.login}@users.noreply.github.com> {int(ids.parse_time(at).timestamp())} +0000"
    )
    message = f"Merge pull request #{row.number} from {pull.head_ref}\n\n{row.title}\n"
    raw = f"tree {tree}\nparent {tip}\nparent {pull.head_sha}\nauthor {who}\ncommitter {who}\n\n{message}"
    return git.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw.encode()).decode().strip()
