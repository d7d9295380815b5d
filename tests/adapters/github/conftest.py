"""The real client before an embedded GitHub: an App installed on `acme`, a repository `acme/shop`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from bot.demo import App, DemoRepo, GitHub, Installation
from bot.github.client import Client
from bot.model.item import RepositoryRef
from bot.settings import Settings
from tests.clock import FakeClock


class Naps:
    """Sleeps by moving the clock, and remembers for how long."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        self.clock.move(seconds=seconds)


@pytest.fixture
def clock() -> FakeClock:
    """Monday, eight o'clock."""
    return FakeClock()


@pytest.fixture
def naps(clock: FakeClock) -> Naps:
    """How the client sleeps."""
    return Naps(clock)


@pytest.fixture
def hub(clock: FakeClock) -> GitHub:
    """An empty GitHub in memory."""
    return GitHub(clock=clock.now)


@pytest.fixture
def app(hub: GitHub) -> App:
    """A registered App."""
    return hub.add_app(webhook_url="http://bot.test/webhooks/github")


@pytest.fixture
def shop(hub: GitHub, app: App) -> DemoRepo:
    """The repository `acme/shop`."""
    hub.add_org("acme", members={"boss": "admin"})
    return hub.add_repo("acme/shop", files={"README.md": "# Shop\n", "cart.py": "total = 0\n"})


@pytest.fixture
def installation(hub: GitHub, app: App, shop: DemoRepo) -> Installation:
    """The App on `acme`."""
    return hub.install(app, "acme")


@pytest.fixture
def ref(installation: Installation) -> RepositoryRef:
    """The shop as our side names it."""
    return RepositoryRef("acme", "shop", installation.id)


def settings_for(hub: GitHub, app: App | None = None, **more: object) -> Settings:
    """Settings that speak to the embedded GitHub, as an App or not."""
    secret = {"github_webhook_secret": app.webhook_secret} if app and app.webhook_secret else {}
    keys = {"github_app_id": app.id, "github_private_key": app.private_key, **secret} if app else {}
    return Settings(**{"_env_file": None, "github_api_url": hub.url, **keys, **more})  # type: ignore[arg-type]


@pytest.fixture
async def client(hub: GitHub, app: App, clock: FakeClock, naps: Naps) -> AsyncIterator[Client]:
    """The real client, speaking as the App."""
    client = Client(settings_for(hub, app), clock, async_transport=httpx.ASGITransport(hub.app), sleep=naps)
    yield client
    await client.close()
