"""From a service without credentials to a registered App, in a browser's steps before the embedded GitHub."""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from bot.app import Roundsman, build
from bot.demo import GitHub
from bot.github.manifest import events, manifest_for, permissions
from bot.github.vault import Locked, is_current, seal, unseal
from bot.settings import Settings, SettingsError
from bot.store import repositories, setup, words
from bot.store.database import Database, connect
from tests.fakes import HandClock, ScriptedAgent
from tests.world import MORNING

BASE = "https://rounds.test"


class Town:
    """A GitHub, and a Roundsman nobody has set up."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.clock = HandClock(MORNING)
        self.github = GitHub(clock=self.clock.now, url="https://github.test")
        self.program: Roundsman | None = None

    async def wakes(self, key: str = "k" * 32, **more: object) -> Roundsman:
        """The service starts."""
        given = {
            "_env_file": None, "data_dir": self.folder, "database_url": self.url, "github_api_url": "https://github.test",
            "github_url": "https://github.test", "public_url": BASE, "poll_seconds": 0.05, "grace_seconds": 0,
            "secret_key": SecretStr(key), "slot": "slot-0",
        }  # fmt: skip
        settings = Settings(**(given | more))
        transport = httpx.ASGITransport(self.github.app)
        self.program = build(
            settings, clock=self.clock, transport=transport, agent=ScriptedAgent(), database=Database(connect(self.url))
        )  # fmt: skip
        await self.program.start()
        return self.program

    async def sleeps(self) -> None:
        """And stops."""
        if self.program is not None:
            await self.program.stop()
            self.program = None


@pytest.fixture
async def town(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Town]:
    """A town whose service ends with the story."""
    town = Town(tmp_path, sqlite_url)
    yield town
    await town.sleeps()


def browser(program: Roundsman) -> httpx.AsyncClient:
    """Somebody's browser on our pages."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(program.web()), base_url=BASE)


def field(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, page
    return html.unescape(found[1])


async def secret_of(program: Roundsman) -> str:
    """The secret the log shows."""
    link = await program.setup_link()
    assert link is not None
    return parse_qs(urlsplit(link).query)["secret"][0]


async def registered(town: Town, us: httpx.AsyncClient, secret: str) -> httpx.Response:
    """Go through the pages, ours and GitHub's, to the end."""
    chosen = await us.post(
        "/setup", data={"secret": secret, "step": "register", "name": "Rounds", "organisation": ""}
    )
    assert chosen.status_code == 200, chosen.text
    action = html.unescape(re.findall(r'<form method="post" action="([^"]+)"', chosen.text)[-1])
    transport = httpx.ASGITransport(town.github.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://github.test") as there:
        shown = await there.post(action, data={"manifest": field(chosen.text, "manifest")})
        sent = await there.post(
            "/settings/apps/manifest",
            data={name: field(shown.text, name) for name in ("manifest", "state", "org")},
        )
    back = sent.headers["location"]
    assert back.startswith(f"{BASE}/setup/done?")
    return await us.get(back.removeprefix(BASE))


async def test_an_app_is_set_up_in_a_few_steps_and_works_at_once(town: Town) -> None:
    """Secret, what is asked for, GitHub's page, done: the door closes and webhooks are taken."""
    program = await town.wakes()
    async with browser(program) as us:
        assert (await us.get("/setup")).status_code == 200
        done = await registered(town, us, await secret_of(program))
        assert done.status_code == 200
        assert "Anthropic" in done.text
        (app,) = town.github.tables.apps
        assert f"{app.slug}/installations/new" in done.text
        assert (app.webhook_url, app.permissions["issues"]) == (f"{BASE}/webhooks/github", "write")
        assert await program.client.me() == f"{app.slug}[bot]"
        town.github.add_repo("acme/shop", files={"README.md": "x"})
        town.github.install(app, "acme")
        await town.github.deliver(us)
        await program.side.intake.drain()
        assert [each.full_name for each in await program.database.read(repositories.every)] == ["acme/shop"]
        assert (await us.get("/setup")).status_code == 404
        assert (await us.post("/setup", data={"secret": "x"})).status_code == 404
    assert await program.setup_link() is None


async def test_without_the_secret_or_the_state_nothing_is_registered(town: Town) -> None:
    """A wrong secret, a state that was never given, one used twice, one that is too old."""
    program = await town.wakes()
    async with browser(program) as us:
        assert (await us.post("/setup", data={"secret": "guess"})).status_code == 403
        assert (await us.get("/setup/done?code=x&state=guess")).status_code == 403
        state = await program.database.write(setup.depart, town.clock.now())
        town.clock.move(hours=2)
        assert (await us.get(f"/setup/done?code=x&state={state}")).status_code == 403
        fresh = await program.database.write(setup.depart, town.clock.now())
        assert (await us.get(f"/setup/done?code=unknown&state={fresh}")).status_code == 502
        assert (await us.get(f"/setup/done?code=unknown&state={fresh}")).status_code == 403
    assert not await program.database.read(setup.is_done)
    old = await secret_of(program)
    assert await secret_of(program) != old
    assert not await program.database.read(setup.holds, old)


async def test_what_is_stored_is_encrypted_and_outlives_a_rotation_of_the_key(town: Town) -> None:
    """Another key alone opens nothing, and says which setting does; with the old one beside it, it is written anew."""
    program = await town.wakes()
    async with browser(program) as us:
        await registered(town, us, await secret_of(program))
    (app,) = town.github.tables.apps
    kept = json.dumps(await program.database.read(words.get, setup.APP))
    assert "PRIVATE" not in kept
    assert app.client_secret not in kept
    await town.sleeps()
    with pytest.raises(SettingsError, match="ROUNDSMAN_SECRET_KEY_BEFORE"):
        await town.wakes("n" * 32)
    program = await town.wakes("n" * 32, secret_key_before=SecretStr("k" * 32))
    assert await program.client.me() == f"{app.slug}[bot]"
    await town.sleeps()
    program = await town.wakes("n" * 32)
    assert program.client.credentials.app_id == app.id


async def test_the_environment_wins(town: Town) -> None:
    """An App named in settings closes set-up from the start."""
    app = town.github.add_app("mine")
    program = await town.wakes(github_app_id=app.id, github_private_key=SecretStr(app.private_key))
    assert await program.setup_link() is None
    async with browser(program) as us:
        assert (await us.get("/setup")).status_code == 404


async def test_an_account_this_service_is_not_for_is_refused_politely(town: Town) -> None:
    """It sees why, and nothing of it is looked after."""
    app = town.github.add_app("mine", webhook_url=f"{BASE}/webhooks/github")
    program = await town.wakes(
        github_app_id=app.id, github_private_key=SecretStr(app.private_key), allowed_accounts=["acme"],
        github_webhook_secret=SecretStr(app.webhook_secret or ""),
    )  # fmt: skip
    for owner in ("acme", "stranger"):
        town.github.add_repo(f"{owner}/shop", files={"README.md": "x"})
    held = {owner: town.github.install(app, owner) for owner in ("acme", "stranger")}
    async with browser(program) as us:
        await town.github.deliver(us)
        await program.side.intake.drain()
        welcome = await us.get(f"/setup/installed?installation_id={held['acme'].id}")
        refused = await us.get(f"/setup/installed?installation_id={held['stranger'].id}")
    assert (welcome.status_code, refused.status_code) == (200, 403)
    assert "Thank you for trying" in refused.text
    assert [each.full_name for each in await program.database.read(repositories.every)] == ["acme/shop"]


def test_the_manifest_is_ours_at_the_service_s_address() -> None:
    """Least permissions, no more with fewer wishes; nothing of the example addresses is left."""
    manifest = manifest_for("https://rounds.test/", "Rounds", pulls=False)
    assert "roundsman.example" not in json.dumps(manifest)
    assert manifest["default_permissions"]["contents"] == "read"
    assert permissions()["contents"] == "write"
    assert "admin" not in permissions().values()
    assert {"issues", "issue_comment", "pull_request", "push"} <= set(events())


def test_a_vault_opens_for_its_own_keys_alone() -> None:
    """And says under which key it was closed."""
    from bot.github.credentials import Credentials

    told = Credentials(app_id=7, private_key="PEM", webhook_secrets=("a", "b"), token="never kept")
    sealed = seal(told, b"one")
    assert unseal(sealed, (b"two", b"one")) == Credentials(
        app_id=7, private_key="PEM", webhook_secrets=("a", "b")
    )
    assert is_current(sealed, b"one")
    assert not is_current(sealed, b"two")
    with pytest.raises(Locked):
        unseal(sealed, (b"two",))
