"""`POST /webhooks/github`: verified, made durable, answered 202; worked on afterwards.

The door stands before every other layer: a delivery carries its own proof, so it needs no session, no route and no
form, and what those cost is what an acknowledgement would wait for.
"""

from __future__ import annotations

import asyncio
import logging
import time
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
log = logging.getLogger("roundsman.web")

Fields = dict[bytes, bytes]
READ = (b"content-type", b"x-hub-signature-256", b"x-github-delivery", b"x-github-event")
"""The headers that are looked at."""
TOO_LARGE = Problem(413, f"a payload has at most {MOST_BYTES} bytes", code="webhook")


@dataclass(frozen=True, slots=True)
class Said:
    """An answer."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


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
        return self.knows(next((value for name, value in scope["headers"] if name == b"host"), b""))

    def knows(self, host: bytes) -> bool:
        """Whether a name is ours."""
        return self.hosts is None or host_of(host.decode("latin-1")) in self.hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one delivery by ASGI."""
        fields: Fields = dict(scope["headers"])
        future: asyncio.Future[Said] = asyncio.get_running_loop().create_future()
        try:
            self.take(fields, await _body(fields, receive), future.set_result)
        except Gone:
            return
        except Problem as problem:
            future.set_result(self.refusal(problem))
        said = await future
        await send({"type": "http.response.start", "status": said.status, "headers": said.headers})
        await send({"type": "http.response.body", "body": said.body})

    def take(self, fields: Fields, body: bytes, say: Callable[[Said], None]) -> None:
        """Verify one delivery and have it kept; `say` is called once, when it is durable or with what is wrong."""
        began = time.perf_counter()

        def told(said: Said) -> None:
            WEBHOOK_SECONDS.observe(time.perf_counter() - began)
            say(said)

        try:
            guid, keeping = self._begun(fields, body)
        except Problem as problem:
            told(self.refusal(problem))
        except Exception:
            told(self._broken())
        else:
            keeping.add_done_callback(lambda kept: told(self._kept(guid, kept)))

    def _begun(self, fields: Fields, body: bytes) -> tuple[str, asyncio.Future[bool]]:
        hooks = self.context.parts.get(PART)
        if not isinstance(hooks, Hooks):
            raise Problem(503, "this process takes no webhooks", code="hooks")
        headers = {name.decode(): fields.get(name, b"").decode("latin-1") for name in READ}
        taken = receive(headers, body, hooks.secrets())
        if isinstance(taken, Rejected):
            if b"x-github-delivery" in fields:  # what does not even claim to be GitHub's loses nothing
                hooks.doubt()
            raise Problem(taken.status, taken.words, code="webhook")
        return taken.guid, asyncio.ensure_future(hooks.keep(taken))

    def _kept(self, guid: str, kept: asyncio.Future[bool]) -> Said:
        if kept.cancelled() or kept.exception() is not None:
            return self._broken(None if kept.cancelled() else kept.exception())
        known = b"false" if kept.result() else b"true"
        return _said(
            ACCEPTED, "application/json", b'{"delivery": "%s", "known": %s}' % (guid.encode(), known)
        )

    def _broken(self, fault: BaseException | None = None) -> Said:
        log.error("POST %s failed", PATH, exc_info=fault or True)
        hooks = self.context.parts.get(PART)
        if isinstance(hooks, Hooks):
            hooks.doubt()
        return self.refusal(_BROKEN)

    def refusal(self, problem: Problem) -> Said:
        """What is wrong; a browser may read it, so it is dressed as every page (who is accepted is no browser)."""
        said = _said(problem.status, MEDIA, written(problem))
        return Said(said.status, (*said.headers, *self.dress), said.body)


def _said(status: int, media: str, body: bytes) -> Said:
    headers = ((b"content-type", media.encode()), (b"content-length", b"%d" % len(body)))
    return Said(status, headers, body)


async def _body(fields: Fields, receiving: Receive) -> bytes:
    """Read what is sent, no more than a payload may have."""
    told = fields.get(b"content-length", b"")
    if told.isdigit() and int(told) > MOST_BYTES:
        raise TOO_LARGE
    parts, size, more = [], 0, True
    while more:
        message = await receiving()
        if message["type"] == "http.disconnect":
            raise Gone
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise TOO_LARGE
        more = message.get("more_body", False)
    return b"".join(parts)
