"""Webhooks on loopback: acknowledged in time at 200 a second, and how many a second, beside Probot on the same machine."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.github.webhook import sign
from tests.benchmarks.table import Row

ROOT = Path(__file__).resolve().parents[2]
PROBOT = ROOT / ".tools" / "probot"
VERSION = "probot@14.3.2"
SECRET = "benchmark"
RATE, SECONDS, BURST, LINES, ROUNDS = 200, 5, 600, 16, 3
_numbers = itertools.count(1)


def request(port: int) -> bytes:
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
        f"X-GitHub-Event: issues\r\nX-GitHub-Delivery: 00000000-0000-0000-0000-{number:012}\r\nX-GitHub-Hook-ID: 1\r\n"
        f"X-Hub-Signature-256: {sign(SECRET, body)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Line:
    """One kept connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, whole: bytes) -> float:
        """Seconds until the answer is read."""
        began = time.perf_counter()
        self.writer.write(whole)
        head = await self.reader.readuntil(b"\r\n\r\n")
        if not head.split(b" ", 2)[1].startswith(b"2"):
            raise RuntimeError(head.decode("latin-1"))
        sizes = [x.split(b":")[1] for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:")]
        if sizes:
            await self.reader.readexactly(int(sizes[0]))
        elif b"chunked" in head.lower():
            await self.reader.readuntil(b"0\r\n\r\n")
        return time.perf_counter() - began


@asynccontextmanager
async def lines(port: int) -> AsyncIterator[asyncio.Queue[Line]]:
    """Connections to take from and give back to."""
    queue: asyncio.Queue[Line] = asyncio.Queue()
    for _ in range(LINES):
        queue.put_nowait(Line(*await asyncio.open_connection("127.0.0.1", port)))
    yield queue
    while not queue.empty():
        queue.get_nowait().writer.close()


async def at_rate(port: int) -> list[float]:
    """Latencies at `RATE` a second for `SECONDS`, from the moment each was due."""
    took: list[float] = []
    whole = [request(port) for _ in range(RATE * SECONDS)]

    async def one(place: int, began: float, queue: asyncio.Queue[Line]) -> None:
        due = began + place / RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        line = await queue.get()
        await line.send(whole[place])
        took.append(time.perf_counter() - due)
        queue.put_nowait(line)

    async with lines(port) as queue:
        began = time.perf_counter() + 0.1
        await asyncio.gather(*(one(place, began, queue) for place in range(len(whole))))
    return took


async def as_fast_as_it_goes(port: int) -> float:
    """Deliveries a second over all connections at once."""
    whole = iter([request(port) for _ in range(BURST)])
    async with lines(port) as queue:

        async def run(line: Line) -> None:
            for each in whole:
                await line.send(each)

        began = time.perf_counter()
        await asyncio.gather(*(run(queue.get_nowait()) for _ in range(LINES)))
        return BURST / (time.perf_counter() - began)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running(words: list[str], port: int, folder: Path, settings: dict[str, str]) -> AsyncIterator[None]:
    """A server of its own until it is not needed."""
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("wb") as log:
        server = await asyncio.create_subprocess_exec(
            *words, cwd=folder, env=path | settings, stdout=log, stderr=log
        )
    try:
        for _ in range(300):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError as error:
                if server.returncode is not None:
                    raise RuntimeError((folder / "log").read_text()[-2000:]) from error
                await asyncio.sleep(0.1)
            else:
                writer.close()
                break
        yield
    finally:
        if server.returncode is None:
            server.terminate()
        await server.wait()


@asynccontextmanager
async def ours() -> AsyncIterator[int]:
    """`roundsman serve` on SQLite, every delivery durable before it is answered; gives its port."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="webhook-") as folder:
        settings = {
            "ROUNDSMAN_DATA_DIR": folder, "ROUNDSMAN_GITHUB_WEBHOOK_SECRET": SECRET, "ROUNDSMAN_PORT": str(port),
            "ROUNDSMAN_HOST": "127.0.0.1", "ROUNDSMAN_GITHUB_API_URL": "http://127.0.0.1:9", "ROUNDSMAN_SANDBOX": "none",
            "ROUNDSMAN_PUBLIC_URL": "https://rounds.test", "ROUNDSMAN_SECRET_KEY": "k" * 32,
        }  # fmt: skip
        async with running([sys.executable, "-m", "bot", "serve"], port, Path(folder), settings):
            yield port


@asynccontextmanager
async def theirs() -> AsyncIterator[int]:
    """Probot with one handler that does nothing; it keeps nothing. Gives its port."""
    port = free_port()
    node = shutil.which("node") or "node"
    with tempfile.TemporaryDirectory(prefix="probot-") as folder:
        script = PROBOT / "probot.mjs"
        shutil.copy(Path(__file__).with_name("probot.mjs"), script)
        async with running(
            [node, str(script), str(port), SECRET], port, Path(folder), {"NODE_ENV": "production"}
        ):
            yield port


def has_probot() -> bool:
    """Whether Probot is here, or can be had from npm."""
    if (PROBOT / "node_modules" / "probot").is_dir():
        return shutil.which("node") is not None
    npm = shutil.which("npm")
    if npm is None:
        return False
    PROBOT.mkdir(parents=True, exist_ok=True)
    words = [npm, "install", "--prefix", str(PROBOT), "--no-audit", "--no-fund", "--loglevel=error", VERSION]
    try:
        return subprocess.run(words, capture_output=True, timeout=240, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


async def _measure(*, beside: bool) -> tuple[list[float], list[float], list[float], list[float]]:
    """Our latencies and throughputs, and Probot's; in turns, so that both meet the same weather."""
    mine, fast, his, peer = [], [], [], []
    for _ in range(ROUNDS):
        async with ours() as port:
            await as_fast_as_it_goes(port)
            fast.append(await as_fast_as_it_goes(port))
            await asyncio.sleep(2)
            mine.append(_p99(await at_rate(port)))
        if beside:
            async with theirs() as port:
                await as_fast_as_it_goes(port)
                peer.append(await as_fast_as_it_goes(port))
                his.append(_p99(await at_rate(port)))
    return mine, fast, his, peer


def _p99(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)] * 1e3


def rows() -> Iterator[Row]:
    """Measure; without npm there is no reference."""
    beside = has_probot()
    mine, fast, his, peer = asyncio.run(_measure(beside=beside))
    late, quick = statistics.median(mine), statistics.median(fast)
    late_peer, quick_peer = (statistics.median(his), statistics.median(peer)) if beside else (None, None)
    name = "Probot, keeping nothing" if beside else "Probot: npm could not install it"
    yield Row(
        f"webhook: acknowledged at {RATE}/s, p99", late, late_peer, name, late / late_peer if late_peer else None, "< 50 ms",
        late < 50, "ms", f"durable before the answer; median of {ROUNDS} runs of {RATE * SECONDS:,}",
    )  # fmt: skip
    yield Row(
        "webhook: throughput", quick, quick_peer, name, quick / quick_peer if quick_peer else None, "ahead of Probot",
        quick > quick_peer if quick_peer else None, "/s", f"{LINES} connections, {BURST:,} deliveries",
    )  # fmt: skip
