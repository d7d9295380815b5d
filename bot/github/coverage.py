"""Which repositories an installation covers."""

from __future__ import annotations

from bot.github import payload
from bot.github.client import Client
from bot.model.happening import Place
from bot.model.item import RepositoryRef
from bot.ports import Refusal


async def covered(client: Client, installation: int) -> list[Place] | Refusal:
    """The repositories an installation covers now."""
    everywhere = RepositoryRef("", "", installation)
    rows = await client.rows(everywhere, "/installation/repositories", within="repositories")
    if isinstance(rows, Refusal):
        return rows
    return [payload.place(row) for row in rows if payload.text(row, "full_name").count("/") == 1]
