"""Checked-out trees shared by sessions: pristine, never written by an agent, laid under each session's own changes."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.agents.git import Git, GitError

MOST_DELTA = 3_000
KEPT = 3
"""Trees kept a repository."""
UNUSED = 7 * 86_400
"""Seconds after which a tree nobody used is removed."""
OLD = 3_600
"""Seconds after which a tree that is still being made is nobody's."""


@dataclass
class Tree:
    """A shared tree in use: `lease` holds it against removal until the session ends."""

    commit: str
    path: Path
    index: Path
    lease: int
    changes: list[tuple[str, str]] = field(default_factory=list)
    """What differs between it and the commit that was asked for: (status, path)."""

    def release(self) -> None:
        """Let it go."""
        if self.lease >= 0:
            os.close(self.lease)
            self.lease = -1


@dataclass
class Trees:
    """The trees of every repository, in one folder."""

    folder: Path
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def near(self, git: Git, commit: str, access: Mapping[str, str]) -> Tree:
        """A tree at the commit, or one close enough to be brought there by few files; made when there is none."""
        home = self.folder / git.directory.stem
        async with self._locks.setdefault(git.directory.name, asyncio.Lock()):
            if tree := _leased(home, commit):
                return tree
            for other in await asyncio.to_thread(_newest, home):
                changes = await _difference(git, other, commit)
                if changes is not None and len(changes) <= MOST_DELTA and (tree := _leased(home, other)):
                    tree.changes = changes
                    return tree
            await self._make(git, home, commit, access)
            tree = _leased(home, commit)
            if tree is None:
                raise GitError(f"the tree of {commit[:12]} could not be kept")
            await asyncio.to_thread(_thin, home, keep=commit)
            return tree

    async def _make(self, git: Git, home: Path, commit: str, access: Mapping[str, str]) -> None:
        making = await asyncio.to_thread(_fresh, home)
        tree, index = making / "tree", making / "index"
        try:
            await check_out(Git(git.directory, index, tree, access), commit)
            index.rename(home / f"{commit}.index")
            tree.rename(home / commit)
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, making, True))


def _fresh(home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix="making-", dir=home))
    (making / "tree").mkdir()
    return making


async def check_out(git: Git, commit: str) -> None:
    """Write every file of a commit; a partial mirror fetches what it lacks in one go."""
    await git("read-tree", commit)
    await git("checkout-index", "-a", "-u", "-f", "-q")


async def _difference(git: Git, one: str, other: str) -> list[tuple[str, str]] | None:
    try:
        return await changed(git, one, other)
    except GitError:
        return None


async def changed(git: Git, one: str, other: str) -> list[tuple[str, str]]:
    """(status, path) of what differs between two commits."""
    raw = await git(
        "diff-tree", "-r", "-z", "--no-renames", "--name-status", "--ignore-submodules=none", one, other
    )
    words = raw.decode("utf-8", "surrogateescape").split("\0")
    return list(zip(words[0:-1:2], words[1::2], strict=False))


def bring(upper: Path, changes: list[tuple[str, str]]) -> list[str]:
    """Hide in `upper` what the commit no longer has; gives the paths to check out into it."""
    there = [path for status, path in changes if status != "D"]
    files = set(there)
    folders = {str(parent) for path in there for parent in Path(path).parents}
    for status, path in changes:
        covered = path in folders or any(str(parent) in files for parent in Path(path).parents)
        if status == "D" and not covered:
            hidden = upper / path
            hidden.parent.mkdir(parents=True, exist_ok=True)
            whiteout(hidden)
    return there


def whiteout(path: Path) -> None:
    """What overlayfs reads as: nothing is here."""
    os.mknod(path, stat.S_IFCHR | 0o000, os.makedev(0, 0))


def _leased(home: Path, commit: str) -> Tree | None:
    """Take a tree for use, unless it is gone or being removed."""
    path, index = home / commit, home / f"{commit}.index"
    if not path.is_dir() or not index.is_file():
        return None
    descriptor = os.open(home / f"{commit}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    os.utime(home / f"{commit}.lock")
    return Tree(commit, path, index, descriptor)


def sweep(folder: Path) -> None:
    """Remove what was being made or removed when a process died; what is fresh may be another process at work."""
    for left in (*folder.glob("*/making-*"), *folder.glob("*/going-*")):
        if time.time() - left.stat().st_mtime > OLD:
            shutil.rmtree(left, ignore_errors=True)


def _newest(home: Path) -> list[str]:
    locks = sorted(home.glob("*.lock"), key=lambda p: p.stat().st_mtime, reverse=True)
    return [lock.stem for lock in locks if (home / lock.stem).is_dir()]


def _thin(home: Path, keep: str) -> None:
    """Remove the oldest trees nobody uses."""
    for commit in _newest(home)[KEPT:]:
        if commit != keep:
            _remove(home, commit)


def forget(folder: Path, before: float) -> None:
    """Remove trees nobody has used since `before` (seconds since 1970)."""
    for lock in folder.glob("*/*.lock"):
        if lock.stat().st_mtime < before:
            _remove(lock.parent, lock.stem)


def _remove(home: Path, commit: str) -> None:
    """Remove a tree, unless somebody uses it."""
    with (home / f"{commit}.lock").open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        going = home / f"going-{commit}"
        if (home / commit).is_dir():
            (home / commit).rename(going)
        (home / f"{commit}.index").unlink(missing_ok=True)
        (home / f"{commit}.lock").unlink(missing_ok=True)
        shutil.rmtree(going, ignore_errors=True)
