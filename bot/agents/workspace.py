"""A session's own place: the files at its commit, made in a moment, gone at the end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from bot.agents import sandbox
from bot.agents.git import Git, GitError
from bot.agents.mirror import Mirrors
from bot.agents.process import end_marked, mark_of
from bot.agents.sandbox import Overlay
from bot.agents.trees import Tree, Trees, bring, check_out, whiteout
from bot.agents.trees import sweep as sweep_trees
from bot.model.agent import Checkout

_CONFIG = """[core]
	repositoryformatversion = 0
	bare = false
	checkStat = minimal
	trustctime = false
[user]
	name = agent
	email = agent@roundsman.invalid
[gc]
	auto = 0
"""


@dataclass
class Workspace:
    """Where one session works. `files` is what its sandbox binds; with an overlay its changes lie in `upper`."""

    home: Path
    files: Path
    outcome: Path
    state: Path
    overlay: Overlay | None = None
    git: Git | None = None
    commit: str | None = None
    tree: Tree | None = None
    hidden: set[str] = field(default_factory=set)
    brought: set[str] = field(default_factory=set)
    """Paths we put into `upper` because the shared tree is of another commit."""

    @property
    def mirror_objects(self) -> Path | None:
        """The objects the agent's own git reads, without a way to write them."""
        return self.git.directory / "objects" if self.git else None

    async def hide(self, names: tuple[str, ...]) -> None:
        """Take paths out of the agent's sight; they are no change of its own. `**/NAME` means a file at any depth."""
        for name in names:
            found = [name] if not name.startswith("**/") else await self._named(name[3:])
            for path in found:
                self.hidden.add(path)
                await asyncio.to_thread(self._cover, path)

    async def _named(self, name: str) -> list[str]:
        """The commit's files of this name, whatever its case."""
        if self.git is None:
            return []
        paths = (await self.git("ls-files", "-z")).decode("utf-8", "surrogateescape").split("\0")
        return [path for path in paths if path.rpartition("/")[2].lower() == name.lower()]

    def _cover(self, path: str) -> None:
        place = (self.overlay.upper if self.overlay else self.files) / path
        _remove(place)
        if self.overlay:
            place.parent.mkdir(parents=True, exist_ok=True)
            whiteout(place)

    def is_hidden(self, path: str) -> bool:
        """Say whether a path, or a folder above it, was hidden by us."""
        return any(path == h or path.startswith(f"{h}/") for h in self.hidden)


@dataclass
class Workspaces:
    """Makes and removes workspaces under one folder."""

    folder: Path
    mirrors: Mirrors
    overlay: bool = False
    _trees: Trees = field(init=False)

    def __post_init__(self) -> None:
        self._trees = Trees(self.trees)

    @property
    def trees(self) -> Path:
        """Where the shared trees lie."""
        return self.folder / "trees"

    @contextlib.asynccontextmanager
    async def open(
        self, session: str, checkout: Checkout | None, *, confined: bool
    ) -> AsyncIterator[Workspace]:
        """Make a workspace and remove it afterwards; raises GitError where the checkout cannot be had."""
        home = self.folder / "sessions" / session
        # Not in a thread: a cancellation while it ran would lose the lock.
        lock = _locked(home)
        if lock is None:
            raise GitError(f"session {session} is still at work in another process")
        space = Workspace(home, files=home / "files", outcome=home / "outcome", state=home / "state")
        try:
            _fresh(home)  # not in a thread either: it would go on after a cancellation
            if checkout is not None:
                await self._fill(space, checkout, confined)
            yield space
        finally:
            if space.tree is not None:
                space.tree.release()
            await asyncio.shield(asyncio.to_thread(_left, home, lock))

    async def _fill(self, space: Workspace, checkout: Checkout, confined: bool) -> None:
        commit = await self.mirrors.commit(checkout)
        mirror = Git(self.mirrors.path(checkout.repository))
        access = (await self.mirrors.reading(checkout)).environment
        index = space.home / "index"
        space.commit, space.git = commit, Git(mirror.directory, index)
        if not (self.overlay and confined and _mountable(self.folder)):
            await check_out(Git(mirror.directory, index, space.files, access), commit)
            _own_git(space.files, index, commit, str(mirror.directory / "objects") if not confined else None)
            return
        tree = space.tree = await self._trees.near(mirror, commit, access)
        upper = space.home / "upper"
        space.overlay = Overlay(tree.path, upper, space.home / "scratch")
        await asyncio.to_thread(shutil.copyfile, tree.index, index)
        if tree.commit != commit:
            here = Git(mirror.directory, index, upper, access)
            await here("read-tree", "-i", "-m", tree.commit, commit)
            paths = bring(upper, tree.changes)
            space.brought = set(paths)
            listed = "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
            await here("checkout-index", "-f", "-q", "-z", "--stdin", f"--prefix={upper}/", stdin=listed)
        _own_git(upper, index, commit, None)

    def sweep(self) -> list[str]:
        """Remove what sessions whose process died left behind, processes too; gives their names.

        A session of another living process holds its lock and is left alone.
        """
        sessions = self.folder / "sessions"
        swept = []
        for home in [p for p in sessions.iterdir() if p.suffix != ".lock"] if sessions.is_dir() else []:
            lock = _locked(home)
            if lock is not None:
                end_marked(mark_of(home))
                _left(home, lock)
                swept.append(home.name)
        sweep_trees(self.trees)
        return swept


def _fresh(home: Path) -> None:
    """Empty places for a new session."""
    _remove(home)
    for name in ("files", "outcome", "state", "upper", "scratch"):
        (home / name).mkdir(parents=True)
    home.chmod(0o700)


def _locked(home: Path) -> int | None:
    """Take a session's place, unless a living process holds it."""
    home.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(f"{home}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _left(home: Path, lock: int) -> None:
    """Remove a session's place and let it go."""
    _remove(home)
    Path(f"{home}.lock").unlink(missing_ok=True)
    os.close(lock)


def _own_git(files: Path, index: Path, commit: str, objects: str | None) -> None:
    """Give the agent a git directory of its own, which we never look at: history read-only, the rest its own."""
    own = files / ".git"
    for name in ("objects/info", "refs/heads"):
        (own / name).mkdir(parents=True)
    (own / "config").write_text(_CONFIG)
    (own / "HEAD").write_text("ref: refs/heads/work\n")
    (own / "refs/heads/work").write_text(f"{commit}\n")
    (own / "objects/info/alternates").write_text(f"{objects or sandbox.MIRROR + '/objects'}\n")
    shutil.copyfile(index, own / "index")


def _mountable(folder: Path) -> bool:
    """Overlay options cannot carry every path."""
    return not any(c in str(folder) for c in ",:\\\n")


def _remove(path: Path) -> None:
    """Remove a tree an agent has had its hands on: no link is followed, no mode keeps it."""
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return
    shutil.rmtree(path, ignore_errors=True)
    if os.path.lexists(path):
        _open_up(path)
        shutil.rmtree(path, ignore_errors=True)


def _open_up(path: Path) -> None:
    """Make folders that were made unreadable removable again."""
    with contextlib.suppress(OSError):
        path.chmod(0o700)
        for entry in os.scandir(path):
            if entry.is_dir(follow_symlinks=False) and not stat.S_ISLNK(
                entry.stat(follow_symlinks=False).st_mode
            ):
                _open_up(Path(entry.path))
