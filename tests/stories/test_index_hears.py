"""What updates no item, and so no `since` shows: fires see it at once by webhooks, after a day without them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import httpx
import pytest

from bot.demo import DemoIssue, DemoRepo
from bot.demo.core import Actor
from bot.demo.deeds import announce
from bot.flow.indexed import OLD, UNASKED
from bot.model.item import RepositoryRef, Target
from bot.ports import Found
from bot.store import hearing
from tests.world import World

QUERY = 'is:open label:bug milestone:"v1"'


class Shop:
    """A repository whose index a fire has filled: two bugs for the first version."""

    def __init__(self, world: World, name: str = "shop") -> None:
        self.world = world
        self.repo: DemoRepo = world.repo(f"acme/{name}", collaborators={"ada": "maintain"})
        self.milestone = self.repo.milestone("v1").number
        self.issues = [self.bug(f"Crash {number}") for number in range(2)]
        installation = next(iter(world.github.tables.installations.rows.values()))
        self.ref = RepositoryRef("acme", name, installation.id)

    def bug(self, title: str) -> DemoIssue:
        """A bug to be mended for the first version."""
        issue = self.repo.issue(title, labels=["bug"])
        issue.milestone(self.milestone)
        return issue

    async def ada(self, method: str, path: str, **body: str) -> None:
        """Ada does something by GitHub's API."""
        token = self.world.github.personal_token("ada")
        transport = httpx.ASGITransport(self.world.github.app)
        async with httpx.AsyncClient(transport=transport, base_url=self.world.github.api_url) as client:
            answer = await client.request(
                method, f"/repos/{self.ref.full_name}/{path}", json=body or None, headers={"authorization": f"Bearer {token}"}
            )  # fmt: skip
        assert answer.is_success, answer.text

    async def fires(self, query: str = QUERY, target: Target = "issues") -> tuple[list[int], int]:
        """The items a fire takes, and its requests."""
        assert self.world.roundsman is not None
        tracker, now = self.world.roundsman.tracker, self.world.clock.now()
        found = await tracker.matching(self.ref, query, target, now)
        assert isinstance(found, Found), found
        return sorted(item.number for item in found.items), found.requests

    async def renames_label(self) -> None:
        """`bug` is `defect` now."""
        await self.ada("PATCH", "labels/bug", new_name="defect")

    async def deletes_label(self) -> None:
        """No issue is a bug any more."""
        await self.ada("DELETE", "labels/bug")

    async def renames_milestone(self) -> None:
        """`v1` is `v2` now."""
        await self.ada("PATCH", f"milestones/{self.milestone}", title="v2")

    async def deletes_milestone(self) -> None:
        """There is no such version any more."""
        await self.ada("DELETE", f"milestones/{self.milestone}")

    async def deletes_issues(self) -> None:
        """The issues are gone."""
        for issue in self.issues:
            self.world.github.delete_issue(issue)

    async def transfers_issues(self) -> None:
        """The issues are in another repository."""
        for issue in self.issues:
            announce(self.world.github, issue.row, "transferred", Actor("ada"))
            self.world.github.tables.issues.drop(issue.row.id)


DEEDS: list[Callable[[Shop], Awaitable[None]]] = [
    Shop.renames_label, Shop.deletes_label, Shop.renames_milestone, Shop.deletes_milestone, Shop.deletes_issues,
    Shop.transfers_issues,
]  # fmt: skip


@pytest.mark.parametrize("heard", [True, False], ids=["webhook", "no webhook"])
async def test_what_updates_no_item_is_seen_by_fires(world: World, heard: bool) -> None:
    """With the webhook the next fire sees it, without one the first fire after a day."""
    shops = [(deed, Shop(world, f"shop-{deed.__name__}")) for deed in DEEDS]
    await world.hears()
    world.clock.move(minutes=1)
    for deed, shop in shops:
        # The label and the milestone are asked of rows alone here: the list itself is all open issues.
        assert (await shop.fires("is:open"))[0] == [issue.number for issue in shop.issues]
        await deed(shop)
    if heard:
        await world.hears()
    else:
        world.clock.move(seconds=OLD.total_seconds() + 1)
    for deed, shop in shops:
        assert (await shop.fires())[0] == [], deed.__name__


async def test_a_renamed_repository_begins_its_index_anew(world: World) -> None:
    """A label renamed before the repository was, heard of before any fire: the word of it is not lost."""
    shop = Shop(world)
    await world.hears()
    await shop.fires()
    world.clock.move(minutes=1)
    await shop.renames_label()
    world.github.rename_repo("acme/shop", "store")
    await world.hears()
    shop.ref = replace(shop.ref, name="store")
    assert (await shop.fires())[0] == []


async def test_an_issue_from_another_repository_is_seen(world: World) -> None:
    """It may keep the time of its last update, which lies before the last look: its arrival ends the index."""
    shop = Shop(world)
    await world.hears()
    before, _ = await shop.fires()
    world.clock.move(hours=1)
    came = shop.bug("From elsewhere")
    came.row.updated_at = shop.issues[0].row.updated_at
    world.github.tables.issues.put(came.row)
    announce(world.github, came.row, "opened", Actor("ada"), changes={"old_issue": {"number": 7}, "old_repository": {}})  # fmt: skip
    await world.hears()
    assert (await shop.fires())[0] == [*before, came.number]


class Listening(Shop):
    """A shop whose webhooks are known to arrive."""

    def bug(self, title: str) -> DemoIssue:
        """A bug that is for the first version from its first moment: one word is said of it."""
        return self.repo.issue(title, labels=["bug"], milestone=self.milestone)

    async def is_known(self) -> None:
        """The door is open, GitHub's list of deliveries holds nothing we lack, and a fire has asked GitHub."""
        assert self.world.roundsman is not None
        await (
            self.world.roundsman.side.hearing.beat()
        )  # what the open door has to say for itself, now and not in five seconds
        await self.goes_on(anew=True)
        await self.fires("is:open")
        await self.fires("is:open", "prs")
        assert (await self.fires("is:open"))[1] == 1

    async def goes_on(self, *, anew: bool = False) -> None:
        """The door gives its sign of life, and GitHub's list of deliveries is compared with ours."""
        roundsman = self.world.roundsman
        assert roundsman is not None
        await self.world.database.write(hearing.beat, self.world.clock.now(), anew=anew)
        await roundsman.side.reconciler.look()

    async def hears_of_a_bug(self) -> int:
        """A bug whose webhook arrives."""
        bug = self.bug("Another")
        await self.world.delivers()
        await self.goes_on()
        return bug.number


async def test_a_fire_after_webhooks_asks_github_nothing(world: World) -> None:
    """What was opened and closed meanwhile is known from the webhooks; silence is asked about."""
    shop = Listening(world)
    await world.hears()
    await shop.is_known()
    assert (await shop.fires("is:open"))[1] == 1, "silence proves nothing"
    new = shop.bug("Crash as well")
    shop.issues[0].close()
    pull = shop.repo.pull("Mend it", "mend")
    await world.delivers()
    assert await shop.fires("is:open label:bug") == ([shop.issues[1].number, new.number], 0)
    assert (await shop.fires("is:open updated:<7d"))[1] > 0, "an update may come without a webhook"
    await shop.hears_of_a_bug()
    assert await shop.fires("is:open head:mend", "prs") == ([pull.number], 0)


async def test_what_may_not_have_been_heard_is_asked_about(world: World) -> None:
    """A door that was away, a restart, a comment that tells no count: each costs the next fire one request."""
    shop = Listening(world)
    await world.hears()

    async def is_away() -> None:
        world.clock.move(minutes=2)
        await shop.goes_on()

    async def restarts() -> None:
        await world.dies()
        await world.wakes()
        assert world.roundsman is not None
        world.roundsman.web()
        await world.roundsman.side.hearing.beat()
        await shop.goes_on()

    async def somebody_comments() -> None:
        shop.issues[0].comment("ada", "Me too")
        await world.delivers()

    for deed in (is_away, restarts, somebody_comments):
        await shop.is_known()
        number = await shop.hears_of_a_bug()
        await deed()
        numbers, requests = await shop.fires("is:open label:bug")
        assert (number in numbers, requests) == (True, 1), deed.__name__


async def test_a_lost_webhook_is_found(world: World) -> None:
    """By GitHub's list of deliveries within a minute; one that is in no list by the question after a quarter of an hour."""
    shop = Listening(world)
    await world.hears()
    await shop.is_known()
    await shop.hears_of_a_bug()
    world.github.faults.add_delivery("issues", lost=True)
    listed = shop.bug("Lost")
    world.clock.move(seconds=40)
    await shop.goes_on()
    numbers, requests = await shop.fires("is:open label:bug")
    assert (listed.number in numbers, requests) == (True, 1)

    await shop.is_known()
    await shop.hears_of_a_bug()
    silent = shop.bug("Never told")
    rows = world.github.tables.deliveries
    for row in [each for each in rows if each.state == "waiting"]:
        rows.drop(row.id)
    numbers, requests = await shop.fires("is:open label:bug")
    assert (silent.number in numbers, requests) == (False, 0)
    for _ in range(int(UNASKED.total_seconds() / 30)):
        world.clock.move(seconds=30)
        await world.database.write(hearing.beat, world.clock.now(), anew=False)
    await shop.goes_on()
    await shop.hears_of_a_bug()
    numbers, requests = await shop.fires("is:open label:bug")
    assert (silent.number in numbers, requests) == (True, 1)
