"""One client of GitHub: signs, waits where GitHub asks, retries what is safe, and answers with values.

No expected failure is raised: callers get an `Answer` or a `Refusal`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from bot.flow.clock import Clock
from bot.github.answers import Answer, graphql_refusal
from bot.github.credentials import Credentials
from bot.github.kept import KeptAnswers, name_of
from bot.github.quota import LocalPace, Pace, Quotas
from bot.github.signing import Signed, Signer, nobody
from bot.github.tokens import Need, Tokens
from bot.github.wire import Sleep, Wire
from bot.model.item import RepositoryRef
from bot.ports import Refusal
from bot.settings import Settings


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
        self.quotas = Quotas(settings.quota_reserve)
        self._signer = Signer(credentials or Credentials.of(settings), clock, self.as_app)
        self._wire = Wire(
            self.api_url, clock, self.quotas, pace or LocalPace(clock.now), self._signer.heed, async_transport, sleep
        )  # fmt: skip
        self._me: str | None = None
        self._kept = KeptAnswers()

    @property
    def credentials(self) -> Credentials:
        """Whose name we speak in."""
        return self._signer.credentials

    @property
    def tokens(self) -> Tokens:
        """The App's tokens."""
        return self._signer.tokens

    def use(self, credentials: Credentials) -> None:
        """Speak as somebody else from now on: set-up has just stored the App's credentials."""
        self._signer.use(credentials)
        self._me = None
        self._kept.clear()

    async def close(self) -> None:
        """Close the running loop's connections."""
        await self._wire.close()

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
        return graphql_refusal(errors)

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
        return await self._wire.attempt(method, path, Signed("nobody", ""), None, None, None, None)

    async def token(self, repository: RepositoryRef, need: Need) -> str | Refusal:
        """A secret for git or a browserless tool, with no more permissions than `need`."""
        if not self.credentials.is_app:
            return self.credentials.token or nobody()
        token = await self._signer.token(repository, need)
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
        return self._signer.quota_of(repository)

    def inside(self, url: str) -> str:
        """A link's path on our own host: a token never follows a link elsewhere."""
        parts, base = urlsplit(url), urlsplit(self.api_url)
        path = parts.path.removeprefix(base.path)
        return f"{path}?{parts.query}" if parts.query else path

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
        answer: Answer | Refusal = nobody()
        reading = method in ("GET", "HEAD") if reading is None else reading
        for again in (True, False):
            signed = await self._signer.sign(repository, need)
            if isinstance(signed, Refusal):
                return signed
            waited = await self._wire.admit(signed.account, path, method, reading)
            if waited is not None:
                return waited
            name = name_of(signed, path, params, accept) if keep else None
            kept = self._kept.get(name) if name else None
            given = etag or (kept[0].etag if kept else None)
            answer = await self._wire.attempt(
                method, path, signed, params, json, accept, given, reading=reading
            )
            if isinstance(answer, Refusal):
                if not (again and self._signer.better(signed, answer)):
                    return answer
                continue
            return self._kept.keep(name, kept, answer) if name else answer
        return answer


def _below(repository: RepositoryRef, path: str) -> str:
    return path if path.startswith("/") else f"/repos/{repository.full_name}/{path}".rstrip("/")


def ref_of(full_name: str, installation: int | None = None) -> RepositoryRef:
    """A repository by its full name."""
    return RepositoryRef.of(full_name, installation=installation)


def moment(text: str | None, default: datetime) -> datetime:
    """Read one of GitHub's times."""
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00")) if text else default
    except ValueError:
        return default
