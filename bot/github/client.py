"""One client of GitHub: signs, waits where GitHub asks, retries what is safe, and answers with values.

No expected failure is raised: callers get an `Answer` or a `Refusal`.
"""

from __future__ import annotations

import asyncio
import hashlib
import weakref
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
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
from bot.github.credentials import Credentials
from bot.github.quota import LocalPace, Pace, Quotas
from bot.github.tokens import Need, Token, Tokens
from bot.model.item import RepositoryRef
from bot.ports import Refusal
from bot.settings import Settings

API_VERSION = "2022-11-28"
TRIES = 3
PATIENCE = 5.0
"""A wait up to this many seconds is waited out; a longer one is told to the caller, who does something else."""
KEPT_BYTES = 16_000_000
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


@dataclass(frozen=True, slots=True)
class _Signed:
    """How a request is signed, and on whose allowance it counts."""

    account: str
    header: str
    token: Token | None = None


class Client:
    """GitHub through REST and GraphQL. `async_transport` lets a test stand in for the network."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        credentials: Credentials | None = None,
        async_transport: httpx.AsyncBaseTransport | None = None,
        pace: Pace | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.clock = clock
        self.api_url = settings.github_api_url.rstrip("/")
        self.web_url = settings.github_url.rstrip("/")
        self.credentials = credentials or Credentials.of(settings)
        self.quotas = Quotas(settings.quota_reserve)
        self.pace = pace or LocalPace(clock.now)
        self.tokens = Tokens(self.credentials, clock, self.as_app)
        self._sleep = sleep
        self._me: str | None = None
        self._installations: dict[str, int] = {}
        self._kept: OrderedDict[str, tuple[Answer, int]] = OrderedDict()
        self._core = _Core(
            base_url=self.api_url, user_agent=f"roundsman/{__version__}", timeout=30.0, http_cache=False, auto_retry=False,
            async_transport=async_transport, trust_env=async_transport is None,
        )  # fmt: skip
        self._core._pools = weakref.WeakKeyDictionary()

    def use(self, credentials: Credentials) -> None:
        """Speak as somebody else from now on: set-up has just stored the App's credentials."""
        self.credentials = credentials
        self.tokens = Tokens(credentials, self.clock, self.as_app)
        self._me = None
        self._installations.clear()
        self._kept.clear()

    async def close(self) -> None:
        """Close the running loop's connections."""
        pool = self._core._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.aclose()

    # ── what callers use ─────────────────────────────────────────────────────────────────────────

    async def get(
        self,
        repository: RepositoryRef,
        path: str,
        *,
        need: Need = "read",
        params: Mapping[str, Any] | None = None,
        accept: str | None = None,
        etag: str | None = None,
        conditional: bool = False,
    ) -> Answer | Refusal:
        """Read `path` (below `/repos/OWNER/NAME` where it does not begin with `/`).

        With `etag` an unchanged answer comes back as 304 without a body; with `conditional` the client remembers the
        last answer itself and gives its body again. Either costs nothing of the hour's allowance.
        """
        return await self._send(
            "GET", _below(repository, path), repository, need, params=params, accept=accept, etag=etag, keep=conditional
        )  # fmt: skip

    async def write(
        self, repository: RepositoryRef, method: str, path: str, *, need: Need = "item", json: Any = None
    ) -> Answer | Refusal:
        """Change something. Never retried here: only who looked first can do it again safely."""
        return await self._send(method, _below(repository, path), repository, need, json=json)

    async def pages(
        self,
        repository: RepositoryRef,
        path: str,
        *,
        need: Need = "read",
        params: Mapping[str, Any] | None = None,
        most: int = 1000,
    ) -> AsyncIterator[Answer | Refusal]:
        """Read a list page by page, 100 rows each; a refusal ends it."""
        given: Mapping[str, Any] | None = {"per_page": 100, **(params or {})}
        url: str | None = _below(repository, path)
        for _ in range(most):
            answer = await self._send("GET", url or "", repository, need, params=given)
            yield answer
            if isinstance(answer, Refusal) or answer.next is None:
                return
            url, given = self.inside(answer.next), None

    async def rows(
        self,
        repository: RepositoryRef,
        path: str,
        *,
        need: Need = "read",
        params: Mapping[str, Any] | None = None,
        within: str | None = None,
        most: int = 100,
    ) -> list[dict[str, Any]] | Refusal:
        """Read all rows of a list; `within` names the key that holds them (`check_runs`)."""
        found: list[dict[str, Any]] = []
        async for answer in self.pages(repository, path, need=need, params=params, most=most):
            if isinstance(answer, Refusal):
                return answer
            held = answer.object.get(within) if within else answer.json
            found += [row for row in held or () if isinstance(row, dict)]
        return found

    async def graphql(
        self, repository: RepositoryRef, query: str, variables: Mapping[str, Any], *, need: Need = "read"
    ) -> dict[str, Any] | Refusal:
        """Ask GraphQL; its errors are refusals, partial data counts as data."""
        path = self.api_url.removesuffix("/v3") + "/graphql"
        reading = not query.lstrip().startswith("mutation")
        body = {"query": query, "variables": dict(variables)}
        answer = await self._send("POST", path, repository, need, json=body, reading=reading)
        if isinstance(answer, Refusal):
            return answer
        data, errors = answer.object.get("data"), answer.object.get("errors")
        if isinstance(data, dict) and any(value is not None for value in data.values()):
            return data
        return _graphql_refusal(errors)

    async def as_app(
        self, method: str, path: str, *, json: Any = None, params: Mapping[str, Any] | None = None
    ) -> Answer | Refusal:
        """Ask in the App's own name (its JWT)."""
        return await self._send(method, path, None, "read", json=json, params=params)

    async def rows_as_app(
        self,
        path: str,
        *,
        within: str | None = None,
        params: Mapping[str, Any] | None = None,
        most: int = 100,
    ) -> list[dict[str, Any]] | Refusal:
        """Read all rows of a list of the App's own."""
        found: list[dict[str, Any]] = []
        given: Mapping[str, Any] | None = {"per_page": 100, **(params or {})}
        for _ in range(most):
            answer = await self.as_app("GET", path, params=given)
            if isinstance(answer, Refusal):
                return answer
            held = answer.object.get(within) if within else answer.json
            found += [row for row in held or () if isinstance(row, dict)]
            if answer.next is None:
                break
            path, given = self.inside(answer.next), None
        return found

    async def anonymously(self, method: str, path: str) -> Answer | Refusal:
        """Ask without any credential: the manifest conversion."""
        return await self._try(method, path, _Signed("nobody", ""), None, None, None, None)

    async def token(self, repository: RepositoryRef, need: Need) -> str | Refusal:
        """A secret for git or a browserless tool, with no more permissions than `need`."""
        if not self.credentials.is_app:
            return self.credentials.token or _nobody()
        token = await self._token(repository, need)
        return token if isinstance(token, Refusal) else token.secret

    async def me(self) -> str | Refusal:
        """The login we write as: `slug[bot]`, or the token's owner; empty where a server tells nobody who they are."""
        if self._me is None:
            found = await self._who()
            if isinstance(found, Refusal):
                return found
            self._me = found
        return self._me

    def quota_of(self, repository: RepositoryRef) -> str:
        """The name of the allowance a repository's requests count on."""
        return (
            f"installation:{repository.installation or repository.owner.lower()}"
            if self.credentials.is_app
            else "token"
        )

    # ── signing ──────────────────────────────────────────────────────────────────────────────────

    async def _who(self) -> str | Refusal:
        if self.credentials.is_app:
            answer = await self.as_app("GET", "/app")
            return answer if isinstance(answer, Refusal) else f"{answer.object.get('slug')}[bot]"
        answer = await self._send("GET", "/user", None, "read")
        if isinstance(answer, Refusal):
            # A workflow's own token may not ask who it is; its name is always the same.
            named = {403: "github-actions[bot]", 404: ""}
            return named.get(answer.status or 0, answer)
        return str(answer.object.get("login"))

    async def _sign(self, repository: RepositoryRef | None, need: Need) -> _Signed | Refusal:
        if not self.credentials.is_app:
            return (
                _Signed("token", f"Bearer {self.credentials.token}") if self.credentials.token else _nobody()
            )
        if repository is None:
            return _Signed("app", f"Bearer {self.tokens.jwt()}")
        token = await self._token(repository, need)
        if isinstance(token, Refusal):
            return token
        return _Signed(self.quota_of(repository), f"Bearer {token.secret}", token)

    async def _token(self, repository: RepositoryRef, need: Need) -> Token | Refusal:
        installation = repository.installation or await self._installation_of(repository)
        if isinstance(installation, Refusal):
            return installation
        return await self.tokens.of(installation, repository.name or None, need)

    async def _installation_of(self, repository: RepositoryRef) -> int | Refusal:
        known = self._installations.get(repository.full_name.lower())
        if known is not None:
            return known
        answer = await self.as_app("GET", f"/repos/{repository.full_name}/installation")
        if isinstance(answer, Refusal):
            return answer
        found = int(answer.object.get("id") or 0)
        self._installations[repository.full_name.lower()] = found
        return found

    # ── sending ──────────────────────────────────────────────────────────────────────────────────

    async def _send(
        self,
        method: str,
        path: str,
        repository: RepositoryRef | None,
        need: Need,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        accept: str | None = None,
        etag: str | None = None,
        keep: bool = False,
        reading: bool | None = None,
    ) -> Answer | Refusal:
        """Send with the step's credentials; a credential GitHub would not have is replaced once."""
        answer: Answer | Refusal = _nobody()
        reading = method in ("GET", "HEAD") if reading is None else reading
        for again in (True, False):
            signed = await self._sign(repository, need)
            if isinstance(signed, Refusal):
                return signed
            waited = await self._admit(signed.account, path, method, reading)
            if waited is not None:
                return waited
            name = _name(signed, path, params, accept) if keep else None
            kept = self._kept.get(name) if name else None
            given = etag or (kept[0].etag if kept else None)
            answer = await self._try(method, path, signed, params, json, accept, given, reading=reading)
            if isinstance(answer, Refusal):
                if not (again and self._better_signed(signed, answer)):
                    return answer
                continue
            return self._keep(name, kept, answer) if name else answer
        return answer

    def _better_signed(self, signed: _Signed, refusal: Refusal) -> bool:
        """Whether it is worth signing anew: the token was revoked, or our clock is off and now corrected."""
        if refusal.status != 401:
            return False
        if signed.token is not None:
            self.tokens.drop(signed.token)
            return True
        return signed.account == "app" and signed.header != f"Bearer {self.tokens.jwt()}"

    async def _admit(self, account: str, path: str, method: str, reading: bool) -> Refusal | None:
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

    async def _try(
        self,
        method: str,
        path: str,
        signed: _Signed,
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
        answer: Answer | Refusal = _nobody()
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
        signed: _Signed,
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
        self, response: httpx.Response, signed: _Signed, what: str
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
            self.tokens.heed(date_of(headers, now))
        if refusal.kind == "busy" and response.status_code in (403, 429):
            self.quotas.hold(signed.account, now + timedelta(seconds=refusal.retry_after))
            await self.pace.hold(signed.account, refusal.retry_after)
            return refusal, False
        return refusal, refusal.kind == "busy"

    # ── small things ─────────────────────────────────────────────────────────────────────────────

    def _keep(self, name: str, kept: tuple[Answer, int] | None, answer: Answer) -> Answer:
        if answer.unchanged and kept is not None:
            self._kept.move_to_end(name)
            return replace(kept[0], status=304, at=answer.at)
        size = int(answer.headers.get("content-length") or 10_000)
        if answer.etag and size < KEPT_BYTES // 8:
            self._kept[name] = (answer, size)
            self._kept.move_to_end(name)
            while sum(size for _, size in self._kept.values()) > KEPT_BYTES or len(self._kept) > 512:
                self._kept.popitem(last=False)
        return answer

    def inside(self, url: str) -> str:
        """A link's path on our own host: a token never follows a link elsewhere."""
        parts, base = urlsplit(url), urlsplit(self.api_url)
        path = parts.path.removeprefix(base.path)
        return f"{path}?{parts.query}" if parts.query else path


def _below(repository: RepositoryRef, path: str) -> str:
    return path if path.startswith("/") else f"/repos/{repository.full_name}/{path}".rstrip("/")


def _resource(path: str) -> str:
    if path.startswith("/search/"):
        return "search"
    return "graphql" if path.endswith("/graphql") else "core"


def _name(signed: _Signed, path: str, params: Mapping[str, Any] | None, accept: str | None) -> str:
    """A kept answer's name: GitHub's ETags hold for one token alone."""
    whole = f"{signed.header}\n{path}\n{sorted((params or {}).items())}\n{accept}"
    return hashlib.sha256(whole.encode()).hexdigest()


def _nobody() -> Refusal:
    return Refusal(
        kind="forbidden",
        words="there are no credentials for GitHub; open /setup, or set ROUNDSMAN_GITHUB_APP_ID or ROUNDSMAN_GITHUB_TOKEN",
    )


def _graphql_refusal(errors: Any) -> Refusal:
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    words = f"GitHub's GraphQL answered: {str(first.get('message') or 'nothing')[:300]}"
    match first.get("type"):
        case "NOT_FOUND":
            return Refusal(kind="gone", words=words)
        case "FORBIDDEN" | "INSUFFICIENT_SCOPES":
            return Refusal(kind="forbidden", words=words)
        case "RATE_LIMITED":
            return Refusal(kind="busy", words=words, retry_after=60)
        case _:
            return Refusal(kind="invalid", words=words)


def ref_of(full_name: str, installation: int | None = None) -> RepositoryRef:
    """A repository by its full name."""
    return RepositoryRef.of(full_name, installation=installation)


def moment(text: str | None, default: datetime) -> datetime:
    """Read one of GitHub's times."""
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00")) if text else default
    except ValueError:
        return default
