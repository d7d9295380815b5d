"""A small HTTP/1.1 server over one connection, for sockets that only one sandbox can reach."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import h11

MOST_BODY = 64_000_000


@dataclass(frozen=True)
class Asked:
    """A whole request."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answered:
    """A response: a body in one piece, or a stream."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None


Handler = Callable[[Asked], Awaitable[Answered]]


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
    """Answer the requests of one connection until it ends; a broken peer breaks nothing here."""
    connection = h11.Connection(h11.SERVER)
    try:
        while await _exchange(connection, reader, writer, handler):
            connection.start_next_cycle()
    except (h11.RemoteProtocolError, ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _exchange(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler
) -> bool:
    """Do one request and response; say whether the connection goes on."""
    asked = await _read(connection, reader, writer)
    if asked is None:
        return False
    answer = Answered(413) if len(asked.body) > MOST_BODY else await handler(asked)
    headers = [(name, value) for name, value in answer.headers if name.lower() not in _HOP]
    if answer.stream is None:
        headers.append(("content-length", str(len(answer.body))))
    else:
        headers.append(("transfer-encoding", "chunked"))
    writer.write(connection.send(h11.Response(status_code=answer.status, headers=headers)) or b"")
    if answer.stream is None:
        writer.write(connection.send(h11.Data(data=answer.body)) or b"")
    else:
        async with contextlib.aclosing(answer.stream) as stream:  # type: ignore[type-var]
            async for chunk in stream:
                writer.write(connection.send(h11.Data(data=chunk)) or b"")
                await writer.drain()
    writer.write(connection.send(h11.EndOfMessage()) or b"")
    await writer.drain()
    return connection.our_state is h11.DONE and connection.their_state is h11.DONE


_HOP = frozenset({"content-length", "transfer-encoding", "connection", "content-encoding", "keep-alive"})


async def _read(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Asked | None:
    request: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                writer.write(connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            connection.receive_data(await reader.read(65_536))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            if len(body) <= MOST_BODY:
                body += event.data
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            headers = {k.decode("latin1").lower(): v.decode("latin1") for k, v in request.headers}
            return Asked(request.method.decode(), request.target.decode("latin1"), headers, bytes(body))
        else:
            return None
