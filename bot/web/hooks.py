"""`POST /webhooks/github`: verified, made durable, answered 202; worked on afterwards.

The door stands before every other layer: a delivery carries its own proof, so it needs no session, no route and no
form, and what those cost is what an acknowledgement would wait for.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from bot.github.webhook import MOST_BYTES, Rejected, receive
from bot.model.happening import Delivery
from bot.web.context import WebContext
from bot.web.guard import allowed_hosts, host_of, security_headers
from bot.web.metrics import WEBHOOK_SECONDS
from bot.web.problems import MEDIA, Problem, written

PART = "hooks"
PATH = "/webhooks/github"
ACCEPTED = 202
_BROKEN = Problem(500, "something broke on our side; the service's log says what")
_TOO_LARGE = Problem(413, f"a payload has at most {MOST_BYTES} bytes", code="webhook")
log = logging.getLogger("roundsman.web")

Fields = dict[bytes, bytes]


@dataclass(frozen=True)
class Hooks:
    """What the door needs, under `parts["hooks"]`: the secrets in force (several during rotation), and who keeps."""

    secrets: Callable[[], Sequence[str]]
    keep: Callable[[Delivery], Awaitable[bool]]
    doubt: Callable[[], None] = lambda: None
    """Told of deliveries that were refused or could not be kept: something GitHub said may be lost."""


class Gone(Exception):  # noqa: N818 - nothing is wrong
    """The sender hung up before all was sent."""


class Door:
    """An ASGI application for the webhook's address alone."""

    def __init__(self, context: WebContext) -> None:
        self.context = context
        self.hosts = allowed_hosts(context.settings)
        dress = security_headers(context.settings).items()
        self.dress = [(name.lower().encode(), value.encode()) for name, value in dress]

    def is_for(self, scope: Scope) -> bool:
        """Whether a request is a delivery; one under a name that is not ours is refused further in, as any other."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            return False
        return self.hosts is None or _host(scope) in self.hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one delivery."""
        fields: Fields = dict(scope["headers"])
        with WEBHOOK_SECONDS.time():
            try:
                status, media, said = ACCEPTED, "application/json", await self._take(fields, receive)
            except Gone:
                return
            except Problem as problem:
                status, media, said = problem.status, MEDIA, written(problem)
            except Exception:
                log.exception("POST %s failed", PATH)
                self._doubt()
                status, media, said = 500, MEDIA, written(_BROKEN)
            await self._say(send, status, media, said)

    async def _take(self, fields: Fields, receiving: Receive) -> bytes:
        hooks = self.context.parts.get(PART)
        if not isinstance(hooks, Hooks):
            raise Problem(503, "this process takes no webhooks", code="hooks")
        body = await _body(fields, receiving)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields.items()}
        taken = receive(headers, body, hooks.secrets())
        if isinstance(taken, Rejected):
            if b"x-github-delivery" in fields:  # what does not even claim to be GitHub's loses nothing
                hooks.doubt()
            raise Problem(taken.status, taken.words, code="webhook")
        new = await hooks.keep(taken)
        return json.dumps({"delivery": taken.guid, "known": not new}).encode()

    def _doubt(self) -> None:
        hooks = self.context.parts.get(PART)
        if isinstance(hooks, Hooks):
            hooks.doubt()

    async def _say(self, send: Send, status: int, media: str, said: bytes) -> None:
        headers = [(b"content-type", media.encode()), (b"content-length", str(len(said)).encode())]
        if status != ACCEPTED:  # a browser may read a refusal; who is accepted is no browser
            headers += self.dress
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": said})


def _host(scope: Scope) -> str:
    return host_of(
        next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    )


async def _body(fields: Fields, receiving: Receive) -> bytes:
    """Read what is sent, no more than a payload may have."""
    told = fields.get(b"content-length", b"")
    if told.isdigit() and int(told) > MOST_BYTES:
        raise _TOO_LARGE
    parts, size, more = [], 0, True
    while more:
        message = await receiving()
        if message["type"] == "http.disconnect":
            raise Gone
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise _TOO_LARGE
        more = message.get("more_body", False)
    return b"".join(parts)
