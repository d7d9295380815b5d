"""Before any route: which hosts we answer to, how much we read, and the headers every answer carries."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.settings import Settings
from bot.web.problems import broken

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MOST_BYTES = 1_048_576
WEBHOOK_BYTES = 26_214_400  # GitHub sends at most 25 MB
UNCHECKED = ("/healthz", "/readyz", "/metrics")


def security_headers(settings: Settings) -> dict[str, str]:
    """A strict policy: our own scripts and styles, no inline ones, no frames, forms to us and GitHub alone."""
    web = settings.github_url.rstrip("/")
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https://avatars.githubusercontent.com; "
        f"connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self' {web}; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
    if settings.base_url.startswith("https://"):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


def allowed_hosts(settings: Settings) -> frozenset[str] | None:
    """The host names we answer to; None for any, where nobody has told us our own."""
    if settings.local:
        return frozenset(LOOPBACK)
    if settings.public_url:
        return frozenset({host_of(urlsplit(settings.public_url).netloc), *LOOPBACK})
    return None


def host_of(netloc: str) -> str:
    """A host header without its port, in lower case."""
    host = netloc.strip().lower()
    if host.startswith("["):
        return host[: host.find("]") + 1]
    return host.rpartition(":")[0] if ":" in host else host


class Guard:
    """An ASGI layer; a rebound DNS name, a huge body and a frame around us all end here."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.hosts = allowed_hosts(settings)
        self.headers = security_headers(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, then pass it on with an answer that carries our headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), scope["path"]
        if (
            self.hosts is not None
            and path not in UNCHECKED
            and host_of(headers.get("host", "")) not in self.hosts
        ):
            await _refuse(421, "this service has another name; use the address it was set up with")(
                scope, receive, self._dressed(send)
            )
            return
        most = WEBHOOK_BYTES if path.startswith("/webhooks/") else MOST_BYTES
        if _declared(headers) > most:
            await _refuse(413, f"the body is larger than {most} bytes")(scope, receive, self._dressed(send))
            return
        await self._safely(scope, _counted(receive, most), self._dressed(send))

    async def _safely(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what breaks below here, so that the answer too carries our headers."""
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except Exception as error:
            if begun:
                raise
            await broken(Request(scope), error)(scope, receive, send)

    def _dressed(self, send: Send) -> Send:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        return dressed


def _declared(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() else 0


def _counted(receive: Receive, most: int) -> Receive:
    """Cut off a body that grows past what was allowed, whatever it declared."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > most:
                return {"type": "http.disconnect"}
        return message

    return counted


def _refuse(status: int, detail: str) -> JSONResponse:
    body = {"title": "Refused", "status": status, "detail": detail}
    return JSONResponse(body, status, media_type="application/problem+json")
