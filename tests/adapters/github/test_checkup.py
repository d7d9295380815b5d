"""`doctor`: what is ill is named, with what to do; what is well is said, too."""

from __future__ import annotations

import dataclasses

import pytest

from bot.demo import App, GitHub, Installation
from bot.engine.checkup import Finding, Patient, examine
from bot.github.client import Client
from bot.github.credentials import Credentials
from bot.github.manifest import events, permissions
from bot.model.happening import Place
from bot.model.job import JobSpec
from bot.store import installations, jobs, repositories
from bot.store.database import Database
from tests.adapters.github.conftest import settings_for
from tests.clock import FakeClock

BASE = "https://rounds.test"


@pytest.fixture
def app(hub: GitHub) -> App:
    """An App that was set up by its manifest."""
    return hub.add_app(webhook_url=f"{BASE}/webhooks/github", permissions=permissions(), events=events())


async def examined(
    client: Client, hub: GitHub, app: App, database: Database, clock: FakeClock, **more: object
) -> dict[str, Finding]:
    """All findings by name."""

    async def visit(url: str) -> int | str:
        return 200

    settings = settings_for(hub, app, public_url=BASE, secret_key="s" * 32, **more)
    found = await examine(Patient(settings, database, clock, client, visit))
    return {finding.what: finding for finding in found}


async def test_all_is_well(
    client: Client, hub: GitHub, app: App, installation: Installation, sqlite: Database, clock: FakeClock
) -> None:
    """A service that was set up and installed has nothing to mend."""
    sqlite.write_now(
        installations.came, installation.id, "acme", clock.now(), permissions=installation.permissions
    )
    found = await examined(client, hub, app, sqlite, clock)
    assert [finding for finding in found.values() if not finding.ok] == []
    assert found["GitHub"].words == f"roundsman[bot] at {hub.url}"
    assert {"database", "App", "reachable", "deliveries", "installation acme"} <= set(found)


async def test_what_is_missing_is_named(
    client: Client, hub: GitHub, app: App, installation: Installation, sqlite: Database, clock: FakeClock
) -> None:
    """Permissions and events of the App, the address of its webhook, what an installation did not grant its jobs."""
    now = clock.now()
    app.permissions = {**app.permissions, "issues": "read"}
    app.events.remove("issue_comment")
    app.webhook_url = "https://elsewhere.test/hook"
    sqlite.write_now(installations.came, installation.id, "acme", now, permissions={"issues": "write"})
    here = sqlite.write_now(installations.join, installation.id, Place(full_name="acme/shop"), now)
    spec = JobSpec.model_validate(
        {
            "on": {"schedule": "@daily"},
            "target": "prs",
            "prompt": "Review.",
            "report": "review",
            "may": {"check": 1},
        }
    )
    sqlite.write_now(jobs.save_job, here.id, "review", spec, now=now)
    found = await examined(client, hub, app, sqlite, clock)
    assert "issues: write" in found["permissions"].words
    assert "issue_comment" in found["events"].words
    assert f"make it {BASE}/webhooks/github" in found["webhook"].words
    lacking = found["installation acme"].words
    assert "checks: write" in lacking
    assert "pull_requests: write" in lacking
    assert "contents: read" in lacking


async def test_a_fresh_service_hears_where_to_begin(
    client: Client, hub: GitHub, app: App, sqlite: Database, clock: FakeClock
) -> None:
    """Without credentials, the way to get them."""
    client.use(Credentials())
    found = await examined(client, hub, app, sqlite, clock)
    assert "/setup" in found["GitHub"].words


async def test_a_check_that_stumbles_is_a_finding(
    client: Client, hub: GitHub, app: App, sqlite: Database, clock: FakeClock
) -> None:
    """The others go on."""

    async def stumbles(patient: Patient) -> list[Finding]:
        raise RuntimeError("a wire is loose")

    async def well(patient: Patient) -> list[Finding]:
        return [Finding("heart", True, "beats")]

    settings = settings_for(hub, app)
    patient = Patient(settings, sqlite, clock, client, lambda url: None)  # type: ignore[arg-type,return-value]
    first, second = await examine(patient, [stumbles, well])
    assert (first.ok, "a wire is loose" in first.words) == (False, True)
    assert dataclasses.asdict(second) == {"what": "heart", "ok": True, "words": "beats"}


async def test_channels_nobody_named_are_ill(
    client: Client, hub: GitHub, app: App, installation: Installation, sqlite: Database, clock: FakeClock
) -> None:
    """A job that tells a channel the operator does not know is named; so is the disk."""
    here = sqlite.write_now(repositories.ensure_repository, "acme/shop", clock.now())
    spec = JobSpec.model_validate(
        {"on": {"schedule": "@daily"}, "prompt": "Look.", "notify": [{"to": "pager"}]}
    )
    sqlite.write_now(jobs.save_job, here.id, "night", spec, source="api", by="ada", now=clock.now())
    found = await examined(client, hub, app, sqlite, clock)
    assert found["notify of acme/shop"].words == "night tells pager, which ROUNDSMAN_NOTIFY does not name"
    assert "GiB free" in found["disk"].words
    named = await examined(client, hub, app, sqlite, clock, notify={"pager": "json://127.0.0.1/x"})
    assert named["notify"].ok
