"""The first page, in process."""

from __future__ import annotations

import re
from pathlib import Path

from bot.store import words
from tests.web.house import House
from tests.web.seed import shop

STATIC = Path(__file__).resolve().parents[2] / "bot" / "web" / "static"


async def test_the_overview_says_what_ran_what_failed_and_what_comes_next(house: House) -> None:
    """Counts, running work, failures, fires ahead and repositories are on one page."""
    shop(house.database, house.clock.now(), days=4)
    ada = await house.person("ada", "maintain")
    text = (await ada.get("/")).text
    for said in ("morning-triage", "Crash on empty cart", "Next fires", "nightly-health", "acme/shop"):
        assert said in text
    assert "acme/api" not in text, "a repository without a role of theirs"


async def test_an_empty_house_says_what_to_do_next(house: House) -> None:
    """Somebody without a repository is told where to go."""
    nobody = await house.person("nell", "read")
    text = (await nobody.get("/")).text
    assert "No repository yet" in text
    assert "/installations" in text


async def test_a_stranger_is_sent_to_sign_in_and_comes_back(house: House) -> None:
    """A page asked for without a session leads to the sign-in with the way back in it."""
    answer = await house.stranger().get("/?q=shop", headers={"Accept": "text/html"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2F%3Fq%3Dshop"


async def test_errors_are_pages_for_browsers(house: House) -> None:
    """What is not there says so, in the frame of the dashboard and in the reader's language."""
    ada = await house.person("ada", "admin")
    answer = await ada.get("/acme/nothing/at/all", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "<h1" in answer.text


async def test_the_global_stop_is_shouted(house: House) -> None:
    """While everything is stopped the first page says so, and by whom."""
    house.database.write_now(words.stop_all, house.clock.now(), "olga")
    olga = await house.person("olga", "admin")
    text = (await olga.get("/")).text
    assert "Everything is stopped, by olga" in text


async def test_no_page_carries_script_or_style_of_its_own(house: House) -> None:
    """The content policy forbids inline code; pages have none."""
    ada = await house.person("ada", "maintain")
    text = (await ada.get("/")).text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", text)


async def test_what_a_page_loads_stays_small(house: House) -> None:
    """A page with everything it loads is under 300 kB, uncompressed."""
    ada = await house.person("ada", "maintain")
    text = (await ada.get("/")).text
    files = set(re.findall(r"/static/([\w./-]+)\?v=", text))
    assert {"app.css", "app.js", "vendor/primer.css", "vendor/htmx.min.js"} <= files
    assert len(text) + sum((STATIC / name).stat().st_size for name in files) < 300_000
