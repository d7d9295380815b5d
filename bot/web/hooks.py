"""`POST /webhooks/github`: verified, made durable, answered 202; worked on afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from bot.github.webhook import MOST_BYTES, Rejected, receive
from bot.model.happening import Delivery
from bot.web.context import context_of
from bot.web.metrics import WEBHOOK_SECONDS
from bot.web.problems import Problem

router = APIRouter(include_in_schema=False)
PART = "hooks"


@dataclass(frozen=True)
class Hooks:
    """What the door needs, under `parts["hooks"]`: the secrets in force (several during rotation), and who keeps."""

    secrets: Callable[[], Sequence[str]]
    keep: Callable[[Delivery], Awaitable[bool]]


@router.post("/webhooks/github", status_code=202)
async def github(request: Request) -> JSONResponse:
    """Take one delivery."""
    with WEBHOOK_SECONDS.time():
        return await _take(request)


async def _take(request: Request) -> JSONResponse:
    hooks = context_of(request).parts.get(PART)
    if not isinstance(hooks, Hooks):
        raise Problem(503, "this process takes no webhooks", code="hooks")
    body = await _body(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    taken = receive(headers, body, hooks.secrets())
    if isinstance(taken, Rejected):
        raise Problem(taken.status, taken.words, code="webhook")
    new = await hooks.keep(taken)
    return JSONResponse({"delivery": taken.guid, "known": not new}, status_code=202)


async def _body(request: Request) -> bytes:
    """Read what is sent, no more than a payload may have."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > MOST_BYTES:
        raise Problem(413, f"a payload has at most {MOST_BYTES} bytes", code="webhook")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise Problem(413, f"a payload has at most {MOST_BYTES} bytes", code="webhook")
        parts.append(part)
    return b"".join(parts)
