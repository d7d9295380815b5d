"""Loading a REST export: `issues.jsonl`, with `pulls.jsonl` and `comments.jsonl.gz` beside it when present."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, cast

from bot.demo import ids
from bot.demo import records as r
from bot.demo.core import Core
from bot.demo.gitstore import NewCommit, Person
from bot.demo.mentions import mentioned
from bot.demo.vocabulary import make_label

Row = dict[str, Any]


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return cast("TextIO", gzip.open(path, "rt", encoding="utf-8"))
    return path.open(encoding="utf-8")


class ExportFault(ValueError):  # noqa: N818
    """The export cannot be read; says which file, which line and what."""


def _rows(path: Path) -> Iterator[Row]:
    with _opened(path) as lines:
        first = lines.read(1)
        lines.seek(0)
        if first == "[":
            yield from json.load(lines)
            return
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _row(path, number, line)


def _row(path: Path, number: int, line: str) -> Row:
    try:
        value = json.loads(line)
    except ValueError as fault:
        raise ExportFault(f"{path.name}: line {number} is no JSON ({fault})") from fault
    if not isinstance(value, dict):
        raise ExportFault(f"{path.name}: line {number} is no JSON object")
    return value


def _beside(path: Path, name: str) -> Path | None:
    """A companion file, packed or not."""
    return next((x for x in (path.parent / name, path.parent / f"{name}.gz") if x.is_file()), None)


def load_export(core: Core, path: Path, full_name: str | None = None) -> r.Repo:
    """Load issues, pull requests and comments; `full_name` defaults to what the rows say. Raises ExportFault."""
    try:
        issues = list(_rows(path))
        beside = _beside(path, "pulls.jsonl"), _beside(path, "comments.jsonl")
        pulls = {x["number"]: x for x in _rows(beside[0])} if beside[0] else {}
        comments = list(_rows(beside[1])) if beside[1] else []
        return _load(core, issues, pulls, comments, full_name)
    except OSError as fault:
        raise ExportFault(f"{path}: cannot be read ({fault.strerror or fault})") from fault
    except (KeyError, TypeError, AttributeError) as fault:
        raise ExportFault(f"{path.name}: a row is no REST issue ({type(fault).__name__}: {fault})") from fault


def _load(
    core: Core, issues: list[Row], pulls: dict[int, Row], comments: list[Row], full_name: str | None
) -> r.Repo:
    if not issues:
        raise ExportFault("the export holds no issues")
    full_name = full_name or "/".join(issues[0]["repository_url"].split("/")[-2:])
    repo = _repo(core, full_name, issues)
    by_number = {x["number"]: _issue(core, repo, x) for x in issues}
    for row in issues:
        if "pull_request" in row:
            _pull(core, repo, by_number[row["number"]], row, pulls.get(row["number"], {}))
    _branches(core, repo)
    for row in comments:
        parent = by_number.get(int(row["issue_url"].rsplit("/", 1)[1]))
        if parent is not None:
            _comment(core, repo, parent, row)
    return repo


def _repo(core: Core, full_name: str, issues: list[Row]) -> r.Repo:
    owner, _, name = full_name.partition("/")
    login = core.ensure_user(owner).login
    first = min(x["created_at"] for x in issues)
    now = core.now()
    repo = core.tables.repos.put(
        r.Repo(core.tables.next_id("repo", 5001), login, name, created_at=first, updated_at=now, pushed_at=now,
               default_branch="master", next_number=max(x["number"] for x in issues) + 1)
    )  # fmt: skip
    author = Person(login, f"{login}@users.noreply.github.com")
    readme = {"README.md": f"# {name}\n\nAn export of {full_name}; its code is not part of it.\n"}
    core.git.open(repo.id, "master").commit(
        "master", [NewCommit(author, ids.parse_time(first), "Begin", readme)]
    )
    return repo


def _login(core: Core, user: Row | str | None) -> str | None:
    if not user:
        return None
    if isinstance(user, str):
        return core.ensure_user(user).login
    known = core.user(user["login"])
    if known is not None:
        return known.login
    row = r.User(user["id"], user["login"], type=user.get("type", "User"), created_at="2008-01-01T00:00:00Z")
    if core.tables.users.get(row.id) is not None:
        return core.ensure_user(user["login"]).login
    core.tables.reserve_id("user", row.id)
    return core.tables.users.put(row).login


def _issue(core: Core, repo: r.Repo, row: Row) -> r.Issue:
    labels = [
        make_label(core, repo, x["name"], x.get("color", "ededed"), x.get("description"))
        for x in row["labels"]
    ]
    core.tables.reserve_id("issue", row["id"])
    reactions = {
        k: v
        for k, v in (row.get("reactions") or {}).items()
        if isinstance(v, int) and k != "total_count" and v
    }
    return core.tables.issues.put(
        r.Issue(
            id=row["id"], repo_id=repo.id, number=row["number"], title=row["title"],
            author=_login(core, row.get("user")), body=row.get("body"), is_pull="pull_request" in row,
            state=row["state"], state_reason=row.get("state_reason"), labels=[x.id for x in labels],
            assignees=[x for x in (_login(core, y) for y in row.get("assignees") or []) if x],
            milestone=_milestone(core, repo, row.get("milestone")), locked=row.get("locked", False),
            lock_reason=row.get("active_lock_reason"), created_at=row["created_at"], updated_at=row["updated_at"],
            closed_at=row.get("closed_at"), closed_by=_login(core, row.get("closed_by")),
            comments=row.get("comments") or 0, reactions=reactions, type=(row.get("type") or {}).get("name"),
            mentions=mentioned(row.get("body")), association=row.get("author_association"),
        )
    )  # fmt: skip


def _milestone(core: Core, repo: r.Repo, row: Row | None) -> int | None:
    if not row:
        return None
    number = int(row["number"])
    if core.tables.milestones.one("number", (repo.id, number)) is None:
        core.tables.milestones.put(
            r.Milestone(core.tables.next_id("milestone", 60_001), repo.id, number, row["title"],
                        row.get("description"), row.get("state", "open"), _login(core, row.get("creator")),
                        row.get("created_at") or repo.created_at, row.get("updated_at") or repo.created_at,
                        row.get("closed_at"), row.get("due_on"))
        )  # fmt: skip
    return number


def _pull(core: Core, repo: r.Repo, issue: r.Issue, row: Row, more: Row) -> None:
    head, base = more.get("head") or {}, more.get("base") or {}
    pull_id = more.get("id") or core.tables.next_id("pull", 200_001)
    core.tables.reserve_id("pull", pull_id)
    source = head.get("repo")
    core.tables.pulls.put(
        r.Pull(
            id=issue.id, pull_id=pull_id, head_ref=head.get("ref") or f"pull-{issue.number}",
            head_sha=head.get("sha") or "0" * 40, base_ref=base.get("ref") or repo.default_branch,
            base_sha=base.get("sha") or "0" * 40, head_repo=None if source == repo.full_name else source,
            draft=bool(row.get("draft")), merged_at=row["pull_request"].get("merged_at"),
            merged_by=_login(core, more.get("merged_by")), merge_commit_sha=more.get("merge_commit_sha"),
            reviewers=[x for x in (_login(core, y) for y in more.get("requested_reviewers") or []) if x],
            team_reviewers=[x if isinstance(x, str) else x["slug"] for x in more.get("requested_teams") or []],
            additions=more.get("additions"), deletions=more.get("deletions"),
            changed_files=more.get("changed_files"), commits=more.get("commits"),
        )
    )  # fmt: skip


def _branches(core: Core, repo: r.Repo) -> None:
    """Give every open pull request a head that can be fetched: the export has no code, so a note stands for it."""
    git = core.git.open(repo.id)
    base = git.resolve(repo.default_branch)
    author = Person(repo.owner, f"{repo.owner}@users.noreply.github.com")
    for issue in core.tables.issues.under("repo", repo.id):
        if issue.is_pull and issue.state == "open" and base is not None:
            pull = core.tables.pulls.rows[issue.id]
            at = ids.parse_time(issue.updated_at)
            note = {
                f"pulls/{issue.number}.md": f"# {issue.title}\n\nThe code of this pull request is not in the export.\n"
            }
            pull.base_sha, pull.head_sha = (
                base,
                git.commit(f"export/{issue.number}", [NewCommit(author, at, issue.title, note)], start=base),
            )
            git.set_ref(f"refs/pull/{issue.number}/head", pull.head_sha)
            git.run("update-ref", "-d", f"refs/heads/export/{issue.number}")
            pull.additions, pull.deletions, pull.changed_files, pull.commits = 3, 0, 1, 1


def _comment(core: Core, repo: r.Repo, parent: r.Issue, row: Row) -> None:
    core.tables.reserve_id("comment", row["id"])
    core.tables.comments.put(
        r.Comment(
            id=row["id"], repo_id=repo.id, issue_id=parent.id, author=_login(core, row.get("user")),
            body=row.get("body") or "", created_at=row["created_at"], updated_at=row["updated_at"],
            association=row.get("author_association"),
        )
    )  # fmt: skip
    found = mentioned(row.get("body"))
    if found:
        parent.mentions = sorted({*parent.mentions, *found})
