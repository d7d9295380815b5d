"""The incremental index: the same answer as listing everything, for one request where nothing changed."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta

import pytest

from bot.demo import DemoIssue, DemoRepo, GitHub
from bot.flow.indexed import OLD
from bot.github.client import Client
from bot.github.items import GitHubTracker
from bot.github.remembered import Memory
from bot.github.webhook import deliver
from bot.model.happening import Delivery
from bot.model.item import RepositoryRef
from bot.ports import Found, IndexedItems, Refusal
from bot.store.database import Database
from bot.store.indexed import KeptItems, hear, purge
from bot.store.repositories import ensure_repository
from tests.clock import FakeClock

QUERIES = [
    ("is:open", "issues"), ("is:open label:bug", "issues"), ("is:open label:bug -label:wontfix no:assignee", "issues"),
    ("is:open", "prs"), ("is:open draft:false base:main", "prs"), ("is:closed updated:<2d", "issues"),
    ("updated:>1d is:open", "issues"), ("label:bug OR label:wontfix", "issues"), ("created:<3d sort:created-asc", "issues"),
    ('is:open milestone:"v1.0"', "issues"), ("is:open comments:>0", "prs"), ("is:open assignee:boss", "issues"),
]  # fmt: skip


@pytest.fixture
def kept(database: Database, clock: FakeClock) -> KeptItems:
    """The index in each kind of database, which knows the shop."""
    database.write_now(ensure_repository, "acme/shop", clock.now())
    return KeptItems(database)


async def found(
    tracker: GitHubTracker, ref: RepositoryRef, query: str, clock: FakeClock, target: str = "issues"
) -> Found:
    """What matches now."""
    answer = await tracker.matching(ref, query, target, clock.now())  # type: ignore[arg-type]
    assert isinstance(answer, Found), answer
    return answer


def told(answer: Found) -> list[tuple[int, str, str | None, list[str]]]:
    """What of the answer decides what is done."""
    return [(item.number, item.title, item.head_sha, sorted(label["name"] for label in item.payload["labels"])) for item in answer.items]  # fmt: skip


class People:
    """Somebody who does this and that to a repository, the same again for the same seed."""

    def __init__(self, shop: DemoRepo, clock: FakeClock, seed: int) -> None:
        self.shop, self.clock, self.dice = shop, clock, random.Random(seed)
        self.milestone = shop.milestone("v1.0").number

    def act(self) -> None:
        """One deed or a stretch of time."""
        dice = self.dice
        open_ones = [issue for issue in self.shop.issues if issue.row.state == "open"]
        issue = dice.choice(self.shop.issues) if self.shop.issues else None
        match dice.randrange(12):
            case 0 | 1:
                self.shop.issue(
                    f"Issue {dice.random()}", labels=dice.sample(["bug", "wontfix", "p1"], dice.randrange(3))
                )
            case 2:
                self.shop.pull(f"Pull {dice.random()}", f"branch-{dice.random()}", draft=dice.random() < 0.3)
            case 3:
                self.clock.move(seconds=dice.choice([1, 3, 61]))
            case 4:
                self.clock.move(hours=dice.choice([1, 7, 30]))
            case _ if issue is None:
                pass
            case 5:
                issue.label(dice.choice(["bug", "wontfix"]))
            case 6 if issue.labels:
                issue.unlabel(dice.choice(issue.labels))
            case 7 if open_ones:
                dice.choice(open_ones).close()
            case 8 if issue.row.state == "closed" and not issue.row.is_pull:
                issue.reopen()
            case 9:
                issue.comment("ada", "me too")
            case 10:
                issue.assign("boss")
                issue.milestone(self.milestone)
            case _:
                self._write_or_push(issue)

    def _write_or_push(self, issue: DemoIssue) -> None:
        if issue.row.is_pull and issue.row.state == "open" and self.dice.random() < 0.5:
            issue.push(("ada", self.clock.now(), "more", {"more.txt": str(self.dice.random())}))
        else:
            issue.edit("boss", title=f"Better {self.dice.random()}")


@pytest.mark.parametrize("seed", range(4))
async def test_the_same_is_found_with_and_without_an_index(
    kept: KeptItems, client: Client, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock, seed: int
) -> None:
    """Whatever people do between fires, and whatever was asked before: no webhook is needed for it."""
    people, dice = People(shop, clock, seed), random.Random(seed + 100)
    indexed, remembering = GitHubTracker(client, kept), GitHubTracker(client, Memory())
    for _ in range(14):
        for _ in range(dice.randrange(4)):
            people.act()
        query, target = dice.choice(QUERIES)
        plain = await found(GitHubTracker(client), ref, query, clock, target)
        for tracker in (indexed, remembering):
            assert told(await found(tracker, ref, query, clock, target)) == told(plain), (query, target)


@pytest.mark.parametrize("seed", range(4))
async def test_the_same_is_found_by_webhooks_alone(
    kept: KeptItems, database: Database, hub: GitHub, client: Client, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock, seed: int,
) -> None:  # fmt: skip
    """Delivered in any order, twice, or long after others: where they are believed unasked, it is what GitHub would say."""
    people, dice = People(shop, clock, seed), random.Random(seed + 100)
    tracker = GitHubTracker(client, kept)

    async def hearing(_: RepositoryRef) -> str:
        return "all along"

    tracker.lists.hearing = hearing
    for target in ("issues", "prs"):
        await found(tracker, ref, "is:open", clock, target)
    unasked, seen, late = 0, 0, list[Delivery]()
    for _ in range(24):
        for _ in range(dice.randrange(4)):
            people.act()
            clock.move(seconds=dice.choice([0, 1, 2]))
        rows = [row for row in hub.tables.deliveries if row.id > seen]
        seen = max([seen, *(row.id for row in rows)])
        told_now = [deliver(f"guid-{row.id:08}", row.event, json.loads(row.body)) for row in rows]
        dice.shuffle(told_now)
        repeated = [each for each in late if each.news and each.news.row and dice.random() < 0.3]
        for each in (*told_now, *repeated):
            if each.news is not None:
                database.write_now(hear, each.news.place, [each.news], clock.now())
        late += told_now
        query, target = dice.choice(QUERIES)
        answer = await found(tracker, ref, query, clock, target)
        unasked += answer.requests == 0
        assert told(answer) == told(await found(GitHubTracker(client), ref, query, clock, target)), (
            query,
            target,
        )
    assert unasked, "nothing was believed"


async def test_a_quiet_fire_costs_one_request_and_survives_a_restart(
    kept: KeptItems,
    database: Database,
    hub: GitHub,
    client: Client,
    shop: DemoRepo,
    ref: RepositoryRef,
    clock: FakeClock,
) -> None:
    """A second process, or the same after a restart, goes on where the first was; a 304 follows an empty page."""
    for number in range(150):
        shop.issue(f"Issue {number}", labels=["bug"])
    clock.move(minutes=1)
    first = await found(GitHubTracker(client, kept), ref, "is:open label:bug", clock)
    assert (len(first.items), first.requests) == (150, 2)
    for index in (kept, KeptItems(database)):
        clock.move(minutes=1)
        hub.requests.clear()
        again = await found(GitHubTracker(client, index), ref, "is:open label:bug", clock)
        assert told(again) == told(first)
        assert again.requests == hub.requests.count(bucket="core") == 1
    assert [request.status for request in hub.requests] == [304]


async def test_a_narrower_question_is_answered_by_a_wider_list(
    kept: KeptItems, client: Client, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """Who knows all open issues knows the open bugs; not the closed ones, nor those of another kind of list."""
    for number in range(120):
        shop.issue(f"Issue {number}", labels=["bug"] if number % 2 else [])
    shop.issue("Done", labels=["bug"], state="closed")
    clock.move(minutes=1)
    tracker = GitHubTracker(client, kept)
    assert (await found(tracker, ref, "is:open", clock)).requests == 2
    bugs = await found(tracker, ref, "is:open label:BUG", clock)
    assert (len(bugs.items), bugs.requests) == (60, 1)
    assert len((await found(tracker, ref, "label:bug", clock)).items) == 61


async def test_many_changes_at_once_are_all_seen(
    kept: KeptItems, client: Client, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """More than a page, many in one second; the fire after it costs one request again."""
    issues = [shop.issue(f"Issue {number}") for number in range(260)]
    tracker = GitHubTracker(client, kept)
    await found(tracker, ref, "is:open", clock)
    clock.move(hours=1)
    for issue in issues[:230]:
        issue.label("bug")
    assert len((await found(tracker, ref, "is:open label:bug", clock)).items) == 230
    clock.move(minutes=1)
    await found(tracker, ref, "is:open label:bug", clock)
    clock.move(minutes=1)
    last = await found(tracker, ref, "is:open label:bug", clock)
    assert (len(last.items), last.requests) == (230, 1)


async def test_what_updates_no_item_is_seen_when_told_or_after_a_day(
    kept: KeptItems, hub: GitHub, client: Client, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """An issue is deleted: with the webhook at once, without it after a day."""
    for told_of in (True, False):
        gone = shop.issue("Gone soon")
        shop.issue("Stays")
        at: list[datetime] = []

        async def shuffled(_: RepositoryRef, at: list[datetime] = at) -> datetime | None:
            return at[-1] if at else None

        tracker = GitHubTracker(client, kept, shuffled)
        before = await found(tracker, ref, "is:open", clock)
        clock.move(minutes=1)
        hub.delete_issue(gone)
        if told_of:
            at.append(clock.now())
        else:
            clock.move(hours=OLD / timedelta(hours=1), seconds=1)
        after = await found(tracker, ref, "is:open", clock)
        assert len(after.items) == len(before.items) - 1


async def test_an_item_that_is_gone_is_looked_at_once(
    kept: KeptItems, hub: GitHub, client: Client, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """A session that finds it gone takes it out, so that it takes nobody's place in the next fire."""
    gone = shop.issue("Gone soon")
    tracker = GitHubTracker(client, kept)
    await found(tracker, ref, "is:open", clock)
    hub.delete_issue(gone)
    assert isinstance(await tracker.item(ref, gone.number), Refusal)
    assert (await found(tracker, ref, "is:open", clock)).items == ()


async def test_reactions_are_never_read_from_the_index(
    kept: KeptItems, client: Client, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """A reaction updates no item: who asks for them gets them as they are."""
    issue = shop.issue("Popular")
    tracker = GitHubTracker(client, kept)
    assert (await found(tracker, ref, "is:open reactions:>0", clock)).items == ()
    clock.move(hours=1)
    issue.react("ada", "heart")
    assert len((await found(tracker, ref, "is:open reactions:>0", clock)).items) == 1


async def test_an_index_that_began_anew_takes_no_old_rows(
    database: Database, client: Client, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """Another process began again meanwhile: what belongs to the former life is refused; what is stale can be purged."""
    database.write_now(ensure_repository, "acme/shop", clock.now())
    one: IndexedItems = KeptItems(database)
    shop.issue("Crash")
    await found(GitHubTracker(client, one), ref, "is:open", clock)
    mark = await one.mark("acme/shop")
    assert mark is not None
    assert not await one.add("acme/shop", "another", [{"number": 1}], unsure="")
    assert await one.rows("acme/shop", "another", is_open=True) is None
    assert database.write_now(purge, clock.now() + timedelta(seconds=1)) == 1
    assert await one.mark("acme/shop") is None
