"""The one file of an agent program's state that lets it go on where it stopped; nothing else of it is kept."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from bot.agents.parse import session_name
from bot.agents.spec import AgentSpec

MOST_BYTES = 50_000_000
OLD = 30 * 86_400
"""Seconds after which a record nobody resumed is nobody's."""


def keep(spec: AgentSpec, state: Path, agent_session: str | None, shelf: Path) -> bool:
    """Copy the session's own record to the shelf, if there is one that is a plain file of bearable size."""
    if spec.keeps is None or agent_session is None or session_name(agent_session) is None:
        return False
    pattern = re.compile(spec.keeps.format(session=re.escape(agent_session)))
    for path in state.rglob("*.jsonl"):
        inside = str(path.relative_to(state))
        linked = any(
            part.is_symlink()
            for part in (path, *path.parents)
            if part.is_relative_to(state) and part != state
        )
        if pattern.fullmatch(inside) and path.is_file() and not linked and path.stat().st_size <= MOST_BYTES:
            place = shelf / spec.engine / agent_session / inside
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
            os.utime(shelf / spec.engine / agent_session)
            return True
    return False


def restore(spec: AgentSpec, state: Path, agent_session: str, shelf: Path) -> bool:
    """Put a kept record into a fresh state folder; False when it is no longer there."""
    if session_name(agent_session) is None:
        return False
    kept = shelf / spec.engine / agent_session
    if not kept.is_dir():
        return False
    shutil.copytree(kept, state, dirs_exist_ok=True)
    os.utime(kept)
    return True


def sweep(shelf: Path, before: float) -> list[str]:
    """Remove the records nobody has resumed or written since `before` (seconds since 1970); gives their names."""
    removed = []
    for kept in shelf.glob("*/*"):
        if kept.stat().st_mtime < before:
            shutil.rmtree(kept, ignore_errors=True)
            removed.append(f"{kept.parent.name} {kept.name}")
    return removed
