"""Serves the dashboard with a believable past, and takes its pictures: `python -m tests.web.gallery [--serve]`.

Pictures go to docs/screenshots: each page in both themes and as a phone shows it.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn

from bot.flow.clock import SystemClock
from bot.settings import Settings
from bot.store.database import Database, connect
from bot.store.migrate import migrate
from bot.web.context import WebContext
from bot.web.server import create_app
from tests.fakes import HandClock
from tests.web.furnished import furnish, issues
from tests.web.seed import shop

TOKEN = "start-" + "g" * 30
SHOTS = Path(__file__).resolve().parents[2] / "docs" / "screenshots"


@contextlib.contextmanager
def serving(app: Any, port: int = 0) -> Iterator[int]:
    """A real server in a thread; gives its port."""
    server = uvicorn.Server(
        uvicorn.Config(app, "127.0.0.1", port, log_level="warning", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield int(server.servers[0].sockets[0].getsockname()[1])
    server.should_exit = True
    thread.join(10)


def house(folder: Path, port: int, **more: Any) -> WebContext:
    """A local house with the shop in it, set up well, before a GitHub of a few issues."""
    now = datetime.now(UTC)  # noqa: TID251
    database = Database(connect(f"sqlite:///{folder / 'roundsman.db'}"))
    migrate(database.engine)
    shop(database, now)
    furnish(database, now)
    channels = {"team-chat": "json://127.0.0.1:1/chat", "on-call": "json://127.0.0.1:1/call"}
    settings = Settings(
        _env_file=None, data_dir=folder, local=True, port=port, secret_key="s" * 40, notify=channels, github_app_id=1
    )  # fmt: skip
    parts = {"quotas": lambda: {("acme", "core"): (5000, 4812), ("acme", "graphql"): (5000, 4993)}}
    clock = more.pop("clock", HandClock(now))
    given = {"tracker": issues(now), "tell": _told, "parts": parts} | more
    return WebContext(database, settings, clock, start_token=TOKEN, **given)


async def _told(channel: str) -> str | None:
    return None


def main() -> None:
    """Serve until interrupted, or take the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        serve = {"clock": SystemClock()} if "--serve" in sys.argv else {}
        context = house(Path(folder), 8420, **serve)
        with serving(create_app(context), 8420 if "--serve" in sys.argv else 0) as port:
            print(f"http://127.0.0.1:{port}/start/{TOKEN}", flush=True)
            if "--serve" in sys.argv:
                with contextlib.suppress(KeyboardInterrupt):
                    threading.Event().wait()
            else:
                from tests.web.pictures import take

                take(f"http://127.0.0.1:{port}", TOKEN, SHOTS)


if __name__ == "__main__":
    main()
