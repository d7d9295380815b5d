"""Keyboard and screen reader: axe finds no serious fault on any page, in either theme. Needs axe-core (`make tools`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from bot.store.database import Database
from tests.web.browsing import free_port, served
from tests.web.house import House
from tests.web.seed import shop

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.asyncio(loop_scope="session"),
]
AXE = next(
    iter(sorted(Path(__file__).resolve().parents[2].glob(".tools/**/axe-core/axe.min.js"))), Path("/nowhere")
)
PAGES = (
    "/", "/acme/shop", "/acme/shop/jobs/morning-triage", "/acme/shop/new-job", "/acme/shop/new-job?template=daily-triage", "/acme/shop/runs/1",
    "/acme/shop/sessions/1", "/acme/shop/explain/143", "/stats", "/installations", "/audit", "/tokens", "/acme/nothing",
)  # fmt: skip

RUN = {
    "light": "axe.run({resultTypes: ['violations']})",
    "dark": "axe.run({resultTypes: ['violations'], runOnly: ['color-contrast']})",
}
"""Structure is the same in both themes; only colours have to be looked at twice."""


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core under .tools; `make tools` installs it")
async def test_axe_finds_no_serious_fault(sqlite: Database, tmp_path: Path, browser: Browser) -> None:
    """Names, roles, contrast and structure hold on each page, light and dark."""
    port = free_port()
    house = House(sqlite, tmp_path, public_url=f"http://127.0.0.1:{port}", operators=["ada"])
    shop(house.database, house.clock.now(), days=4)
    person = await house.person("ada", "admin")
    name = house.app.state.cookies.session_name
    found: list[str] = []
    async with served(house.app, port) as base:
        for scheme in ("light", "dark"):
            context = await browser.new_context(color_scheme=scheme, bypass_csp=True)  # type: ignore[arg-type]
            await context.add_cookies([{"name": name, "value": person.cookies[name], "url": base}])
            page = await context.new_page()
            for path in PAGES:
                await page.goto(base + path)
                await page.add_script_tag(path=str(AXE))
                told: dict[str, Any] = await page.evaluate(RUN[scheme])
                found += [
                    f"{scheme} {path} {one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
                    for one in told["violations"]
                    if one["impact"] in ("serious", "critical")
                    for node in one["nodes"][:3]
                ]
            await context.close()
    assert not found, "\n".join(found)
