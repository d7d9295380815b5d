"""Pictures of every page: both themes, wide and as a phone shows it; small PNGs of few colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
PAGES = {
    "overview": "/",
    "repository": "/acme/shop",
    "job": "/acme/shop/jobs/morning-triage",
    "new": "/acme/shop/new-job",
    "form": "/acme/shop/new-job?template=daily-triage",
    "run": "/acme/shop/runs/{run}",
    "session": "/acme/shop/sessions/{session}",
    "live-session": "/acme/shop/sessions/{live}",
    "explain": "/acme/shop/explain/141",
    "statistics": "/stats",
    "installations": "/installations",
    "audit": "/audit",
    "tokens": "/tokens",
    "error": "/acme/nothing",
}
SHAPES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {
        "color_scheme": "light",
        "viewport": {"width": 390, "height": 844},
        "is_mobile": True,
        "has_touch": True,
    },
}


def take(base: str, token: str, folder: Path, pages: set[str] | None = None, **ids: int) -> None:
    """Take them all; `ids` fill the addresses."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for shape, given in SHAPES.items():
            context = browser.new_context(timezone_id="Europe/Zurich", locale="en-GB", **given)
            page = context.new_page()
            page.goto(f"{base}/start/{token}")
            for name, address in PAGES.items():
                if pages and name not in pages:
                    continue
                page.goto(base + address.format_map({"run": 66, "session": 100, "live": 107} | ids))
                page.wait_for_timeout(700)
                path = folder / f"{name}-{shape}.png"
                page.screenshot(path=path, full_page=shape != "phone")
                shrink(path)
            context.close()
        browser.close()


def shrink(path: Path) -> None:
    """Few colours: a third of the bytes, the same to the eye."""
    try:
        from PIL import Image
    except ImportError:
        return
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(
            160, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        ).save(path, optimize=True)
