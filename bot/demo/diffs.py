"""Changes between commits, read from git."""

import re
from dataclasses import dataclass

from bot.demo import records as r
from bot.demo.core import Core
from bot.demo.gitstore import BareRepo, GitFault

_STATUS = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied", "T": "changed"}


@dataclass(frozen=True, slots=True)
class Change:
    """One changed file; `patch` is None for binary files."""

    path: str
    before: str | None
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str | None


def changes(git: BareRepo, base: str, head: str) -> list[Change]:
    """What changed from one commit to another, files in order of their paths."""
    raw = git.run("diff-tree", "-r", "-M", "-z", "--raw", base, head).decode(errors="replace").split("\0")
    patches = _patches(
        git.run("diff-tree", "-r", "-M", "-p", "--no-color", base, head).decode(errors="replace")
    )
    out: list[Change] = []
    index = 0
    while index < len(raw) and raw[index]:
        meta = raw[index].split()
        letter = meta[4][0]
        moved = letter in "RC"
        path = raw[index + 2] if moved else raw[index + 1]
        patch = patches[len(out)] if len(out) < len(patches) else None
        lines = (patch or "").splitlines()
        out.append(
            Change(
                path=path,
                before=raw[index + 1] if moved else None,
                status=_STATUS.get(letter, "changed"),
                sha=meta[2] if letter == "D" else meta[3],
                additions=sum(x.startswith("+") for x in lines),
                deletions=sum(x.startswith("-") for x in lines),
                patch=patch,
            )
        )
        index += 3 if moved else 2
    return out


def _patches(text: str) -> list[str | None]:
    """The hunks of each file, in order; None where there are none."""
    out: list[str | None] = []
    for part in re.split(r"^diff --git .*\n", text, flags=re.MULTILINE)[1:]:
        start = re.search(r"^@@ ", part, flags=re.MULTILINE)
        out.append(part[start.start() :].rstrip("\n") if start else None)
    return out


def pull_base(core: Core, row: r.Issue) -> tuple[BareRepo, str, str] | None:
    """The git, merge base and head of a pull request; None where git does not have them."""
    pull = core.tables.pulls.rows[row.id]
    git = core.git.open(row.repo_id)
    try:
        return git, git.text("merge-base", pull.base_sha, pull.head_sha), pull.head_sha
    except GitFault:
        return None


def diff_of_pull(core: Core, row: r.Issue) -> list[Change]:
    """A pull request's changed files."""
    found = pull_base(core, row)
    return [] if found is None else changes(*found)
