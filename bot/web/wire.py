"""How requests come and answers leave: deliveries by the shortest way, what is written in one turn of the loop in one piece."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from bot.github.webhook import MOST_BYTES
from bot.web.hooks import PATH, TOO_LARGE, Door, Said

_PLACE = PATH.encode()
MOST_HEAD = 64 * 1024
"""Bytes of a request's headers."""
SLOW = 30.0
"""Seconds in which the whole of a delivery must be here."""


class Joined:
    """A transport that gathers what is written until the loop has no more to do at once.

    An answer's head and body are written apart; a packet and a system call each would wake the reader twice.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._parts: list[bytes] = []
        self._loop = asyncio.get_running_loop()

    def write(self, part: bytes) -> None:
        """Write soon."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(part)

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))

    def close(self) -> None:
        """Write what is left, then close."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        """Everything else is the transport's own."""
        return getattr(self._transport, name)


class Wire(HttpToolsProtocol):
    """uvicorn's HTTP over joined writes; deliveries go straight to the door.

    A request as uvicorn serves it costs more than all that is done with a delivery: a task, a scope, four layers. A
    delivery needs its headers, its body and one answer. Whoever sends another request before that answer is here
    (GitHub never does) gets the answer and a closed connection.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        door = getattr(self.config.app, "door", None)
        self._door: Door | None = door if isinstance(door, Door) else None
        self._parts: list[bytes] | None = None
        self._size = self._head = 0
        self._owed = self._last = False
        self._slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin with a connection."""
        super().connection_made(cast("asyncio.Transport", Joined(transport)))

    def data_received(self, data: bytes) -> None:
        """Read on; a body that does not end in time is not waited for."""
        super().data_received(data)
        if self._parts is not None and self._slow is None:
            self._slow = self.loop.call_later(SLOW, self.transport.close)

    def on_message_begin(self) -> None:
        """A request begins; what uvicorn makes ready for it waits until it is known to be uvicorn's."""
        self._head = 0
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; too many of them end the connection."""
        self._head += len(name) + len(value)
        if self._head > MOST_HEAD:
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Decide whose request it is."""
        self._last = self._last or self._owed
        if self._last:
            return
        if self._is_delivery():
            self._parts = []
            self._size = 0
            self._refuse_over(
                next((_length(value) for name, value in self.headers if name == b"content-length"), 0)
            )
        else:
            self._hand_on()
            super().on_headers_complete()

    def _hand_on(self) -> None:
        """Let uvicorn begin with a request whose head is here already."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)

    def _is_delivery(self) -> bool:
        if self._door is None or self.url != _PLACE or self.parser.get_method() != b"POST":
            return False
        if (
            self.parser.get_http_version() != "1.1"
            or self.parser.should_upgrade()
            or self.expect_100_continue
        ):
            return False
        idle = self.cycle is None or self.cycle.response_complete
        return idle and self._door.knows(
            next((value for name, value in self.headers if name == b"host"), b"")
        )

    def on_body(self, body: bytes) -> None:
        """Gather a delivery, no more than one may have."""
        if self._last:
            return
        if self._parts is None:
            super().on_body(body)
            return
        self._parts.append(body)
        self._size += len(body)
        self._refuse_over(self._size)

    def _refuse_over(self, size: int) -> None:
        if size > MOST_BYTES and self._door is not None:
            self._parts, self._last = None, True
            self._say(self._door.refusal(TOO_LARGE))

    def on_message_complete(self) -> None:
        """Hand a delivery over."""
        if self._last:
            return
        if self._parts is None or self._door is None:
            super().on_message_complete()
            return
        body, self._parts, self._owed = b"".join(self._parts), None, True
        self._last = not self.parser.should_keep_alive()
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None
        self._door.take(dict(self.headers), body, self._say)

    def _say(self, said: Said) -> None:
        self._owed = False
        if self.transport.is_closing():
            return
        head = [STATUS_LINE[said.status]]
        for name, value in (*self.server_state.default_headers, *said.headers):
            head += [name, b": ", value, b"\r\n"]
        head += [b"connection: close\r\n\r\n" if self._last else b"\r\n", said.body]
        self.transport.write(b"".join(head))
        if self._last:
            self.transport.close()
        else:
            self.on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """End with the connection."""
        if self._slow is not None:
            self._slow.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """End in good order: an answer owed is given first."""
        if self._owed:
            self._last = True
        else:
            super().shutdown()


def _length(told: bytes) -> int:
    return int(told) if told.isdigit() and len(told) < 20 else 0
