"""Real bare git repositories: made by `git fast-import`, read by plumbing commands."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

Files = Mapping[str, str | bytes | None]
"""Paths to contents; None deletes. A path ending in `*` is made executable."""

NO_COMMIT = "0" * 40


class GitFault(Exception):  # noqa: N818
    """git refused."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who wrote a commit."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class NewCommit:
    """A commit to be made on top of the last one of its branch."""

    author: Person
    at: datetime
    message: str
    files: Files


def environment() -> dict[str, str]:
    """An environment in which no configuration of the host reaches git."""
    return {
        "PATH": os.defpath + ":/usr/local/bin:/usr/bin:/bin",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


class GitStore:
    """The folder of all bare repositories, one per repository id."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def open(self, repo_id: int, default_branch: str = "main") -> "BareRepo":
        """The bare repository of a repository, made empty on first use."""
        path = self.root / f"{repo_id}.git"
        if not (path / "HEAD").exists():
            _make_bare(path, default_branch)
        return BareRepo(path)

    def drop(self, repo_id: int) -> None:
        """Remove a repository's commits."""
        shutil.rmtree(self.root / f"{repo_id}.git", ignore_errors=True)


def _make_bare(path: Path, default_branch: str) -> None:
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info", "hooks"):
        (path / folder).mkdir(parents=True, exist_ok=True)
    (path / "config").write_text(
        "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
        "[http]\n\treceivepack = true\n"
        "[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n\tallowReachableSHA1InWant = true\n"
        "[receive]\n\thideRefs = refs/pull\n\tdenyDeleteCurrent = refuse\n\tadvertisePushOptions = true\n[gc]\n\tauto = 0\n"
    )
    # HEAD last: a half-made repository is made again.
    (path / "HEAD").write_text(f"ref: refs/heads/{default_branch}\n")


class BareRepo:
    """One bare repository."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run git here; raises GitFault with git's own words."""
        return self._run(arguments, stdin, environment())

    def with_index(self, index: str, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run git here on an index file of its own."""
        return self._run(arguments, stdin, environment() | {"GIT_INDEX_FILE": str(self.path / index)})

    def _run(self, arguments: Sequence[str], stdin: bytes, env: dict[str, str]) -> bytes:
        done = subprocess.run(
            ["git", "--git-dir", str(self.path), *arguments],
            input=stdin, capture_output=True, env=env, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise GitFault(done.stderr.decode(errors="replace").strip() or f"git {arguments[0]} failed")
        return done.stdout

    def text(self, *arguments: str) -> str:
        """Run git here and read its answer as text."""
        return self.run(*arguments).decode(errors="replace").rstrip("\n")

    def resolve(self, name: str) -> str | None:
        """The commit a branch, tag, ref or SHA stands for, or None."""
        if not name or name.startswith("-"):
            return None
        for candidate in (f"refs/heads/{name}", f"refs/tags/{name}", name):
            try:
                return self.text(
                    "rev-parse", "--verify", "--quiet", "--end-of-options", f"{candidate}^{{commit}}"
                )
            except GitFault:
                continue
        return None

    def refs(self, prefix: str = "refs/") -> dict[str, str]:
        """All refs below a prefix and what they point to."""
        lines = self.text("for-each-ref", "--format=%(objectname) %(refname)", prefix).splitlines()
        return {name: sha for sha, _, name in (line.partition(" ") for line in lines)}

    def set_ref(self, ref: str, sha: str) -> None:
        """Create or move a ref."""
        self.run("update-ref", ref, sha)

    def commit(self, branch: str, commits: Sequence[NewCommit], *, start: str | None = None) -> str:
        """Add commits to a branch (made from the commit `start` if it is new); the SHA of the last."""
        ref = f"refs/heads/{branch}"
        tip = self.refs(ref).get(ref) or start
        stream = bytearray()
        for commit in commits:
            stream += _commit_stream(ref, commit, tip)
            tip = None  # the next one follows within the stream
        stream += b"done\n"
        self.run("fast-import", "--quiet", "--done", "--force", stdin=bytes(stream))
        return self.text("rev-parse", ref)


def _commit_stream(ref: str, commit: NewCommit, parent: str | None) -> bytes:
    who = f"{commit.author.name} <{commit.author.email}> {int(commit.at.timestamp())} +0000"
    message = commit.message.encode()
    out = bytearray(
        f"commit {ref}\nauthor {who}\ncommitter {who}\ndata {len(message)}\n".encode() + message + b"\n"
    )
    if parent is not None:
        out += f"from {parent}\n".encode()
    for path, content in commit.files.items():
        if content is None:
            out += f"D {path}\n".encode()
            continue
        raw = content.encode() if isinstance(content, str) else content
        mode = "100755" if path.endswith("*") else "100644"
        out += f"M {mode} inline {path.removesuffix('*')}\ndata {len(raw)}\n".encode() + raw + b"\n"
    return bytes(out)
