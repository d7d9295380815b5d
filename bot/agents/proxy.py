"""The only way from an agent to its model: it holds the real key, lets nothing else through, and counts the money."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx

from bot.agents.calls import metered, most_tokens, reaches_out, streams, without_remote_tools
from bot.agents.http import Answered, Asked, converse
from bot.agents.prices import Prices, Tokens
from bot.agents.usage import UsageReader
from bot.model.agent import Failure, Spent, Usage
from bot.ports import Meter

Api = Literal["anthropic", "openai", "gemini"]
PUBLIC: dict[Api, str] = {
    "anthropic": "https://api.anthropic.com",
    "openai": "https://api.openai.com",
    "gemini": "https://generativelanguage.googleapis.com",
}
_PATHS: dict[Api, re.Pattern[str]] = {
    "anthropic": re.compile(r"/v1/messages(?:/count_tokens)?"),
    "openai": re.compile(r"/v1/(?:responses|chat/completions)"),
    "gemini": re.compile(
        r"/v1(?:beta)?/models/([\w.-]+):(?:streamGenerateContent|generateContent|countTokens)"
    ),
}
_FREE = re.compile(r".*(?:/count_tokens|:countTokens)")
_QUERY = re.compile(r"(?:(?:alt=sse|beta=true)&?)*")
_SENT = (
    "content-type",
    "accept",
    "user-agent",
    "anthropic-version",
    "anthropic-beta",
    "openai-beta",
    "session_id",
)
_RETURNED = ("content-type", "retry-after", "retry-after-ms", "x-should-retry", "request-id", "x-request-id")


MOST_FAULTS = 6
"""Faults of the API in a row after which a session ends, whatever the agent's program would go on trying."""


def api_failure(status: int, words: str) -> Failure:
    """What an error status of the model's API means for the session."""
    if status in (401, 403):
        return Failure.of("configuration", f"{words}; check ROUNDSMAN_MODEL_KEYS")
    if status == 404:
        return Failure.of("configuration", f"{words}; name a model this key may use")
    if status in (400, 413, 422):
        return Failure.of("configuration", words)
    return Failure.of("api_fault", words)


@dataclass(frozen=True)
class Upstream:
    """Where the model lives, and the key that only we know."""

    api: Api
    key: str
    base_url: str | None = None

    def url(self, target: str) -> str:
        """The full address of an API path."""
        base = (self.base_url or PUBLIC[self.api]).rstrip("/")
        return re.sub(r"/v1(?:beta)?$", "", base) + target

    def credentials(self) -> dict[str, str]:
        """The header that carries the key."""
        match self.api:
            case "anthropic":
                return {"x-api-key": self.key}
            case "openai":
                return {"authorization": f"Bearer {self.key}"}
            case "gemini":
                return {"x-goog-api-key": self.key}


@dataclass
class ModelProxy:
    """One session's way to its model.

    With a budget, calls go one at a time, each only while money is left, so it is overshot by at most one call.
    """

    upstream: Upstream
    placeholder: str
    prices: Prices
    meter: Meter
    client: httpx.AsyncClient
    cap_usd: float | None = None
    max_calls: int | None = None
    on_spent: Callable[[Spent], Awaitable[None]] | None = None
    touch: Callable[[], None] = lambda: None
    usage: Usage = field(default_factory=Usage)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    failure: Failure | None = None
    last_fault: str = ""
    last_status: int = 0
    faults_in_row: int = 0
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def serving(self, socket: Path | None) -> AsyncIterator[int]:
        """Listen on a Unix socket, or on loopback (the port is given) where nothing confines the agent."""
        if socket is not None:
            server = await asyncio.start_unix_server(self._connected, path=socket)
            port = 0
        else:
            server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
        try:
            yield port
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await converse(reader, writer, self._answer)
        except asyncio.CancelledError:
            writer.close()
        finally:
            self._open.discard(task)

    async def _answer(self, asked: Asked) -> Answered:
        self.touch()
        path, _, query = asked.target.partition("?")
        if asked.method == "GET" and path == "/v1/models":
            return _json(200, {"object": "list", "data": [], "models": []})
        if not self._known(asked.headers):
            return self._refuse(401, "this key is not the session's")
        matched = _PATHS[self.upstream.api].fullmatch(path)
        if asked.method != "POST" or not matched or not _QUERY.fullmatch(query):
            return self._refuse(403, f"{asked.method} {path} is no call to the model")
        try:
            body = json.loads(asked.body)
            assert isinstance(body, dict)
        except (ValueError, AssertionError, RecursionError):
            return self._refuse(400, "the body is not a JSON object")
        if reason := reaches_out(body):
            return self._refuse(403, reason)
        body, changed = without_remote_tools(body)
        body, asked = metered(body, asked, changed)
        model = matched.group(1) if matched.groups() else str(body.get("model", ""))
        return await self._call(asked, body, model)

    def _known(self, headers: dict[str, str]) -> bool:
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        return self.placeholder in (headers.get("x-api-key"), headers.get("x-goog-api-key"), bearer)

    async def _call(self, asked: Asked, body: dict[str, Any], model: str) -> Answered:
        if _FREE.fullmatch(asked.target.partition("?")[0]):
            return await self._forward(asked, UsageReader(stream=False), model, None)
        if self.max_calls is not None and self.usage.calls >= self.max_calls:
            self.stop(Failure.of("turns", f"the agent used its {self.max_calls} calls to the model"))
            return self._refuse(403, "the turns of this session are used up")
        if self.cap_usd is None:
            return await self._forward(asked, UsageReader(streams(body, asked)), model, None)
        price = self.prices.of(model)
        if price is None:
            words = f"no price is known for the model {model!r}; add it to ROUNDSMAN_PRICES, or name another model"
            self.stop(Failure.of("configuration", words))
            return self._refuse(403, words)
        await self._one.acquire()
        if self.failure is not None or (self.usage.cost_usd or 0.0) >= self.cap_usd:
            self._one.release()
            self.stop(Failure.of("budget", f"the session's budget of ${self.cap_usd:.2f} is spent"))
            return self._refuse(403, "the budget of this session is spent")
        released = False

        def release() -> None:
            nonlocal released
            if not released:
                released = True
                self._one.release()

        try:
            at_most = price.cost(Tokens(fresh=len(asked.body) // 3, out=most_tokens(body)))
            await self.meter.at_stake(min(at_most, self.cap_usd - (self.usage.cost_usd or 0.0)))
            return await self._forward(asked, UsageReader(streams(body, asked)), model, release)
        except BaseException:
            release()
            raise

    async def _forward(
        self,
        asked: Asked,
        reader: UsageReader,
        model: str,
        release: Callable[[], None] | None,
    ) -> Answered:
        """Send one call on. `release` is None or called once its money is counted; free calls count nothing."""
        headers = {name: asked.headers[name] for name in _SENT if name in asked.headers}
        headers |= {**self.upstream.credentials(), "accept-encoding": "identity"}
        request = self.client.build_request(
            "POST", self.upstream.url(asked.target), headers=headers, content=asked.body
        )
        try:
            response = await self.client.send(request, stream=True)
        except httpx.HTTPError as error:
            await self._cost_nothing(release)
            self._fault(502, f"the model's API cannot be reached ({type(error).__name__})")
            return _json(502, {"type": "error", "error": {"type": "api_error", "message": self.last_fault}})
        given = [(n, v) for n, v in response.headers.items() if n in _RETURNED or n.startswith("anthropic-")]
        if response.status_code >= 400:
            raw = await response.aread()
            await self._cost_nothing(release)
            self._fault(
                response.status_code, f"the model's API answered {response.status_code}: {_message(raw)}"
            )
            return Answered(response.status_code, given, raw)
        self.last_status, self.faults_in_row, self.last_fault = response.status_code, 0, ""
        free = _FREE.fullmatch(asked.target.partition("?")[0]) is not None
        return Answered(
            response.status_code,
            given,
            stream=self._passing(response, reader, model, len(asked.body), release, free),
        )

    async def _cost_nothing(self, release: Callable[[], None] | None) -> None:
        """A call under a budget was refused: nothing is at stake any more, and the next may go."""
        if release:
            await self.meter.at_stake(0.0)
            release()

    async def _passing(
        self,
        response: httpx.Response,
        reader: UsageReader,
        model: str,
        sent: int,
        release: Callable[[], None] | None,
        free: bool,
    ) -> AsyncIterator[bytes]:
        """Hand the answer on as it comes; count it at its end, also when either side breaks off."""
        try:
            async for chunk in response.aiter_raw():
                self.touch()
                reader.feed(chunk)
                yield chunk
        except httpx.HTTPError as error:
            self._fault(502, f"the model's answer broke off ({type(error).__name__})")
        finally:
            await asyncio.shield(response.aclose())
            reader.close()
            if not free:
                await asyncio.shield(self._count(reader, model, sent))
            if release:
                release()

    async def _count(self, reader: UsageReader, model: str, sent: int) -> None:
        tokens = reader.tokens(sent)
        price = self.prices.of(model) or self.prices.of(reader.model)
        cost = price.cost(tokens) if price else None
        self._add(tokens, cost)
        if self.on_spent:
            inward = tokens.fresh + tokens.written + tokens.written_hour
            await self.on_spent(
                Spent(
                    model=model,
                    tokens_in=inward,
                    tokens_out=tokens.out,
                    tokens_cached=tokens.read,
                    cost_usd=cost,
                )
            )
        total = self.usage.cost_usd or 0.0
        if not await self.meter.spent(total):
            self.stop(Failure.of("budget", f"a budget was used up after ${total:.2f} in this session"))
        elif self.cap_usd is not None and total >= self.cap_usd:
            self.stop(
                Failure.of("budget", f"the session's budget of ${self.cap_usd:.2f} is spent (${total:.2f})")
            )

    def _add(self, tokens: Tokens, cost: float | None) -> None:
        before = self.usage
        known = [c for c in (before.cost_usd, cost) if c is not None]
        self.usage = Usage(
            calls=before.calls + 1,
            tokens_in=before.tokens_in + tokens.fresh + tokens.written + tokens.written_hour,
            tokens_out=before.tokens_out + tokens.out,
            tokens_cached=before.tokens_cached + tokens.read,
            cost_usd=sum(known) if known else None,
        )

    def stop(self, failure: Failure) -> None:
        """End the session; the first reason stays."""
        self.failure = self.failure or failure
        self.stopped.set()

    def _fault(self, status: int, words: str) -> None:
        """Note a fault of the API; some programs try again for ever, so a row of them ends the session."""
        self.last_status, self.last_fault = status, words
        self.faults_in_row += 1
        if self.faults_in_row >= MOST_FAULTS:
            self.stop(api_failure(status, f"{words} ({self.faults_in_row} times in a row)"))

    def _refuse(self, status: int, words: str) -> Answered:
        self.last_fault = words
        return _json(status, {"type": "error", "error": {"type": "permission_error", "message": words}})


def _json(status: int, body: Any) -> Answered:
    return Answered(status, [("content-type", "application/json")], json.dumps(body).encode())


def _message(raw: bytes) -> str:
    try:
        error = json.loads(raw).get("error")
        return str(error.get("message") if isinstance(error, dict) else error)[:300]
    except (ValueError, AttributeError):
        return raw[:200].decode("utf-8", "replace")
