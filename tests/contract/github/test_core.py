"""The embedded GitHub's core: issues, comments, lists, ETags, limits, faults, webhooks, durability."""

from pathlib import Path

import httpx
import pytest

from bot.demo import App, GitHub, Installation
from bot.demo.webhooks import sign
from tests.contract.github.conftest import HandClock

SHOP = "/repos/acme/shop"


async def test_comments_bump_updated_at(github: GitHub, bot: httpx.AsyncClient, clock: HandClock) -> None:
    """Whoever comments, the issue's `updated_at` moves; a reaction leaves it."""
    issue = github.repository("acme/shop").issue("Crash", labels=["bug"])
    clock.forward(minutes=20)
    await bot.post(f"{SHOP}/issues/1/comments", json={"body": "Looking."})
    moved = (await bot.get(f"{SHOP}/issues/1")).json()
    clock.forward(minutes=20)
    await bot.post(f"{SHOP}/issues/1/reactions", json={"content": "eyes"})
    reacted = (await bot.get(f"{SHOP}/issues/1")).json()
    assert [x.body for x in issue.comments] == ["Looking."]
    assert moved["updated_at"] == "2026-01-05T09:20:00Z" == reacted["updated_at"]
    assert (moved["comments"], reacted["reactions"]["eyes"]) == (1, 1)


async def test_list_filters(github: GitHub, bot: httpx.AsyncClient) -> None:
    """Default is open; labels are AND; pull requests are in the list with their key; bad values are 422."""
    shop = github.repository("acme/shop")
    shop.issue("a", labels=["bug"], author="ann", body="@cleo?")
    shop.issue("b", labels=["bug", "wip"], assignees=["boss"])
    shop.issue("c", state="closed", labels=["bug"])
    shop.pull("d", "topic", {"x.py": "1\n"}, labels=["bug"])

    async def numbers(**params: str) -> list[int]:
        return [x["number"] for x in (await bot.get(f"{SHOP}/issues", params=params)).json()]

    assert await numbers() == [4, 2, 1]
    assert await numbers(labels="bug,wip") == [2]
    assert await numbers(state="all", direction="asc") == [1, 2, 3, 4]
    assert await numbers(creator="ANN") == [1]
    assert await numbers(mentioned="cleo") == [1]
    assert await numbers(assignee="none") == [4, 1]
    assert await numbers(assignee="*") == [2]
    assert (await bot.get(f"{SHOP}/issues", params={"milestone": "v1"})).status_code == 422
    listed = (await bot.get(f"{SHOP}/issues")).json()
    assert ["pull_request" in x for x in listed] == [True, False, False]


async def test_pages_and_links(github: GitHub, bot: httpx.AsyncClient) -> None:
    """Link leads through all pages under the numeric address, and ends."""
    for n in range(5):
        github.repository("acme/shop").issue(f"issue {n}")
    seen: list[int] = []
    url: str | None = f"{SHOP}/issues?per_page=2"
    while url:
        page = await bot.get(url)
        seen += [x["number"] for x in page.json()]
        url = page.links.get("next", {}).get("url")
        assert url is None or "/repositories/" in url
    assert seen == [5, 4, 3, 2, 1]


async def test_etags_belong_to_the_token(
    github: GitHub, bot: httpx.AsyncClient, installation: Installation, clock: HandClock
) -> None:
    """The same token gets 304 at no cost until something changes; another token gets 200."""
    issue = github.repository("acme/shop").issue("a")
    first = await bot.get(f"{SHOP}/issues")
    tag = {"if-none-match": first.headers["etag"]}
    again = await bot.get(f"{SHOP}/issues", headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining"]
    other = {"authorization": f"token {github.installation_token(installation)}", **tag}
    assert (await bot.get(f"{SHOP}/issues", headers=other)).status_code == 200
    clock.forward(minutes=1)
    issue.comment("ann", "hello")
    assert (await bot.get(f"{SHOP}/issues", headers=tag)).status_code == 200


async def test_webhooks_are_signed(
    github: GitHub, bot: httpx.AsyncClient, installation: Installation, app: App
) -> None:
    """What goes out carries GitHub's headers and a signature over the exact bytes."""
    assert sign("It's a Secret to Everybody", b"Hello, World!").endswith(
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    )
    seen: list[httpx.Request] = []

    def receive(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202)

    github.repository("acme/shop").issue("a", labels=["bug"])
    async with httpx.AsyncClient(transport=httpx.MockTransport(receive)) as client:
        assert await github.deliver(client) == 2
    assert [x.headers["x-github-event"] for x in seen] == ["installation", "issues"]
    assert app.webhook_secret is not None
    assert seen[1].headers["x-hub-signature-256"] == sign(app.webhook_secret, seen[1].content)


async def test_faults_strike_once(github: GitHub, bot: httpx.AsyncClient) -> None:
    """A dropped answer leaves the write done; limits carry their headers; then all is well."""
    issue = github.repository("acme/shop").issue("a")
    github.faults.add("POST", "/comments$", drop="after")
    with pytest.raises(httpx.RemoteProtocolError):
        await bot.post(f"{SHOP}/issues/1/comments", json={"body": "x"})
    assert len(issue.comments) == 1
    github.faults.add("GET", "/issues/1$", limit="secondary", retry_after=7)
    limited = await bot.get(f"{SHOP}/issues/1")
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    assert (await bot.get(f"{SHOP}/issues/1")).status_code == 200


async def test_primary_limit(github: GitHub, bot: httpx.AsyncClient, clock: HandClock) -> None:
    """A used-up window answers 403 with nothing remaining until it resets."""
    github.limits.core = 2
    codes = [(await bot.get(SHOP)).status_code for _ in range(3)]
    refused = await bot.get(SHOP)
    assert codes == [200, 200, 403]
    assert refused.headers["x-ratelimit-remaining"] == "0"
    clock.forward(hours=1)
    token = github.installation_token(next(iter(github.tables.installations)))
    fresh = await bot.get(SHOP, headers={"authorization": f"token {token}"})
    assert fresh.status_code == 200


async def test_writes_are_remembered(github: GitHub, bot: httpx.AsyncClient) -> None:
    """`assert_readonly` passes for reads and fails after a write through the API."""
    github.repository("acme/shop").issue("a")
    await bot.get(f"{SHOP}/issues")
    github.assert_readonly()
    await bot.post(f"{SHOP}/issues/1/labels", json={"labels": ["bug"]})
    with pytest.raises(AssertionError, match="POST /repos/acme/shop/issues/1/labels"):
        github.assert_readonly()


async def test_answered_writes_are_durable(tmp_path: Path, clock: HandClock) -> None:
    """What was answered is there in a second GitHub on the same folder, without any goodbye of the first."""
    first = GitHub(clock=clock, data_dir=tmp_path)
    first.add_repo("acme/shop", files={"a.txt": "a\n"}).issue("a", labels=["bug"])
    token = first.personal_token("ann")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(first.app), base_url=first.url) as client:
        client.headers["authorization"] = f"token {token}"
        made = await client.post(f"{SHOP}/issues/1/comments", json={"body": "kept"})
    second = GitHub(clock=clock, data_dir=tmp_path)
    shop = second.repository("acme/shop")
    assert made.status_code == 201
    assert [x.body for x in shop.get(1).comments] == ["kept"]
    assert (shop.issue("b").number, shop.head()) == (2, first.repository("acme/shop").head())
    first.close()
    second.close()
