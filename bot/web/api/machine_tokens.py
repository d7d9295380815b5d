"""`/api/tokens`: tokens for machines. Their text is shown once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from bot.ports import Doing, Viewer
from bot.store import audit, repositories, tokens
from bot.store.database import Db
from bot.store.tokens import MachineToken, Scope
from bot.web.api.bodies import Closed, sendable
from bot.web.api.doors import Id
from bot.web.auth import Context, SignedInViewer, nothing_here, require
from bot.web.context import WebContext
from bot.web.problems import Problem

router = APIRouter(prefix="/api/tokens", tags=["tokens"])
_FullName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}$")]


class NewToken(Closed):
    """A token to make."""

    name: Annotated[str, AfterValidator(sendable)] = Field(
        min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$"
    )
    scopes: list[Scope] = Field(
        min_length=1, max_length=4, description="see, run, edit; operate for operators alone."
    )
    repositories: list[_FullName] | None = Field(
        None, max_length=500, description="Which repositories; left out, all of them (operators alone)."
    )
    expires_at: AwareDatetime | None = None


class TokenOut(BaseModel):
    """A token, without its text."""

    id: int
    name: str
    scopes: list[str]
    repositories: list[str] | None
    created_by: str
    created_at: datetime
    last_used_at: datetime | None = None
    expires_at: datetime | None = None


class FreshToken(TokenOut):
    """A token just made; its text is shown here and never again."""

    token: str


@router.get("")
async def list_tokens(context: Context, viewer: SignedInViewer) -> list[TokenOut]:
    """List your tokens; operators see all."""
    every = await context.database.read(tokens.every)
    return [_out(token) for token in every if viewer.operator or token.created_by == viewer.login]


@router.post("", status_code=201)
async def create_token(context: Context, viewer: SignedInViewer, body: NewToken) -> FreshToken:
    """Make a token that may do no more than you may."""
    await _no_more_than(context, viewer, body)
    now = context.now()
    if body.expires_at is not None and body.expires_at <= now:
        raise Problem(422, "expires_at lies in the past", code="invalid")

    def work(db: Db) -> tuple[MachineToken, str]:
        made = tokens.create(
            db,
            body.name,
            body.scopes,
            body.repositories,
            by=viewer.login,
            now=now,
            expires_at=body.expires_at,
        )
        audit.note(db, viewer.login, "token.created", body.name, now, detail={"scopes": list(body.scopes)})
        return made

    token, text = await context.database.write(work)
    return FreshToken(**_out(token).model_dump(), token=text)


@router.delete("/{token_id}", status_code=204)
async def revoke_token(context: Context, viewer: SignedInViewer, token_id: Id) -> None:
    """End a token."""
    every = await context.database.read(tokens.every)
    token = next((one for one in every if one.id == token_id), None)
    if token is None or not (viewer.operator or token.created_by == viewer.login):
        raise Problem(404, f"there is no token {token_id} of yours", code="unknown")
    now = context.now()

    def work(db: Db) -> None:
        tokens.revoke(db, token_id, now)
        audit.note(db, viewer.login, "token.revoked", token.name, now)

    await context.database.write(work)


async def _no_more_than(context: WebContext, viewer: Viewer, body: NewToken) -> None:
    """Raise unless the maker may do all that the token may."""
    if viewer.kind == "machine":
        raise Problem(403, "a token cannot make tokens; a person does", code="role")
    if body.repositories is None or "operate" in body.scopes:
        require(viewer, "operate", None)
        return
    doing: list[Doing] = list(body.scopes)
    for name in body.repositories:
        repository = await context.database.read(repositories.by_name, name)
        if repository is None:
            raise nothing_here(name)
        for one in doing:
            require(viewer, one, repository)


def _out(token: MachineToken) -> TokenOut:
    return TokenOut.model_validate(token.model_dump())
