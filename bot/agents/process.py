"""One child program under limits: lines of any length, idle and wall time, bytes, cancel, and nothing left alive."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

End = Literal["exited", "wall", "idle", "output", "cancelled", "stopped", "missing"]
MOST_LINE = 16_000_000
MOST_LINES = 100_000
MARK = "ROUNDSMAN_SESSION"
"""Set in the environment of every child, so that one that detached itself can be found and ended."""


@dataclass(frozen=True)
class Bounds:
    """What one program may use."""

    wall_s: float
    idle_s: float
    output_bytes: int


@dataclass
class Pulse:
    """When something last happened; the model proxy touches it too, since a long answer prints nothing."""

    at: float = field(default_factory=time.monotonic)

    def touch(self) -> None:
        """Something happened now."""
        self.at = time.monotonic()


@dataclass(frozen=True)
class Finished:
    """How a program ended, its code if it ended by itself, and the last of what it said on standard error."""

    end: End
    code: int | None
    stderr: str
    output_bytes: int


@dataclass
class Child:
    """A program to run once. `mark` must be in its environment, by it stragglers are found."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    cwd: str
    stdin: bytes
    bounds: Bounds
    on_line: Callable[[bytes], Awaitable[None]]
    cancelled: asyncio.Event
    stopped: asyncio.Event
    pulse: Pulse
    mark: str
    _bytes: int = 0
    _lines: int = 0
    _stderr: bytes = b""
    _full: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> Finished:
        """Run it to an end of whatever kind."""
        try:
            child = await asyncio.create_subprocess_exec(
                *self.argv,
                env=dict(self.environment),
                cwd=self.cwd,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return Finished("missing", None, str(error), 0)
        self.pulse.touch()
        readers = [asyncio.create_task(work) for work in (self._out(child), self._err(child))]
        feeding = asyncio.create_task(self._feed(child))
        try:
            end = await self._watch(child, readers)
        finally:
            await self._kill(child, readers)
            feeding.cancel()
            await asyncio.gather(feeding, *readers, return_exceptions=True)
        code = child.returncode if end == "exited" else None
        return Finished(end, code, self._stderr.decode("utf-8", "replace"), self._bytes)

    async def _watch(self, child: asyncio.subprocess.Process, readers: Sequence[asyncio.Task[None]]) -> End:
        """Wait for the first reason to end."""
        began = time.monotonic()
        events: dict[asyncio.Task[object], End] = {
            asyncio.create_task(self.cancelled.wait()): "cancelled",
            asyncio.create_task(self.stopped.wait()): "stopped",
            asyncio.create_task(self._full.wait()): "output",
        }
        exited = asyncio.create_task(_gone(child))
        try:
            while True:
                now = time.monotonic()
                wall, idle = began + self.bounds.wall_s - now, self.pulse.at + self.bounds.idle_s - now
                if wall <= 0 or idle <= 0:
                    return "output" if self._full.is_set() else "wall" if wall <= 0 else "idle"
                watched = {exited, *events}
                done, _ = await asyncio.wait(
                    watched, timeout=min(wall, idle), return_when=asyncio.FIRST_COMPLETED
                )
                for task in done & set(events):
                    return events[task]
                if exited in done:
                    # A detached grandchild may hold the pipes open for ever; what is written is read, then it ends.
                    await asyncio.wait(readers, timeout=1.0)
                    return "output" if self._full.is_set() else "exited"
        finally:
            for task in (exited, *events):
                task.cancel()

    async def _out(self, child: asyncio.subprocess.Process) -> None:
        assert child.stdout is not None
        parts: list[bytes] = []
        length = 0
        while chunk := await child.stdout.read(262_144):
            self._took(chunk)
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                self._lines += 1
                if self._lines > MOST_LINES:
                    self._full.set()
                if self._full.is_set():
                    return
                if length + len(line) <= MOST_LINE:
                    await self.on_line(b"".join((*parts, line)))
                parts, length = [], 0
            length += len(rest)
            if length <= MOST_LINE:
                parts.append(rest)
            else:
                parts = []
        if parts and any(parts):
            await self.on_line(b"".join(parts))

    async def _err(self, child: asyncio.subprocess.Process) -> None:
        assert child.stderr is not None
        while chunk := await child.stderr.read(65_536):
            self._took(chunk)
            self._stderr = (self._stderr + chunk)[-16_384:]

    def _took(self, chunk: bytes) -> None:
        self.pulse.touch()
        self._bytes += len(chunk)
        if self._bytes > self.bounds.output_bytes:
            self._full.set()

    async def _feed(self, child: asyncio.subprocess.Process) -> None:
        assert child.stdin is not None
        # uvloop calls it a RuntimeError where the child has ended and its pipe is gone.
        with contextlib.suppress(ConnectionError, RuntimeError):
            child.stdin.write(self.stdin)
            await child.stdin.drain()
        # Open standard input costs some programs seconds of waiting.
        child.stdin.close()

    async def _kill(self, child: asyncio.subprocess.Process, readers: Sequence[asyncio.Task[None]]) -> None:
        """End it and everything it started.

        Bubblewrap takes its PID namespace along, but for a moment while it starts (its child asks for the parent's
        death signal only after it left our process group): whoever carries the mark then is found by it.
        """
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        if child.returncode is None:
            # Not `child.kill()`: it reaps a child that just ended behind the back of asyncio's watcher.
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
        await asyncio.to_thread(end_marked, self.mark)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(child.wait(), 3)
        await asyncio.wait(readers, timeout=1.0)
        for reader in readers:
            reader.cancel()


async def _gone(child: asyncio.subprocess.Process) -> None:
    """Wait for the process itself. `Process.wait` also waits for its pipes, which a detached grandchild may hold."""
    if child.returncode is not None:
        return
    try:
        descriptor = os.pidfd_open(child.pid)
    except ProcessLookupError:
        await asyncio.sleep(0.05)
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
        for _ in range(100):
            if child.returncode is not None:
                return
            await asyncio.sleep(0.01)
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def mark_of(home: Path) -> str:
    """The mark of the session whose place is `home`: another Roundsman on this machine may have one of the same name."""
    return f"{hashlib.blake2s(str(home.resolve()).encode(), digest_size=6).hexdigest()}-{home.name}"


def marked(mark: str) -> list[int]:
    """The processes whose environment carries this session's mark."""
    needle = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                variables = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if needle in variables:
                found.append(int(entry.name))
    return found


def end_marked(mark: str, rounds: int = 20) -> None:
    """Kill every marked process, again until none is left: one that forks while we look is met in the next round."""
    for _ in range(rounds):
        found = marked(mark)
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
