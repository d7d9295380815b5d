"""The page of machine tokens: made by a form, shown once, no more than their maker, ended by a button."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bot.store import audit, tokens
from tests.web.house import House

FORM: dict[str, Any] = {"name": "ci", "scope": "run", "days": "30", "repositories": "acme/shop"}


def living(house: House) -> list[tokens.MachineToken]:
    """The tokens there are."""
    return house.database.read_now(tokens.every)


async def test_a_token_is_made_by_the_form_and_shown_once(house: House) -> None:
    """Its text opens the API for what was ticked, stands in that one answer, is kept by nobody, and ends when it was said to."""
    house.job()
    will = await house.person("will", "write")
    made = await will.post("/tokens", data=FORM)
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    [text] = re.findall(r'id="fresh"[^>]*>(rdm_[\w-]+)<', made.text)
    assert text not in (await will.get("/tokens")).text
    [token] = living(house)
    assert (token.scopes, token.repositories, token.created_by) == (("run",), ("acme/shop",), "will")
    program = house.stranger(headers={"Authorization": f"Bearer {text}"})
    assert (await program.post("/api/repos/acme/shop/schedules/triage/pause")).status_code == 200
    assert (await program.delete("/api/repos/acme/shop/schedules/triage")).status_code == 403
    house.clock.move(days=30, minutes=1)
    assert (await program.get("/api/me")).status_code == 401
    will = await house.person("will", "write")
    assert "expired" in (await will.get("/tokens")).text


async def test_revoking_ends_it_at_once_and_both_are_in_the_audit_log(house: House) -> None:
    """One button; the next page says so, and the log names who made and who ended it."""
    will = await house.person("will", "write")
    [text] = re.findall(r"rdm_[\w-]+(?=<)", (await will.post("/tokens", data=FORM)).text)
    [token] = living(house)
    gone = await will.post(f"/tokens/{token.id}/revoke")
    assert gone.headers["location"] == "/tokens"
    assert "ci is revoked" in (await will.get("/tokens")).text
    assert living(house) == []
    program = house.stranger(headers={"Authorization": f"Bearer {text}"})
    assert (await program.get("/api/me")).status_code == 401
    told = [(one.actor, one.action, one.target) for one in house.database.read_now(audit.entries)]
    assert told[:2] == [("will", "token.revoked", "ci"), ("will", "token.created", "ci")]


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"scope": "edit"}, 403, "your role on acme/shop is write"),
        ({"scope": "operate"}, 403, "only an operator"),
        ({"which": "all"}, 403, "only an operator"),
        ({"repositories": "acme/other"}, 404, "no repository acme/other"),
        ({"repositories": []}, 422, "Choose at least one repository"),
        ({"name": " "}, 422, "name:"),
        ({"scope": "rule"}, 422, "scopes/0"),
        ({"days": "soon"}, 422, "Choose how long"),
    ],
)
async def test_what_may_not_be_is_said_in_the_form(
    house: House, change: dict[str, Any], status: int, said: str
) -> None:
    """The form comes back as it was filled in, with the reason, and no token is made."""
    house.repository("acme/other")
    will = await house.person("will", "write")
    answer = await will.post("/tokens", data={**FORM, "name": "for-ci", **change})
    assert answer.status_code == status
    assert said in answer.text.replace("&#39;", "'")
    assert "name" in change or 'value="for-ci"' in answer.text
    assert living(house) == []


async def test_a_page_loaded_again_makes_no_second_token(house: House) -> None:
    """The same form sent twice is told that the name is in use; another person may use the name."""
    will = await house.person("will", "write")
    await will.post("/tokens", data=FORM)
    assert (await will.post("/tokens", data=FORM)).status_code == 409
    assert len(living(house)) == 1
    mona = await house.person("mona", "maintain")
    assert (await mona.post("/tokens", data=FORM)).status_code == 200


async def test_each_sees_their_own_and_operators_all(house: House) -> None:
    """A list tells nothing of other people's tokens; only operators are offered all repositories and `operate`."""
    will, rita, olga = [
        await house.person(*who) for who in (("will", "write"), ("rita", "triage"), ("olga", "none"))
    ]
    await will.post("/tokens", data=FORM | {"name": "of-will"})
    hers, every = (await rita.get("/tokens")).text, (await olga.get("/tokens")).text
    assert "of-will" not in hers
    assert "All repositories" not in hers
    assert 'value="operate"' not in hers
    for said in ("of-will", "All repositories", 'value="operate"', "made by will"):
        assert said in every
    made = await olga.post("/tokens", data={"name": "all", "scope": "operate", "days": "0", "which": "all"})
    assert made.status_code == 200
    assert living(house)[-1].repositories is None
    assert living(house)[-1].expires_at is None
    eve = await house.person("eve")
    assert "nothing a token of yours could do" in (await eve.get("/tokens")).text


async def test_the_form_is_nobody_elses(house: House) -> None:
    """Without the session's own field nothing is made or ended, and a program cannot make itself another token."""
    will = await house.person("will", "write")
    csrf = will.headers.pop("X-CSRF-Token")
    assert (await will.post("/tokens", data=FORM)).status_code == 403
    assert living(house) == []
    assert (await will.post("/tokens", data=FORM | {"csrf": csrf})).status_code == 200
    assert (await will.post(f"/tokens/{living(house)[0].id}/revoke")).status_code == 403
    machine = house.machine("operate")
    assert (await machine.post("/tokens", data=FORM | {"name": "more"})).status_code == 403
    assert "more" not in [token.name for token in living(house)]


async def test_the_menu_leads_there(house: House) -> None:
    """From every page, for whoever has signed in."""
    rita = await house.person("rita", "triage")
    assert 'href="/tokens"' in (await rita.get("/acme/shop")).text
