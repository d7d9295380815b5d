"""Requests of a fire, counted at the embedded GitHub: a repository of 10,000 items, beside listing everything."""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from bot.demo import DemoIssue, GitHub
from bot.engine.hearing import SEEN, WRITES, Hearing
from bot.github.client import Client
from bot.github.items import GitHubTracker
from bot.github.news import FED_BY
from bot.github.webhook import deliver
from bot.model.item import RepositoryRef
from bot.ports import Found
from bot.settings import Settings
from bot.store import deliveries, installations, words
from bot.store.database import Database, connect
from bot.store.indexed import KeptItems
from bot.store.migrate import migrate
from bot.store.repositories import ensure_repository
from tests.benchmarks.table import Row
from tests.clock import FakeClock

ITEMS, OPEN, BUGS = 10_000, 800, 120
QUERY = "is:open label:bug -label:wontfix no:assignee created:>2024-01-01"


class Shop:
    """A large repository, the real client before it, and an index in a fresh database."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(datetime(2026, 11, 23, 8, 0, tzinfo=UTC))
        self.hub = GitHub(clock=self.clock.now)
        app = self.hub.add_app(webhook_url="http://bot.test/webhooks/github")
        self.hub.add_org("acme", members={"boss": "admin"})
        self.repo = self.hub.add_repo("acme/shop", files={"README.md": "# Shop\n"})
        self.ref = RepositoryRef("acme", "shop", self.hub.install(app, "acme").id)
        self.settings = Settings(
            _env_file=None,
            github_api_url=self.hub.url,
            github_app_id=app.id,
            github_private_key=app.private_key,
        )  # type: ignore[call-arg]
        self.clients: list[Client] = []
        self.client = self.another_process()
        url = f"sqlite:///{folder / 'index.db'}"
        engine = connect(url)
        migrate(engine)
        self.database = Database(engine)
        held, now = self.ref.installation, self.clock.now()
        self.database.write_now(installations.came, held, "acme", now, events=sorted(FED_BY))
        self.database.write_now(ensure_repository, "acme/shop", now, installation_id=held)
        self.hearing = Hearing(self.database, self.clock, self.client)
        self.hearing.open()
        self.issues = self._filled()

    def another_process(self) -> Client:
        """A client with a token of its own."""
        client = Client(self.settings, self.clock, async_transport=httpx.ASGITransport(self.hub.app))
        self.clients.append(client)
        return client

    def _filled(self) -> list[DemoIssue]:
        dice = random.Random(1)
        issues = []
        for number in range(ITEMS):
            is_open, bug = number >= ITEMS - OPEN, number >= ITEMS - BUGS
            made = self.clock.now() - timedelta(hours=ITEMS - number + dice.random())
            issues.append(
                self.repo.issue(
                    f"Issue {number}", labels=["bug"] if bug else [], state="open" if is_open else "closed",
                    created_at=max(made, datetime(2024, 2, 1, tzinfo=UTC)),
                )
            )  # fmt: skip
        return issues

    async def fire(self, client: Client) -> tuple[Found, int, float]:
        """One fire after a minute: what it found, the requests GitHub counted, the seconds it took."""
        self.clock.move(minutes=1)
        await self.listens()
        await client.me()  # who we are is asked once a process
        self.hub.requests.clear()
        began = time.perf_counter()
        tracker = GitHubTracker(client, KeptItems(self.database))
        tracker.lists.hearing = self.hearing.stretch
        found = await tracker.matching(self.ref, QUERY, "issues", self.clock.now())
        took = time.perf_counter() - began
        assert isinstance(found, Found), found
        return found, self.hub.requests.count(bucket="core"), took

    async def listens(self) -> None:
        """What a service does each minute beside its fires: the door gives signs of life, GitHub's list is compared with ours."""
        for _ in range(WRITES):
            await self.hearing.beat()
        await self.database.write(words.put, SEEN, self.clock.now().isoformat(), self.clock.now())

    def hears(self) -> None:
        """What GitHub would deliver arrives, and is recorded as the door records it."""
        sent = [row for row in self.hub.tables.deliveries if row.state == "waiting"]
        arrived = [deliver(row.guid, row.event, json.loads(row.body)) for row in sent]
        for start in range(0, len(arrived), 100):
            self.database.write_now(deliveries.record, arrived[start : start + 100], self.clock.now())
        for row in sent:
            row.state = "sent"


async def _everything(shop: Shop) -> int:
    shop.hub.requests.clear()
    rows = await shop.client.rows(shop.ref, "issues", params={"state": "all"}, most=1000)
    assert isinstance(rows, list)
    assert len(rows) == ITEMS
    return shop.hub.requests.count(bucket="core")


async def _measure(shop: Shop) -> list[Row]:
    everything = await _everything(shop)
    first, cold, _ = await shop.fire(shop.client)
    assert len(first.items) == BUGS
    await shop.fire(shop.client)
    _, unchanged, took = await shop.fire(shop.client)
    status = [request.status for request in shop.hub.requests][-1]
    await shop.fire(other := shop.another_process())
    _, restarted, _ = await shop.fire(other)
    shop.issues[-1].close()
    changed, one, _ = await shop.fire(other)
    assert len(changed.items) == BUGS - 1
    shop.hears()
    await shop.fire(other)
    shop.issues[-2].close()
    new = shop.repo.issue("Crash", labels=["bug"])
    shop.hears()
    fed, told, told_took = await shop.fire(other)
    assert len(fed.items) == BUGS - 1
    assert new.number in {item.number for item in fed.items}
    for client in shop.clients:
        await client.close()

    def row(name: str, ours: int, bar: str, held: bool, note: str) -> Row:
        return Row(name, ours, everything, "list everything", ours / everything, bar, held, "requests", note)

    matching = f"{ITEMS:,} items, {OPEN} open, {BUGS} match"
    most = -(-BUGS // 100)
    return [
        row("requests: first fire", cold, f"≤ ceil(matching / 100) = {most}", cold <= most, matching),
        row("requests: nothing changed", unchanged, "1", unchanged == 1, f"status {status}, {took * 1e3:.0f} ms in all"),
        row("requests: nothing changed, another process", restarted, "1", restarted == 1, "the index is in the database"),
        row("requests: one changed", one, "1", one == 1, "per item already done: none"),
        row("requests: after webhooks", told, "0", told == 0, f"one closed, one opened: both known; {told_took * 1e3:.0f} ms in all"),
    ]  # fmt: skip


def rows() -> list[Row]:
    """Count."""
    with tempfile.TemporaryDirectory(prefix="requests-") as folder:
        shop = Shop(Path(folder))
        try:
            return asyncio.run(_measure(shop))
        finally:
            shop.database.close()
