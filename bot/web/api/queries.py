"""`/api/filter`: GitHub's search language checked, described and completed, for forms and programs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BaseModel, Field

import filters
from bot.web.api.bodies import Closed, sendable
from bot.web.auth import signed_in
from bot.web.problems import Problem

router = APIRouter(prefix="/api/filter", tags=["filters"], dependencies=[Depends(signed_in)])


class Query(Closed):
    """A query as people write it."""

    query: Annotated[str, AfterValidator(sendable)] = Field(max_length=20_000, examples=["is:open label:bug"])


class QueryAt(Query):
    """A query and where the cursor stands."""

    cursor: int | None = Field(
        None, ge=0, le=20_000, description="Characters before it; the end when left out."
    )


class DiagnosticOut(BaseModel):
    """A fault or warning, with its place in characters."""

    start: int
    end: int
    code: str
    message: str
    hint: str = ""
    fix: str | None = None
    severity: str


class Checked(BaseModel):
    """Whether a query can be used."""

    ok: bool
    diagnostics: list[DiagnosticOut]


class Described(BaseModel):
    """A query in words."""

    words: str


class CompletionOut(BaseModel):
    """A stretch of the query and what to put in its place."""

    start: int
    end: int
    text: str
    help: str


@router.post("/check")
async def check(body: Query) -> Checked:
    """Tell every fault and warning of a query."""
    found = filters.check(body.query)
    told = [DiagnosticOut.model_validate(one, from_attributes=True) for one in found]
    return Checked(ok=all(one.severity != "error" for one in told), diagnostics=told)


@router.post("/describe")
async def describe(body: Query) -> Described:
    """Say what a query asks for."""
    try:
        return Described(words=filters.describe(body.query))
    except filters.QueryError as error:
        raise Problem(422, f"query: {error}", code="invalid") from None


@router.post("/complete")
async def complete(body: QueryAt) -> list[CompletionOut]:
    """Offer what may stand at the cursor."""
    offered: Any = filters.complete(body.query, body.cursor)
    return [CompletionOut.model_validate(one, from_attributes=True) for one in offered]
