"""A web server on loopback that answers as told and remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, dict[str, str], bytes]


class Little:
    """What it will answer by path, and what it saw."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answers: dict[str, Answer | Callable[[bytes], Answer]] = {}
        self.seen: list[tuple[str, dict[str, str], bytes]] = []

    def url(self, path: str, host: str = "wiki.test") -> str:
        """Its address under a name."""
        return f"http://{host}:{self.port}{path}"


@contextmanager
def little_server() -> Iterator[Little]:
    """Serve until the test is over."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            little.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            found = little.answers.get(self.path.partition("?")[0], (404, {}, b""))
            status, headers, content = found(body) if callable(found) else found
            self.send_response(status)
            for name, value in {"content-length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    little = Little(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield little
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
