"""Signing in before the embedded GitHub, the whole way: page, consent, code, token, roles, pages of ours."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from bot.demo import App, DemoRepo, GitHub, Installation
from bot.github.credentials import Credentials
from bot.github.identity import GitHubIdentity
from bot.ports import Refusal
from bot.settings import Settings
from bot.store import repositories
from bot.store.database import Database
from bot.web.context import WebContext
from bot.web.server import create_app
from tests.clock import FakeClock

OURS = "https://rounds.test"


@pytest.fixture
def app(hub: GitHub) -> App:
    """An App that people may sign in with."""
    return hub.add_app(callback_urls=[OURS])


@pytest.fixture
def settings(hub: GitHub, app: App, tmp_path: Path) -> Settings:
    """A Roundsman that knows this App."""
    return Settings(
        _env_file=None,
        data_dir=tmp_path,
        public_url=OURS,
        secret_key="k" * 32,
        github_api_url=hub.api_url,
        github_url=hub.url,
        github_client_id=app.client_id,
        github_client_secret=app.client_secret,
    )  # type: ignore[call-arg,arg-type]


@pytest.fixture
def identity(hub: GitHub, settings: Settings) -> GitHubIdentity:
    """The real thing before the embedded GitHub."""
    credentials = Credentials.of(settings)
    return GitHubIdentity(
        settings.github_api_url, settings.github_url, lambda: credentials, httpx.ASGITransport(hub.app)
    )


async def test_somebody_signs_in_and_sees_their_repository(
    hub: GitHub, app: App, shop: DemoRepo, installation: Installation, settings: Settings, clock: FakeClock, identity: GitHubIdentity, sqlite: Database
) -> None:  # fmt: skip
    """From our door to GitHub's, through consent and back, to the jobs of the repository; mallory gets nowhere."""
    hub.add_user("ann")
    hub.add_user("mallory")
    shop.collaborator("ann", "maintain")
    sqlite.write_now(repositories.ensure_repository, "acme/shop", clock.now(), private=False)
    with sqlite.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE repositories SET installation_id = {installation.id}")
    ours = create_app(WebContext(sqlite, settings, clock, identity=identity))
    for login, status in (("ann", 200), ("mallory", 404)):
        browser = httpx.AsyncClient(transport=httpx.ASGITransport(ours), base_url=OURS)
        theirs = httpx.AsyncClient(transport=httpx.ASGITransport(hub.app), base_url=hub.url)
        away = (await browser.get("/sign-in/github")).headers["location"]
        assert away.startswith(f"{hub.url}/login/oauth/authorize?")
        assert (await theirs.get(away)).status_code == 200
        query = dict(parse_qsl(urlsplit(away).query))
        consent = await theirs.post("/login/oauth/authorize", data=query | {"as": login})
        back = await browser.get(consent.headers["location"])
        assert back.status_code == 303, back.text
        assert (await browser.get("/api/me")).json()["login"] == login
        assert (await browser.get("/api/repos/acme/shop/schedules")).status_code == status


def test_before_set_up_there_is_no_door(settings: Settings) -> None:
    """Without an App's client the door says so instead of leading astray."""
    nobody = GitHubIdentity(settings.github_api_url, settings.github_url, Credentials)
    assert isinstance(nobody.authorise_url("s", "c", OURS), Refusal)
