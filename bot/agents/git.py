"""Git run by us: no hook, no filter, no monitor, no configuration but ours, no prompt."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SAFE = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false"),
    *("-c", "core.attributesFile=/dev/null", "-c", "core.excludesFile=/dev/null", "-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false", "-c", "submodule.recurse=false", "-c", "core.symlinks=true"),
    *("-c", "protocol.ext.allow=never", "-c", "core.quotePath=false", "-c", "advice.detachedHead=false"),
    *("-c", "credential.helper=", "-c", "checkout.workers=2", "-c", "fetch.unpackLimit=1"),
)
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_ALLOW_PROTOCOL": "https:http:file",
    "GIT_NO_REPLACE_OBJECTS": "1",
}


class GitError(Exception):
    """Git would not; the message is its last line."""


@dataclass(frozen=True)
class Git:
    """A trusted git directory, with an index and a work tree of our choice."""

    directory: Path
    index: Path | None = None
    work_tree: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    async def __call__(
        self, *words: str, stdin: bytes = b"", timeout: float = 600, most: int = 64_000_000
    ) -> bytes:
        """Run one command and give its output; raises GitError."""
        variables = {**_ENVIRONMENT, **self.environment}
        if self.index is not None:
            variables["GIT_INDEX_FILE"] = str(self.index)
        argv = ["git", *_SAFE, f"--git-dir={self.directory}"]
        argv += [f"--work-tree={self.work_tree}"] if self.work_tree is not None else []
        try:
            child = await asyncio.create_subprocess_exec(
                *argv,
                *words,
                env=variables,
                cwd=self.work_tree or "/",
                stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise GitError("git is not installed; install it with your package manager") from error
        try:
            out, err = await asyncio.wait_for(child.communicate(stdin or None), timeout)
        except TimeoutError as error:
            raise GitError(f"git {words[0]} took longer than {timeout:.0f} s") from error
        except RuntimeError as error:  # uvloop's word for a pipe whose reader has ended
            raise GitError(f"git {words[0]} ended before it read what it was given") from error
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                await child.wait()
        if child.returncode != 0:
            raise GitError(_last(err) or f"git {words[0]} ended with code {child.returncode}")
        if len(out) > most:
            raise GitError(f"git {words[0]} answered more than {most} bytes")
        return out


def _last(err: bytes) -> str:
    lines = [line for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
    named = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))]
    return (named or lines or [""])[-1][:300]
