"""Tokens for machines, whoever asks for one: no token may do more than its maker, and none makes another."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.ports import Doing, Viewer
from bot.store import audit, repositories, tokens
from bot.store.database import Db
from bot.store.tokens import MachineToken, Scope
from bot.web.auth import nothing_here, require
from bot.web.context import WebContext
from bot.web.problems import Problem


async def of(context: WebContext, viewer: Viewer) -> list[MachineToken]:
    """The tokens somebody sees, oldest first: their own; operators see all."""
    every = await context.database.read(tokens.every)
    return [token for token in every if viewer.operator or token.created_by == viewer.login]


async def make(
    context: WebContext,
    viewer: Viewer,
    name: str,
    scopes: Sequence[Scope],
    names: Sequence[str] | None,
    expires_at: datetime | None,
) -> tuple[MachineToken, str]:
    """A new token for the named repositories (None: all) and its text; a Problem where it would do too much."""
    await _no_more_than(context, viewer, scopes, names)
    now = context.now()
    if expires_at is not None and expires_at <= now:
        raise Problem(422, "expires_at lies in the past", code="invalid")

    def work(db: Db) -> tuple[MachineToken, str]:
        made = tokens.create(db, name, scopes, names, by=viewer.login, now=now, expires_at=expires_at)
        audit.note(db, viewer.login, "token.created", name, now, detail={"scopes": list(scopes)})
        return made

    return await context.database.write(work)


async def end(context: WebContext, viewer: Viewer, token_id: int) -> MachineToken:
    """Revoke a token of theirs; a Problem where there is none. Gives what it was."""
    token = next((one for one in await of(context, viewer) if one.id == token_id), None)
    if token is None:
        raise Problem(404, f"there is no token {token_id} of yours", code="unknown")
    now = context.now()

    def work(db: Db) -> None:
        if tokens.revoke(db, token_id, now):
            audit.note(db, viewer.login, "token.revoked", token.name, now)

    await context.database.write(work)
    return token


async def _no_more_than(
    context: WebContext, viewer: Viewer, scopes: Sequence[Scope], names: Sequence[str] | None
) -> None:
    if viewer.kind == "machine":
        raise Problem(403, "a token cannot make tokens; a person does", code="role")
    if names is None or "operate" in scopes:
        require(viewer, "operate", None)
        return
    doing: list[Doing] = list(scopes)
    for name in names:
        repository = await context.database.read(repositories.by_name, name)
        if repository is None:
            raise nothing_here(name)
        for one in doing:
            require(viewer, one, repository)
