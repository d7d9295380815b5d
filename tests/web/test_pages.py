"""Every page, in process: it is there, says what it should, and lets nobody's text act."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.model.run import SessionStatus, TriggerKind
from bot.store import audit, installations, jobs, ledger, runs, sessions
from bot.store.database import Database, Db
from bot.store.tables import Sessions
from bot.web.pages.markdown import markdown
from tests.web.house import House
from tests.web.seed import TRIAGE, Piece, Seed, shop

STATIC = Path(__file__).resolve().parents[2] / "bot" / "web" / "static"
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=")
PAGES = {
    "/": "Recent failures",
    "/acme/shop": "Root-cause every untriaged issue",
    "/acme/shop/jobs/morning-triage": "A run costs at most",
    "/acme/shop/runs": "nightly-health",
    "/acme/shop/runs/1": "why they were picked or not",
    "/acme/shop/sessions/1": "Transcript",
    "/acme/shop/explain": "Ask about any issue",
    "/acme/shop/explain/143": "History",
    "/acme/shop/stats": "Sessions a day",
    "/acme/shop/audit": "Audit log",
    "/stats": "By repository",
    "/audit": "Audit log",
    "/installations": "Set-up",
    "/tokens": "Machine tokens",
}


@pytest.fixture
def lived(house: House) -> House:
    """A house with some days behind it."""
    shop(house.database, house.clock.now(), days=4)
    return house


async def test_every_page_says_what_it_is_for(lived: House) -> None:
    """Each page answers, in the reader's language, without a line of inline code."""
    ada = await lived.person("ada", "maintain")
    for language in ("en", "tr", "de"):
        for address, said in PAGES.items():
            answer = await ada.get(address, headers={"Accept-Language": language, "Accept": "text/html"})
            assert answer.status_code == 200, address
            assert f'<html lang="{language}"' in answer.text
            assert language != "en" or said in answer.text, address
            assert not INLINE.search(answer.text), address


async def test_no_page_loads_more_than_it_may(lived: House) -> None:
    """Each page, and the form, is under 300 kB with every file it names, uncompressed."""
    ada = await lived.person("ada", "maintain")
    for address in (*PAGES, "/acme/shop/jobs/morning-triage/edit"):
        answer = await ada.get(address, headers={"Accept": "text/html"})
        assert answer.status_code == 200, address
        files = set(re.findall(r"/static/([\w./-]+)\?v=", answer.text))
        assert files, address
        assert len(answer.content) + sum((STATIC / name).stat().st_size for name in files) < 300_000, address


async def test_every_form_carries_the_token_of_the_session(lived: House) -> None:
    """Without script a form is accepted by the field it carries."""
    ada = await lived.person("ada", "maintain")
    token = await lived.csrf(ada)
    text = (await ada.get("/acme/shop")).text
    assert set(re.findall(r'name="csrf" value="([^"]*)"', text)) == {token}
    del ada.headers["X-CSRF-Token"]
    assert (await ada.post("/acme/shop/jobs/morning-triage/pause", data={"csrf": token})).status_code == 303


async def test_text_of_strangers_never_acts(house: House) -> None:
    """Titles, reasons, descriptions and transcripts are shown, not run."""
    evil = '<script>alert(1)</script><img src=x onerror="alert(2)">'
    now = house.clock.now()
    with house.database.session() as db:
        seed = Seed(db, now)
        job = seed.job(seed.repository("acme/shop"), "evil", TRIAGE | {"description": evil})
        piece = Piece(
            7,
            evil,
            SessionStatus.succeeded,
            reason=evil,
            says=f"{evil}\n\n[x](javascript:alert(3)) ![i](http://a/b)",
        )
        seed.round(job, now - timedelta(hours=1), [piece], kind=TriggerKind.manual, by=evil)
    ada = await house.person("ada", "maintain")
    for address in (*PAGES, "/acme/shop/jobs/evil"):
        if "morning" in address or "143" in address:
            continue
        text = (await ada.get(address)).text
        for bad in ("<script>alert", "<img src=x", 'href="javascript', "<img src=http", "<img"):
            assert bad not in text.replace('<img src="/static/', ""), (address, bad)


@pytest.mark.parametrize(
    ("given", "wanted", "never"),
    [
        ("**a** `b`", "<strong>a</strong> <code>b</code>", "**"),
        ("[x](javascript:alert(1))", "javascript", "<a"),
        ("<b onclick=x>y</b>", "&lt;b", "<b"),
        ("| a |\n|---|\n| b |", "<table>", "---"),
        ("[ok](https://a.example)", 'rel="nofollow noopener noreferrer"', "onclick"),
    ],
)
def test_markdown_is_rendered_and_harmless(given: str, wanted: str, never: str) -> None:
    """Marks become tags, tags become text, dangerous addresses lead nowhere."""
    html = str(markdown(given))
    assert wanted in html
    assert never not in html


async def test_an_action_answers_with_what_it_did_and_a_way_back(lived: House) -> None:
    """Pausing leads back to where it was asked, says so once, and offers to undo it."""
    ada = await lived.person("ada", "maintain")
    page = f"{lived.settings.base_url}/acme/shop"
    answer = await ada.post("/acme/shop/jobs/morning-triage/pause", headers={"Referer": page})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/acme/shop#job-")
    first, second = (await ada.get("/acme/shop")).text, (await ada.get("/acme/shop")).text
    assert "morning-triage is paused" in first
    assert 'action="/acme/shop/jobs/morning-triage/resume"' in first
    assert "morning-triage is paused." not in second
    job = lived.database.read_now(jobs.by_name, lived.shop.id, "morning-triage")
    assert job is not None
    assert job.status == "paused"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            "limits.timeout: 2 h is above the operator's ceiling of 1 h",
            "asks for more than the operator allows",
        ),
        ("the command house/gone is not there", "cannot run as it stands"),
    ],
)
async def test_a_job_that_is_skipped_says_why(lived: House, error: str, said: str) -> None:
    """A job that reads well but may not run is not called unreadable."""
    with lived.database.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE jobs SET error = :error WHERE name = 'morning-triage'"), {"error": error}
        )
    text = (await (await lived.person("ada", "write")).get("/acme/shop/jobs/morning-triage")).text
    assert said in text
    assert "can no longer be read" not in text


async def test_a_session_at_work_says_for_how_long(lived: House) -> None:
    """ "Running for 2 min", never "Took 2 minutes ago"."""
    ada = await lived.person("ada", "write")
    newest = lived.database.read_now(runs.runs_of, 1, 1)[0]
    live = next(
        s for s in lived.database.read_now(sessions.of_run, newest.id) if s.started_at and not s.status.final
    )
    text = (await ada.get(f"/acme/shop/sessions/{live.id}")).text
    tile = re.search(r"Running for</dt>\s*<dd[^>]*>\s*([^<]+)", text)
    assert tile
    assert re.match(r"\d+ (ms|s|min|h)", tile[1].strip())
    assert "Took" not in text


async def test_a_deleted_job_can_be_taken_back(lived: House) -> None:
    """Delete asks in the browser, keeps the history and can be undone."""
    ada = await lived.person("ada", "maintain")
    await ada.post("/acme/shop/jobs/weekly-digest/delete")
    assert 'action="/acme/shop/jobs/weekly-digest/restore"' in (await ada.get("/acme/shop")).text
    await ada.post("/acme/shop/jobs/weekly-digest/restore")
    assert lived.database.read_now(jobs.by_name, lived.shop.id, "weekly-digest") is not None


async def test_what_cannot_be_done_says_why(lived: House) -> None:
    """A disabled job does not run; the page says what to do first."""
    ada = await lived.person("ada", "maintain")
    await ada.post("/acme/shop/jobs/nightly-health/disable")
    await ada.post("/acme/shop/jobs/nightly-health/run")
    assert "enable it first" in (await ada.get("/acme/shop/jobs/nightly-health")).text


async def test_several_jobs_at_once(lived: House) -> None:
    """One deed on the picked jobs; those it could not be done to are named."""
    ada = await lived.person("ada", "write")
    form = {"deed": "pause", "job": ["morning-triage", "nightly-health", "nobody"]}
    await ada.post("/acme/shop/bulk", data=form)
    text = (await ada.get("/acme/shop")).text
    assert "Done for 2 jobs." in text
    assert "nobody" in text
    refused = await ada.post("/acme/shop/bulk", data=form | {"deed": "delete"})
    assert refused.status_code == 403


async def test_running_by_hand_leads_to_the_run(lived: House) -> None:
    """Run now, dry or not, answers with the run's page; while it works the card is busy."""
    ada = await lived.person("ada", "write")
    answer = await ada.post("/acme/shop/jobs/nightly-health/run", data={"dry_run": "true"})
    assert "/acme/shop/runs/" in answer.headers["location"]
    assert "dry run" in (await ada.get(answer.headers["location"])).text
    assert "Running…" in (await ada.get("/acme/shop")).text


async def test_failed_items_run_again_and_working_ones_stop(lived: House) -> None:
    """Stop ends what waits at once; again makes a run of its own."""
    ada = await lived.person("ada", "write")
    newest = lived.database.read_now(runs.runs_of, 1, 1)[0]
    [live, *_] = [s for s in lived.database.read_now(sessions.of_run, newest.id) if not s.status.final]
    await ada.post(f"/acme/shop/sessions/{live.id}/cancel")
    after = lived.database.read_now(sessions.get, live.id)
    assert after is not None
    assert after.cancel_requested_at is not None
    await ada.post(f"/acme/shop/runs/{newest.id}/cancel")
    assert "stopping" in (await ada.get(f"/acme/shop/runs/{newest.id}")).text
    again = await ada.post(f"/acme/shop/sessions/{live.id}/rerun")
    assert "/acme/shop/runs/" in again.headers["location"]


async def test_an_item_can_be_ignored_and_taken_up_again(lived: House) -> None:
    """Ignoring parks the item for that job; the explanation says so."""
    ada = await lived.person("ada", "write")
    await ada.post("/acme/shop/jobs/morning-triage/ignore", data={"number": "143"})
    assert "Parked:" in (await ada.get("/acme/shop/explain/143")).text
    await ada.post("/acme/shop/jobs/morning-triage/unignore", data={"number": "143"})
    entry = lived.database.read_now(ledger.entries, 1, [143]).get(143)
    assert entry is None or entry.parked is None


async def test_a_run_is_found_by_its_number_alone(lived: House) -> None:
    """An address with the wrong repository leads to the right one, for who may see it."""
    ada = await lived.person("ada", "maintain")
    answer = await ada.get("/acme/api/runs/1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/acme/shop/runs/1"


async def test_a_faulty_file_of_jobs_is_shown_with_each_of_its_faults(house: House) -> None:
    """Whoever opens the repository reads what is wrong with its file, and where."""
    faults = ["jobs.yml:3:5: filter: unknown qualifier 'lable'; did you mean 'label'?", "<b>second</b>"]
    now = house.clock.now()
    house.database.write_now(installations.configured, house.shop.id, "v1", {"faults": faults}, now)
    ada = await house.person("ada", "maintain")
    text = (await ada.get("/acme/shop")).text
    assert "jobs.yml:3:5: filter: unknown qualifier &#39;lable&#39;" in text
    assert "&lt;b&gt;second" in text
    assert "file invalid" in (await ada.get("/")).text


async def test_nobody_else_can_write_the_notice(house: House) -> None:
    """A cookie another site of the same domain has set shows no words of its own, and no button."""
    ada = await house.person("ada", "maintain")
    name = house.app.state.cookies.notice_name
    forged = json.dumps({"words": "You have won", "tone": "success", "undo": "/stop-all"})
    for text in (forged, base64.urlsafe_b64encode(forged.encode()).decode()):
        ada.cookies.set(name, text)
        page = (await ada.get("/")).text
        assert "You have won" not in page
        assert "/stop-all" not in page


async def test_what_is_left_of_githubs_allowance_is_shown_to_operators(lived: House) -> None:
    """By account and resource, as GitHub said last; it is nobody else's business."""
    lived.context.parts["quotas"] = lambda: {("installation:7", "core"): (5000, 4321)}
    olga, ada = await lived.person("olga", "none"), await lived.person("ada", "maintain")
    assert "4321 of 5000 requests left" in (await olga.get("/installations")).text
    assert "4321" not in (await ada.get("/installations")).text


async def test_a_channel_is_tried_by_a_button(sqlite: Database, tmp_path: Path) -> None:
    """An operator sends a test message from the page of set-up and reads whether it left; nobody else has the button."""
    house = House(
        sqlite, tmp_path, notify={"chat": "json://127.0.0.1:1/chat", "mail": "json://127.0.0.1:1/mail"}
    )
    tried: list[str] = []

    async def tell(channel: str) -> str | None:
        tried.append(channel)
        return "the service said 401" if channel == "mail" else None

    house.app.state.context = replace(house.context, tell=tell)
    olga, ada = await house.person("olga"), await house.person("ada", "maintain")
    assert 'action="/notify-test"' in (await olga.get("/installations")).text
    assert 'action="/notify-test"' not in (await ada.get("/installations")).text
    for channel, said in (
        ("chat", "A test message went to chat"),
        ("mail", "did not leave: the service said 401"),
        ("nobody", "no channel of that name"),
    ):
        await olga.post("/notify-test", data={"channel": channel})
        assert said in (await olga.get("/installations")).text
    assert (await ada.post("/notify-test", data={"channel": "chat"})).status_code == 403
    assert tried == ["chat", "mail"]
    [last, *_] = house.database.read_now(audit.entries)
    assert (last.actor, last.action, last.target) == ("olga", "channel.tried", "mail")


async def test_a_session_at_work_shows_what_it_has_spent_so_far(lived: House) -> None:
    """The calls its transcript tells of are summed up while the session's own row knows nothing yet."""
    ada = await lived.person("ada", "maintain")
    live = lived.database.read_now(_at_work)
    page = (await ada.get(f"/acme/shop/sessions/{live}")).text
    assert "$0.09" in page
    assert "13.5K" in page
    assert "so far" in page


def _at_work(db: Db) -> int:
    wanted = sa.select(sa.func.min(Sessions.id)).where(Sessions.status == "running")
    return int(db.execute(wanted).scalar_one())
