"""A repository's configuration as files: `.github/roundsman.yml`, `.github/roundsman/*.yml` and the commands beside them.

One conditional request tells whether anything changed: the listing of `.github` carries the ids of file and folder.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

from bot.github.client import Client
from bot.model.item import RepositoryRef
from bot.ports import Refusal

MAIN = (".github/roundsman.yml", ".github/roundsman.yaml")
FOLDER = ".github/roundsman"
COMMANDS = "commands/"
MOST_FILES = 200
MOST_BYTES = 262_144
"""Of one configuration file; the parser refuses what is larger, with the reason."""
MOST_COMMAND = 100_000
_JOBS = re.compile(r"[^/]+\.ya?ml")


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """What lies on a commit. `version` changes with any of it and is empty where there is no configuration at all."""

    version: str = ""
    jobs: dict[str, str] = field(default_factory=dict)
    """Text of the YAML files by their path in the repository, `.github/roundsman.yml` first."""
    commands: dict[str, str] = field(default_factory=dict)
    """Text of the commands by their path below the commands folder."""
    left_out: tuple[str, ...] = ()
    """Files too many or too large to be read, in words."""


def touches(path: str) -> bool:
    """Whether a changed path is configuration."""
    return path in MAIN or path.startswith(f"{FOLDER}/")


async def version(client: Client, repository: RepositoryRef, at: str | None = None) -> str | Refusal:
    """The version of the configuration on a commit or branch (the default one); empty where there is none."""
    listed = await _listed(client, repository, at)
    return listed if isinstance(listed, Refusal) else _version(listed)


async def read(client: Client, repository: RepositoryRef, at: str | None = None) -> ConfigFiles | Refusal:
    """Read the configuration on a commit or branch (the default one)."""
    listed = await _listed(client, repository, at)
    if isinstance(listed, Refusal):
        return listed
    blobs = {path: sha for path, sha in listed.items() if path in MAIN}
    commands: dict[str, str] = {}
    if FOLDER in listed:
        answer = await client.get(repository, f"git/trees/{listed[FOLDER]}", params={"recursive": "1"})
        if isinstance(answer, Refusal):
            return answer
        for row in answer.object.get("tree") or ():
            path, sha = str(row.get("path")), str(row.get("sha"))
            if row.get("type") != "blob" or row.get("mode") == "120000":
                continue
            if _JOBS.fullmatch(path):
                blobs[f"{FOLDER}/{path}"] = sha
            elif path.startswith(COMMANDS):
                commands[path.removeprefix(COMMANDS)] = sha
    left_out: list[str] = []
    jobs = await _texts(client, repository, blobs, MOST_BYTES + 1, left_out)
    if isinstance(jobs, Refusal):
        return jobs
    texts = await _texts(client, repository, commands, MOST_COMMAND, left_out)
    if isinstance(texts, Refusal):
        return texts
    return ConfigFiles(_version(listed), jobs, texts, tuple(left_out))


async def organisation(client: Client, repository: RepositoryRef) -> str | Refusal | None:
    """The organisation's own file, in its `.github` repository; None where there is none or we may not see it."""
    home = RepositoryRef(repository.owner, ".github", repository.installation)
    for path in (MAIN[0], "roundsman.yml"):
        answer = await client.get(home, f"contents/{path}", conditional=True)
        if isinstance(answer, Refusal):
            if answer.kind == "busy":
                return answer
            continue
        content = answer.object.get("content")
        if isinstance(content, str):
            return _decoded(content)
    return None


async def _listed(client: Client, repository: RepositoryRef, at: str | None) -> dict[str, str] | Refusal:
    """The ids of configuration file and folder by path."""
    params = {"ref": at} if at else None
    answer = await client.get(repository, "contents/.github", params=params, conditional=True)
    if isinstance(answer, Refusal):
        return {} if answer.status == 404 else answer
    wanted = (*MAIN, FOLDER)
    return {str(row["path"]): str(row["sha"]) for row in answer.rows if row.get("path") in wanted}


def _version(listed: dict[str, str]) -> str:
    return "-".join(sha[:20] for _, sha in sorted(listed.items()))


async def _texts(
    client: Client, repository: RepositoryRef, blobs: dict[str, str], most: int, left_out: list[str]
) -> dict[str, str] | Refusal:
    texts: dict[str, str] = {}
    for number, (path, sha) in enumerate(
        sorted(blobs.items(), key=lambda each: (each[0] not in MAIN, each[0]))
    ):
        if number >= MOST_FILES:
            left_out.append(f"{path}: more than {MOST_FILES} files")
            continue
        answer = await client.get(repository, f"git/blobs/{sha}")
        if isinstance(answer, Refusal):
            return answer
        if int(answer.object.get("size") or 0) > most:
            left_out.append(f"{path}: larger than {most} bytes")
            continue
        texts[path] = _decoded(str(answer.object.get("content") or ""))
    return texts


def _decoded(content: str) -> str:
    """Text of a blob; bytes that are no UTF-8 become a mark the YAML reader refuses by place."""
    try:
        return base64.b64decode(content).decode("utf-8", "replace")
    except binascii.Error:
        return ""
