"""Walks the set-up wizard of a real service before an embedded GitHub and takes its pictures: `python -m tests.web.setup_pictures`."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from bot.demo import GitHub
from bot.flow.clock import SystemClock
from tests.web.gallery import SHOTS, serving
from tests.web.pictures import CHROMIUM, shrink

HOST = "rounds.example.org"
ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Take the pictures into docs/screenshots."""
    port, ours = _free(), _free()
    github = GitHub(clock=SystemClock().now, url=f"http://127.0.0.1:{port}")
    with tempfile.TemporaryDirectory() as folder, serving(github.app, port):
        _walk(Path(folder), github.url, ours)


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as place:
        return int(place.getsockname()[1])


def _walk(folder: Path, github: str, port: int) -> None:
    # a service of nobody's settings but these
    given = {
        "PATH": os.defpath, "PYTHONPATH": str(ROOT), "ROUNDSMAN_DATA_DIR": str(folder), "ROUNDSMAN_PORT": str(port),
        "ROUNDSMAN_GITHUB_API_URL": github, "ROUNDSMAN_GITHUB_URL": github, "ROUNDSMAN_SANDBOX": "none",
        "ROUNDSMAN_PUBLIC_URL": f"http://{HOST}",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "serve"], cwd=folder, env=given, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        link = next(
            found[0] for line in process.stderr if (found := re.search(r"http://\S+/setup\?secret=\S+", line))
        )
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM,
                args=["--no-sandbox", f"--host-resolver-rules=MAP {HOST} 127.0.0.1:{port}"],
            )
            page = browser.new_page(viewport={"width": 1000, "height": 640})
            page.goto(link)
            _shot(page, "setup-secret")
            page.get_by_role("button", name="Go on").click()
            page.get_by_label("Name, unique on GitHub").fill("Rounds of the bakery")
            _shot(page, "setup-choose")
            page.get_by_role("button", name="Show what will be registered").click()
            _shot(page, "setup-register")
            page.get_by_role("button", name="Register on GitHub").click()
            page.get_by_role("button").first.click()
            page.wait_for_url(re.compile("/setup/done"))
            _shot(page, "setup-done")
            browser.close()
    finally:
        process.terminate()
        process.wait(30)


def _shot(page: Any, name: str) -> None:
    path = SHOTS / f"{name}.png"
    page.wait_for_load_state()
    page.screenshot(path=path, full_page=True)
    shrink(path)


if __name__ == "__main__":
    main()
