"""What updates no item, and so no `since` shows: fires see it at once by webhooks, after a day without them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import httpx
import pytest

from bot.demo import DemoIssue, DemoRepo
from bot.demo.core import Actor
from bot.demo.deeds import announce
from bot.flow.indexed import OLD
from bot.model.item import RepositoryRef
from bot.ports import Found
from tests.world import World

pytestmark = pytest.mark.xdist_group("stories")
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

    async def fires(self, query: str = QUERY) -> tuple[list[int], int]:
        """The items a fire takes, and its requests."""
        assert self.world.roundsman is not None
        tracker, now = self.world.roundsman.tracker, self.world.clock.now()
        found = await tracker.matching(self.ref, query, "issues", now)
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
