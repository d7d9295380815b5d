"""What somebody may do in a repository, asked live: by explicit role, unknown roles by their base.

The `permission` of GitHub's answer alone says `read` for anyone on a public repository and `write` for maintainers.
"""

from __future__ import annotations

from urllib.parse import quote

from bot.github.client import Client
from bot.model.item import RepositoryRef
from bot.ports import Refusal, Role

ROLES: tuple[Role, ...] = ("none", "read", "triage", "write", "maintain", "admin")
MAY_COMMAND: frozenset[Role] = frozenset({"write", "maintain", "admin"})


async def role_of(client: Client, repository: RepositoryRef, login: str) -> Role | Refusal:
    """The role of a login; `none` for one GitHub does not know."""
    answer = await client.get(repository, f"collaborators/{quote(login, safe='')}/permission")
    if isinstance(answer, Refusal):
        return "none" if answer.status == 404 else answer
    named, base = answer.object.get("role_name"), answer.object.get("permission")
    for role in ROLES:
        if named == role:
            return role
    return next((role for role in ROLES if role == base), "none")
