"""Paths an agent's change may never touch, because changing them changes who runs what."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.flow.safe_text import TOKEN_SHAPES
from bot.model.agent import Patch, PatchFile

_FOLDERS = frozenset(
    [
        ".github",
        ".gitlab",
        ".circleci",
        ".buildkite",
        ".woodpecker",
        ".teamcity",
        ".ci",
        ".claude",
        ".codex",
        ".gemini",
        ".opencode",
        ".cursor",
        ".windsurf",
        ".aider",
        ".continue",
        ".roundsman",
        ".husky",
        ".vscode",
        ".idea",
        ".devcontainer",
        ".git",
        ".agents",
        ".kiro",
        ".roo",
        ".clinerules",
        ".junie",
        ".amazonq",
        ".qwen",
        ".crush",
        ".yarn",
        ".forgejo",
        ".gitea",
    ]
)
_FILES = frozenset(
    [
        ".mcp.json",
        ".claude.json",
        "claude.md",
        "claude.local.md",
        "agents.md",
        "agents.override.md",
        "gemini.md",
        "opencode.json",
        "opencode.jsonc",
        ".cursorrules",
        ".windsurfrules",
        ".aider.conf.yml",
        ".ripgreprc",
        ".gitmodules",
        ".gitattributes",
        ".gitconfig",
        ".gitlab-ci.yml",
        ".travis.yml",
        "azure-pipelines.yml",
        "jenkinsfile",
        ".drone.yml",
        "bitbucket-pipelines.yml",
        "appveyor.yml",
        ".appveyor.yml",
        "cloudbuild.yaml",
        ".pre-commit-config.yaml",
        "lefthook.yml",
        ".envrc",
        ".npmrc",
        ".yarnrc",
        ".yarnrc.yml",
        ".pnpmfile.cjs",
        "bunfig.toml",
        "pip.conf",
        ".pypirc",
        ".netrc",
        ".bazelrc",
        "mise.toml",
        ".mise.toml",
        ".clinerules",
        ".roorules",
        ".goosehints",
        "qwen.md",
        "crush.md",
        "warp.md",
        "codeowners",
        ".geminiignore",
        ".lfsconfig",
        ".copilot-instructions.md",
    ]
)
_MODES = {"120000": "is a symbolic link", "160000": "is a submodule"}


def protected(path: str) -> str | None:
    """Say why a path is protected, or None. Names are compared as a case-blind file system would."""
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or any(p in {"", ".", ".."} for p in parts):
        return "is no plain path inside the repository"
    if any(ord(c) < 32 or c in "\u200b\u200c\u200d\u2060\ufeff" for c in path):
        return "holds characters that cannot be seen"
    names = [re.sub(r"[ .]+$", "", part).lower() or part for part in parts]
    folder = next((n for n in names[:-1] if n in _FOLDERS or n.startswith("git~")), None)
    if folder:
        return f"lies in {folder}/"
    if names[-1] in _FILES | _FOLDERS:
        return "configures agents, git or CI"
    return None


def faults(patch: Patch, allowed: tuple[str, ...] | None = None) -> Iterator[str]:
    """Give every reason why this change may not become a pull request."""
    if patch.refused:
        yield patch.refused
    elif not patch.files:
        yield "nothing was changed in the workspace"
    for file in patch.files:
        yield from _file_faults(file, allowed)
    if any(TOKEN_SHAPES.search(line) for line in _added(patch.diff)):
        yield "an added line holds what looks like a secret"


def _file_faults(file: PatchFile, allowed: tuple[str, ...] | None) -> Iterator[str]:
    for path in filter(None, (file.path, file.old_path)):
        if reason := protected(path):
            yield f"{path} {reason}, which no agent may change"
        elif allowed is not None and not any(matches(path, pattern) for pattern in allowed):
            yield f"{path} is outside the paths the job may change ({', '.join(allowed)})"
    for mode in (file.mode, file.old_mode):
        if mode in _MODES:
            yield f"{file.path} {_MODES[mode]}"


def _added(diff: str) -> Iterator[str]:
    return (line for line in diff.splitlines() if line.startswith("+") and not line.startswith("+++"))


def matches(value: str, pattern: str) -> bool:
    """Compare case-blind, `*` standing for any text."""
    shape = ".*".join(re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(shape, value, re.IGNORECASE | re.DOTALL) is not None
