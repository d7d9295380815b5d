"""Where a life may end: at the n-th moment inside a write to GitHub or its record. Production code knows nothing of it."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Any

import httpx
import sqlalchemy as sa

READS = frozenset({"GET", "HEAD", "OPTIONS"})
RECORDS = ("INSERT INTO effects", "UPDATE effects", "DELETE FROM effects", "INSERT INTO operation_outputs")
"""The journal of our deeds, and the engine's journal of steps (whose name on PostgreSQL carries a schema)."""


@dataclass
class Plug:
    """Pulled at moment number `at` of those inside a write; never, where `at` is 0."""

    at: int = 0
    passed: int = 0

    def moment(self) -> None:
        """One more moment inside a write has come; it may be the last."""
        self.passed += 1
        if self.passed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Count statements that record a write, and the commits that follow them, on every engine of this process."""
        recording = set[int]()

        def before(conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if statement.replace('"dbos".', "").replace("dbos.", "").startswith(RECORDS):
                self.moment()
                recording.add(id(conn))

        def commit(conn: Any) -> None:
            if id(conn) in recording:
                recording.discard(id(conn))
                self.moment()

        sa.event.listen(sa.Engine, "before_cursor_execute", before)
        sa.event.listen(sa.Engine, "commit", commit)


class Wire(httpx.AsyncBaseTransport):
    """The network; the plug may be pulled before a write leaves, or when its answer has come and nobody has read it."""

    def __init__(self, plug: Plug) -> None:
        self._plug, self._net = plug, httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        writes = request.method not in READS and not request.url.path.endswith("/graphql")
        if writes:
            self._plug.moment()
        response = await self._net.handle_async_request(request)
        if writes:
            await response.aread()
            self._plug.moment()
        return response

    async def aclose(self) -> None:
        """Hang up."""
        await self._net.aclose()
