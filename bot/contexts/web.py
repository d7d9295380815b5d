"""One GET to a host the operator allows; redirects are followed by hand, each judged like the first address."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from bot import __version__
from bot.contexts.net import Resolve, why_not
from bot.model.context import HttpContext
from bot.ports import Refusal
from bot.settings import HttpHost

PATIENCE = 15.0
MOST_REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}


class Web:
    """Reads web addresses. `hosts` is the allow-list: `host` (ports 80 and 443) or `host:port`."""

    def __init__(self, hosts: Mapping[str, HttpHost], resolve: Resolve) -> None:
        self._hosts = {name.casefold(): host for name, host in hosts.items()}
        self._resolve = resolve

    async def read(self, context: HttpContext) -> str | Refusal:
        """The answer's text, cut at the context's size; a note at its end says so."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._follow(context.http, context.max_kb * 1024)
        except TimeoutError:
            return Refusal(kind="busy", words=f"no whole answer within {PATIENCE:g} seconds")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            return Refusal(kind="busy", words=f"no answer ({type(error).__name__})")

    async def _follow(self, url: str, most: int) -> str | Refusal:
        for _ in range(MOST_REDIRECTS + 1):
            answer = await self._get(urlsplit(url), most)
            if not isinstance(answer, _Elsewhere):
                return answer
            onward = urljoin(url, answer.location)
            if urlsplit(url).scheme == "https" and urlsplit(onward).scheme != "https":
                return Refusal(kind="forbidden", words="it leads from https to an unprotected address")
            url = onward
        return Refusal(kind="invalid", words=f"it redirects more than {MOST_REDIRECTS} times")

    async def _get(self, parts: SplitResult, most: int) -> str | Refusal | _Elsewhere:
        allowed = self._allowed(parts)
        if isinstance(allowed, Refusal):
            return allowed
        host, port = parts.hostname or "", _port(parts)
        address = await self._address(host, port, allowed)
        if isinstance(address, Refusal):
            return address
        headers = {name: value.get_secret_value() for name, value in allowed.headers.items()}
        own = {"user-agent": f"roundsman/{__version__}", "accept-encoding": "identity", "accept": "*/*"}
        shown = host if port == _PORTS[parts.scheme] else f"{host}:{port}"
        # The connection goes to the judged address; the certificate is still checked against the name.
        pinned = httpx.URL(
            scheme=parts.scheme, host=address, port=port, raw_path=_target(parts).encode("ascii", "strict")
        )
        async with (
            httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=PATIENCE) as client,
            client.stream(
                "GET", pinned, headers={**own, **headers, "host": shown}, extensions={"sni_hostname": host}
            ) as answer,
        ):
            return await _read(answer, most)

    def _allowed(self, parts: SplitResult) -> HttpHost | Refusal:
        host = (parts.hostname or "").casefold().rstrip(".")
        if parts.scheme not in _PORTS or parts.username or parts.password:
            return Refusal(kind="forbidden", words="it leads to an address that is not plain http or https")
        port = _port(parts)
        found = self._hosts.get(f"{host}:{port}") or (
            self._hosts.get(host) if port in _PORTS.values() else None
        )
        if found is None:
            words = f"{host}:{port} is not among the hosts the operator allows (ROUNDSMAN_HTTP_CONTEXT)"
            return Refusal(kind="forbidden", words=words)
        return found

    async def _address(self, host: str, port: int, allowed: HttpHost) -> str | Refusal:
        """Resolve once. One forbidden address among the answers spoils them all."""
        found = await self._resolve(host, port)
        reasons = [reason for each in found if (reason := why_not(each, private=allowed.private))]
        if reasons or not found:
            why = reasons[0] if reasons else "it has no address"
            return Refusal(kind="forbidden", words=f"{host} may not be read: {why}")
        return found[0]


class _Elsewhere:
    def __init__(self, location: str) -> None:
        self.location = location


async def _read(answer: httpx.Response, most: int) -> str | Refusal | _Elsewhere:
    if answer.has_redirect_location:
        return _Elsewhere(answer.headers["location"])
    if answer.status_code != 200:
        return Refusal(kind="invalid", words=f"it answered {answer.status_code}", status=answer.status_code)
    if answer.headers.get("content-encoding", "identity") != "identity":
        return Refusal(kind="invalid", words="its answer is compressed although we asked for plain text")
    body, more = bytearray(), False
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > most:
            more = True
            break
    if b"\0" in body:
        return Refusal(kind="invalid", words="its answer is no text")
    text = bytes(body[:most]).decode(_charset(answer), "replace")
    return text + ("\n[… the answer is longer; the rest was not read]" if more else "")


def _charset(answer: httpx.Response) -> str:
    said = answer.charset_encoding or "utf-8"
    try:
        "".encode(said)
    except LookupError:
        return "utf-8"
    return said


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS[parts.scheme]


def _target(parts: SplitResult) -> str:
    """Path and query as they go on the wire."""
    url = httpx.URL(parts._replace(fragment="").geturl())
    return url.raw_path.decode("ascii")
