"""What the agent changed, found by us: trusted git data against files read without following anything."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bot.agents.git import Git, GitError
from bot.agents.workspace import Workspace
from bot.model.agent import Patch, PatchFile

MOST_FILES = 100
MOST_DIFF = 1_024_000
MOST_FILE = 2_000_000
MOST_CONTENT = 6_000_000
MOST_LOOKED_AT = 50_000


class _RefusedError(Exception):
    """The change is over a cap; the message says which."""


@dataclass(frozen=True)
class _Found:
    """A path the agent wrote: `mode` None means it is gone."""

    path: str
    mode: str | None = None
    content: bytes = b""


async def recompute(space: Workspace, base: str | None = None) -> Patch | None:
    """Recompute the session's change against `base` (its own commit when None); None where nothing changed."""
    if space.git is None or space.commit is None:
        return None
    base = base or space.commit
    try:
        found = await _found(space)
        if not found:
            return None
        return await _patch(space, space.git, base, found)
    except _RefusedError as error:
        return Patch(base=base, diff="", refused=str(error))
    except (GitError, OSError) as error:
        return Patch(base=base, diff="", refused=f"the change could not be read: {error}")


async def _found(space: Workspace) -> list[_Found]:
    assert space.git is not None
    listed = await space.git("ls-files", "-z", "--cached")
    tracked = set(_paths(listed))
    root = space.overlay.upper if space.overlay else space.files
    if space.overlay:
        wrote, gone = await asyncio.to_thread(_above, root, tracked)
        gone += sorted(space.brought - set(wrote) - set(gone))
        lookup = Git(space.git.directory, space.git.index, space.overlay.lower)
    else:
        lookup = Git(space.git.directory, space.git.index, space.files)
        raw = await lookup("diff-files", "-z", "--name-only", "--ignore-submodules=all")
        names = _paths(raw)
        gone = _missing(root, names)
        others = _paths(await lookup("ls-files", "-z", "--others", "--exclude-standard"))
        wrote = [*(n for n in names if n not in gone), *(o for o in others if not o.endswith("/"))]
    new = [path for path in wrote if path not in tracked]
    ignored = await _ignored(lookup, new) if space.overlay else set()
    kept = [p for p in wrote if p not in ignored and not space.is_hidden(p)]
    gone = [p for p in gone if not space.is_hidden(p)]
    if len(gone) > MOST_FILES * 10 or len(kept) > MOST_FILES * 10:
        raise _RefusedError(f"the change touches more than {MOST_FILES} files")
    found = [_Found(path) for path in gone]
    for path in kept:
        got = await asyncio.to_thread(_read, root, path)
        found += [got] if got else []
    return found


def _missing(root: Path, names: list[str]) -> list[str]:
    return [name for name in names if not os.path.lexists(root / name)]


def _paths(raw: bytes) -> list[str]:
    return [p for p in raw.decode("utf-8", "surrogateescape").split("\0") if p]


async def _ignored(git: Git, paths: list[str]) -> set[str]:
    """Which new paths the commit's own .gitignore names."""
    if not paths:
        return set()
    # `./` keeps a name like `:(top)x` from being read as pathspec magic.
    listed = "".join(f"./{path}\0" for path in paths).encode("utf-8", "surrogateescape")
    with contextlib.suppress(GitError):  # code 1: none of them
        found = _paths(await git("check-ignore", "-z", "--stdin", stdin=listed))
        return {path.removeprefix("./") for path in found}
    return set()


def _above(root: Path, tracked: set[str]) -> tuple[list[str], list[str]]:
    """What lies in the upper layer of an overlay: paths written, and tracked paths made to disappear."""
    wrote: list[str] = []
    hidden: set[str] = set()
    for path, kind in _walk(root, ""):
        if kind == "file":
            wrote.append(path)
        hidden.add(path) if kind != "file" else None
        if len(wrote) + len(hidden) > MOST_LOOKED_AT:
            raise _RefusedError(f"the change touches more than {MOST_FILES} files")
    written = set(wrote)
    # A file where a folder was hides the folder; an opaque folder hides all that was in it.
    covers = hidden | {path for path in wrote if path not in tracked}
    gone = [
        t for t in tracked if t not in written and (t in hidden or any(p in covers for p in _above_of(t)))
    ]
    return wrote, sorted(gone)


def _above_of(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _walk(root: Path, prefix: str) -> Iterator[tuple[str, str]]:
    """Every entry of an upper layer: files and links, whiteouts, opaque folders. Own git folders are passed by."""
    entries = list(os.scandir(root / prefix))
    if prefix and any(entry.name == ".git" for entry in entries):
        return
    for entry in entries:
        if entry.name == ".git":
            continue
        path = f"{prefix}/{entry.name}" if prefix else entry.name
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
            yield path, "gone"
        elif stat.S_ISDIR(status.st_mode):
            if _opaque(entry.path):
                yield path, "opaque"
            yield from _walk(root, path)
        elif stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            yield path, "file"


def _opaque(path: str) -> bool:
    for name in ("user.overlay.opaque", "trusted.overlay.opaque"):
        with contextlib.suppress(OSError):
            if os.getxattr(path, name, follow_symlinks=False) == b"y":
                return True
    return False


def _read(root: Path, path: str) -> _Found | None:
    """Read one path below root, refusing links on the way; special files are no change."""
    parts = path.split("/")
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            os.close(folder)
            folder = below
        status = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            return _Found(path, "120000", os.readlink(os.fsencode(parts[-1]), dir_fd=folder))
        if not stat.S_ISREG(status.st_mode):
            return None
        if status.st_size > MOST_FILE:
            raise _RefusedError(f"{path} is larger than {MOST_FILE // 1_000_000} MB")
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(parts[-1], flags, dir_fd=folder), "rb") as file:
            content = file.read(MOST_FILE + 1)
        return _Found(path, "100755" if status.st_mode & 0o100 else "100644", content)
    except FileNotFoundError:
        return None
    finally:
        os.close(folder)


async def _patch(space: Workspace, git: Git, base: str, found: list[_Found]) -> Patch | None:
    """Build a scratch index of the new state and let git compare it with the base."""
    objects = space.home / "objects"
    blobs = space.home / "blobs"
    for folder in (objects, blobs):
        folder.mkdir(exist_ok=True)
    scratch = Git(
        git.directory,
        space.home / "index",
        environment={
            "GIT_OBJECT_DIRECTORY": str(objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(git.directory / "objects"),
        },
    )
    written = [f for f in found if f.mode is not None]
    shas = await _hashed(scratch, blobs, written)
    rows = [f"0 {'0' * 40}\t{f.path}\0" for f in found if f.mode is None]
    rows += [f"{f.mode} {sha}\t{f.path}\0" for f, sha in zip(written, shas, strict=True)]
    listed = "".join(rows).encode("utf-8", "surrogateescape")
    await scratch("update-index", "-z", "--index-info", stdin=listed)
    compare = (
        "diff",
        "--cached",
        "--no-ext-diff",
        "--no-textconv",
        "--no-renames",
        "--ignore-submodules=none",
    )
    raw = (await scratch(*compare, "-z", "--raw", "--no-abbrev", base, "--")).split(b"\0")
    count = (len(raw) - 1) // 2
    if count == 0:
        return None
    if count > MOST_FILES:
        raise _RefusedError(f"the change touches {count} files; at most {MOST_FILES} are taken")
    stats = await scratch(*compare, "-z", "--numstat", base, "--")
    diff = await scratch(
        *compare, "--full-index", "--src-prefix=a/", "--dst-prefix=b/", "--no-color", base, "--"
    )
    if len(diff) > MOST_DIFF:
        raise _RefusedError(f"the change is larger than {MOST_DIFF // 1000} kB")
    files = _files(raw, stats)
    contents = {f.path: f.content for f in written}
    if sum(len(contents.get(f.path, b"")) for f in files) > MOST_CONTENT:
        raise _RefusedError(f"the changed files are larger than {MOST_CONTENT // 1_000_000} MB together")
    whole = tuple(
        replace_content(f, contents[f.path]) if f.status != "deleted" and f.path in contents else f
        for f in files
    )
    return Patch(base=base, diff=diff.decode("utf-8", "replace").replace("\0", "\ufffd"), files=whole)


def replace_content(file: PatchFile, content: bytes) -> PatchFile:
    """The file with its new content."""
    return file.model_copy(update={"content": base64.b64encode(content).decode()})


async def _hashed(git: Git, folder: Path, found: list[_Found]) -> list[str]:
    """Store the contents as they are, through files of ours whose names are numbers."""
    if not found:
        return []
    for n, one in enumerate(found):
        (folder / str(n)).write_bytes(one.content)
    listed = "".join(f"{folder}/{n}\n" for n in range(len(found)))
    return (
        (
            await replace(git, index=None)(
                "hash-object", "-w", "--no-filters", "--stdin-paths", stdin=listed.encode()
            )
        )
        .decode()
        .split()
    )


_STATUS = {"A": "added", "M": "modified", "T": "modified", "D": "deleted"}


def _files(raw: list[bytes], stats: bytes) -> list[PatchFile]:
    counts: dict[str, tuple[str, str]] = {}
    for line in _paths(stats):
        plus, minus, path = line.split("\t", 2)
        counts[path] = (plus, minus)
    files = []
    for head, name in zip(raw[0::2], raw[1::2], strict=False):
        old, new, _, _, status = head.decode().lstrip(":").split(" ")
        path = name.decode("utf-8", "surrogateescape")
        plus, minus = counts.get(path, ("0", "0"))
        if path.encode("utf-8", "replace").decode() != path:
            raise _RefusedError("the name of a changed file is not UTF-8")
        files.append(
            PatchFile(
                path=path,
                status=_STATUS.get(status[:1], "modified"),
                mode=new if new != "000000" else old,
                old_mode=old if old != "000000" else None,
                additions=int(plus) if plus.isdigit() else 0,
                deletions=int(minus) if minus.isdigit() else 0,
                binary=plus == "-",
            )
        )
    return files
