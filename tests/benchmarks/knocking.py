"""A load generator that costs little: plain sockets and one selector, so that it is not what is measured."""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Iterator
from itertools import count

from bot.github.webhook import sign

LINES = 16
PATIENCE = 30.0
_numbers = count(1)


def request(port: int, secret: str) -> bytes:
    """A signed delivery of its own, some 8 kB as GitHub's are."""
    number = next(_numbers)
    user = {"login": "ada", "id": 1, "type": "User"}
    issue = {
        "number": number % 5_000 + 1, "id": number, "title": "Crash", "body": "It does not work. " * 380, "state": "open",
        "user": user, "labels": [{"name": "bug"}], "assignees": [], "pull_request": None, "html_url": "https://github.test/i",
    }  # fmt: skip
    repository = {"id": 7, "full_name": "acme/shop", "name": "shop", "owner": user, "default_branch": "main"}
    told = {
        "action": "opened",
        "issue": issue,
        "repository": repository,
        "sender": user,
        "installation": {"id": 5},
    }
    body = json.dumps(told).encode()
    head = (
        f"POST /webhooks/github HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nUser-Agent: GitHub-Hookshot/1\r\n"
        f"Accept: */*\r\nX-GitHub-Event: issues\r\nX-GitHub-Delivery: 00000000-0000-0000-0000-{number:012}\r\nX-GitHub-Hook-ID: 1\r\n"
        f"X-Hub-Signature-256: {sign(secret, body)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Line:
    """One kept connection; `due` is when the delivery on it ought to have been sent."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self._read = b""

    def send(self, whole: bytes, due: float) -> None:
        """Deliver."""
        self.due, self._read = due, b""
        self.socket.sendall(whole)

    def answered(self) -> bool:
        """Whether the whole answer is here; raises RuntimeError where it is none that accepts."""
        got = self.socket.recv(65536)
        self._read += got
        head, found, body = self._read.partition(b"\r\n\r\n")
        if not got or (found and head[9:10] != b"2"):
            raise RuntimeError(f"the server said: {self._read[:300]!r}")
        if not found:
            return False
        fields = head.lower()
        place = fields.find(b"content-length:")
        if place >= 0:
            return len(body) >= int(fields[place + 15 :].split(b"\r\n", 1)[0])
        return b"transfer-encoding: chunked" not in fields or body.endswith(b"0\r\n\r\n")


class Lines:
    """Several connections to one server."""

    def __init__(self, port: int, lines: int = LINES) -> None:
        self.idle = [Line(port) for _ in range(lines)]
        self._every = list(self.idle)
        self._watch = selectors.DefaultSelector()
        for line in self.idle:
            self._watch.register(line.socket, selectors.EVENT_READ, line)

    def deliver(self, deliveries: list[bytes], rate: float | None) -> list[float]:
        """Seconds until each was answered, from the moment it was due; without a rate, as fast as it goes."""
        took: list[float] = []
        begun = time.perf_counter()
        waiting = iter(enumerate(deliveries))
        following = next(waiting, None)
        while len(took) < len(deliveries):
            now = time.perf_counter()
            while following is not None and self.idle:
                due = begun + following[0] / rate if rate else now
                if due > now:
                    break
                self.idle.pop().send(following[1], due)
                following = next(waiting, None)
            wait = PATIENCE
            if following is not None and self.idle and rate:
                wait = max(0.0, begun + following[0] / rate - time.perf_counter())
            took.extend(self._answers(wait))
        return took

    def _answers(self, wait: float) -> Iterator[float]:
        seen = self._watch.select(wait)
        if not seen and wait == PATIENCE:
            raise RuntimeError(f"no answer within {PATIENCE:g} s")
        for key, _ in seen:
            line: Line = key.data
            if line.answered():
                yield time.perf_counter() - line.due
                self.idle.append(line)

    def close(self) -> None:
        """Hang up."""
        self._watch.close()
        for line in self._every:
            line.socket.close()
