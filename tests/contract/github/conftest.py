"""A small world for the tests of the embedded GitHub."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from bot.demo import App, GitHub, Installation


@dataclass
class HandClock:
    """A clock moved by hand."""

    at: datetime = field(default_factory=lambda: datetime(2026, 1, 5, 9, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> None:
        self.at += timedelta(**span)


@pytest.fixture
def clock() -> HandClock:
    """Monday, nine o'clock."""
    return HandClock()


@pytest.fixture
def github(clock: HandClock) -> GitHub:
    """An empty GitHub in memory."""
    return GitHub(clock=clock)


@pytest.fixture
def app(github: GitHub) -> App:
    """A registered App with a webhook."""
    return github.add_app(webhook_url="http://bot.test/webhooks/github")


@pytest.fixture
def installation(github: GitHub, app: App) -> Installation:
    """`acme` with the repository `shop`, the App installed."""
    github.add_org("acme", members={"boss": "admin"})
    github.add_repo("acme/shop", files={"README.md": "# Shop\n"})
    return github.install(app, "acme")


@pytest.fixture
async def anyone(github: GitHub) -> AsyncIterator[httpx.AsyncClient]:
    """A client without credentials."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(github.app), base_url=github.url) as client:
        yield client


@pytest.fixture
async def bot(anyone: httpx.AsyncClient, github: GitHub, installation: Installation) -> httpx.AsyncClient:
    """A client with an installation token."""
    anyone.headers["authorization"] = f"Bearer {github.installation_token(installation)}"
    return anyone
