"""The way out for what the operator named: an HTTP proxy with an allow-list of hosts, on a socket of one sandbox."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

_HEAD = 65_536
_PORT = 443


@dataclass
class Egress:
    """Lets connections to `host`, `host:port` or `*.host` through and refuses every other by name."""

    allowed: Sequence[str]
    noted: Callable[[str], None] = lambda _words: None
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    def permits(self, host: str, port: int) -> bool:
        """Say whether the operator named this place; without a port in the list, 443 alone is meant."""
        host = host.lower().rstrip(".")
        for entry in self.allowed:
            name, _, number = entry.lower().partition(":")
            matches = host == name or (name.startswith("*.") and host.endswith(name[1:]))
            if matches and port == (int(number) if number.isdigit() else _PORT):
                return True
        return False

    @contextlib.asynccontextmanager
    async def serving(self, socket: Path) -> AsyncIterator[None]:
        """Listen while the context lasts."""
        server = await asyncio.start_unix_server(self._connected, path=socket, limit=_HEAD)
        try:
            yield
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
            await self._serve(reader, writer)
        except (
            OSError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            ValueError,
            asyncio.CancelledError,
        ):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        first, _, rest = head.partition(b"\r\n")
        method, target, _ = first.decode("latin1").split(" ")
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            opening = b""
        else:
            parts = urlsplit(target)
            host, port = parts.hostname or "", str(parts.port or 80)
            path = parts.path or "/"
            path += f"?{parts.query}" if parts.query else ""
            kept = re.sub(rb"(?im)^(?:proxy-[^\r\n]*|connection:[^\r\n]*)\r\n", b"", rest)
            opening = f"{method} {path} HTTP/1.1\r\nConnection: close\r\n".encode("latin1") + kept
        if not host or not port.isdigit() or not self.permits(host.strip("[]"), int(port)):
            self.noted(f"refused a connection to {host[:200]}:{port[:6]}")
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return await writer.drain()
        try:
            far_reader, far_writer = await asyncio.wait_for(_connect(host.strip("[]"), int(port)), 20)
        except (OSError, TimeoutError):
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return await writer.drain()
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        far_writer.write(opening)
        try:
            await asyncio.gather(_pour(reader, far_writer), _pour(far_reader, writer))
        finally:
            far_writer.close()
        return None


async def _connect(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a named host; a name that leads back to this machine or its metadata service leads nowhere."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
    if not _is_address(host) and host.lower() != "localhost":
        addresses = [a for a in addresses if not _is_here(a)]
    for address in addresses[:4]:
        with contextlib.suppress(OSError):
            return await asyncio.open_connection(address, port)
    raise ConnectionRefusedError(f"{host} cannot be reached")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_here(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified or parsed.is_multicast


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await source.read(65_536):
            sink.write(chunk)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
