"""`/api/tokens`: tokens for machines. Their text is shown once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from bot.store.tokens import MachineToken, Scope
from bot.web import machine
from bot.web.api.bodies import Closed, sendable
from bot.web.api.doors import Id
from bot.web.auth import Context, SignedInViewer

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
    return [_out(token) for token in await machine.of(context, viewer)]


@router.post("", status_code=201)
async def create_token(context: Context, viewer: SignedInViewer, body: NewToken) -> FreshToken:
    """Make a token that may do no more than you may."""
    token, text = await machine.make(
        context, viewer, body.name, body.scopes, body.repositories, body.expires_at
    )
    return FreshToken(**_out(token).model_dump(), token=text)


@router.delete("/{token_id}", status_code=204)
async def revoke_token(context: Context, viewer: SignedInViewer, token_id: Id) -> None:
    """End a token."""
    await machine.end(context, viewer, token_id)


def _out(token: MachineToken) -> TokenOut:
    return TokenOut.model_validate(token.model_dump())
