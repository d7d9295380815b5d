"""Every action by plain forms, in a browser that runs no script: each answers at once and says what it did."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from bot.model.run import Job
from bot.store import jobs, ledger, runs, sessions
from bot.store.database import Database
from tests.web.browsing import free_port, served
from tests.web.house import House
from tests.web.seed import shop

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest_asyncio.fixture(loop_scope="session")
async def plain(sqlite: Database, tmp_path: Path, browser: Browser) -> AsyncIterator[tuple[House, Page, str]]:
    """A house with a past, and a maintainer whose browser runs no script."""
    port = free_port()
    house = House(sqlite, tmp_path, public_url=f"http://127.0.0.1:{port}")
    shop(house.database, house.clock.now(), days=4)
    person, name = await house.person("ada", "maintain"), house.app.state.cookies.session_name
    context = await browser.new_context(java_script_enabled=False)
    async with served(house.app, port) as base:
        await context.add_cookies([{"name": name, "value": person.cookies[name], "url": base}])
        yield house, await context.new_page(), base
        await context.close()


async def test_every_action_on_a_job(plain: tuple[House, Page, str]) -> None:
    """Run, dry run, pause and undo, duplicate, backfill, disable, delete and undo."""
    house, page, base = plain
    job = f"{base}/acme/shop/jobs/weekly-digest"
    said, press = page.get_by_role("status").first, _pressing(page)
    await page.goto(job)
    await press("Pause")
    await expect(said).to_contain_text("weekly-digest is paused")
    await press("Undo")
    await expect(said).to_contain_text("fires again")
    await press("Dry run")
    await expect(said).to_contain_text("nothing is written")
    await expect(page).to_have_url(re.compile(r"/runs/\d+$"))
    newest = house.database.read_now(runs.runs_of, _job(house, "weekly-digest").id, 1)[0]
    assert newest.dry_run
    await press("Stop")
    await expect(said).to_contain_text("Stopping")
    assert house.database.read_now(runs.live_runs, [newest.job_id]) == {}
    await page.goto(job)
    await page.get_by_text("Run fires of the past").click()
    await page.get_by_label("From").fill("2026-11-01T00:00")
    await page.get_by_label("to", exact=True).fill("2026-11-20T00:00")
    await press("Backfill")
    await expect(said).to_contain_text("fires of the past run now")
    await press("Duplicate")
    await expect(page).to_have_url(re.compile(r"/jobs/weekly-digest-copy/edit$"))
    await expect(page.get_by_label("Prompt", exact=True)).to_be_visible()
    await page.get_by_label("Name", exact=True).fill("friday-digest")
    await page.get_by_label("Cron", exact=True).fill("0 16 * * 5")
    await press("Save changes")
    await expect(said).to_contain_text("friday-digest is saved")
    await expect(page.get_by_role("main")).to_contain_text("only on Friday")
    await press("Disable")
    await expect(said).to_contain_text("is disabled")
    await press("Enable")
    await press("Delete")
    await expect(said).to_contain_text("friday-digest is deleted")
    await press("Undo")
    await expect(page.get_by_role("link", name="friday-digest", exact=True)).to_be_visible()
    assert _job(house, "friday-digest").spec["on"] == [{"schedule": "0 16 * * 5"}]


async def test_every_action_on_runs_items_and_many_jobs(plain: tuple[House, Page, str]) -> None:
    """Run again what failed, run one item again, ignore it and take that back; pause and resume several jobs."""
    house, page, base = plain
    said, press = page.get_by_role("status").first, _pressing(page)
    triage = _job(house, "nightly-health")
    bad = next(r for r in house.database.read_now(runs.runs_of, triage.id, 20) if r.items_failed)
    await page.goto(f"{base}/acme/shop/runs/{bad.id}")
    await press("Run failed items again")
    await expect(said).to_contain_text("again")
    await page.goto(f"{base}/acme/shop/explain/143")
    await page.get_by_role("button", name="Ignore it").first.click()
    await expect(said).to_contain_text("leaves #143 alone")
    parked = house.database.read_now(ledger.entries, _job(house, "morning-triage").id, [143])
    assert parked[143].parked
    await page.get_by_role("button", name="Work on it again").first.click()
    await expect(said).to_contain_text("may work on #143 again")
    await page.get_by_role("button", name="Run for #143 now").first.click()
    await expect(said).to_contain_text("is running")
    done = next(
        s for r in house.database.read_now(runs.runs_of, _job(house, "morning-triage").id, 20)
        for s in house.database.read_now(sessions.of_run, r.id) if s.status.final
    )  # fmt: skip
    await page.goto(f"{base}/acme/shop/sessions/{done.id}")
    await press("Run again")
    await expect(page).to_have_url(re.compile(r"/runs/\d+$"))
    await page.goto(f"{base}/acme/shop")
    for name in ("weekly-digest", "security-review"):
        await page.get_by_label(f"Pick {name}").check()
    await page.locator("[data-bulk] button[value=pause]").click()
    await expect(said).to_contain_text("Done for 2 jobs")
    assert {_job(house, n).status for n in ("weekly-digest", "security-review")} == {"paused"}


def _job(house: House, name: str) -> Job:
    job = house.database.read_now(jobs.by_name, house.shop.id, name)
    assert job is not None
    return job


def _pressing(page: Page) -> Callable[[str], Awaitable[None]]:
    async def press(name: str) -> None:
        await page.get_by_role("button", name=name, exact=True).click()

    return press
