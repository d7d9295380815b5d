"""A stranger sees nothing, a reader changes nothing: asked of every route there is, so that a new one cannot forget."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from bot.store import sessions
from bot.store.tables import Sessions
from bot.web import auth
from tests.web.house import House
from tests.web.routes import Route, routes_of

OPEN = {
    ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/api/openapi.json"), ("GET", "/sign-in/github"),
    ("GET", "/sign-in/github/callback"), ("GET", "/start/{token}"), ("GET", "/sign-in"), ("POST", "/webhooks/github"),
    ("GET", "/language"),
}  # fmt: skip
"""What anybody may ask; each of these says nothing about any repository."""
MINE = {
    ("POST", "/sign-out"), ("POST", "/api/tokens"), ("DELETE", "/api/tokens/{token_id}"), ("POST", "/api/jobs/bulk"),
    ("POST", "/api/filter/check"), ("POST", "/api/filter/describe"), ("POST", "/api/filter/complete"),
    ("POST", "/tokens"), ("POST", "/tokens/{token_id}/revoke"),
}  # fmt: skip
"""What changes nothing of a repository, or is asked of each named repository by itself (with tests of its own)."""
LOOKING = {("POST", "/api/repos/{owner}/{repo}/check"), ("POST", "/api/repos/{owner}/{repo}/matches")}
"""What takes a body and only looks."""
SETUP = "/setup"
DOORS = {auth.signed_in, auth.operator, auth.visible_repositories, auth.open_repositories}


@pytest.fixture
def lived(house: House) -> House:
    """A house with a job, a run and a session."""
    run = house.run(house.job())
    row = {
        "run_id": run.id, "job_id": run.job_id, "repository_id": house.shop.id, "number": 7, "is_pull": False, "title": "Crash",
        "url": "", "queued_at": house.clock.now(), "status": "queued", "prompt": "the prompt", "attempt": 1, "crashes": 0,
        "turns": 0, "tokens_in": 0, "tokens_out": 0, "cost": 0.0, "priority": 1,
    }  # fmt: skip
    house.database.write_now(sessions.queue, [row])
    return house


def asked(route: Route, house: House) -> str:
    """The route's address for the things the house has."""
    known = {
        "owner": "acme",
        "repo": "shop",
        "name": "triage",
        "run_id": "1",
        "session_id": "1",
        "token_id": "1",
        "number": "7",
    }
    return re.sub(r"{(\w+)(?::\w+)?}", lambda found: known.get(found[1], "1"), route.path)


async def sent(browser: httpx.AsyncClient, route: Route, house: House) -> httpx.Response:
    """The route's answer; a body stands in where one is taken."""
    given: dict[str, Any] = {"json": {}} if route.method in ("POST", "PATCH", "PUT") else {}
    return await browser.request(route.method, asked(route, house), **given)


def closed(house: House) -> Iterator[Route]:
    """Every route that is not for anybody."""
    for route in routes_of(house.app):
        if (route.method, route.path) not in OPEN and not route.path.startswith(SETUP):
            yield route


def rows(house: House) -> dict[str, int]:
    """How many rows each table has."""
    with house.database.engine.connect() as connection:
        names = sa.inspect(house.database.engine).get_table_names()
        return {name: connection.scalar(sa.text(f"SELECT count(*) FROM {name}")) for name in names}


def test_the_table_of_routes_is_whole(house: House) -> None:
    """What OpenAPI tells of and what is asked below are the same calls."""
    table = {(route.method, route.path) for route in routes_of(house.app)}
    told = {
        (method.upper(), path) for path, calls in house.app.openapi()["paths"].items() for method in calls
    }
    assert told <= table
    assert len(told) > 35


def test_every_route_stands_behind_a_door(house: House) -> None:
    """Each depends on one of the checks of bot/web/auth.py; each that changes something on one that asks for more than seeing."""
    for route in closed(house):
        assert route.guards or DOORS & route.dependencies, f"{route.method} {route.path} has no door"
        if route.changes and (route.method, route.path) not in MINE | LOOKING:
            enough = route.guards & {"run", "edit", "operate"} or auth.operator in route.dependencies
            assert enough, f"{route.method} {route.path} changes things behind a door for readers"
        assert auth.no_forgery in route.dependencies, f"{route.method} {route.path} trusts every form"


async def test_a_stranger_is_told_nothing(lived: House) -> None:
    """Without signing in every route answers 401, whether what it names is there or not."""
    stranger = lived.stranger()
    for route in closed(lived):
        answer = await sent(stranger, route, lived)
        assert answer.status_code == 401, f"{route.method} {route.path}: {answer.text}"
        assert "triage" not in answer.text


@pytest.mark.parametrize("role", ["none", "read"])
async def test_somebody_without_a_role_sees_no_more_than_a_wrong_address(lived: House, role: Any) -> None:
    """For a person of another team (or a reader of a public repository) the repository is not there."""
    eve = await lived.person("eve", role)
    before = rows(lived)
    for route in closed(lived):
        if (route.method, route.path) == ("POST", "/sign-out"):
            continue
        answer = await sent(eve, route, lived)
        if "{" in route.path:
            assert answer.status_code == 404, f"{route.method} {route.path}: {answer.text}"
            assert answer.headers["content-type"] == "application/problem+json"
        assert "triage" not in answer.text.replace("you may see", ""), (
            f"{route.method} {route.path}: {answer.text}"
        )
        assert "Crash" not in answer.text
    assert rows(lived) == before


async def test_what_is_hidden_answers_like_what_is_not(lived: House) -> None:
    """Nobody learns from an answer whether a private repository is here."""
    eve = await lived.person("eve")
    for there, nowhere in (
        ("/api/repos/acme/shop/schedules", "/api/repos/acme/nope/schedules"),
        ("/api/runs/1", "/api/runs/999"),
        ("/api/sessions/1", "/api/sessions/999"),
    ):
        hidden, missing = await eve.get(there), await eve.get(nowhere)
        assert hidden.status_code == missing.status_code == 404
        assert hidden.text == missing.text.replace("nope", "shop").replace("999", "1")


async def test_a_reader_changes_nothing(lived: House) -> None:
    """Triage sees; every change is refused with the role it needs, and no row moves."""
    rita = await lived.person("rita", "triage")
    before = rows(lived)
    for route in closed(lived):
        if not route.changes or (route.method, route.path) in MINE:
            continue
        answer = await sent(rita, route, lived)
        if (route.method, route.path) in LOOKING:
            continue
        assert answer.status_code == 403, f"{route.method} {route.path}: {answer.status_code} {answer.text}"
    assert rows(lived) == before


async def test_who_may_run_may_not_edit(lived: House) -> None:
    """Write runs and pauses; only maintain and admin change what a job is."""
    will, mona = await lived.person("will", "write"), await lived.person("mona", "maintain")
    for route in closed(lived):
        if route.guards == {"edit"}:
            assert (await sent(will, route, lived)).status_code == 403, route.path
            assert (await sent(mona, route, lived)).status_code != 403, route.path
    job = "/api/repos/acme/shop/schedules/triage"
    lived.job()
    assert (await will.post(f"{job}/pause")).status_code == 200
    assert (await will.post("/api/stop")).status_code == 403
    assert (await mona.post("/api/stop")).status_code == 403


async def test_many_deeds_at_once_are_asked_of_each_repository(lived: House) -> None:
    """In bulk, too, a repository that is not yours is not there, and a role that does not reach is told."""
    rita = await lived.person("rita", "triage")
    for action, status in (("pause", 403), ("delete", 403), ("run", 403)):
        body = {
            "action": action,
            "jobs": [{"repository": "acme/shop", "name": "triage"}, {"repository": "a/b", "name": "x"}],
        }
        answer = await rita.post("/api/jobs/bulk", json=body)
        assert [one["status"] for one in answer.json()] == [status, 404]


async def test_a_token_does_no_more_than_its_maker(lived: House) -> None:
    """Neither wider scopes nor other repositories than the maker's own; and no token makes tokens."""
    will, eve, olga = (
        await lived.person("will", "write"),
        await lived.person("eve"),
        await lived.person("olga"),
    )
    shop = {"name": "ci", "repositories": ["acme/shop"]}
    assert (await will.post("/api/tokens", json=shop | {"scopes": ["edit"]})).status_code == 403
    assert (await will.post("/api/tokens", json={"name": "ci", "scopes": ["see"]})).status_code == 403
    assert (await eve.post("/api/tokens", json=shop | {"scopes": ["see"]})).status_code == 404
    made = await will.post("/api/tokens", json=shop | {"scopes": ["run"]})
    assert made.status_code == 201
    text = made.json()["token"]
    assert text not in (await will.get("/api/tokens")).text
    with lived.database.engine.connect() as connection:
        assert text not in str(connection.execute(sa.text("SELECT * FROM machine_tokens")).all())
    program = lived.stranger(headers={"Authorization": f"Bearer {text}"})
    assert (await program.post("/api/repos/acme/shop/schedules/triage/pause")).status_code == 200
    assert (await program.delete("/api/repos/acme/shop/schedules/triage")).status_code == 403
    assert (await program.post("/api/tokens", json=shop | {"scopes": ["see"]})).status_code == 403
    assert (await olga.post("/api/tokens", json={"name": "all", "scopes": ["operate"]})).status_code == 201
    assert (await eve.delete(f"/api/tokens/{made.json()['id']}")).status_code == 404
    assert (await will.delete(f"/api/tokens/{made.json()['id']}")).status_code == 204
    assert (await program.get("/api/me")).status_code == 401


PUBLIC = {
    "/": "acme/open", "/acme/open": "triage", "/acme/open/jobs/triage": "Fires ahead", "/acme/open/runs": "Runs",
    "/acme/open/runs/2": "Crash", "/acme/open/sessions/2": "shown to people with a role",
}  # fmt: skip


async def test_a_public_view_opens_runs_without_prompts(sqlite: Any, tmp_path: Any) -> None:
    """Where the operator opens it, anybody sees a public repository's runs and sessions, never prompt or transcript."""
    house = House(sqlite, tmp_path, public_view=True)
    public, unknown = house.repository("acme/open", github_id=2), house.repository("acme/unknown")
    hidden, shown = house.run(house.job()), house.run(house.job(repository=public), "two")
    stranger = house.stranger()
    for run, number in ((hidden, 1), (shown, 2)):
        house.database.write_now(
            lambda db, run=run, number=number: db.add(
                Sessions(
                    run_id=run.id, job_id=run.job_id, repository_id=run.repository_id, number=number, title="Crash", url="",
                    queued_at=house.clock.now(), prompt="the prompt", reason="inner words",
                )
            )
        )  # fmt: skip
    assert (await stranger.get(f"/api/runs/{hidden.id}")).status_code == 401
    assert (await stranger.get(f"/api/runs/{shown.id}")).status_code == 200
    session = await stranger.get("/api/sessions/2")
    assert session.status_code == 200
    assert "the prompt" not in session.text
    assert "inner words" not in session.text
    assert (await stranger.get("/api/sessions/2/transcript")).status_code == 401
    assert (await stranger.post(f"/api/runs/{shown.id}/cancel")).status_code == 401
    assert (await stranger.get("/api/sessions/1")).status_code == 401
    for place in (house.shop, unknown):
        assert (await stranger.get(f"/api/repos/{place.full_name}/schedules")).status_code == 401
        assert (await stranger.get(f"/{place.full_name}")).status_code == 401
    for told in (await stranger.get("/api/jobs"), await stranger.get("/api/repos/acme/open/schedules")):
        (job,) = told.json()
        assert job["repository"] == "acme/open"
        assert "prompt" not in job["spec"]
    assert [run["id"] for run in (await stranger.get("/api/runs")).json()] == [shown.id]
    assert [one["full_name"] for one in (await stranger.get("/api/repos")).json()] == ["acme/open"]
    for path, says in PUBLIC.items():
        page = (await stranger.get(path)).text
        assert says in page, path
        for kept in (
            "Look at #",
            "the prompt",
            "inner words",
            "acme/shop",
            "acme/unknown",
            '<form method="post"',
            "sse-connect",
        ):
            assert kept not in page, (path, kept)
    for path in ("explain/7", "stats", "audit", "live", "new-job"):
        assert (await stranger.get(f"/acme/open/{path}")).status_code == 401, path
    rita = await house.person("rita", "triage", "acme/open")
    assert "Look at #" in (await rita.get("/acme/open/jobs/triage")).text
    eve = await house.person("eve")
    assert "Look at #" not in (await eve.get("/acme/open/jobs/triage")).text
    assert "acme/open" in (await eve.get("/")).text
