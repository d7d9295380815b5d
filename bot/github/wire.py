"""One request on its way: it waits its turn, leaves, comes back, and its answer becomes a value.

No expected failure is raised: an `Answer` or a `Refusal`.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
from githubkit.auth import BaseAuthStrategy
from githubkit.core import GitHubCore
from githubkit.exception import RequestError, RequestTimeout
from githubkit.response import Response

from bot import __version__
from bot.flow.clock import Clock
from bot.github.answers import Answer, date_of, next_link, refusal_of
from bot.github.quota import Pace, Quotas
from bot.github.signing import Signed, nobody
from bot.ports import Refusal

API_VERSION = "2022-11-28"
TRIES = 3
PATIENCE = 5.0
"""A wait up to this many seconds is waited out; a longer one is told to the caller, who does something else."""
CONNECTION_WAIT = 15.0
Sleep = Callable[[float], Awaitable[None]]


class _Core(GitHubCore[BaseAuthStrategy]):
    """githubkit's core with one pool of connections a loop (its own lives for a single request outside `async with`)."""

    _pools: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient]

    @asynccontextmanager
    async def get_async_client(self) -> AsyncGenerator[httpx.AsyncClient, None]:
        """The running loop's client."""
        loop = asyncio.get_running_loop()
        if loop not in self._pools:
            self._pools[loop] = await self._create_async_client()
        yield self._pools[loop]

    def _check_is_error(self, response: httpx.Response) -> bool:  # noqa: ARG002
        return False  # every status is an answer to us

    def _check_rate_limit(self, response: Response[Any]) -> None:  # noqa: ARG002
        return  # ours also reads HTTP dates and limits without headers


class Wire:
    """The way to GitHub, within its limits; `heed` is told GitHub's clock where it would not have the App's signature."""

    def __init__(
        self,
        api_url: str,
        clock: Clock,
        quotas: Quotas,
        pace: Pace,
        heed: Callable[[datetime], None],
        async_transport: httpx.AsyncBaseTransport | None,
        sleep: Sleep,
    ) -> None:
        self.clock, self.quotas, self.pace = clock, quotas, pace
        self._heed, self._sleep = heed, sleep
        self._core = _Core(
            base_url=api_url, user_agent=f"roundsman/{__version__}", timeout=30.0, http_cache=False, auto_retry=False,
            async_transport=async_transport, trust_env=async_transport is None,
        )  # fmt: skip
        self._core._pools = weakref.WeakKeyDictionary()

    async def close(self) -> None:
        """Close the running loop's connections."""
        pool = self._core._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.aclose()

    async def admit(self, account: str, path: str, method: str, reading: bool) -> Refusal | None:
        """Wait for our turn, or say that it is too far off."""
        if path.endswith("/access_tokens"):
            return None
        wait = self.quotas.wait(account, _resource(path), self.clock.now())
        while wait <= PATIENCE:
            if wait > 0:
                await self._sleep(wait)
            if reading:
                return None
            wait = await self.pace.write(account)
            if wait <= 0:
                return None
        return Refusal(
            kind="busy",
            words=f"{method} {urlsplit(path).path} waits {wait:.0f} s for GitHub's limits",
            retry_after=wait,
        )

    async def attempt(
        self,
        method: str,
        path: str,
        signed: Signed,
        params: Mapping[str, Any] | None,
        json: Any,
        accept: str | None,
        etag: str | None,
        *,
        reading: bool = False,
    ) -> Answer | Refusal:
        """Send, and again where that is safe: reads that met a fault of the server or the line."""
        headers = {"X-GitHub-Api-Version": API_VERSION}
        headers |= {"Authorization": signed.header} if signed.header else {}
        headers |= {"Accept": accept} if accept else {}
        headers |= {"If-None-Match": etag} if etag else {}
        tries = TRIES if reading else 1
        answer: Answer | Refusal = nobody()
        for number in range(1, tries + 1):
            answer, passing = await self._once(method, path, signed, headers, params, json)
            if not passing or number == tries:
                break
            await self._sleep(0.25 * 2**number)
        return answer

    async def _once(
        self,
        method: str,
        path: str,
        signed: Signed,
        headers: Mapping[str, str],
        params: Mapping[str, Any] | None,
        json: Any,
    ) -> tuple[Answer | Refusal, bool]:
        what = f"{method} {urlsplit(path).path}"
        try:
            response = await self._core.arequest(
                method, path, params=dict(params) if params else None, json=json, headers=dict(headers)
            )
        except RequestTimeout:
            return Refusal(
                kind="busy", words=f"GitHub did not answer {what} in time", retry_after=CONNECTION_WAIT
            ), True
        except RequestError as error:
            said = type(error.__cause__ or error).__name__
            return (
                Refusal(kind="busy", words=f"no connection to GitHub for {what} ({said})", retry_after=CONNECTION_WAIT), True
            )  # fmt: skip
        return await self._judge(response.raw_response, signed, what)

    async def _judge(
        self, response: httpx.Response, signed: Signed, what: str
    ) -> tuple[Answer | Refusal, bool]:
        now, headers = self.clock.now(), response.headers
        self.quotas.note(signed.account, headers)
        try:
            body = response.json() if response.content else None
        except ValueError:
            body = None
        if response.status_code < 300 or response.status_code == 304:
            plain = response.text if body is None and response.content else ""
            return Answer(
                response.status_code, body, date_of(headers, now), headers.get("etag"), next_link(headers), headers, plain
            ), False  # fmt: skip
        refusal = refusal_of(response.status_code, headers, body, now, what)
        if refusal.status == 401 and signed.account == "app":
            self._heed(date_of(headers, now))
        if refusal.kind == "busy" and response.status_code in (403, 429):
            self.quotas.hold(signed.account, now + timedelta(seconds=refusal.retry_after))
            await self.pace.hold(signed.account, refusal.retry_after)
            return refusal, False
        return refusal, refusal.kind == "busy"


def _resource(path: str) -> str:
    if path.startswith("/search/"):
        return "search"
    return "graphql" if path.endswith("/graphql") else "core"
