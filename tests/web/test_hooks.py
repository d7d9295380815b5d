"""The webhook's door over HTTP: signed comes in once, everything else stays out."""

from __future__ import annotations

import json

import httpx
import pytest

from bot.github.webhook import MOST_BYTES, sign
from bot.store import deliveries
from bot.store.recorder import Recorder
from bot.web.hooks import Hooks
from tests.web.house import BASE, House

BODY = json.dumps(
    {
        "action": "opened",
        "issue": {"number": 1},
        "repository": {"full_name": "acme/shop"},
        "sender": {"login": "ada"},
    }
).encode()


@pytest.fixture
def door(house: House) -> House:
    """A house that takes webhooks, amid a rotation of its secret."""
    keep = Recorder(house.database, house.clock).keep
    house.context.parts["hooks"] = Hooks(secrets=lambda: ("new secret", "old secret"), keep=keep)
    return house


async def knock(house: House, body: bytes = BODY, secret: str = "new secret", **more: str) -> httpx.Response:
    """Deliver as GitHub does: without cookies, without Origin."""
    headers = {
        "content-type": "application/json", "x-github-event": "issues", "x-github-delivery": "guid-0001",
        "x-hub-signature-256": sign(secret, body), **more,
    }  # fmt: skip
    async with httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url=BASE) as client:
        return await client.post("/webhooks/github", content=body, headers=headers)


async def test_a_delivery_is_durable_when_it_is_answered_and_known_the_second_time(door: House) -> None:
    """With the new secret and with the old; ten times the same acts once."""
    answers = [await knock(door, secret=secret) for secret in ("new secret", "old secret") * 5]
    assert {answer.status_code for answer in answers} == {202}
    assert [answer.json()["known"] for answer in answers] == [False] + [True] * 9
    assert door.database.read_now(deliveries.waiting) == 1


async def test_a_forged_one_leaves_nothing(door: House) -> None:
    """It is told why, as a problem document."""
    refused = await knock(door, secret="guess")
    assert refused.status_code == 401
    assert "signature" in refused.json()["detail"]
    assert (await knock(door, **{"content-type": "text/html"})).status_code == 415
    assert (await knock(door, **{"content-length": str(MOST_BYTES + 1)})).status_code == 413
    assert door.database.read_now(deliveries.latest) == []


async def test_a_process_without_the_door_says_so(house: House) -> None:
    """GitHub will try again, and finds it later."""
    assert (await knock(house)).status_code == 503
