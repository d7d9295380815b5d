"""The ASGI door in front of all routes: prefixes, credentials, faults, limits, ETags, logs, durability."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx
from fastapi.responses import Response

from bot.demo.auth import ANONYMOUS, Caller, identify
from bot.demo.core import Core
from bot.demo.faults import Fault
from bot.demo.limits import Quota
from bot.demo.refusal import Refusal
from bot.demo.requestlog import Request, Write

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

API = re.compile(
    r"^/(repos|repositories|user|users|app|apps|installation|search|orgs|organizations|graphql|app-manifests|applications|issues|rate_limit|meta|zen)(/|$)"
)
FREE = re.compile(r"^/(rate_limit|meta|zen|app-manifests)(/|$)|^/app/installations/\d+/access_tokens$")
NOT_A_WRITE = re.compile(r"^/(graphql|app-manifests|login|app/installations/\d+/access_tokens|app/hook)")
GIT = re.compile(r"^/[^/]+/[^/]+/(info/refs|git-upload-pack|git-receive-pack)$")


class _Capture:
    """Collects an inner answer so that it can be judged before it goes out."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def take(self, response: Response) -> None:
        self.status, self.headers, self.body = (
            response.status_code,
            list(response.raw_headers),
            bytearray(response.body),
        )


class Door:
    """Wraps the routes."""

    def __init__(self, core: Core, inner: ASGIApp) -> None:
        self.core = core
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        scope = self._unprefixed(scope)
        path, method = scope["path"], scope["method"]
        if GIT.match(path):
            await self._git(scope, receive, send)
            return
        await self._web_or_api(scope, receive, send, path, method)

    async def _web_or_api(self, scope: Scope, receive: Receive, send: Send, path: str, method: str) -> None:
        answer = _Capture()
        resource = _resource(path)
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        caller: Caller = ANONYMOUS
        fault: Fault | None = None
        try:
            if API.match(path):
                caller = identify(self.core, headers.get("authorization"))
                self._redirect_renamed(scope)
            fault = self.core.faults.strike(method, path, caller.name)
            await self._suffer(fault)
            if fault is not None and fault.drop == "before":
                await _drop(scope, send)
                return
            self._admit(caller, resource, method)
            scope["caller"] = caller
            await self.inner(scope, receive, answer.send)
        except Refusal as refusal:
            answer.take(refusal.answer())
        self.core.save()
        quota = self._quota(caller, resource)
        answer = self._conditional(answer, caller, method, headers, resource)
        self._log(scope, caller, resource, answer.status)
        if fault is not None and fault.drop == "after":
            await _drop(scope, send)
            return
        if fault is not None and fault.after_work and fault.status is not None:
            answer.take(Refusal(fault.status, fault.message or "Server Error").answer())
        await self._send(answer, quota, caller, send)

    def _unprefixed(self, scope: Scope) -> Scope:
        """`/api/v3/x`, `/api/graphql` and `/repositories/{id}/x` are other names of `/x`, `/graphql`, `/repos/{o}/{r}/x`."""
        path = str(scope["path"])
        asked = path
        if path.startswith("/api/v3"):
            path = path[len("/api/v3") :] or "/"
        elif path == "/api/graphql":
            path = "/graphql"
        found = re.match(r"^/repositories/(\d{1,18})(/.*)?$", path)
        if found is not None:
            repo = self.core.tables.repos.get(int(found[1]))
            if repo is not None:
                path = f"/repos/{repo.full_name}{found[2] or ''}"
        if path == asked and "raw_path" in scope:
            return scope
        return {**scope, "path": path, "raw_path": path.encode(), "asked_path": asked}

    def _redirect_renamed(self, scope: Scope) -> None:
        """A former name leads to the numbered address: 301 for reads, 307 for writes, which keep their body."""
        found = re.match(r"^/repos/([^/]+/[^/]+)(/.*)?$", scope["path"])
        if found is None or self.core.tables.repos.one("name", found[1].lower()) is not None:
            return
        repo = self.core.repo(found[1])
        if repo is None:
            return
        host = next((v.decode() for k, v in scope["headers"] if k == b"host"), "")
        query = scope.get("query_string", b"").decode("latin-1")
        prefix = "/api/v3" if str(scope.get("asked_path", "")).startswith("/api/v3") else ""
        address = f"{scope['scheme']}://{host}{prefix}/repositories/{repo.id}{found[2] or ''}"
        status, words = (
            (301, "Moved Permanently") if scope["method"] in ("GET", "HEAD") else (307, "Temporary Redirect")
        )
        raise Refusal(status, words, headers={"location": address + (f"?{query}" if query else "")})

    async def _suffer(self, fault: Fault | None) -> None:
        if fault is None:
            return
        if fault.latency:
            await asyncio.sleep(fault.latency)
        if fault.limit is not None:
            raise self._limited(fault)
        if fault.status is not None and not fault.after_work:
            raise Refusal(fault.status, fault.message or _words(fault.status), headers=fault.headers)

    def _limited(self, fault: Fault) -> Refusal:
        assert fault.limit is not None
        if fault.limit.startswith("primary"):
            reset = str(int(self.core.clock().timestamp()) + fault.retry_after)
            headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
            status = 429 if fault.limit == "primary-429" else 403
            return Refusal(status, "API rate limit exceeded for installation.", headers=headers)
        after = {} if fault.limit == "secondary-bare" else {"retry-after": str(fault.retry_after)}
        status = 429 if fault.limit == "secondary" else 403
        return Refusal(status, _SECONDARY, headers=after)

    def _admit(self, caller: Caller, resource: str, method: str) -> None:
        if resource not in ("core", "search", "graphql"):
            return
        now = self.core.clock()
        if not self.core.limits.spend(resource, caller.name, now):
            raise Refusal(403, f"API rate limit exceeded for {caller.name}.")
        if not self.core.limits.secondary(caller.name, now, writes=method not in ("GET", "HEAD")):
            raise Refusal(403, _SECONDARY, headers={"retry-after": "60"})

    def _quota(self, caller: Caller, resource: str) -> Quota | None:
        if resource not in ("core", "search", "graphql"):
            return None
        return self.core.limits.quota(resource, caller.name, self.core.clock())

    def _conditional(
        self, answer: _Capture, caller: Caller, method: str, headers: dict[str, str], resource: str
    ) -> _Capture:
        if method not in ("GET", "HEAD") or answer.status != 200 or resource not in ("core", "free"):
            return answer
        # Like GitHub's, an ETag depends on the token: the same list under a new token is new.
        seed = caller.token.encode() + headers.get("accept", "").encode() + bytes(answer.body)
        links = b"".join(v for k, v in answer.headers if k == b"link")
        tag = f'W/"{hashlib.sha256(seed + links).hexdigest()}"'
        asked = {x.strip().removeprefix("W/") for x in headers.get("if-none-match", "").split(",")}
        if tag.removeprefix("W/") in asked or "*" in asked:
            self.core.limits.refund("core", caller.name, self.core.clock())
            answer.status, answer.body = 304, bytearray()
            answer.headers = [
                (k, v) for k, v in answer.headers if k not in (b"content-length", b"content-type")
            ]
        answer.headers += [
            (b"etag", tag.encode()),
            (b"cache-control", b"private, max-age=60, s-maxage=60"),
            (b"vary", b"Accept, Authorization, Cookie, X-GitHub-OTP"),
        ]
        return answer

    def _log(self, scope: Scope, caller: Caller, resource: str, status: int) -> None:
        path, method = scope["path"], scope["method"]
        query = scope.get("query_string", b"").decode("latin-1")
        self.core.requests.add(Request(method, path, query, status, resource, caller.name))
        changing = method not in ("GET", "HEAD", "OPTIONS") and status < 400
        if changing and API.match(path) and not NOT_A_WRITE.match(path):
            self.core.writes.add(Write(method, path, caller.name, status))

    async def _send(self, answer: _Capture, quota: Quota | None, caller: Caller, send: Send) -> None:
        names = {k for k, _ in answer.headers}
        extra = {
            "x-github-request-id": f"DEMO:{len(self.core.requests)}",
            "x-github-media-type": "github.v3; format=json",
        }
        if quota is not None:
            extra |= self.core.limits.quota(quota.resource, caller.name, self.core.clock()).headers()
        if caller.scopes:
            extra["x-oauth-scopes"] = ", ".join(caller.scopes)
        added = [(k.encode(), v.encode()) for k, v in extra.items() if k.encode() not in names]
        await send(
            {"type": "http.response.start", "status": answer.status, "headers": answer.headers + added}
        )
        await send({"type": "http.response.body", "body": bytes(answer.body)})

    async def _git(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Git answers stream; its own authentication asks for a password."""
        fault = self.core.faults.strike(scope["method"], scope["path"], "git")
        if fault is not None and fault.latency:
            await asyncio.sleep(fault.latency)
        if fault is not None and fault.drop is not None:
            await _drop(scope, send)
            return
        if fault is not None and fault.status is not None:
            await Response(status_code=fault.status)(scope, receive, send)
            return
        status = 200

        async def watch(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            self.core.save()
            await send(message)

        await self.inner(scope, receive, watch)
        self._log(scope, ANONYMOUS, "git", status)
        if scope["path"].endswith("git-receive-pack") and scope["method"] == "POST" and status < 400:
            self.core.writes.add(Write("PUSH", scope["path"], "git", status))


_SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "For more on scraping GitHub and how it may affect your rights, please review our Terms of Service."
)


def _words(status: int) -> str:
    known = {401: "Bad credentials", 404: "Not Found", 410: "Gone", 451: "Repository access blocked"}
    return known.get(status, "Server Error" if status >= 500 else "Error")


def _resource(path: str) -> str:
    if not API.match(path):
        return "web"
    if FREE.match(path):
        return "free"
    if path.startswith("/search/"):
        return "search"
    return "graphql" if path == "/graphql" else "core"


async def _drop(scope: Scope, send: Send) -> None:
    """Break the connection: in process as the client's own error, over a socket by an answer that ends too early."""
    if "spec_version" not in scope.get("asgi", {}):
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})
