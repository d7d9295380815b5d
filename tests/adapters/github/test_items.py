"""The tracker: what a fire finds, and how few requests it takes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.demo import DemoRepo, GitHub
from bot.github.client import Client
from bot.github.items import GitHubTracker
from bot.model.item import RepositoryRef
from bot.ports import Found, Refusal
from tests.clock import FakeClock


@pytest.fixture
def tracker(client: Client) -> GitHubTracker:
    """The real tracker over the real client."""
    return GitHubTracker(client)


async def found(
    tracker: GitHubTracker,
    ref: RepositoryRef,
    query: str,
    clock: FakeClock,
    target: str = "issues",
    **more: object,
) -> Found:
    """What matches now."""
    answer = await tracker.matching(ref, query, target, clock.now(), **more)  # type: ignore[arg-type]
    assert isinstance(answer, Found), answer
    return answer


def numbers(answer: Found) -> list[int]:
    """The numbers in result order."""
    return [item.number for item in answer.items]


async def test_matching_issues_are_found_in_order_and_pulls_left_out(
    tracker: GitHubTracker, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """The list holds pull requests and closed issues, too; the newest match comes first."""
    shop.issue("Crash", labels=["bug"])
    shop.issue("Fixed", labels=["bug"], state="closed")
    shop.pull("Fix crash", "fix", labels=["bug"])
    clock.move(minutes=1)
    shop.issue("Slow", labels=["Bug"])
    shop.issue("Later", labels=["bug", "wontfix"])
    answer = await found(tracker, ref, "is:open label:bug -label:wontfix", clock)
    assert numbers(answer) == [4, 1]
    assert answer.requests == 1


async def test_an_unchanged_repository_costs_one_request(
    tracker: GitHubTracker, hub: GitHub, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """Whatever its size; with the same token the answer is even a 304 that costs nothing of the hour."""
    for number in range(230):
        shop.issue(f"Issue {number}", labels=["bug"])
    clock.move(minutes=5)
    first = await found(tracker, ref, "is:open label:bug", clock)
    assert (len(first.items), first.requests) == (230, 3)
    for _ in range(3):
        clock.move(minutes=1)
        hub.requests.clear()
        again = await found(tracker, ref, "is:open label:bug", clock)
        assert numbers(again) == numbers(first)
        assert again.requests == hub.requests.count(bucket="core") == 1
    assert [request.status for request in hub.requests] == [304]


async def test_what_changed_since_is_seen(
    tracker: GitHubTracker, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """New matches come in, what no longer matches goes, an edit shows, for one request."""
    crash, slow = shop.issue("Crash", labels=["bug"]), shop.issue("Slow", labels=["bug"])
    plain = shop.issue("Plain")
    await found(tracker, ref, "is:open label:bug", clock)
    clock.move(hours=1)
    crash.close()
    plain.label("bug")
    slow.edit("boss", title="Very slow")
    answer = await found(tracker, ref, "is:open label:bug", clock)
    assert {item.number: item.title for item in answer.items} == {2: "Very slow", 3: "Plain"}
    assert answer.requests == 1


async def test_two_changes_within_a_second_are_not_lost(
    tracker: GitHubTracker, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """Times have whole seconds: an item changed again in the second in which we looked is read again."""
    crash = shop.issue("Crash", labels=["bug"])
    await found(tracker, ref, "is:open label:bug", clock)
    crash.edit("boss", title="Crash on start")
    again = await found(tracker, ref, "is:open label:bug", clock)
    assert again.items[0].title == "Crash on start"


async def test_a_relative_age_moves_with_time(
    tracker: GitHubTracker, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """Items enter `updated:>30d` and leave `updated:<7d` without being updated."""
    shop.issue("Quiet")
    assert numbers(await found(tracker, ref, "is:open updated:<7d", clock)) == [1]
    assert numbers(await found(tracker, ref, "is:open updated:>30d", clock)) == []
    clock.move(days=8)
    assert numbers(await found(tracker, ref, "is:open updated:<7d", clock)) == []
    clock.move(days=25)
    assert numbers(await found(tracker, ref, "is:open updated:>30d", clock)) == [1]


async def test_a_milestone_is_looked_up_by_its_title(
    tracker: GitHubTracker, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """REST wants its number; a milestone nobody made matches nothing and is no error."""
    number = shop.milestone("v1.0").number
    shop.issue("Due", milestone=number)
    shop.issue("Free")
    assert numbers(await found(tracker, ref, 'is:open milestone:"v1.0"', clock)) == [1]
    assert numbers(await found(tracker, ref, "is:open milestone:v9", clock)) == []


async def test_comments_are_read_only_where_they_decide(
    tracker: GitHubTracker, hub: GitHub, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """`commenter:` needs the comments of open bugs alone; `@me` is who we are."""
    bug, other = shop.issue("Bug", labels=["bug"]), shop.issue("Other")
    bug.comment("ada", "I see it, too")
    other.comment("ada", "me")
    answer = await found(tracker, ref, "is:open label:bug commenter:ada", clock)
    assert numbers(answer) == [1]
    assert hub.requests.count(path="/issues/2/comments") == 0
    assert numbers(await found(tracker, ref, "is:open author:@me", clock)) == []


async def test_one_item_alone_is_judged_without_a_list(
    tracker: GitHubTracker, hub: GitHub, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """An event names its item: found if it matches, for one request."""
    shop.issue("Crash", labels=["bug"])
    shop.issue("Idea")
    assert numbers(await found(tracker, ref, "is:open label:bug", clock, number=1)) == [1]
    assert numbers(await found(tracker, ref, "is:open label:bug", clock, number=2)) == []
    assert hub.requests.count(path="/repos/acme/shop/issues") == 2


async def test_an_item_that_is_gone_is_a_refusal(
    tracker: GitHubTracker, ref: RepositoryRef, clock: FakeClock
) -> None:
    """Nobody works on it."""
    answer = await tracker.item(ref, 99)
    assert isinstance(answer, Refusal)
    assert answer.kind == "gone"


async def test_a_query_with_faults_is_refused(
    tracker: GitHubTracker, ref: RepositoryRef, clock: FakeClock
) -> None:
    """It names the fault."""
    answer = await tracker.matching(ref, "lable:bug", "issues", clock.now())
    assert isinstance(answer, Refusal)
    assert answer.kind == "invalid"
    assert "lable" in answer.words


async def test_comments_come_newest_last_and_no_more_than_asked(
    tracker: GitHubTracker, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """All pages are read; the newest are kept."""
    issue = shop.issue("Talk")
    for number in range(130):
        issue.comment("ada", f"say {number}")
    rows = await tracker.comments(ref, 1, 3)
    assert [row["body"] for row in rows] == ["say 127", "say 128", "say 129"]  # type: ignore[union-attr]


async def test_when_github_is_busy_the_fire_waits(
    tracker: GitHubTracker, hub: GitHub, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """A limit in the middle of a list is a refusal with its wait, never half a list."""
    for number in range(150):
        shop.issue(f"Issue {number}")
    hub.faults.add("GET", "/issues$", limit="secondary", retry_after=90, skip=1)
    answer = await tracker.matching(ref, "is:open", "issues", clock.now())
    assert isinstance(answer, Refusal)
    assert answer.retry_after == timedelta(seconds=90).total_seconds()
