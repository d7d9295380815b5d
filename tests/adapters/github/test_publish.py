"""The publisher: every write once, also when we die between the write and its record; every write taken back."""

from __future__ import annotations

import pytest

from bot.demo import DemoRepo, GitHub
from bot.github.client import Client
from bot.github.publish import GitHubPublisher
from bot.model.item import RepositoryRef
from bot.model.outcome import (
    Action,
    AddLabels,
    Assign,
    Close,
    NewIssue,
    RemoveLabels,
    Reopen,
    SetMilestone,
)
from bot.model.run import Effect
from bot.ports import Refusal, Written

MARK = "<!-- roundsman:triage#1:0123456789abcdef -->"


@pytest.fixture
def publisher(client: Client) -> GitHubPublisher:
    """The real publisher over the real client."""
    return GitHubPublisher(client)


async def done(
    publisher: GitHubPublisher, ref: RepositoryRef, action: Action, number: int = 1, **more: object
) -> Written:
    """Apply an action twice under one key: the crash between write and record."""
    given = {"patch": None, "head": None, **more}
    first = await publisher.apply(ref, number, action, "session-7/0", **given)  # type: ignore[arg-type]
    assert isinstance(first, Written), first
    again = await publisher.apply(ref, number, action, "session-7/0", **given)  # type: ignore[arg-type]
    assert isinstance(again, Written), again
    assert again.target_id == first.target_id
    return again


def effect(kind: str, number: int = 1, **more: object) -> Effect:
    """A recorded effect."""
    base = {
        "id": 1,
        "key": "k",
        "job_id": 1,
        "repository_id": 1,
        "number": number,
        "kind": kind,
        "done": True,
    }
    return Effect.model_validate({**base, **more})


async def test_a_comment_is_written_once_and_edited_after(
    publisher: GitHubPublisher, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """Found by its marker without its id, and by its id."""
    issue = shop.issue("Crash")
    first = await publisher.comment(ref, 1, MARK, f"Looking.\n{MARK}", None)
    again = await publisher.comment(ref, 1, MARK, f"Looking.\n{MARK}", None)
    assert isinstance(first, Written)
    assert isinstance(again, Written)
    assert (first.found, again.found) == (False, True)
    edited = await publisher.comment(ref, 1, MARK, f"Found it.\n{MARK}", first.target_id)
    assert isinstance(edited, Written)
    assert edited.before == f"Looking.\n{MARK}"
    assert [comment.body for comment in issue.comments] == [f"Found it.\n{MARK}"]


async def test_a_strangers_copied_marker_means_nothing(
    publisher: GitHubPublisher, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """Neither its text nor its id makes us edit what somebody else wrote."""
    issue = shop.issue("Crash")
    copy = issue.comment("mallory", f"{MARK} hello")
    written = await publisher.comment(ref, 1, MARK, f"Ours.\n{MARK}", str(copy.id))
    assert isinstance(written, Written)
    assert [comment.body for comment in issue.comments] == [f"{MARK} hello", f"Ours.\n{MARK}"]


async def test_our_comment_is_found_behind_hundreds_of_others(
    publisher: GitHubPublisher, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """All pages are looked through."""
    issue = shop.issue("Busy")
    for number in range(150):
        issue.comment("ada", f"say {number}")
    await publisher.comment(ref, 1, MARK, f"Ours.\n{MARK}", None)
    again = await publisher.comment(ref, 1, MARK, f"Ours.\n{MARK}", "999999")
    assert isinstance(again, Written)
    assert again.found
    assert len(issue.comments) == 151


async def test_a_comment_written_although_github_failed_is_not_written_again(
    publisher: GitHubPublisher, hub: GitHub, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """The connection broke after the work: the next try finds it."""
    issue = shop.issue("Crash")
    hub.faults.add("POST", "/comments$", drop="after")
    refused = await publisher.comment(ref, 1, MARK, MARK, None)
    assert isinstance(refused, Refusal)
    assert refused.kind == "busy"
    again = await publisher.comment(ref, 1, MARK, MARK, None)
    assert isinstance(again, Written)
    assert again.found
    assert len(issue.comments) == 1


async def test_a_locked_conversation_and_a_deleted_issue_say_so(
    publisher: GitHubPublisher, hub: GitHub, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """Forbidden and gone are told apart."""
    hub.faults.add(
        "POST", "/comments$", status=403, message="Unable to create comment because issue is locked."
    )
    shop.issue("Locked")
    refused = await publisher.comment(ref, 1, MARK, MARK, None)
    assert isinstance(refused, Refusal)
    assert (refused.kind, "locked" in refused.words) == ("forbidden", True)
    hub.delete_issue(shop.get(1))
    gone = await publisher.comment(ref, 1, MARK, MARK, None)
    assert isinstance(gone, Refusal)
    assert gone.kind == "gone"


async def test_labels_go_on_and_off(publisher: GitHubPublisher, shop: DemoRepo, ref: RepositoryRef) -> None:
    """Names with slashes and spaces, and labels that are not on."""
    issue = shop.issue("Crash", labels=["needs triage", "area/cart"])
    await done(publisher, ref, AddLabels(labels=("bug", "good first issue")))
    await done(publisher, ref, RemoveLabels(labels=("area/cart", "needs triage", "never there")))
    assert sorted(issue.labels) == ["bug", "good first issue"]


async def test_people_are_assigned_and_who_cannot_be_is_told(
    publisher: GitHubPublisher, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """GitHub ignores strangers without a word; we do not."""
    issue = shop.issue("Crash")
    shop.collaborator("ada")
    await done(publisher, ref, Assign(assignees=("ada",)))
    assert issue.row.assignees == ["ada"]
    refused = await publisher.apply(ref, 1, Assign(assignees=("stranger",)), "k", None, None)
    assert isinstance(refused, Refusal)
    assert "stranger cannot be assigned" in refused.words


async def test_milestone_and_state_are_set(
    publisher: GitHubPublisher, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """By the milestone's title; closing carries its reason."""
    issue = shop.issue("Crash")
    number = shop.milestone("v2").number
    await done(publisher, ref, SetMilestone(title="V2"))
    assert shop.get(1).row.milestone == number
    await done(publisher, ref, SetMilestone(title=None))
    assert shop.get(1).row.milestone is None
    await done(publisher, ref, Close(reason="not_planned"))
    assert (issue.row.state, issue.row.state_reason) == ("closed", "not_planned")
    await done(publisher, ref, Reopen())
    assert issue.row.state == "open"
    unknown = await publisher.apply(ref, 1, SetMilestone(title="v9"), "k", None, None)
    assert isinstance(unknown, Refusal)
    assert "no milestone 'v9'" in unknown.words


async def test_an_issue_is_opened_once(
    publisher: GitHubPublisher, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """Found by its marker; another session's issue of the same number in an older database is another."""
    written = await done(
        publisher, ref, NewIssue(title="Weekly digest", body="All well.", labels=("digest",)), 0
    )
    other = await done(publisher, ref, NewIssue(title="Weekly digest", body="Not so well."), 0)
    assert [issue.title for issue in shop.issues] == ["Weekly digest", "Weekly digest"]
    assert shop.get(int(written.target_id)).labels == ["digest"]
    assert other.target_id != written.target_id


async def test_what_was_done_is_taken_back(
    publisher: GitHubPublisher, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """Comment deleted, labels, assignee, milestone and state as they were; taking back twice does no harm."""
    issue = shop.issue("Crash", labels=["bug"])
    shop.milestone("v2")
    shop.collaborator("ada")
    said = await publisher.comment(ref, 1, MARK, MARK, None)
    assert isinstance(said, Written)
    await publisher.apply(ref, 1, AddLabels(labels=("done",)), "k", None, None)
    await publisher.apply(ref, 1, RemoveLabels(labels=("bug",)), "k", None, None)
    await publisher.apply(ref, 1, Assign(assignees=("ada",)), "k", None, None)
    await publisher.apply(ref, 1, SetMilestone(title="v2"), "k", None, None)
    await publisher.apply(ref, 1, Close(), "k", None, None)
    effects = [
        effect("comment", facet="comments", target_id=said.target_id),
        effect("labels.add", facet="label:done", before="", after="on"),
        effect("labels.remove", facet="label:bug", before="on", after=""),
        effect("assign", facet="assignee:ada", before="", after="on"),
        effect("milestone", facet="milestone", before="", after="v2"),
        effect("close", facet="state", before="open", after="closed"),
    ]
    for each in effects * 2:
        assert await publisher.undo(ref, each) is None
    assert (issue.comments, issue.labels, issue.row.assignees) == ([], ["bug"], [])
    assert (shop.get(1).row.milestone, issue.row.state) == (None, "open")


async def test_a_reaction_is_put_once(
    publisher: GitHubPublisher, hub: GitHub, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """The same reaction again is the same reaction."""
    comment = shop.issue("Crash").comment("boss", "/roundsman run triage")
    for _ in range(2):
        assert await publisher.react(ref, comment.id, "eyes") is None
    assert len(hub.tables.reactions.under("subject", ("comment", comment.id))) == 1
