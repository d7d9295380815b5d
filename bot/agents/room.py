"""How much a session has written to disk, looked at while it works: an agent may fill its own room, never the machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path

LOOK = 0.5
"""Seconds between two looks at least; a tree that takes long to walk is walked less often."""
ENTRY = 1024
"""What a name costs at least, so that a million empty files count as well."""
LEAST_FREE = 100_000_000
"""Bytes of the disk that must stay free, whoever filled it."""


async def watch(places: Sequence[Path], most: int, full: Callable[[str], None]) -> None:
    """Call `full` with the reason, once, when what lies in `places` grew by more than `most` bytes."""
    begun = await asyncio.to_thread(taken, places)
    while True:
        began = time.monotonic()
        size = await asyncio.to_thread(taken, places, begun + most)
        if size - begun > most:
            return full(f"the agent wrote more than {most // 1_048_576} MB into its workspace")
        if _free(places[0]) < LEAST_FREE:
            return full("the disk of the workspaces is full; make room, or set ROUNDSMAN_WORKSPACE_MB lower")
        await asyncio.sleep(max(LOOK, 8 * (time.monotonic() - began)))


def taken(places: Sequence[Path], enough: int | None = None) -> int:
    """Bytes that lie in these folders, counted until there are more than `enough`."""
    total = 0
    waiting = [(place, "") for place in places]
    while waiting and (enough is None or total <= enough):
        place, folder = waiting.pop()
        for entry in _entries(place, folder):
            with contextlib.suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                total += max(status.st_blocks * 512, ENTRY)
                if stat.S_ISDIR(status.st_mode):
                    waiting.append((place, f"{folder}/{entry.name}" if folder else entry.name))
    return total


def _entries(place: Path, folder: str) -> list[os.DirEntry[str]]:
    """What is in a folder; one that its owner locked is opened, because it may hide anything."""
    try:
        with os.scandir(place / folder) as found:
            return list(found)
    except PermissionError:
        return _unlocked(place, folder)
    except OSError:
        return []


def _unlocked(place: Path, folder: str) -> list[os.DirEntry[str]]:
    """Open a locked folder, no part of whose path may have become a link meanwhile."""
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    held = os.open(place, flags)
    try:
        for part in folder.split("/"):
            below = os.open(part, flags, dir_fd=held)
            os.close(held)
            held = below
        os.chmod(f"/proc/self/fd/{held}", 0o700)
        with os.scandir(place / folder) as found:
            return list(found)
    except OSError:
        return []
    finally:
        os.close(held)


def _free(place: Path) -> int:
    try:
        found = os.statvfs(place)
    except OSError:  # an unconfined agent may have taken its own workspace away
        return LEAST_FREE
    return found.f_bavail * found.f_frsize
