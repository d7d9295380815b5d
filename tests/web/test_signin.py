"""Signing in: nobody gets in who did not come through GitHub or the start link, and nobody stays too long."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import APIRouter

from bot.ports import Refusal, role_from
from bot.settings import Settings, SettingsError
from bot.web.auth import SignedInViewer
from bot.web.cookies import onward
from bot.web.server import create_app
from tests.web.house import House


@pytest.fixture(autouse=True)
def _mirror(request: pytest.FixtureRequest) -> None:
    """A route that says who looks, for want of pages."""
    router = APIRouter()

    @router.get("/mirror")
    async def look(viewer: SignedInViewer) -> dict[str, object]:
        return viewer.model_dump()

    @router.post("/mirror")
    async def change(viewer: SignedInViewer) -> dict[str, object]:
        return viewer.model_dump()

    @router.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a secret of the inside")

    for name in {"house", "home"} & set(request.fixturenames):
        request.getfixturevalue(name).app.include_router(router)


async def test_a_person_signs_in_with_github_and_has_their_roles(house: House) -> None:
    """The way there carries state and a PKCE challenge; the way back gives a session with the roles GitHub tells."""
    ada = await house.person("ada", "write")
    seen = (await ada.get("/mirror")).json()
    assert (seen["login"], seen["kind"], seen["operator"]) == ("ada", "person", False)
    assert seen["roles"] == {"acme/shop": "write"}
    olga = await house.person("olga")
    assert (await olga.get("/mirror")).json()["operator"] is True


async def test_the_cookie_is_signed_secure_and_out_of_scripts_reach(house: House) -> None:
    """A changed cookie is no cookie, and the attributes are those browsers honour."""
    browser = house.stranger()
    away = await browser.get("/sign-in/github")
    assert "code_challenge" in parse_qs(urlsplit(away.headers["location"]).query)
    back = await browser.get(
        "/sign-in/github/callback", params=house.people.consents("ada", away.headers["location"])
    )
    words = next(c for c in back.headers.get_list("set-cookie") if c.startswith("__Host-roundsman="))
    assert all(part in words for part in ("HttpOnly", "Secure", "Path=/", "SameSite=lax", "Max-Age="))
    value = browser.cookies["__Host-roundsman"]
    assert "ghu_ada" not in value
    for forged in (value[:-2] + "xx", value.split(".")[0], "", "a.b.c"):
        stranger = house.stranger(cookies={"__Host-roundsman": forged})
        assert (await stranger.get("/mirror")).status_code == 401


async def test_a_sign_in_that_did_not_begin_here_is_refused(house: House) -> None:
    """Somebody else's code, a wrong state, a used code and a late return all end before a session."""
    browser = house.stranger()
    away = (await browser.get("/sign-in/github")).headers["location"]
    theirs = house.people.consents("mallory", away)
    assert (await house.stranger().get("/sign-in/github/callback", params=theirs)).status_code == 400
    wrong = theirs | {"state": "other"}
    assert (await browser.get("/sign-in/github/callback", params=wrong)).status_code == 400
    unknown = theirs | {"code": "made-up"}
    assert (await browser.get("/sign-in/github/callback", params=unknown)).status_code == 400
    house.clock.move(minutes=11)
    assert (await browser.get("/sign-in/github/callback", params=theirs)).status_code == 400


async def test_a_session_ends_by_time_and_by_signing_out(house: House) -> None:
    """A copy of the cookie does not outlive the session."""
    ada = await house.person("ada", "write")
    copy = house.stranger(cookies=dict(ada.cookies))
    assert (await copy.get("/mirror")).status_code == 200
    assert (await ada.post("/sign-out")).status_code == 303
    assert (await copy.get("/mirror")).status_code == 401
    bob = await house.person("bob", "write")
    house.clock.move(hours=8, minutes=1)
    assert (await bob.get("/mirror")).status_code == 401


async def test_a_change_by_cookie_needs_a_form_of_ours(house: House) -> None:
    """Without the token, with another session's, or from another site, nothing changes."""
    ada, bob = await house.person("ada", "write"), await house.person("bob", "write")
    assert (await ada.post("/mirror")).status_code == 200
    form = {"csrf": ada.headers.pop("X-CSRF-Token")}
    assert (await ada.post("/mirror")).status_code == 403
    assert (await ada.post("/mirror", data=form)).status_code == 200
    assert (
        await ada.post("/mirror", headers={"X-CSRF-Token": bob.headers["X-CSRF-Token"]})
    ).status_code == 403
    assert (
        await ada.post("/mirror", data=form, headers={"Origin": "https://evil.example"})
    ).status_code == 403
    assert (await ada.post("/mirror", data=form, headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
    assert (
        await ada.post("/mirror", data=form, headers={"Origin": "https://roundsman.example"})
    ).status_code == 200


async def test_roles_are_remembered_briefly_and_new_repositories_asked_for(house: House) -> None:
    """GitHub is asked once in two minutes, and at once for a repository that has just come."""
    ada = await house.person("ada", "write")
    await ada.get("/mirror")
    asked = house.people.asked
    house.people.roles_of["ada"] = {"acme/shop": "none", "acme/new": "admin"}
    assert (await ada.get("/mirror")).json()["roles"] == {"acme/shop": "write"}
    assert house.people.asked == asked
    house.repository("acme/new")
    assert (await ada.get("/mirror")).json()["roles"] == {"acme/shop": "write", "acme/new": "admin"}
    house.clock.move(minutes=3)
    assert (await ada.get("/mirror")).json()["roles"] == {"acme/shop": "none", "acme/new": "admin"}


async def test_while_github_is_down_the_last_roles_hold_for_a_quarter_of_an_hour(house: House) -> None:
    """Then nobody is let in on memory alone; a token GitHub has ended signs out at once."""
    ada = await house.person("ada", "write")
    await ada.get("/mirror")
    house.people.refusal = Refusal(kind="busy", words="down")
    house.clock.move(minutes=10)
    assert (await ada.get("/mirror")).status_code == 200
    house.clock.move(minutes=10)
    answer = await ada.get("/mirror")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    house.people.refusal = Refusal(kind="forbidden", words="token revoked")
    assert (await ada.get("/mirror")).status_code == 401


async def test_a_machine_has_what_its_token_was_given(house: House) -> None:
    """Scopes become roles on the named repositories; an ended or made-up token is a stranger."""
    seen = (await house.machine("run", repositories=["acme/shop"]).get("/mirror")).json()
    assert (seen["kind"], seen["roles"], seen["operator"]) == ("machine", {"acme/shop": "write"}, False)
    assert (await house.machine("operate").get("/mirror")).json()["operator"] is True
    assert (await house.machine("edit", repositories=[]).get("/mirror")).json()["roles"] == {}
    for text in ("Bearer rdm_nothing", "Bearer", "Basic YTpi", "Bearer é"):
        stranger = house.stranger(headers={"Authorization": text.encode("latin-1")})
        assert (await stranger.get("/mirror")).status_code == 401


async def test_the_local_user_comes_by_the_start_link_alone(home: House) -> None:
    """Everything else on this machine that can reach the port is a stranger, and a rebound name is refused."""
    assert (await home.stranger().get("/mirror")).status_code == 401
    assert (await home.stranger().get("/start/guess")).status_code == 404
    browser = home.stranger()
    assert (await browser.get("/start/start-" + "x" * 30)).status_code == 303
    assert (await browser.get("/mirror")).json()["kind"] == "local"
    rebound = await browser.get("/mirror", headers={"Host": "evil.example:8420"})
    assert rebound.status_code == 421
    assert (await browser.get("/mirror", headers={"Host": "localhost:8420"})).status_code == 200


async def test_a_local_cookie_opens_nothing_on_a_house_of_many(house: House, home: House) -> None:
    """The same key in another mode makes no single user."""
    browser = home.stranger()
    await browser.get("/start/start-" + "x" * 30)
    visitor = house.stranger(cookies={"__Host-roundsman": browser.cookies["roundsman"]})
    assert (await visitor.get("/mirror")).status_code == 401
    assert (await house.stranger().get("/start/start-" + "x" * 30)).status_code == 404


def test_the_single_user_mode_does_not_listen_to_the_world(home: House) -> None:
    """Without sign-in only this machine may connect."""
    from dataclasses import replace

    settings = Settings(_env_file=None, local=True, host="0.0.0.0", data_dir=home.settings.data_dir)
    with pytest.raises(SettingsError, match="loopback only"):
        create_app(replace(home.context, settings=settings))


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ("/runs/1?x=2", "/runs/1?x=2"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\x09/evil", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_signing_in_leads_back_to_us_alone(asked: str | None, place: str) -> None:
    """An address of somebody else's is no way back."""
    assert onward(asked) == place


@pytest.mark.parametrize(
    ("name", "base", "role"),
    [
        ("maintain", "write", "maintain"),
        ("security-champion", "write", "write"),
        ("odd", "push", "write"),
        ("odd", "odd", "none"),
        (None, None, "none"),
    ],
)
def test_a_role_of_an_organisations_own_counts_as_its_base(
    name: str | None, base: str | None, role: str
) -> None:
    """What neither name nor base tells is no role."""
    assert role_from(name, base) == role


async def test_every_answer_carries_the_strict_headers_and_errors_are_problems(house: House) -> None:
    """No inline script, no frame; an error says what and what to do, and nothing of the inside."""
    for path, status in (("/healthz", 200), ("/nowhere", 404), ("/broken", 500), ("/mirror", 401)):
        answer = await house.stranger().get(path)
        assert answer.status_code == status
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        if status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert {"title", "status", "detail"} <= set(answer.json())
            assert "secret of the inside" not in answer.text
    assert (await house.stranger().post("/healthz")).status_code == 405
    huge = await house.stranger().post("/mirror", content=b"x" * 1_100_000)
    assert huge.status_code == 413


async def test_readiness_means_that_somebody_works(house: House) -> None:
    """Without a worker's sign of life it is not ready, and says which part is missing."""
    from bot.store.tables import Executors

    answer = await house.stranger().get("/readyz")
    assert (answer.status_code, answer.json()["workers"], answer.json()["database"]) == (503, 0, True)
    now = house.clock.now()
    house.database.write_now(
        lambda db: db.add(Executors(id="one", host="h", pid=1, version="1", started_at=now, seen_at=now))
    )
    assert (await house.stranger().get("/readyz")).status_code == 200
    house.clock.move(minutes=3)
    assert (await house.stranger().get("/readyz")).status_code == 503
