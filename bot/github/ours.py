"""Finding what an earlier try left: by a hidden marker or a key, and only in what our own identity wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from bot.github.client import Client
from bot.model.item import RepositoryRef
from bot.ports import Refusal

Row = Mapping[str, Any]


def by(row: Row, me: str) -> bool:
    """Whether our identity wrote this row; a marker copied by a stranger means nothing.

    Where the server does not tell who we are (GitHub always does), the mark alone has to do.
    """
    return not me or str((row.get("user") or {}).get("login") or "").lower() == me.lower()


def carries(row: Row, me: str, mark: str) -> bool:
    """Whether this is ours and has the mark."""
    return by(row, me) and mark in str(row.get("body") or "")


def name_of(key: str, *parts: BaseModel | str) -> str:
    """A key with a digest of what is written under it.

    A database begun anew counts its sessions from one again; the digest keeps its writes apart from the old ones.
    """
    said = "\n".join(part if isinstance(part, str) else part.model_dump_json() for part in parts)
    return f"{key}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"


def mark_of(name: str) -> str:
    """The hidden comment that names a write."""
    return f"<!-- roundsman-key:{name.replace('--', '-')} -->"


async def first(
    client: Client, repository: RepositoryRef, path: str, mark: str, *, most: int = 100, **params: Any
) -> dict[str, Any] | Refusal | None:
    """The first row of a list that is ours and has the mark, paging through all of it."""
    me = await client.me()
    if isinstance(me, Refusal):
        return me
    async for page in client.pages(repository, path, params=params, most=most):
        if isinstance(page, Refusal):
            return page
        for row in page.rows:
            if carries(row, me, mark):
                return row
    return None
