"""One bare mirror a repository; the token reaches git by askpass and is never written anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bot.agents.git import Git, GitError
from bot.model.agent import Checkout

TokenOf = Callable[[str], Awaitable[str | None]]
"""Gives a token that may read this repository (owner/name), or None where none is needed."""
SizeOf = Callable[[str], Awaitable[int | None]]
"""Gives the size of a repository (owner/name) in kB, or None where nobody knows."""
UNUSED = 30 * 86_400
"""Seconds after which a mirror nobody used is removed; the next session fetches anew."""
HELD = 14 * 86_400
"""Seconds a commit is held after its last use."""
PACKS = 20
"""Packs (one a fetch) from which on a mirror is packed anew."""
LARGE = 1_000_000
"""Size in kB from which a repository is mirrored without the contents of its history."""

# Answers only for the host we meant, so that a redirect elsewhere learns nothing.
_ASKPASS = """#!/bin/sh
h=$ROUNDSMAN_GIT_HOST
case "$1" in *"//$h'"*|*"//$h/"*|*"@$h'"*|*"@$h/"*) ;; *) exit 1 ;; esac
case "$1" in Username*) echo x-access-token ;; *) printf '%s\\n' "$ROUNDSMAN_GIT_TOKEN" ;; esac
"""
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = re.compile(r"(?!.*\.\.)(?!.*//)refs/[A-Za-z0-9][\w./+@-]{0,250}|HEAD")


@dataclass
class Mirrors:
    """All mirrors of this machine, in one folder."""

    folder: Path
    token_of: TokenOf
    size_of: SizeOf | None = None
    fetches: int = 0
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _going: set[asyncio.Task[str]] = field(default_factory=set)
    _seen: OrderedDict[tuple[str, str, str], str] = field(default_factory=OrderedDict)

    def path(self, repository: str) -> Path:
        """Where a repository's mirror lies."""
        owner, _, name = repository.lower().partition("/")
        if {owner, name} & {"", ".", ".."}:
            raise GitError(f"{repository!r} is no repository name")
        return self.folder / f"{owner}__{name}.git"

    async def commit(self, checkout: Checkout) -> str:
        """Make sure the commit is there, fetching at most once a run, and say which it is; raises GitError.

        A session that is cancelled meanwhile leaves the fetch to end by itself: the others of its run need it.
        """
        task = asyncio.create_task(self._commit(checkout))
        self._going.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[str]) -> None:
        self._going.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that one nobody waits for any more is not reported as lost

    async def _commit(self, checkout: Checkout) -> str:
        path = self.path(checkout.repository)
        async with self._alone(path):
            git = Git(path)
            await self._made(git, checkout)
            os.utime(path / "HEAD")  # used now: `tidy` leaves it alone
            if known := await self._known(git, checkout):
                return known
            found = await self._fetch(git, checkout)
            for name, sha in found.items():
                self._seen[_key(checkout, name)] = sha
            while len(self._seen) > 5_000:
                self._seen.popitem(last=False)
            wanted = checkout.commit or found[checkout.ref or "HEAD"]
            if not await _has(git, wanted):
                raise GitError(f"commit {wanted[:12]} is no longer in {checkout.repository}")
            return wanted

    async def _known(self, git: Git, checkout: Checkout) -> str | None:
        """The commit, where its run has fetched all that this session needs."""
        if checkout.trusted and checkout.run and _key(checkout, checkout.trusted) not in self._seen:
            return None
        if checkout.commit:
            return checkout.commit if await _kept(git, checkout.commit) else None
        seen = self._seen.get(_key(checkout, checkout.ref or "HEAD")) if checkout.run else None
        return seen if seen and await _has(git, seen) else None

    def trusted(self, checkout: Checkout) -> str | None:
        """The commit of the checkout's trusted ref, as its run fetched it."""
        return self._seen.get(_key(checkout, checkout.trusted)) if checkout.trusted else None

    async def reading(self, checkout: Checkout) -> Git:
        """Git on the mirror; one without the contents of its history may fetch what it lacks."""
        directory = self.path(checkout.repository)
        return Git(directory, environment=await self.access(checkout) if partial(directory) else {})

    async def _made(self, git: Git, checkout: Checkout) -> None:
        if (git.directory / "HEAD").exists():
            return
        making = git.directory.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        fresh = Git(making)
        await fresh("init", "-q", "--bare")
        await fresh("config", "core.logAllRefUpdates", "false")
        size = await self.size_of(checkout.repository) if self.size_of else None
        large = size is not None and size >= LARGE
        if checkout.partial or large:
            await fresh("config", "remote.origin.url", _plain(checkout.clone_url))
            await fresh("config", "remote.origin.promisor", "true")
            await fresh("config", "remote.origin.partialclonefilter", "blob:none")
        making.rename(git.directory)

    async def _fetch(self, git: Git, checkout: Checkout) -> dict[str, str]:
        """Fetch what is wanted in one go; gives the commit of each name that was to be had."""
        there = checkout.commit is not None and await _has(git, checkout.commit)
        needed = [] if there else [checkout.commit or checkout.ref or "HEAD"]
        names = dict.fromkeys([*needed, checkout.trusted or "", *checkout.wanted])
        specs = {name: _spec(n, name) for n, name in enumerate(name for name in names if name)}
        lazily = partial(git.directory)
        words = ["fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--force"]
        words += ["--filter=blob:none"] if lazily else []
        words += ["origin" if lazily else _plain(checkout.clone_url)]
        fetching = Git(git.directory, environment=await self.access(checkout))
        self.fetches += 1
        try:
            await fetching(*words, *specs.values())
        except GitError:
            if len(specs) == len(needed):
                raise
            # One item's ref may be gone; what this session needs still counts.
            for name in list(specs):
                try:
                    await fetching(*words, specs[name])
                except GitError:
                    if name in needed:
                        raise
                    del specs[name]
        return {
            name: (await git("rev-parse", f"{spec.partition(':')[2]}^{{commit}}")).decode().strip()
            for name, spec in specs.items()
        }

    async def access(self, checkout: Checkout) -> dict[str, str]:
        """The environment that lets one git command read the repository."""
        token = await self.token_of(checkout.repository)
        if not token or urlsplit(checkout.clone_url).scheme not in ("http", "https"):
            return {}
        askpass = self.folder / "askpass"
        if not askpass.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            fresh = self.folder / f"askpass.{os.getpid()}"
            fresh.write_text(_ASKPASS)
            fresh.chmod(0o700)
            fresh.rename(askpass)
        host = urlsplit(checkout.clone_url).netloc.rpartition("@")[2]
        return {"GIT_ASKPASS": str(askpass), "ROUNDSMAN_GIT_TOKEN": token, "ROUNDSMAN_GIT_HOST": host}

    async def tidy(self, now: float) -> list[str]:
        """Remove mirrors nobody has used for long and pack those that grew; gives the names of the removed.

        One that is being fetched into is left for the next time.
        """
        removed = []
        for path in sorted(self.folder.glob("*.git")):
            lock = self._locks.setdefault(path.name, asyncio.Lock())
            if lock.locked():
                continue
            async with lock:
                with (self.folder / f"{path.name}.lock").open("w") as file:
                    if not _try_lock(file.fileno()):
                        continue
                    if now - (path / "HEAD").stat().st_mtime > UNUSED:
                        await asyncio.to_thread(shutil.rmtree, path, True)
                        removed.append(path.stem)
                    else:
                        await _packed(path, now)
        return removed

    @contextlib.asynccontextmanager
    async def _alone(self, path: Path) -> AsyncIterator[None]:
        """One at a time in this process and among all that share the folder."""
        lock = self._locks.setdefault(path.name, asyncio.Lock())
        async with lock:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / f"{path.name}.lock").open("w") as file:
                if not _try_lock(file.fileno()):
                    await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
                await asyncio.to_thread(_unlock, path)
                yield


def _spec(place: int, name: str) -> str:
    """What to fetch and where it is kept: commits under their own name, refs under their place in this fetch."""
    if not (_SHA.fullmatch(name) or _REF.fullmatch(name)):
        raise GitError(f"{name!r} is no commit or ref we fetch")
    return f"+{name}:refs/roundsman/{f'commit/{name}' if _SHA.fullmatch(name) else f'at/{place}'}"


def _key(checkout: Checkout, name: str) -> tuple[str, str, str]:
    return checkout.run or "", checkout.repository.lower(), name


def partial(directory: Path) -> bool:
    """Whether a mirror holds contents only as they are asked for."""
    try:
        return "promisor = true" in (directory / "config").read_text()
    except OSError:
        return False


def _unlock(path: Path) -> None:
    """Remove locks of git's own: we are alone here, so one that was killed left them."""
    for stale in (*path.glob("*.lock"), *path.glob("refs/roundsman/**/*.lock")):
        stale.unlink(missing_ok=True)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _plain(url: str) -> str:
    """An address without any credential somebody put into it."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else url


async def _packed(path: Path, now: float) -> None:
    """Let go of commits nobody used lately and put many packs into one. What sessions read meanwhile stays readable."""
    for held in (path / "refs/roundsman/commit").glob("*"):
        if now - held.stat().st_mtime > HELD:
            held.unlink(missing_ok=True)
    if sum(1 for _ in (path / "objects/pack").glob("*.pack")) > PACKS:
        # Refs stay loose: the time of their last use is that of their file.
        loose = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "gc.packRefs", "GIT_CONFIG_VALUE_0": "false"}
        with contextlib.suppress(GitError):
            await Git(path, environment=loose)("gc", "--quiet", "--prune=2.weeks.ago", timeout=3_600)


async def _kept(git: Git, sha: str) -> bool:
    """Whether the commit is there; if so, it is held for as long as `tidy` holds what was used lately."""
    if not await _has(git, sha):
        return False
    held = git.directory / "refs/roundsman/commit" / sha
    try:
        os.utime(held)
    except FileNotFoundError:
        await git("update-ref", f"refs/roundsman/commit/{sha}", sha)
    return True


async def _has(git: Git, sha: str) -> bool:
    try:
        await git("cat-file", "-e", f"{sha}^{{commit}}")
    except GitError:
        return False
    return True
