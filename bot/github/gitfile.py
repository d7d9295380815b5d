"""One file of a repository, read from git's own objects: nothing of a checkout, so nothing to climb out of."""

from __future__ import annotations

import base64
import binascii

from bot.github.client import Client
from bot.model.item import RepositoryRef
from bot.ports import Refusal

MOST_BYTES = 1_048_576
_KINDS = {"120000": "a symbolic link", "160000": "a submodule"}


async def read_file(client: Client, ref: RepositoryRef, commit: str, path: str) -> str | Refusal:
    """The text of `path` at `commit`: each part of the path must be a real folder, the last a real file.

    Symbolic links and submodules are refused wherever they stand, for they lead elsewhere. GitHub's contents API
    would follow a link; trees tell each entry's mode.
    """
    parts = path.split("/")
    if not all(parts) or {".", ".."} & set(parts):
        return Refusal(kind="invalid", words=f"{path} is not a plain path of the repository")
    sha = commit
    for depth, part in enumerate(parts):
        last, where = depth == len(parts) - 1, "/".join(parts[: depth + 1])
        answer = await client.get(ref, f"git/trees/{sha}", conditional=True)
        if isinstance(answer, Refusal):
            return answer
        entries = answer.object.get("tree") or ()
        entry = next((row for row in entries if isinstance(row, dict) and row.get("path") == part), None)
        wrong = _wrong(entry, last, where)
        if wrong or entry is None:
            return Refusal(kind="gone" if entry is None else "invalid", words=wrong or f"there is no {where}")
        sha = str(entry.get("sha"))
    return await _text(client, ref, sha, path)


def _wrong(entry: dict[str, object] | None, last: bool, where: str) -> str | None:
    if entry is None:
        return f"there is no {where}"
    mode = str(entry.get("mode"))
    if mode in _KINDS:
        return f"{where} is {_KINDS[mode]}, which is not followed"
    if (entry.get("type") == "blob") is not last:
        return f"{where} is {'a folder' if last else 'no folder'}"
    size = entry.get("size")
    if isinstance(size, int) and size > MOST_BYTES:
        return f"{where} has {size:,} bytes, more than {MOST_BYTES:,}"
    return None


async def _text(client: Client, ref: RepositoryRef, sha: str, path: str) -> str | Refusal:
    answer = await client.get(ref, f"git/blobs/{sha}", conditional=True)
    if isinstance(answer, Refusal):
        return answer
    try:
        raw = base64.b64decode(str(answer.object.get("content") or ""))
    except binascii.Error:
        return Refusal(kind="invalid", words=f"GitHub's answer for {path} could not be read")
    if b"\0" in raw:
        return Refusal(kind="invalid", words=f"{path} is no text")
    return raw.decode("utf-8", "replace")
