"""Where an engine's program is, which version it is, and what of the host its sandbox needs to see."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from bot.agents.sandbox import PATH, TOOLS
from bot.agents.spec import AgentSpec
from bot.model.agent import Failure

_NUMBER = re.compile(r"\d+(?:\.\d+)+")


@dataclass(frozen=True)
class Program:
    """A program found: its path on the host, its path inside, the folder to bind, its version."""

    host: Path
    inside: str
    bind: tuple[Path, str] | None
    version: str


def find(spec: AgentSpec, tools: Path | None) -> Program | Failure:
    """Look in the tools folder, then on the usual PATH; says what to do where it is missing or too old."""
    if not spec.command:
        return Program(Path("/bin/sh"), "", None, "")
    advice = f"install it with: npm install {spec.package}@{spec.pinned}"
    link = _first(spec.command, tools)
    if link is None:
        return Failure.of("missing_cli", f"{spec.command} is not installed; {advice}")
    real = link.resolve()
    version = _version(real, spec.package)
    if version is None or _key(version) < _key(spec.minimum):
        words = f"{spec.command} is {version or 'of no known version'}, older than {spec.minimum}; {advice}"
        return Failure.of("wrong_version", words)
    parents = [p for p in real.parents if p.name == "node_modules"]
    if real.is_relative_to("/usr"):
        return Program(real, str(real), None, version)
    root = parents[-1] if parents else real.parent
    inside = f"{TOOLS}/{root.name}"
    return Program(real, f"{inside}/{real.relative_to(root)}", (root, inside), version)


def _first(command: str, tools: Path | None) -> Path | None:
    if tools is not None:
        for place in (tools / "node_modules" / ".bin", tools / "bin", tools):
            if (place / command).is_file():
                return place / command
    found = shutil.which(command, path=PATH)
    return Path(found) if found else None


def _version(real: Path, package: str) -> str | None:
    """The version its package says; nothing is run for it."""
    for folder in list(real.parents)[:6]:
        try:
            described = json.loads((folder / "package.json").read_text())
        except (OSError, ValueError):
            continue
        if described.get("name") == package and _NUMBER.match(str(described.get("version"))):
            return str(described["version"])
    return None


def _key(version: str) -> tuple[int, ...]:
    found = _NUMBER.match(version)
    return tuple(int(part) for part in found.group().split(".")) if found else ()
