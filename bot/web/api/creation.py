"""Creating things once: `Idempotency-Key`, 201 and `Location`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Header, Request
from fastapi.responses import JSONResponse

from bot.ports import Viewer
from bot.store.database import Db
from bot.store.idempotency import Answered, KeyReused, once
from bot.web.context import context_of
from bot.web.problems import Problem

IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=200, description="Repeat safely for 24 hours."),
]


async def created(
    request: Request, viewer: Viewer, key: str | None, work: Callable[[Db], dict[str, Any]], place: Callable[[dict[str, Any]], str]
) -> JSONResponse:  # fmt: skip
    """Do `work` in one transaction, once a key, and answer 201 with what it made and where that is."""
    context = context_of(request)

    def made(db: Db) -> tuple[int, dict[str, Any]]:
        return 201, work(db)

    if key is None:
        answered = Answered(*await context.database.write(made))
    else:
        name = _hash(viewer.kind, viewer.login, request.method, request.url.path, key)
        content = hashlib.sha256(await request.body()).hexdigest()
        try:
            answered = await context.database.write(once, name, content, context.now(), made)
        except KeyReused:
            raise Problem(
                422, "this Idempotency-Key was used for another request; use a fresh one", code="key-reused"
            ) from None
    headers = {"Location": place(answered.body)} | (
        {"Idempotency-Replayed": "true"} if answered.again else {}
    )
    return JSONResponse(answered.body, answered.status, headers=headers)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
