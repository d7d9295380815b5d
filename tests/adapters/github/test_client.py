"""The client: who it speaks as, what it waits for, what it repeats, and what refusals mean."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
import respx

from bot.demo import App, DemoRepo, GitHub, Installation
from bot.github import comments as comments_of
from bot.github.answers import Answer, refusal_of, wait_asked
from bot.github.client import Client
from bot.model.item import RepositoryRef
from bot.ports import Refusal, Written
from tests.adapters.github.conftest import Naps, settings_for
from tests.clock import FakeClock

MARK = "<!-- roundsman:triage#1:0123456789abcdef -->"


def minted(hub: GitHub) -> int:
    """How many installation tokens were asked for."""
    return hub.requests.count(path="/access_tokens")


async def test_a_token_is_minted_once_for_a_step_and_a_repository(
    client: Client, hub: GitHub, ref: RepositoryRef
) -> None:
    """Reads share a token; writing takes another, with no more than the step needs, for this repository alone."""
    for _ in range(3):
        assert isinstance(await client.get(ref, "issues"), Answer)
    assert minted(hub) == 1
    await client.token(ref, "clone")
    assert minted(hub) == 2
    tokens = list(hub.tables.tokens)
    assert [len(token.repositories or ()) for token in tokens] == [1, 1]
    assert tokens[1].permissions == {"metadata": "read", "contents": "read"}


async def test_a_token_is_replaced_before_it_ends(
    client: Client, hub: GitHub, ref: RepositoryRef, clock: FakeClock
) -> None:
    """Installation tokens live an hour; ours are used for at most fifty-five minutes."""
    await client.get(ref, "issues")
    clock.move(minutes=56)
    assert isinstance(await client.get(ref, "issues"), Answer)
    assert minted(hub) == 2


async def test_a_revoked_token_is_replaced_at_once(client: Client, hub: GitHub, ref: RepositoryRef) -> None:
    """401 for a token that was good a moment ago means a new one, not a failure."""
    hub.revoke(str(await client.token(ref, "read")))
    assert isinstance(await client.get(ref, "issues"), Answer)


async def test_permissions_not_granted_are_left_out_of_the_token(
    client: Client, hub: GitHub, app: App, shop: DemoRepo
) -> None:
    """An installation that grants reading alone is read, and the refused write names the permission."""
    held = hub.install(app, "acme", permissions={"metadata": "read", "issues": "read"})
    ref = RepositoryRef("acme", "shop", held.id)
    assert isinstance(await client.get(ref, "issues"), Answer)
    refused = await client.write(ref, "POST", "issues", json={"title": "x"})
    assert isinstance(refused, Refusal)
    assert refused.kind == "forbidden"
    assert "issues=write" in refused.words


async def test_a_clock_that_is_off_is_corrected_by_githubs(hub: GitHub, app: App, ref: RepositoryRef) -> None:
    """A signature from the future is refused with a Date header; the next one is dated by it."""

    async def dated(scope: object, receive: object, send: object) -> None:
        async def put_date(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                date = hub.clock().strftime("%a, %d %b %Y %H:%M:%S GMT").encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}  # type: ignore[misc]
            await send(message)  # type: ignore[operator]

        await hub.app(scope, receive, put_date)  # type: ignore[arg-type]

    ahead = FakeClock()
    ahead.move(minutes=30)
    client = Client(settings_for(hub, app), ahead, async_transport=httpx.ASGITransport(dated))  # type: ignore[arg-type]
    assert isinstance(await client.get(ref, "issues"), Answer)
    assert client.tokens.skew == timedelta(minutes=-30)


async def test_a_plain_token_speaks_for_its_owner(hub: GitHub, shop: DemoRepo, clock: FakeClock) -> None:
    """Without an App the token does everything, and we are who it belongs to."""
    token = hub.personal_token("boss")
    client = Client(
        settings_for(hub, github_token=token), clock, async_transport=httpx.ASGITransport(hub.app)
    )
    assert await client.me() == "boss"
    assert isinstance(await client.get(RepositoryRef("acme", "shop"), "issues"), Answer)


async def test_an_app_knows_its_name_and_finds_its_installation(
    client: Client, installation: Installation
) -> None:
    """We write as the App's bot; a repository without a known installation is looked up."""
    assert await client.me() == "roundsman[bot]"
    assert isinstance(await client.get(RepositoryRef("acme", "shop"), "issues"), Answer)


async def test_no_credentials_are_a_refusal_that_says_what_to_do(hub: GitHub, clock: FakeClock) -> None:
    """Nobody is told to set what is missing."""
    client = Client(settings_for(hub), clock, async_transport=httpx.ASGITransport(hub.app))
    refused = await client.get(RepositoryRef("acme", "shop"), "issues")
    assert isinstance(refused, Refusal)
    assert "ROUNDSMAN_GITHUB_APP_ID" in refused.words


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "forbidden"), (403, "forbidden"), (404, "gone"), (410, "gone"), (451, "gone"), (422, "invalid"), (502, "busy")],
)  # fmt: skip
async def test_each_refusal_has_its_meaning(
    client: Client, hub: GitHub, ref: RepositoryRef, status: int, kind: str
) -> None:
    """What is gone, forbidden, wrong and only busy are four different things."""
    hub.faults.add("POST", "/issues$", status=status, times=None)
    refused = await client.write(ref, "POST", "issues", json={"title": "x"})
    assert isinstance(refused, Refusal)
    assert (refused.kind, refused.status) == (kind, status)
    assert "POST /repos/acme/shop/issues" in refused.words


async def test_a_suspended_installation_is_forbidden(
    client: Client, hub: GitHub, installation: Installation, ref: RepositoryRef
) -> None:
    """Nothing is tried again for it."""
    hub.suspend(installation)
    refused = await client.get(ref, "issues")
    assert isinstance(refused, Refusal)
    assert refused.kind == "forbidden"
    assert "suspended" in refused.words


async def test_a_repository_no_longer_selected_is_gone(
    client: Client, hub: GitHub, ref: RepositoryRef
) -> None:
    """No token can be had for it."""
    hub.rename_repo("acme/shop", "store")
    hub.delete_repo("acme/store")
    refused = await client.get(ref, "issues")
    assert isinstance(refused, Refusal)
    assert refused.kind == "gone"


async def test_reads_are_repeated_after_faults_and_writes_are_not(
    client: Client, hub: GitHub, ref: RepositoryRef, naps: Naps
) -> None:
    """A read meets two faults and succeeds; a write that may have been done is left to who can look."""
    hub.faults.add("GET", "/issues$", status=502)
    hub.faults.add("GET", "/issues$", drop="before")
    assert isinstance(await client.get(ref, "issues"), Answer)
    assert naps.taken == [0.5, 1.0]
    hub.faults.add("POST", "/issues$", drop="after")
    refused = await client.write(ref, "POST", "issues", json={"title": "Once"})
    assert isinstance(refused, Refusal)
    assert refused.kind == "busy"
    assert hub.requests.count(method="POST", path="/issues") == 1


@pytest.mark.parametrize("limit", ["primary", "primary-429", "secondary", "secondary-403", "secondary-bare"])
async def test_when_github_says_wait_nothing_more_is_asked(
    client: Client, hub: GitHub, ref: RepositoryRef, clock: FakeClock, limit: str
) -> None:
    """Every spelling of a limit holds the account back for the time it names."""
    await client.get(ref, "issues")
    hub.faults.add("GET", "/issues$", limit=limit, retry_after=60)
    refused = await client.get(ref, "issues")
    assert isinstance(refused, Refusal)
    assert refused.kind == "busy"
    assert 59 <= refused.retry_after <= 62
    asked = len(hub.requests)
    again = await client.get(ref, "issues")
    assert isinstance(again, Refusal)
    assert len(hub.requests) == asked
    clock.move(seconds=63)
    assert isinstance(await client.get(ref, "issues"), Answer)


async def test_a_reserve_is_left_to_the_accounts_other_tools(
    hub: GitHub, app: App, ref: RepositoryRef, clock: FakeClock
) -> None:
    """At the reserve we yield until the hour is over."""
    hub.limits.core = 20
    settings = settings_for(hub, app, quota_reserve=500)
    client = Client(settings, clock, async_transport=httpx.ASGITransport(hub.app))
    answers = [await client.get(ref, "issues") for _ in range(20)]
    assert sum(isinstance(answer, Answer) for answer in answers) == 16
    assert isinstance(answers[-1], Refusal)
    assert answers[-1].kind == "busy"
    clock.move(hours=1, seconds=2)
    assert isinstance(await client.get(ref, "issues"), Answer)


async def test_writes_keep_a_pace_below_githubs(
    client: Client, hub: GitHub, ref: RepositoryRef, naps: Naps
) -> None:
    """Sixty at once are fine, the next waits its turn; after GitHub's complaint a second lies between any two."""
    done = [await client.write(ref, "POST", "issues", json={"title": str(n)}) for n in range(61)]
    assert [type(answer) for answer in done] == [Answer] * 60 + [Refusal]
    await naps(61)
    hub.faults.add("POST", "/issues$", limit="secondary", retry_after=5)
    await client.write(ref, "POST", "issues", json={"title": "slow down"})
    naps.taken.clear()
    for n in range(2):
        assert isinstance(await client.write(ref, "POST", "issues", json={"title": f"later {n}"}), Answer)
    assert [round(nap) for nap in naps.taken] == [5, 1]


async def test_an_unchanged_list_costs_nothing(
    client: Client, hub: GitHub, ref: RepositoryRef, shop: DemoRepo
) -> None:
    """The client remembers the ETag and the body; a change shows."""
    shop.issue("One")
    first = await client.get(ref, "issues", conditional=True)
    again = await client.get(ref, "issues", conditional=True)
    assert isinstance(first, Answer)
    assert isinstance(again, Answer)
    assert (first.status, again.status) == (200, 304)
    assert again.rows == first.rows
    assert client.quotas.seen[f"installation:{ref.installation}", "core"].remaining == 4999
    shop.issue("Two")
    third = await client.get(ref, "issues", conditional=True)
    assert isinstance(third, Answer)
    assert (third.status, len(third.rows)) == (200, 2)


async def test_all_pages_are_read(client: Client, ref: RepositoryRef, shop: DemoRepo) -> None:
    """Links are followed as GitHub writes them, by repository id."""
    for number in range(205):
        shop.issue(f"Issue {number}")
    rows = await client.rows(ref, "issues", params={"state": "all"})
    assert isinstance(rows, list)
    assert len({row["number"] for row in rows}) == 205


async def test_a_link_to_elsewhere_is_followed_on_our_own_host(
    hub: GitHub, shop: DemoRepo, clock: FakeClock
) -> None:
    """A token is never sent to the host a link names."""
    settings = settings_for(hub, github_token="secret-token", github_api_url="https://ghe.test/api/v3")
    with respx.mock() as mock:
        link = '<https://evil.test/api/v3/repos/acme/shop/issues?page=2>; rel="next"'
        mock.get("https://ghe.test/api/v3/repos/acme/shop/issues", params={"page": "2"}).respond(
            json=[{"number": 2}]
        )
        mock.get("https://ghe.test/api/v3/repos/acme/shop/issues").respond(
            json=[{"number": 1}], headers={"link": link}
        )
        client = Client(settings, clock)
        rows = await client.rows(RepositoryRef("acme", "shop"), "issues")
        await client.close()
    assert rows == [{"number": 1}, {"number": 2}]


async def test_enterprise_server_is_reached_below_its_paths(clock: FakeClock, hub: GitHub) -> None:
    """REST at /api/v3, GraphQL at /api/graphql; in the embedded GitHub too."""
    token = hub.personal_token("boss")
    settings = settings_for(hub, github_token=token, github_api_url=f"{hub.url}/api/v3")
    client = Client(settings, clock, async_transport=httpx.ASGITransport(hub.app))
    assert await client.me() == "boss"


@pytest.mark.parametrize(("status", "us"), [(200, "boss"), (403, "github-actions[bot]"), (404, "")])
async def test_who_we_are_is_told_by_the_server_or_left_open(
    hub: GitHub, clock: FakeClock, status: int, us: str
) -> None:
    """A workflow's token has a known name; on a server that knows no `/user` our comments are known by their mark."""
    settings = settings_for(hub, github_token="secret-token", github_api_url="https://like.test")
    mine = {"id": 7, "body": MARK, "user": {"login": "boss"}, "issue_url": "https://like.test/issues/1"}
    with respx.mock(assert_all_called=False) as mock:
        mock.get("https://like.test/user").respond(status, json={"login": "boss", "message": "no"})
        comments = "https://like.test/repos/acme/shop/issues"
        mock.get(f"{comments}/1/comments").respond(json=[mine])
        written = mock.post(f"{comments}/1/comments").respond(201, json=mine)
        client = Client(settings, clock)
        assert await client.me() == us
        done = await comments_of.put(client, RepositoryRef("acme", "shop"), 1, MARK, MARK, None)
        await client.close()
    assert isinstance(done, Written)
    assert (done.found, written.called) == ((False, True) if status == 403 else (True, False))


def test_odd_answers_are_read_too(clock: FakeClock) -> None:
    """A date as Retry-After, a limit without headers, an error without JSON."""
    now = clock.now()
    date = (now + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert wait_asked(403, {"retry-after": date}, "", now) == 90
    assert wait_asked(429, {}, "", now) == 60
    assert wait_asked(403, {}, "Resource not accessible", now) is None
    assert wait_asked(403, {"retry-after": "soon"}, "", now) == 60
    assert refusal_of(500, {}, None, now, "GET /x").kind == "busy"
    fields = {
        "message": "Validation Failed",
        "errors": [{"resource": "Issue", "field": "title", "code": "missing"}],
    }
    assert "Issue title missing" in refusal_of(422, {}, fields, now, "POST /x").words
