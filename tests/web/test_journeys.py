"""Journeys of people through the dashboard, in a real browser before a real engine and an embedded GitHub."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from bot.model.run import SessionStatus
from bot.store import jobs, repositories, runs, sessions, transcripts
from bot.store.database import Database
from bot.web.context import WebContext
from bot.web.server import create_app
from tests.web.browsing import free_port, served, watched
from tests.web.house import House
from tests.web.seed import shop
from tests.world import World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.asyncio(loop_scope="session"),
]
TOKEN = "start-" + "j" * 30
ZONE: dict[str, Any] = {"timezone_id": "Europe/Zurich", "locale": "en-GB"}


@dataclass
class Visit:
    """A page somebody looks at, and what it complained of."""

    page: Page
    base: str
    complaints: list[str]

    async def goes(self, path: str) -> None:
        """Open a page."""
        await self.page.goto(self.base + path)


@pytest_asyncio.fixture(loop_scope="session")
async def lively(tmp_path: Path, sqlite_url: str, browser: Browser) -> AsyncIterator[tuple[World, Visit]]:
    """A working Roundsman before an embedded GitHub, and its single user at the overview."""
    world = World(tmp_path, sqlite_url)
    world.repo("acme/shop")
    await world.wakes()
    assert world.roundsman is not None
    living = world.roundsman
    await living.database.write(repositories.ensure_repository, "acme/shop", world.clock.now())
    port = free_port()
    settings = living.settings.model_copy(update={"local": True, "public_url": None, "port": port})
    context = WebContext(
        living.database, settings, living.clock, tracker=living.tracker, undo=living.undo, start_token=TOKEN
    )
    async with served(create_app(context), port) as base:
        page = await (await browser.new_context(**ZONE)).new_page()
        complaints = watched(page)
        await page.goto(f"{base}/start/{TOKEN}")
        yield world, Visit(page, base, complaints)
        await page.context.close()
    await world.dies()


async def test_from_a_template_to_the_first_comment(lively: tuple[World, Visit]) -> None:
    """A newcomer makes the weekday triage from the overview, runs it, and reads its first comment, by mouse alone."""
    world, visit = lively
    page = visit.page
    issue = world.github.repository("acme/shop").issue("Crash on empty cart", labels=["needs-triage"])
    world.agent_says("Crash on empty cart", "Happens in `cart.total()`.")
    await page.get_by_role("link", name="New job").first.click()
    await page.get_by_role("link", name="Daily triage").click()
    await expect(page.get_by_label("Cron", exact=True)).to_have_value("0 9 * * 1-5")
    await expect(page.get_by_label("Time zone")).to_have_value("Europe/Zurich")
    await expect(page.locator("#preview")).to_contain_text("Monday through Friday")
    await expect(page.locator("#preview .R-fires li")).to_have_count(5)
    await expect(page.locator("#matches")).to_contain_text("Matches now: 1, of which 1 new.")
    await page.get_by_role("button", name="Make the job").click()
    await expect(page.get_by_role("status").first).to_contain_text("daily-triage is made")
    await page.get_by_role("button", name="Run now").click()
    await world.settles()
    assert "cart.total()" in world.said_on(issue)
    await expect(page.get_by_text("Completed").first).to_be_visible()
    await page.get_by_role("link", name=re.compile("Crash on empty cart")).first.click()
    await expect(page.locator(".markdown-body").first).to_contain_text("cart.total()")
    assert visit.complaints == []


async def test_the_filter_is_checked_and_completed_while_it_is_written(lively: tuple[World, Visit]) -> None:
    """A misspelt qualifier is marked with the nearest name, mended by a click, and values are offered at the cursor."""
    _, visit = lively
    page = visit.page
    await visit.goes("/acme/shop/new-job?template=daily-triage")
    field = page.locator("#filter")
    await field.fill("is:open lable:bug")
    await expect(page.locator("#filter-check mark").first).to_be_visible()
    await page.locator("#filter-check [data-fix]").first.click()
    await expect(field).to_have_value(re.compile(r"is:open label:bug"))
    await expect(page.locator("#filter-check mark")).to_have_count(0)
    await field.fill("")
    await field.press_sequentially("is:op")
    await expect(page.locator("#filter-options [role=option]").first).to_contain_text(
        re.compile("^(is:)?open")
    )
    await field.press("ArrowDown")
    await field.press("Enter")
    await expect(field).to_have_value(re.compile(r"is:open"))
    await page.get_by_role("button", name="Monday").click()
    await expect(page.get_by_label("Cron", exact=True)).to_have_value("0 9 * * 1")
    await expect(page.locator("#preview")).to_contain_text("Monday")
    assert visit.complaints == []


async def test_finding_out_why_an_item_was_skipped(lively: tuple[World, Visit]) -> None:
    """From the overview by number to the very term that keeps an item out."""
    world, visit = lively
    page = visit.page
    shop_repo = world.github.repository("acme/shop")
    issue = shop_repo.issue("Being fixed", labels=["needs-triage", "wip"])
    await world.job(shop_repo, "triage", on={"schedule": "0 9 * * *"}, filter="is:open -label:wip", prompt="Look at #{{ item.number }}")  # fmt: skip
    await visit.goes("/acme/shop")
    await page.get_by_label("Number of an issue or pull request").fill(f"#{issue.number}".lstrip("#"))
    await page.get_by_role("button", name="Why?").click()
    await expect(page.get_by_text("would be left out")).to_be_visible()
    await expect(page.locator(".R-terms")).to_contain_text("label:wip")
    assert visit.complaints == []


# ── without an engine: a house with roles ──


@pytest_asyncio.fixture(loop_scope="session")
async def house_visit(
    sqlite: Database, tmp_path: Path, browser: Browser
) -> AsyncIterator[tuple[House, Visit]]:
    """A house with a past, reached by browser; nobody has signed in."""
    port = free_port()
    house = House(sqlite, tmp_path, public_url=f"http://127.0.0.1:{port}")
    shop(house.database, house.clock.now(), days=4)
    async with served(house.app, port) as base:
        page = await (await browser.new_context(**ZONE)).new_page()
        yield house, Visit(page, base, watched(page))
        await page.context.close()


async def signs_in(house: House, visit: Visit, login: str, role: Any) -> None:
    """The browser takes over the session of somebody with this role."""
    person = await house.person(login, role)
    name = house.app.state.cookies.session_name
    await visit.page.context.add_cookies([{"name": name, "value": person.cookies[name], "url": visit.base}])


async def test_stopping_a_running_session(house_visit: tuple[House, Visit]) -> None:
    """The transcript grows while it is read, and Stop asks the worker to end it."""
    house, visit = house_visit
    page = visit.page
    await signs_in(house, visit, "ada", "write")
    run = house.database.read_now(runs.runs_of, 1, 1)[0]
    live = next(s for s in house.database.read_now(sessions.of_run, run.id) if not s.status.final)
    await visit.goes(f"/acme/shop/sessions/{live.id}")
    await expect(page.get_by_text("live", exact=True)).to_be_visible()
    said = {"type": "said", "text": "I have found **it**."}
    house.database.write_now(transcripts.say, live.id, 1, 50, [said], house.clock.now())
    await expect(page.get_by_role("log")).to_contain_text("I have found it.")
    await page.get_by_role("button", name="Stop").click()
    await expect(page.get_by_role("status").first).to_contain_text("Stopping")
    asked = house.database.read_now(sessions.get, live.id)
    assert asked is not None
    assert asked.cancel_requested_at is not None
    house.database.write_now(sessions.finish, live.id, 1, SessionStatus.cancelled, house.clock.now(), reason="stopped by ada")  # fmt: skip
    await expect(page.locator("#head")).to_contain_text("Cancelled")
    assert visit.complaints == []


async def test_a_reader_is_offered_nothing_to_change(house_visit: tuple[House, Visit]) -> None:
    """Without write access there is not one button that changes anything, on any page."""
    house, visit = house_visit
    await signs_in(house, visit, "rita", "triage")
    for path in (
        "/acme/shop",
        "/acme/shop/jobs/morning-triage",
        "/acme/shop/runs/1",
        "/acme/shop/sessions/1",
        "/acme/shop/explain/143",
    ):
        await visit.goes(path)
        forms = await visit.page.locator("form[method=post]").evaluate_all(
            "all => all.map(f => f.getAttribute('action'))"
        )
        assert forms == ["/sign-out"], path
    assert visit.complaints == []


async def test_a_stranger_sees_only_the_way_in(house_visit: tuple[House, Visit]) -> None:
    """Whatever page a stranger opens, the sign-in is what they get, and the way back is kept."""
    _, visit = house_visit
    await visit.goes("/acme/shop/runs/1")
    await expect(visit.page).to_have_url(re.compile(r"/sign-in\?next=%2Facme%2Fshop%2Fruns%2F1"))
    await expect(visit.page.get_by_role("link", name="Sign in with GitHub")).to_be_visible()


async def test_deleting_asks_first_and_can_be_undone(house_visit: tuple[House, Visit]) -> None:
    """The question can be answered with no; after a yes, Undo brings the job back."""
    house, visit = house_visit
    page = visit.page
    await signs_in(house, visit, "ada", "maintain")
    await visit.goes("/acme/shop")
    await page.get_by_role("button", name="Delete weekly-digest").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_be_hidden()
    assert house.database.read_now(jobs.by_name, house.shop.id, "weekly-digest") is not None
    await page.get_by_role("button", name="Delete weekly-digest").click()
    await dialog.get_by_role("button", name="Delete it").click()
    await expect(page.get_by_role("status").first).to_contain_text("weekly-digest is deleted")
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_role("link", name="weekly-digest", exact=True)).to_be_visible()
    assert visit.complaints == []


async def test_an_open_page_follows_what_happens(house_visit: tuple[House, Visit]) -> None:
    """A run that begins while a page is open shows on it without a reload; what was picked and unfolded stays so."""
    house, visit = house_visit
    page = visit.page
    await signs_in(house, visit, "ada", "maintain")
    job = house.database.read_now(jobs.by_name, house.shop.id, "nightly-health")
    assert job is not None
    await visit.goes("/acme/shop")
    await page.get_by_label("Pick nightly-health").check()
    await page.locator(f"#job-{job.id} summary").click()
    house.run(job, "while open")
    await expect(page.locator(f"#job-{job.id}")).to_contain_text("Running…")
    await expect(page.get_by_label("Pick nightly-health")).to_be_checked()
    await expect(page.locator(f"#job-{job.id} details")).to_have_attribute("open", "")
    assert visit.complaints == []
