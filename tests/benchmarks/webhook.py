"""Webhooks on loopback: acknowledged in time at 200 a second, and how many a second, beside Probot on the same machine."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bot.model.job import JobSpec
from bot.store import deliveries, jobs
from bot.store.database import Database, connect
from bot.store.migrate import migrate
from bot.store.repositories import ensure_repository
from tests.benchmarks.knocking import LINES, Lines, request
from tests.benchmarks.served import ROOT, SECRET, free_port, roundsman, running
from tests.benchmarks.table import Row

PROBOT = ROOT / ".tools" / "probot"
VERSION = "probot@14.3.2"
RATE, SECONDS, BURST, ROUNDS = 200, 5, 3_000, 3
MANY = 64
"""Connections where many come at once; `LINES` are fewer than a commit takes together."""
SPEC: dict[str, Any] = {"on": [{"schedule": "0 9 * * 1-5"}, {"events": ["issues.labeled"]}], "prompt": "x"}


def at_rate(port: int) -> list[float]:
    """Latencies at `RATE` a second for `SECONDS`, from the moment each was due."""
    with closing(Lines(port)) as lines:
        return lines.deliver([request(port, SECRET) for _ in range(RATE * SECONDS)], RATE)


def as_fast_as_it_goes(port: int, lines: int = LINES) -> float:
    """Deliveries a second over so many connections at once."""
    whole = [request(port, SECRET) for _ in range(BURST)]
    with closing(Lines(port, lines)) as every:
        began = time.perf_counter()
        every.deliver(whole, None)
        return BURST / (time.perf_counter() - began)


def filled(folder: Path, url: str | None = None) -> Database:
    """The repository the deliveries speak of, with ten jobs that wait for other events."""
    engine = connect(url or f"sqlite:///{folder / 'roundsman.db'}")
    migrate(engine)
    database, now = Database(engine), datetime.now(UTC)  # noqa: TID251 - a real process will read it
    shop = database.write_now(ensure_repository, "acme/shop", now, github_id=7)
    for number in range(10):
        spec = JobSpec.model_validate(SPEC)
        database.write_now(jobs.save_job, shop.id, f"job {number}", spec, now=now)
    return database


def until_handled(database: Database) -> float:
    """Seconds until every delivery has been worked on."""
    began = time.perf_counter()
    while database.read_now(deliveries.waiting):
        time.sleep(0.05)
    return time.perf_counter() - began


@contextmanager
def theirs() -> Iterator[int]:
    """Probot with one handler that does nothing; it keeps nothing. Gives its port."""
    port = free_port()
    node = shutil.which("node") or "node"
    with tempfile.TemporaryDirectory(prefix="probot-") as folder:
        script = PROBOT / "probot.mjs"
        shutil.copy(Path(__file__).with_name("probot.mjs"), script)
        with running([node, str(script), str(port), SECRET], port, Path(folder), {"NODE_ENV": "production"}):
            yield port


def has_probot() -> bool:
    """Whether Probot is here, or can be had from npm."""
    if (PROBOT / "node_modules" / "probot").is_dir():
        return shutil.which("node") is not None
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return False
    PROBOT.mkdir(parents=True, exist_ok=True)
    words = [npm, "install", "--prefix", str(PROBOT), "--no-audit", "--no-fund", "--loglevel=error", VERSION]
    try:
        return subprocess.run(words, capture_output=True, timeout=240, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _measured(port: int) -> tuple[float, float, float]:
    """Deliveries a second once warm, over some lines and over many, and the 99th percentile of latencies at `RATE` (ms)."""
    as_fast_as_it_goes(port)
    quick, wide = as_fast_as_it_goes(port), as_fast_as_it_goes(port, MANY)
    time.sleep(1)
    return quick, wide, sorted(at_rate(port))[int(RATE * SECONDS * 0.99)] * 1e3


def _ours() -> tuple[float, float, float, float]:
    with tempfile.TemporaryDirectory(prefix="webhook-") as folder:
        database = filled(Path(folder))
        try:
            with roundsman(Path(folder)) as served:
                quick, wide, late = _measured(served.port)
                behind = until_handled(database)
                database.read_now(_all_kept, 3 * BURST + RATE * SECONDS)
                return quick, wide, late, behind
        finally:
            database.close()


def _all_kept(db: Any, many: int) -> None:
    kept = db.execute(sa.text("SELECT count(*) FROM deliveries")).scalar()
    if kept != many:
        raise RuntimeError(f"{many} deliveries were acknowledged, {kept} are kept")


def rows() -> Iterator[Row]:
    """Measure in turns, so that both meet the same weather; without npm there is no reference."""
    beside = has_probot()
    mine, peer = [], []
    for _ in range(ROUNDS):
        mine.append(_ours())
        if beside:
            with theirs() as port:
                peer.append(_measured(port))
    quick, wide, late, behind = (statistics.median(each) for each in zip(*mine, strict=True))
    quick_peer, wide_peer, late_peer = (
        (statistics.median(each) for each in zip(*peer, strict=True)) if peer else (None, None, None)
    )
    name = "Probot, keeping nothing" if beside else "Probot: npm could not install it"
    yield Row(
        f"webhook: acknowledged at {RATE}/s, p99", late, late_peer, name, late / late_peer if late_peer else None, "< 50 ms",
        late < 50, "ms", f"durable before the answer; median of {ROUNDS} runs of {RATE * SECONDS:,}",
    )  # fmt: skip
    for lines, ours, peers in ((LINES, quick, quick_peer), (MANY, wide, wide_peer)):
        yield Row(
            f"webhook: throughput, {lines} connections", ours, peers, name, ours / peers if peers else None, "ahead of Probot",
            ours > peers if peers else None, "/s", f"{BURST:,} deliveries; all worked on {behind:.1f} s after the last",
        )  # fmt: skip
