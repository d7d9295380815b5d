"""Over real HTTP and a real folder: dropped connections, deliveries, pages, kill -9, real exports."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from bot.demo import GitHub, Installation
from bot.demo.export import ExportFault
from tests.contract.github.conftest import HandClock

ROOT = Path(__file__).parents[3]
EXPORT = ROOT.parent / "shared" / "data" / "issues.jsonl"


async def test_dropped_connection_over_a_socket(github: GitHub, installation: Installation) -> None:
    """A dropped answer is a protocol error at the client, before the work or after it."""
    issue = github.repository("acme/shop").issue("a")
    async with github.serving(deliver=False) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        http.headers["authorization"] = f"token {github.installation_token(installation)}"
        for when, written in (("before", 0), ("after", 1)):
            github.faults.add("POST", drop=when)
            with pytest.raises(httpx.RemoteProtocolError):
                await http.post("/api/v3/repos/acme/shop/issues/1/comments", json={"body": "x"})
            assert len(issue.comments) == written


async def test_delivery_faults_and_redelivery(
    github: GitHub, installation: Installation, clock: HandClock
) -> None:
    """A webhook can be lost, late or doubled; a lost one is listed as failed and comes again under its guid."""
    got: list[str] = []

    def receive(request: httpx.Request) -> httpx.Response:
        got.append(request.headers["x-github-delivery"])
        return httpx.Response(202)

    shop = github.repository("acme/shop")
    async with httpx.AsyncClient(transport=httpx.MockTransport(receive)) as hook:
        await github.deliver(hook)
        got.clear()
        github.faults.add_delivery("issues", copies=2)
        shop.issue("doubled")
        await github.deliver(hook)
        assert len(got) == 2 and len(set(got)) == 1  # noqa: PT018
        github.faults.add_delivery("issues", late=60)
        shop.issue("late")
        assert await github.deliver(hook) == 0
        clock.forward(seconds=60)
        assert await github.deliver(hook) == 1
        github.faults.add_delivery("issues", lost=True)
        shop.issue("lost")
        assert await github.deliver(hook) == 0
        lost = github.deliveries[-1]
        app = github.tables.apps.rows[installation.app_id]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(github.app), base_url=github.url) as http:
            http.headers["authorization"] = f"Bearer {github.app_jwt(app)}"
            failed = (await http.get("/app/hook/deliveries?status=failure")).json()
            assert [x["guid"] for x in failed] == [lost.guid]
            await http.post(f"/app/hook/deliveries/{lost.id}/attempts")
        await github.deliver(hook)
        assert got[-1] == lost.guid


async def test_pages_read_well(github: GitHub, anyone: httpx.AsyncClient, installation: Installation) -> None:
    """Hidden comments stay hidden, scripts die, details work, an unknown page is 404."""
    issue = github.repository("acme/shop").issue(
        "<b>Crash</b>", body="Hi <script>alert(1)</script> [x](javascript:alert(1))"
    )
    issue.comment(
        "ann",
        "<!-- marker:secret -->\n**bold** see #1, not `#1`\n\n<details><summary>More</summary>\n\n- [x] done\n\n</details>",
    )
    page = (await anyone.get("/acme/shop/issues/1")).text
    assert '<strong>bold</strong> see <a href="/acme/shop/issues/1">#1</a>, not <code>#1</code>' in page
    assert "<details><summary>More</summary>" in page
    assert "&lt;b&gt;Crash" in page
    assert not any(x in page for x in ("marker:secret", "<script", 'href="javascript:'))
    for path, status in (
        ("/acme/shop", 200),
        ("/acme/shop/issues", 200),
        ("/acme/none", 404),
        ("/acme/shop/issues/9", 404),
    ):
        assert (await anyone.get(path)).status_code == status


async def test_a_pull_page_shows_the_diff(
    github: GitHub, anyone: httpx.AsyncClient, installation: Installation
) -> None:
    """Files, reviews and the text forms of a pull request."""
    pull = github.repository("acme/shop").pull("Fix", "fix", {"a.py": "x < 1\n"})
    pull.review("ann", "APPROVED", "Ship it", comments=[("a.py", 1, "Sure?")])
    page = (await anyone.get("/acme/shop/pull/1")).text
    assert all(x in page for x in ("+x &lt; 1", "Ship it", "Sure?", "approved"))
    assert "+x < 1" in (await anyone.get("/acme/shop/pull/1.diff")).text


SERVER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from bot.demo import GitHub

async def main():
    github = GitHub(clock=lambda: datetime(2026, 1, 5, 9, tzinfo=UTC), data_dir=Path(sys.argv[1]))
    if github.repo("acme/shop") is None:
        github.add_repo("acme/shop").issue("a")
        print(github.personal_token("ann"), flush=True)
    else:
        print("-", flush=True)
    async with github.serving(deliver=False) as url:
        print(url, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def test_kill_9_keeps_every_answered_write(tmp_path: Path) -> None:
    """After kill -9 in the middle of writing, every comment that was answered is there, none twice."""
    token, answered = "", 0
    for _ in range(2):
        child = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        token, url = child.stdout.readline().strip().strip("-") or token, child.stdout.readline().strip()
        with httpx.Client(base_url=url, trust_env=False, headers={"authorization": f"token {token}"}) as http:
            for _ in range(20):
                said = http.post("/repos/acme/shop/issues/1/comments", json={"body": str(answered)})
                answered += said.status_code == 201
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    again = GitHub(clock=HandClock(), data_dir=tmp_path)
    bodies = [x.body for x in again.repository("acme/shop").get(1).comments]
    again.close()
    assert answered == 40
    assert bodies == [str(n) for n in range(answered)]


@pytest.mark.skipif(not EXPORT.exists(), reason="the real export is not beside the checkout")
async def test_a_real_export_loads(tmp_path: Path, clock: HandClock) -> None:
    """1,825 real items with pull requests and comments in ten seconds, listed and searchable, again after reopening."""
    began = time.perf_counter()
    github = GitHub(clock=clock, data_dir=tmp_path)
    repo = github.load_export(EXPORT)
    took = time.perf_counter() - began
    github.close()
    again = GitHub(clock=clock, data_dir=tmp_path)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(again.app), base_url=again.url) as http:
        listed = await http.get(f"/repos/{repo.full_name}/issues?state=all&per_page=100")
        found = await http.get("/search/issues", params={"q": f"repo:{repo.full_name} is:pr is:merged"})
    rows = [json.loads(x) for x in EXPORT.read_text(encoding="utf-8").split("\n") if x]
    assert took < 10
    assert len(repo.issues) == 1825 == len(rows)
    assert listed.json()[0]["number"] == max(
        x["number"] for x in rows if x["created_at"] == max(y["created_at"] for y in rows)
    )
    assert found.json()["total_count"] == sum(
        bool((x.get("pull_request") or {}).get("merged_at")) for x in rows
    )
    again.close()


def test_a_broken_export_says_where(github: GitHub, tmp_path: Path) -> None:
    """File, line and fault; nothing half-loaded speaks of a traceback."""
    path = tmp_path / "issues.jsonl"
    path.write_text('{"number": 1}\n{oops\n')
    with pytest.raises(ExportFault, match=r"issues.jsonl: line 2 is no JSON"):
        github.load_export(path)
    path.write_text('{"number": 1}\n')
    with pytest.raises(ExportFault, match="no REST issue"):
        github.load_export(path)
    with pytest.raises(ExportFault, match="cannot be read"):
        github.load_export(tmp_path / "none.jsonl")
