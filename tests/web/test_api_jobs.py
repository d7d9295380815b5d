"""Jobs over REST: made, shown, changed, run, and refused with words that help."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from bot.store import jobs, runs, words
from bot.store.configuration import FileJob, apply_configuration
from tests.web.house import SPEC, House

JOBS = "/api/repos/acme/shop/schedules"


@pytest.fixture
async def ada(house: House) -> httpx.AsyncClient:
    """A maintainer, in a house with a ceiling."""
    house.settings.ceilings["budget"] = {"run": 6}
    return await house.person("ada", "maintain")


async def test_a_job_is_made_and_answers_with_everything_people_ask(
    ada: httpx.AsyncClient, house: House
) -> None:
    """201, where it lives, its spec with defaults, its next fire and no runs yet."""
    made = await ada.post(JOBS, json={"name": "morning triage"} | SPEC)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"{JOBS}/morning%20triage"
    job = (await ada.get(made.headers["location"])).json()
    assert job == made.json()
    assert (job["name"], job["repository"], job["status"], job["source"]) == (
        "morning triage",
        "acme/shop",
        "active",
        "api",
    )
    assert job["next_run_at"] == "2026-11-23T09:00:00Z"
    assert (job["run_count"], job["error_count"], job["last_runs"]) == (0, 0, [])
    assert (job["last_run_at"], job["last_run_status"]) == (None, None)
    assert job["created_at"] == job["updated_at"] == "2026-11-23T08:00:00Z"
    assert (job["spec"]["max_items"], job["spec"]["limits"]["timeout"]) == (10, "5m")
    assert job["spec"]["on"] == [{"schedule": "0 9 * * 1-5"}]


async def test_what_is_answered_can_be_sent_back(ada: httpx.AsyncClient, house: House) -> None:
    """The answered spec makes the same job again, even one whose timeout is shorter than the usual silence."""
    first = (await ada.post(JOBS, json={"name": "a", "limits": {"timeout": "1m"}} | SPEC)).json()
    second = await ada.post(JOBS, json={"name": "b", "spec": first["spec"]})
    assert second.status_code == 201, second.text
    assert second.json()["spec"] == first["spec"]
    again = await ada.patch(f"{JOBS}/a", json=first["spec"])
    assert again.status_code == 200, again.text


async def test_a_second_job_of_a_name_is_a_conflict(ada: httpx.AsyncClient) -> None:
    """409, also when two come at the very same moment."""
    body = {"name": "triage"} | SPEC
    answers = await asyncio.gather(*(ada.post(JOBS, json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "name-taken"
    assert "choose another name" in refused.json()["detail"]


async def test_a_key_makes_one_job_however_often_it_is_sent(ada: httpx.AsyncClient, house: House) -> None:
    """The repeated creation gets the first answer; the key on another body is refused; a failure keeps no key."""
    key = {"Idempotency-Key": "k1"}
    body = {"name": "triage"} | SPEC
    one, two, three = await asyncio.gather(*(ada.post(JOBS, json=body, headers=key) for _ in range(3)))
    assert one.status_code == two.status_code == three.status_code == 201
    assert one.json() == two.json() == three.json()
    assert [a.headers.get("idempotency-replayed") for a in (one, two, three)].count("true") == 2
    other = await ada.post(JOBS, json=body | {"max_items": 2}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "key-reused")
    fresh = {"Idempotency-Key": "k2"}
    assert (await ada.post(JOBS, json=body, headers=fresh)).status_code == 409
    house.clock.move(hours=25)
    assert (await ada.post(JOBS, json=body, headers=key)).status_code == 401  # the session is over by then
    bob = await house.person("bob", "maintain")
    run = await bob.post(f"{JOBS}/triage/run", headers=key)
    again = await bob.post(f"{JOBS}/triage/run", headers=key)
    assert run.json()["id"] == again.json()["id"]


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        ({"max_items": 51}, "/max_items", "51"),
        ({"on": {"schedule": "0 0 31 2 *"}}, "/on/schedule", "never"),
        ({"target": "codebase"}, "/filter", "no items to filter"),
        ({"limits": {"timeout": "10s"}}, "/limits/timeout", "out of bounds"),
        ({"promt": "x"}, "/promt", "unknown key"),
        ({"filter": "is:open lable:bug"}, "/filter", "lable"),
        ({"prompt": None, "command": "issue/root-cuase"}, "/command", "unknown command"),
        ({"prompt": "{{ item.nmber }}"}, "/prompt", "nmber"),
        ({"limits": {"budget": {"run": 9}}}, "/limits/budget/run", "9"),
        ({"notify": [{"to": "slack"}]}, "/notify/0/to", "unknown channel"),
        ({"prompt": None}, "/prompt", ""),
        ({"name": "-"}, "/name", "not a name for a job"),
        ({"timezone": "Mars/Olympus"}, "/timezone", "unknown time zone"),
    ],
)
async def test_a_faulty_job_is_refused_with_every_fault_and_its_place(
    ada: httpx.AsyncClient, change: dict[str, Any], pointer: str, words: str
) -> None:
    """422 with a pointer, words, and a hint where there is one."""
    answer = await ada.post(JOBS, json={"name": "triage"} | SPEC | change)
    assert answer.status_code == 422, answer.text
    told = {fault["pointer"]: fault["message"] for fault in answer.json()["errors"]}
    found = next((message for place, message in told.items() if place.startswith(pointer)), None)
    assert found is not None, told
    assert words in found


async def test_editing_lays_a_patch_over_the_job(ada: httpx.AsyncClient, house: House) -> None:
    """Keys are changed, taken away by null, and the next fire follows; what was not named stays."""
    house.job(variables={"team": "core"})
    job = f"{JOBS}/triage"
    house.clock.move(minutes=5)
    edited = await ada.patch(
        job, json={"on": {"schedule": "30 8 * * *"}, "variables": None, "limits": {"retries": 0}}
    )
    assert edited.status_code == 200, edited.text
    told = edited.json()
    assert told["next_run_at"] == "2026-11-23T08:30:00Z"
    assert told["updated_at"] == "2026-11-23T08:05:00Z"
    assert (told["spec"]["variables"], told["spec"]["limits"]["retries"]) == ({}, 0)
    assert told["spec"]["filter"] == SPEC["filter"]
    renamed = await ada.patch(job, json={"name": "dawn", "status": "paused"})
    assert (renamed.json()["name"], renamed.json()["status"], renamed.json()["next_run_at"]) == (
        "dawn",
        "paused",
        None,
    )
    assert renamed.json()["spec"]["status"] == "paused"
    assert (await ada.get(job)).status_code == 404
    house.job("other")
    assert (await ada.patch(f"{JOBS}/dawn", json={"name": "other"})).status_code == 409
    assert (await ada.patch(f"{JOBS}/dawn", json={"max_items": 0})).status_code == 422
    assert (await ada.patch(f"{JOBS}/nothing", json={"max_items": 1})).status_code == 404


async def test_a_job_that_paused_itself_is_woken_by_its_status(ada: httpx.AsyncClient, house: House) -> None:
    """`status: active` in a patch resumes, whatever the stored text says."""
    job = house.job()
    house.database.write_now(jobs.pause, job.id, house.clock.now(), "failed too often")
    woken = await ada.patch(f"{JOBS}/triage", json={"status": "active"})
    assert (woken.json()["status"], woken.json()["pause_reason"]) == ("active", None)
    assert woken.json()["next_run_at"] == "2026-11-23T09:00:00Z"


async def test_pause_resume_disable_and_run(ada: httpx.AsyncClient, house: House) -> None:
    """A paused job can be run by hand, a disabled one cannot: 409, enable it first."""
    house.job()
    job = f"{JOBS}/triage"
    paused = (await ada.post(f"{job}/pause", json={"reason": "moving"})).json()
    assert (paused["status"], paused["pause_reason"], paused["next_run_at"]) == ("paused", "moving", None)
    by_hand = await ada.post(f"{job}/run")
    assert by_hand.status_code == 201
    assert by_hand.headers["location"] == f"/api/runs/{by_hand.json()['id']}"
    assert (by_hand.json()["trigger"], by_hand.json()["by"], by_hand.json()["status"]) == (
        "manual",
        "ada",
        "pending",
    )
    assert (await ada.post(f"{job}/resume")).json()["next_run_at"] == "2026-11-23T09:00:00Z"
    assert (await ada.post(f"{job}/disable")).json()["status"] == "disabled"
    for deed in ("run", "pause", "resume"):
        refused = await ada.post(f"{job}/{deed}")
        assert (refused.status_code, refused.json()["code"]) == (409, "disabled")
        assert "enable it first" in refused.json()["detail"]
    assert (await ada.post(f"{job}/enable")).json()["status"] == "active"


async def test_a_run_by_hand_leaves_the_next_fire_where_it_is(ada: httpx.AsyncClient, house: House) -> None:
    """A dry run of one item is recorded as such; a job without items has none to name."""
    house.job()
    house.job("tests", target="codebase", filter=None)
    job = f"{JOBS}/triage"
    run = (await ada.post(f"{job}/run", json={"dry_run": True, "number": 12})).json()
    assert (run["dry_run"], run["number"], run["job"], run["repository"]) == (True, 12, "triage", "acme/shop")
    told = (await ada.get(job)).json()
    assert told["next_run_at"] == "2026-11-23T09:00:00Z"
    assert [one["id"] for one in told["last_runs"]] == [run["id"]]
    assert (await ada.post(f"{JOBS}/tests/run", json={"number": 1})).status_code == 422


async def test_a_list_shows_five_runs_a_job_and_its_own_page_twenty(
    ada: httpx.AsyncClient, house: House
) -> None:
    """Newest first; the rest is on the pages of its runs."""
    job = house.job()
    for number in range(23):
        house.run(job, str(number))
    [listed] = (await ada.get(JOBS)).json()
    assert [run["id"] for run in listed["last_runs"]] == [23, 22, 21, 20, 19]
    assert len((await ada.get(f"{JOBS}/triage")).json()["last_runs"]) == 20
    page = await ada.get(f"{JOBS}/triage/runs", params={"limit": 10, "page": 3})
    assert [run["id"] for run in page.json()] == [3, 2, 1]
    assert page.headers["x-total-count"] == "23"
    assert 'page=2&limit=10>; rel="prev"' in page.headers["link"]
    assert 'rel="next"' not in page.headers["link"]
    assert (await ada.get(f"{JOBS}/triage/runs", params={"limit": 101})).status_code == 422


async def test_a_deleted_job_is_gone_with_its_history_kept_and_comes_back(
    ada: httpx.AsyncClient, house: House
) -> None:
    """Its runs can still be seen; restoring brings it back as it was."""
    run = house.run(house.job())
    assert (await ada.delete(f"{JOBS}/triage")).status_code == 204
    assert (await ada.get(f"{JOBS}/triage")).status_code == 404
    assert (await ada.get(f"/api/runs/{run.id}")).json()["status"] == "cancelled"
    back = await ada.post(f"{JOBS}/triage/restore")
    assert (back.status_code, back.json()["next_run_at"]) == (200, "2026-11-23T09:00:00Z")
    assert (await ada.post(f"{JOBS}/triage/restore")).status_code == 404


async def test_a_job_of_a_file_is_changed_in_the_file(ada: httpx.AsyncClient, house: House) -> None:
    """It can be run and paused here; editing and deleting point to the line."""
    from bot.model.job import JobSpec

    file = [FileJob("triage", JobSpec.model_validate(SPEC), ".github/roundsman.yml", 12)]
    house.database.write_now(apply_configuration, house.shop.id, file, house.clock.now())
    job = f"{JOBS}/triage"
    for refused in (
        await ada.patch(job, json={"max_items": 1}),
        await ada.delete(job),
        await ada.post(f"{job}/disable"),
    ):
        assert refused.status_code == 409
        assert ".github/roundsman.yml:12" in refused.json()["detail"]
    assert (await ada.post(f"{job}/pause")).status_code == 200
    assert (await ada.post(f"{job}/run")).status_code == 201
    assert (await ada.post(f"{job}/duplicate", json={"name": "mine"})).json()["source"] == "api"


async def test_the_next_fires_are_shown_in_the_jobs_own_zone(ada: httpx.AsyncClient, house: House) -> None:
    """Five by default, with the schedule and the filter in words and what a run may cost at most."""
    house.job(timezone="Europe/Zurich", max_items=3)
    told = (await ada.get(f"{JOBS}/triage/preview")).json()
    assert told["next_fires"][:2] == ["2026-11-24T09:00:00+01:00", "2026-11-25T09:00:00+01:00"]
    assert len(told["next_fires"]) == 5
    assert told["filter_in_words"]
    assert told["may_cost_a_run"] == 3.0
    assert len((await ada.get(f"{JOBS}/triage/preview", params={"n": 2})).json()["next_fires"]) == 2


async def test_a_backfill_runs_the_fires_of_a_stretch_once(ada: httpx.AsyncClient, house: House) -> None:
    """Doing it twice adds nothing; a stretch of the future, or too long a one, is refused."""
    house.job()
    stretch = {"since": "2026-11-16T00:00:00Z", "until": "2026-11-18T12:00:00Z"}
    made = await ada.post(f"{JOBS}/triage/backfill", json=stretch)
    assert made.status_code == 201
    assert [run["scheduled_for"] for run in made.json()] == [
        "2026-11-16T09:00:00Z",
        "2026-11-17T09:00:00Z",
        "2026-11-18T09:00:00Z",
    ]
    assert {run["trigger"] for run in made.json()} == {"backfill"}
    assert (await ada.post(f"{JOBS}/triage/backfill", json=stretch)).json() == []
    for wrong in (
        {"until": "2027-01-01T00:00:00Z"},
        {"since": "2025-11-24T00:00:00Z"},
        {"since": "0001-01-01T00:00:00Z"},
        {"since": "2026-11-16T00:00:00"},
    ):
        assert (await ada.post(f"{JOBS}/triage/backfill", json=stretch | wrong)).status_code == 422


async def test_the_global_stop_halts_and_refuses_until_it_is_lifted(house: House) -> None:
    """Live runs are cancelled, no run begins, and everybody can read who stopped."""
    run = house.run(house.job())
    olga, ada = await house.person("olga"), await house.person("ada", "write")
    assert (await olga.post("/api/stop")).json() == {"stopped": True, "by": "olga"}
    ended = house.database.read_now(runs.get, run.id)
    assert ended is not None
    assert ended.status.value == "cancelled"
    refused = await ada.post(f"{JOBS}/triage/run")
    assert (refused.status_code, refused.json()["code"]) == (409, "stopped")
    assert (await ada.get("/api/stop")).json()["by"] == "olga"
    assert (await olga.delete("/api/stop")).json()["stopped"] is False
    assert house.database.read_now(words.stopped) is None
    assert (await ada.post(f"{JOBS}/triage/run")).status_code == 201


async def test_many_jobs_at_once_each_by_itself(ada: httpx.AsyncClient, house: House) -> None:
    """One that cannot be done keeps none of the others back."""
    for name in ("a", "b", "c"):
        house.job(name)
    await ada.post(f"{JOBS}/b/disable")
    wanted = [{"repository": "acme/shop", "name": name} for name in ("a", "b", "c", "nope")]
    told = (await ada.post("/api/jobs/bulk", json={"action": "run", "jobs": wanted})).json()
    assert [one["status"] for one in told] == [200, 409, 200, 404]
    assert told[0]["run_id"] is not None
    told = (await ada.post("/api/jobs/bulk", json={"action": "delete", "jobs": wanted[:3]})).json()
    assert all(one["ok"] for one in told)
    assert (await ada.get("/api/jobs")).json() == []


async def test_jobs_of_all_repositories_are_listed_and_searched(house: House) -> None:
    """Only those one may see are there, or counted."""
    other = house.repository("acme/api")
    house.repository("evil/secret")
    house.job("sweep", repository=other)
    house.job("triage")
    house.people.roles_of["ada"] = {"acme/api": "triage", "acme/shop": "triage"}
    ada = await house.person("ada", "triage")
    listed = await ada.get("/api/jobs")
    assert [job["name"] for job in listed.json()] == ["sweep", "triage"]
    assert [job["name"] for job in (await ada.get("/api/jobs", params={"search": "TRI"})).json()] == [
        "triage"
    ]
    assert (await ada.get("/api/jobs", params={"status": "paused"})).json() == []
    assert (await ada.get("/api/jobs", params={"search": "a\x00b"})).status_code == 422
    bob = await house.person("bob", "none")
    assert (await bob.get("/api/jobs")).headers["x-total-count"] == "0"


async def test_too_many_requests_are_told_when_to_come_back(house: House) -> None:
    """Each token has its own bucket, and it refills."""
    house.app.state.rates.a_minute = 6
    ci = house.machine("see")
    answers = [await ci.get("/api/jobs") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 6 + [429]
    assert answers[0].headers["x-ratelimit-remaining"] == "5"
    assert (answers[6].headers["retry-after"], answers[6].json()["code"]) == ("10", "rate")
    assert (await house.stranger().get("/api/jobs")).status_code == 401
    house.clock.move(seconds=10)
    assert (await ci.get("/api/jobs")).status_code == 200


async def test_a_filter_is_checked_described_and_completed(ada: httpx.AsyncClient) -> None:
    """Faults come with their place and the nearest name."""
    told = (await ada.post("/api/filter/check", json={"query": "is:open lable:bug"})).json()
    assert told["ok"] is False
    assert (told["diagnostics"][0]["start"], told["diagnostics"][0]["fix"]) == (8, "label")
    assert (await ada.post("/api/filter/check", json={"query": "is:open"})).json() == {
        "ok": True,
        "diagnostics": [],
    }
    assert "bug" in (await ada.post("/api/filter/describe", json={"query": "label:bug"})).json()["words"]
    assert (await ada.post("/api/filter/describe", json={"query": "(("})).status_code == 422
    offered = (await ada.post("/api/filter/complete", json={"query": "la", "cursor": 2})).json()
    assert any(one["text"].startswith("label:") for one in offered)
