"""Runs and sessions over REST: looked at, ended, run again."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from bot.model.run import RunItem, SessionStatus
from bot.store import runs, sessions, transcripts
from bot.store.tables import Sessions
from tests.web.house import House


@pytest.fixture
async def will(house: House) -> httpx.AsyncClient:
    """Somebody who may run."""
    return await house.person("will", "write")


def at_work(house: House, *numbers: int, **more: Any) -> int:
    """A run with sessions on these items; gives its id."""
    run = house.run(house.job(), f"run {numbers}")
    house.database.write_now(runs.begin, run.id, "worker", house.clock.now())

    def write(db: Any) -> None:
        for number in numbers:
            row = {
                "run_id": run.id, "job_id": run.job_id, "repository_id": run.repository_id, "number": number, "title": f"Item {number}",
                "url": "", "queued_at": house.clock.now(), "prompt": "the prompt",
            }  # fmt: skip
            db.add(Sessions(**row | more))

    house.database.write_now(write)
    return run.id


async def test_a_run_answers_with_counts_cost_and_sessions(house: House, will: httpx.AsyncClient) -> None:
    """The fields of the contract are all there, and so are the items with their reasons."""
    run_id = at_work(house, 3, 4)
    items = [
        RunItem(run_id=run_id, number=n, verdict=v, reason=v, title="T")
        for n, v in ((3, "picked"), (5, "skipped"))
    ]
    house.database.write_now(runs.record_items, items)
    told = (await will.get(f"/api/runs/{run_id}")).json()
    fields = (
        "trigger scheduled_for started_at completed_at duration_ms items_found items_processed items_skipped "
        "items_deferred items_failed error session_ids cost status"
    )
    assert set(fields.split()) <= set(told)
    assert told["session_ids"] == [1, 2]
    listed = (await will.get(f"/api/runs/{run_id}/items", params={"verdict": "skipped"})).json()
    assert listed == [{"number": 5, "title": "T", "verdict": "skipped", "reason": "skipped"}]
    assert [one["number"] for one in (await will.get(f"/api/runs/{run_id}/sessions")).json()] == [3, 4]
    assert (await will.get("/api/sessions/1")).json()["prompt"] == "the prompt"
    assert [run["id"] for run in (await will.get("/api/runs", params={"limit": 1})).json()] == [run_id]


async def test_a_run_is_cancelled_once(house: House, will: httpx.AsyncClient) -> None:
    """What waits ends at once; cancelling again, or what has ended, is a conflict."""
    run_id = at_work(house, 3)
    assert (await will.post(f"/api/runs/{run_id}/cancel")).status_code == 202
    assert (await will.get("/api/sessions/1")).json()["status"] == "cancelled"
    waiting = house.run(house.job("other"))
    assert (await will.post(f"/api/runs/{waiting.id}/cancel")).json()["status"] == "cancelled"
    again = await will.post(f"/api/runs/{waiting.id}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "ended")


async def test_a_session_at_work_is_asked_to_end(house: House, will: httpx.AsyncClient) -> None:
    """Its worker sees the wish; one that has ended cannot be cancelled."""
    at_work(house, 3, status="running")
    assert (await will.post("/api/sessions/1/cancel")).status_code == 202
    assert house.database.read_now(sessions.wishes, [1]) == {1: True}
    house.database.write_now(sessions.finish, 1, 1, SessionStatus.cancelled, house.clock.now())
    assert (await will.post("/api/sessions/1/cancel")).status_code == 409


async def test_an_item_or_all_that_failed_run_again(house: House, will: httpx.AsyncClient) -> None:
    """Each in a run of its own, by hand, on that item alone."""
    run_id = at_work(house, 3, 4, 5, status="running")
    for session, status in (
        (1, SessionStatus.failed),
        (2, SessionStatus.succeeded),
        (3, SessionStatus.timeout),
    ):
        house.database.write_now(sessions.finish, session, 1, status, house.clock.now())
    again = await will.post("/api/sessions/1/rerun")
    assert (again.status_code, again.json()["number"], again.json()["trigger"]) == (201, 3, "manual")
    failed = await will.post(f"/api/runs/{run_id}/rerun", json={"only": "failed"})
    assert [run["number"] for run in failed.json()] == [3, 5]
    whole = await will.post(f"/api/runs/{run_id}/rerun")
    assert [run["number"] for run in whole.json()] == [None]


async def test_a_transcript_is_read_in_stretches(house: House, will: httpx.AsyncClient) -> None:
    """Each answer says from where to go on, and whether more may come."""
    at_work(house, 3, status="running")
    events = [{"kind": "text", "text": str(n)} for n in range(5)]
    house.database.write_now(transcripts.say, 1, 1, 1, events, house.clock.now())
    first = (await will.get("/api/sessions/1/transcript", params={"limit": 3})).json()
    assert ([line["event"]["text"] for line in first["lines"]], first["next"], first["live"]) == (
        ["0", "1", "2"],
        3,
        True,
    )
    house.database.write_now(sessions.finish, 1, 1, SessionStatus.succeeded, house.clock.now())
    rest = (await will.get("/api/sessions/1/transcript", params={"after": 3})).json()
    assert (len(rest["lines"]), rest["live"]) == (2, False)


async def test_undoing_needs_a_way_to_github(house: House, will: httpx.AsyncClient) -> None:
    """With one, what could not be taken back is told; a run at work is cancelled first."""
    from dataclasses import replace

    run = house.run(house.job())
    assert (await will.post(f"/api/runs/{run.id}/undo")).status_code == 503

    async def undo(run_id: int, by: str) -> list[str]:
        return [f"comment of run {run_id}: gone ({by})"]

    house.app.state.context = replace(house.context, undo=undo)
    assert (await will.post(f"/api/runs/{run.id}/undo")).status_code == 409
    await will.post(f"/api/runs/{run.id}/cancel")
    assert (await will.post(f"/api/runs/{run.id}/undo")).json() == {"left": ["comment of run 1: gone (will)"]}


@pytest.mark.parametrize(
    "address", ["/api/runs/0", "/api/runs/99999999999999999999", "/api/runs/x", "/api/sessions/-1"]
)
async def test_an_odd_number_is_refused_not_broken(will: httpx.AsyncClient, address: str) -> None:
    """Neither database ever sees a number it cannot hold."""
    assert (await will.get(address)).status_code == 422


async def test_the_numbers_tell_how_sessions_ended_and_what_they_cost(
    house: House, will: httpx.AsyncClient
) -> None:
    """Of all repositories one may see, of one, of one job; what one may not see is neither told nor counted."""
    at_work(house, 3, 4, status="running")
    for session, status in ((1, SessionStatus.failed), (2, SessionStatus.succeeded)):
        house.database.write_now(sessions.finish, session, 1, status, house.clock.now(), cost=0.5)
    told = (await will.get("/api/stats")).json()
    assert (told["total"]["sessions"], told["total"]["failed"], told["total"]["success_rate"]) == (2, 1, 0.5)
    assert [one["label"] for one in told["by_job"]] == ["acme/shop/triage"]
    one = {"repository": "Acme/Shop", "job": "triage"}
    assert (await will.get("/api/stats", params=one)).json()["total"]["sessions"] == 2
    assert (await will.get("/api/stats", params=one | {"job": "nope"})).status_code == 404
    assert (await will.get("/api/stats", params={"job": "triage"})).status_code == 422
    assert (await will.get("/api/stats", params={"repository": "acme/nope"})).status_code == 404
    eve = await house.person("eve")
    assert (await eve.get("/api/stats")).json()["total"]["sessions"] == 0
    assert (await eve.get("/api/stats", params={"repository": "acme/shop"})).status_code == 404


async def test_the_audit_log_is_read_in_part_by_people_and_whole_by_operators(
    house: House, will: httpx.AsyncClient
) -> None:
    """Who did what in one's repositories; what concerns the service is for its operators."""
    house.job()
    await will.post("/api/repos/acme/shop/schedules/triage/pause")
    olga, eve = await house.person("olga"), await house.person("eve")
    await olga.post("/api/stop")
    assert [entry["action"] for entry in (await will.get("/api/audit")).json()] == ["job.paused"]
    assert [entry["action"] for entry in (await olga.get("/api/audit")).json()] == [
        "service.stopped",
        "job.paused",
    ]
    assert (await eve.get("/api/audit")).json() == []
    assert (await olga.get("/api/audit", params={"before": 2})).json()[0]["actor"] == "will"
