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
            if checkout.commit and await _has(git, checkout.commit):
                return checkout.commit
            key = (checkout.run or "", checkout.repository.lower(), checkout.ref or checkout.commit or "HEAD")
            if (
                checkout.run
                and not checkout.commit
                and key in self._seen
                and await _has(git, self._seen[key])
            ):
                return self._seen[key]
            found = await self._fetch(git, checkout)
            for name, sha in found.items():
                self._seen[(checkout.run or "", checkout.repository.lower(), name)] = sha
            while len(self._seen) > 5_000:
                self._seen.popitem(last=False)
            wanted = checkout.commit or found[checkout.ref or "HEAD"]
            if not await _has(git, wanted):
                raise GitError(f"commit {wanted[:12]} is no longer in {checkout.repository}")
            return wanted

    async def _made(self, git: Git, checkout: Checkout) -> None:
        if (git.directory / "HEAD").exists():
            return
        making = git.directory.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        fresh = Git(making)
        await fresh("init", "-q", "--bare")
        await fresh("config", "core.logAllRefUpdates", "false")
        if checkout.partial:
            await fresh("config", "remote.origin.url", _plain(checkout.clone_url))
            await fresh("config", "remote.origin.promisor", "true")
            await fresh("config", "remote.origin.partialclonefilter", "blob:none")
        making.rename(git.directory)

    async def _fetch(self, git: Git, checkout: Checkout) -> dict[str, str]:
        """Fetch what is wanted in one go; gives the commit of each name."""
        names = list(dict.fromkeys([checkout.commit or checkout.ref or "HEAD", *checkout.wanted]))
        specs = []
        for n, name in enumerate(names):
            if not (_SHA.fullmatch(name) or _REF.fullmatch(name)):
                raise GitError(f"{name!r} is no commit or ref we fetch")
            place = f"commit/{name}" if _SHA.fullmatch(name) else f"at/{n}"
            specs.append(f"+{name}:refs/roundsman/{place}")
        words = ["fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--force"]
        words += ["--filter=blob:none"] if checkout.partial else []
        url = _plain(checkout.clone_url)
        access = await self.access(checkout)
        self.fetches += 1
        fetching = Git(git.directory, environment=access)
        try:
            await fetching(*words, "origin" if checkout.partial else url, *specs)
        except GitError as error:
            if len(specs) == 1:
                raise
            # One item's ref may be gone; the others still count.
            await fetching(*words, "origin" if checkout.partial else url, specs[0])
            specs = specs[:1]
            del error
        found = {}
        for name, spec in zip(names, specs, strict=False):
            found[name] = (await git("rev-parse", f"{spec.partition(':')[2]}^{{commit}}")).decode().strip()
        return found

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


async def _has(git: Git, sha: str) -> bool:
    try:
        await git("cat-file", "-e", f"{sha}^{{commit}}")
    except GitError:
        return False
    return True
