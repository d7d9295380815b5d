"""Looking before leaping over REST: what a job would match, why an item is left out, jobs in and out as a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import filters
from bot.flow.config import Source, read_configuration
from bot.flow.written import as_yaml
from bot.model.item import Item, RepositoryRef
from bot.model.run import RunItem
from bot.ports import Found, Refusal
from bot.store import ledger, runs
from tests.web.house import SPEC, House

JOBS = "/api/repos/acme/shop/schedules"


class Issues:
    """A tracker over issues in memory."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.items = [Item.of({"state": "open", "title": f"Issue {row['number']}", **row}) for row in rows]
        self.refusal: Refusal | None = None

    async def matching(
        self, repository: RepositoryRef, query: str, target: str, now: datetime, *, number: int | None = None, discussed: bool = False
    ) -> Found | Refusal:  # fmt: skip
        if self.refusal:
            return self.refusal
        matches = filters.compile(query, now=now)
        return Found(
            tuple(i for i in self.items if matches.test(i.payload)), examined=len(self.items), requests=1
        )

    async def item(self, repository: RepositoryRef, number: int) -> Item | Refusal:
        return next((i for i in self.items if i.number == number), Refusal(kind="gone", words="Not Found"))

    async def comments(
        self, repository: RepositoryRef, number: int, most: int
    ) -> Sequence[dict[str, Any]] | Refusal:
        return []


@pytest.fixture
async def ada(house: House) -> httpx.AsyncClient:
    """A maintainer; three issues are open."""
    bug = [{"name": "bug"}]
    tracker = Issues(
        {"number": 1, "labels": bug}, {"number": 2, "labels": bug}, {"number": 3, "labels": []},
        {"number": 4, "labels": bug, "pull_request": {}},
    )  # fmt: skip
    house.app.state.context = replace(house.context, tracker=tracker)
    return await house.person("ada", "maintain")


async def test_what_matches_now_is_told_with_what_is_new(ada: httpx.AsyncClient, house: House) -> None:
    """A saved job's memory counts; nothing is written by looking."""
    job = house.job()
    house.database.write_now(ledger.park, [job.id], 2, "bob")
    told = (await ada.post("/api/repos/acme/shop/matches", json={"name": "triage"} | SPEC)).json()
    assert (told["found"], told["new"]) == (3, 2)
    left = next(item for item in told["items"] if item["number"] == 2)
    assert (left["verdict"], left["reason"]) == ("skipped", "parked: ignored by bob")
    unsaved = (await ada.post("/api/repos/acme/shop/matches", json=SPEC | {"max_items": 1})).json()
    assert [item["verdict"] for item in unsaved["items"]] == ["picked", "deferred", "deferred"]
    assert house.database.read_now(runs.runs_of, job.id) == []


async def test_an_item_is_explained_term_by_term_with_its_history(
    ada: httpx.AsyncClient, house: House
) -> None:
    """Out by the filter, out by its kind, out by what was done, or in."""
    job = house.job()
    run = house.run(job)
    house.database.write_now(
        runs.record_items,
        [RunItem(run_id=run.id, number=1, verdict="deferred", reason="deferred: this run takes 1 at most")],
    )
    picked = (await ada.get(f"{JOBS}/triage/explain", params={"number": 1})).json()
    assert picked["picked"] is True
    assert [verdict["reason"] for verdict in picked["verdicts"]] == ["deferred: this run takes 1 at most"]
    out = (await ada.get(f"{JOBS}/triage/explain", params={"number": 3})).json()
    assert out["picked"] is False
    assert [term["text"] for term in out["terms"]] == ["label:bug"]
    pull = (await ada.get(f"{JOBS}/triage/explain", params={"number": 4})).json()
    assert "is a pull request" in pull["now"]
    assert (await ada.post(f"{JOBS}/triage/ignore", json={"number": 1})).status_code == 204
    parked = (await ada.get(f"{JOBS}/triage/explain", params={"number": 1})).json()
    assert (parked["picked"], parked["now"]) == (False, "parked: ignored by ada")
    assert parked["ledger"][0]["parked"] == "ignored by ada"
    assert (await ada.post(f"{JOBS}/triage/unignore", json={"number": 1})).status_code == 204
    assert (await ada.get(f"{JOBS}/triage/explain", params={"number": 1})).json()["picked"] is True
    assert (await ada.get(f"{JOBS}/triage/explain", params={"number": 99})).status_code == 404


async def test_githubs_refusal_is_told_with_when_to_come_back(ada: httpx.AsyncClient, house: House) -> None:
    """Limits are no error of ours; without any tracker the history still answers."""
    house.app.state.context.tracker.refusal = Refusal(kind="busy", words="rate limit", retry_after=40)
    answer = await ada.post("/api/repos/acme/shop/matches", json=SPEC)
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["code"]) == (503, "40", "github")
    house.job()
    house.app.state.context = house.context
    told = (await ada.get(f"{JOBS}/triage/explain", params={"number": 1})).json()
    assert (told["picked"], told["verdicts"]) == (None, [])


async def test_a_job_is_checked_without_keeping_it(ada: httpx.AsyncClient, house: House) -> None:
    """Warnings come beside faults, with the next fires; the name is not taken."""
    told = (
        await ada.post("/api/repos/acme/shop/check", json=SPEC | {"name": "x", "filter": "label:bug"})
    ).json()
    assert told["ok"] is True
    assert [(fault["pointer"], fault["severity"]) for fault in told["faults"]] == [("/filter", "warning")]
    assert len(told["preview"]["next_fires"]) == 5
    bad = (await ada.post("/api/repos/acme/shop/check", json=SPEC | {"filter": "is:oepn"})).json()
    assert bad["ok"] is False
    assert (await ada.post("/api/repos/acme/shop/check", json={"on": 3})).status_code == 422
    assert (await ada.get(JOBS)).json() == []


async def test_jobs_go_out_as_a_file_and_come_back_the_same(ada: httpx.AsyncClient, house: House) -> None:
    """Importing an export changes nothing; a dry run says what an import would do, and does not do it."""
    house.job(
        "morning triage",
        variables={"window": "12:30", "answer": "no", "version": "1.10"},
        limits={"timeout": "15m"},
    )
    house.job("sweep", on=[{"schedule": "@daily"}, {"events": ["issues.opened"]}], expires="2027-06-30")
    text = (await ada.get("/api/repos/acme/shop/configuration")).text
    assert text.startswith("version: 1\n")
    same = (await ada.put("/api/repos/acme/shop/configuration", content=text)).json()
    assert (same["created"], same["changed"], same["unchanged"]) == ([], [], ["morning triage", "sweep"])
    more = text.replace("timeout: 15m", "timeout: 20m") + "  third: {on: {every: 4h}, prompt: Look.}\n"
    for params, created in (({"dry_run": "true"}, 2), ({}, 3)):
        told = (await ada.put("/api/repos/acme/shop/configuration", content=more, params=params)).json()
        assert (told["created"], told["changed"]) == (["third"], ["morning triage"])
        assert len((await ada.get(JOBS)).json()) == created


async def test_a_faulty_file_changes_nothing_and_every_fault_has_its_line(ada: httpx.AsyncClient) -> None:
    """All or none."""
    text = "version: 1\njobs:\n  good: {on: {every: 4h}, prompt: Look.}\n  bad:\n    on: {every: 4h}\n    promt: x\n"
    answer = await ada.put("/api/repos/acme/shop/configuration", content=text)
    assert answer.status_code == 422
    assert any(fault["line"] == 6 and "promt" in fault["message"] for fault in answer.json()["errors"])
    assert (await ada.get(JOBS)).json() == []
    for odd in (b"\xff\xfe", b"", b"[", b"a: &a [*a, *a]", b"jobs: 3"):
        answer = await ada.put("/api/repos/acme/shop/configuration", content=odd)
        assert answer.status_code in (200, 422), answer.text


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=60).filter(str.strip))
def test_any_text_survives_the_way_through_a_file(text: str) -> None:
    """However odd: colons, quotes, words that YAML takes for something else."""
    spec = {
        "on": [{"every": "4h"}],
        "prompt": "x",
        "description": text,
        "variables": {"a": text, "b": 1, "c": True},
    }
    found = read_configuration([Source("roundsman.yml", as_yaml({"job": spec}))])
    assert not found.faults, found.faults
    assert found.jobs[0].spec.description == text
    assert found.jobs[0].spec.variables == {"a": text, "b": 1, "c": True}
