"""Deliveries over a real socket: the shortest way through the web server keeps to HTTP, and to its bounds."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from bot.github.webhook import MOST_BYTES, sign
from bot.store import deliveries
from bot.store.recorder import Recorder
from bot.web.hooks import Hooks
from bot.web.wire import MOST_HEAD, Wire
from tests.web.house import BASE, House

SECRET = "secret"
HOST = BASE.partition("//")[2]
LOOK = f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def delivery(number: int, *, chunked: bool = False, secret: str = SECRET, more: str = "") -> bytes:
    """A signed delivery as it is on the wire."""
    told = {"action": "opened", "issue": {"number": number}, "repository": {"full_name": "acme/shop"}, "sender": {"login": "ada"}}  # fmt: skip
    body = json.dumps(told).encode()
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    head = (
        f"POST /webhooks/github HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nX-GitHub-Event: issues\r\n"
        f"X-GitHub-Delivery: guid-{number:08}\r\nX-Hub-Signature-256: {sign(secret, body)}\r\n{length}\r\n{more}\r\n"
    )
    if chunked:
        body = b"".join(b"1\r\n" + body[i : i + 1] + b"\r\n" for i in range(len(body))) + b"0\r\n\r\n"
    return head.encode() + body


class Line:
    """A connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def says(self, words: bytes) -> tuple[int, bytes]:
        """Send, and give the next answer."""
        self.writer.write(words)
        return await self.hears()

    async def hears(self) -> tuple[int, bytes]:
        """The status and body of the next answer."""
        async with asyncio.timeout(60):
            head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
            size = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            return int(head[9:12]), await self.reader.readexactly(size)

    async def is_closed(self) -> bool:
        """Whether nothing more comes."""
        async with asyncio.timeout(60):
            with contextlib.suppress(ConnectionError):
                return await self.reader.read() == b""
            return True


@asynccontextmanager
async def served(house: House) -> AsyncIterator[list[Line]]:
    """Four lines to the house, served as `roundsman serve` does it."""
    keep = Recorder(house.database, house.clock).keep
    house.context.parts["hooks"] = Hooks(secrets=lambda: (SECRET,), keep=keep)
    config = uvicorn.Config(house.app, http=Wire, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    place = socket.create_server(("127.0.0.1", 0))
    port = place.getsockname()[1]
    serving = asyncio.create_task(server._serve([place]))  # without its signal handlers
    lines = [Line(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(4)]
    try:
        yield lines
    finally:
        for line in lines:
            line.writer.close()
        server.should_exit = True
        await serving


async def test_deliveries_and_pages_share_a_line(house: House) -> None:
    """One after the other, whole or in chunks, with `Expect`, forged, known already; a page between them."""
    async with served(house) as (line, *_):
        assert (await line.says(delivery(1)))[0] == 202
        assert (await line.says(LOOK))[0] == 200
        status, body = await line.says(delivery(2, chunked=True))
        assert (status, json.loads(body)["known"]) == (202, False)
        assert (await line.says(delivery(3, secret="guess")))[0] == 401
        assert json.loads((await line.says(delivery(1)))[1])["known"] is True
        assert (await line.says(delivery(4, more="Connection: close\r\n")))[0] == 202
        assert await line.is_closed()
    assert house.database.read_now(deliveries.waiting) == 3


async def test_what_goes_beyond_the_bounds_ends_the_line(house: House) -> None:
    """A body or headers too large are refused before they are read; who does not wait for an answer gets one, and no more."""
    async with served(house) as (one, two, three, four):
        large = (
            delivery(1)
            .replace(b"Content-Length: ", b"Content-Length: %d" % MOST_BYTES)
            .partition(b"\r\n\r\n")[0]
        )
        assert (await one.says(large + b"\r\n\r\n"))[0] == 413
        assert await one.is_closed()
        two.writer.write(delivery(2, more=f"X-Much: {'x' * MOST_HEAD}\r\n"))
        assert b" 400 " in await two.reader.readline()
        assert (await three.says(delivery(3) + delivery(4)))[0] == 202
        assert await three.is_closed()
        four.writer.write(delivery(5)[:-5])
        four.writer.close()
    kept = house.database.read_now(deliveries.latest)
    assert [each.guid for each in kept] == ["guid-00000003"]
