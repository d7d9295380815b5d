"""Pull requests: their fields, reviews, check runs, and pull requests of our own."""

from __future__ import annotations

import base64

import pytest

from bot.demo import DemoRepo, GitHub
from bot.github.client import Client
from bot.github.items import GitHubTracker
from bot.github.lines import lines_of
from bot.github.publish import GitHubPublisher
from bot.model.agent import Patch, PatchFile
from bot.model.item import RepositoryRef
from bot.model.outcome import Annotation, Check, InlineComment, NewPullRequest, Review
from bot.ports import Found, Refusal, Written
from tests.adapters.github.test_publish import done, effect
from tests.clock import FakeClock


@pytest.fixture
def publisher(client: Client) -> GitHubPublisher:
    """The real publisher over the real client."""
    return GitHubPublisher(client)


@pytest.fixture
def tracker(client: Client) -> GitHubTracker:
    """The real tracker over the real client."""
    return GitHubTracker(client)


async def found(
    tracker: GitHubTracker, ref: RepositoryRef, query: str, clock: FakeClock, **more: object
) -> Found:
    """Pull requests that match now."""
    answer = await tracker.matching(ref, query, "prs", clock.now(), **more)  # type: ignore[arg-type]
    assert isinstance(answer, Found), answer
    return answer


async def test_pull_requests_carry_their_heads(
    tracker: GitHubTracker, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """From a list or alone; a push shows the new head."""
    pull = shop.pull("Fix", "fix", {"cart.py": "total = 1\n"}, author="ada")
    shop.issue("No pull request")
    for _ in range(2):
        answer = await found(tracker, ref, "is:open", clock)
        assert [(item.number, item.head_sha) for item in answer.items] == [(1, pull.pull.head_sha)]
    clock.move(hours=1)
    sha = pull.push(("ada", clock.now(), "More", {"cart.py": "total = 2\n"}))
    assert [item.head_sha for item in (await found(tracker, ref, "is:open", clock)).items] == [sha]
    alone = await tracker.item(ref, 1)
    assert not isinstance(alone, Refusal)
    assert (alone.head_sha, alone.is_pull) == (sha, True)


async def test_pull_requests_carry_their_comments_where_asked(
    tracker: GitHubTracker, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """The pull list does not tell them; who asks gets them."""
    pull = shop.pull("Fix", "fix")
    pull.comment("ada", "hello")
    answer = await found(tracker, ref, "is:open", clock, discussed=True)
    assert answer.items[0].payload["comments"] == 1


async def test_drafts_branches_and_reviewers_are_matched(
    tracker: GitHubTracker, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """What only the pull list tells."""
    shop.collaborator("ada")
    shop.pull("Draft", "wip", draft=True)
    shop.pull("Ready", "ready", reviewers=["ada"])
    assert [i.number for i in (await found(tracker, ref, "is:open draft:false", clock)).items] == [2]
    assert [i.number for i in (await found(tracker, ref, "is:open head:wip", clock)).items] == [1]
    assert [i.number for i in (await found(tracker, ref, "is:open review-requested:ada", clock)).items] == [2]


async def test_reviews_and_checks_are_read_for_those_still_unknown(
    tracker: GitHubTracker, shop: DemoRepo, ref: RepositoryRef, clock: FakeClock
) -> None:
    """`reviewed-by:` and `status:` settle with further requests."""
    shop.collaborator("ada")
    one, two = shop.pull("One", "one"), shop.pull("Two", "two")
    two.review("ada", "APPROVED")
    shop.status(one.pull.head_sha, "failure")
    shop.status(two.pull.head_sha, "success")
    assert [i.number for i in (await found(tracker, ref, "is:open reviewed-by:ada", clock)).items] == [2]
    assert [i.number for i in (await found(tracker, ref, "is:open status:failure", clock)).items] == [1]
    assert [i.number for i in (await found(tracker, ref, "is:open -status:failure", clock)).items] == [2]


REVIEW = Review(
    body="Two things.",
    comments=(
        InlineComment(path="cart.py", line=1, body="Why one?"),
        InlineComment(path="cart.py", line=400, body="And this?"),
        InlineComment(path="other.py", line=1, body="Not in this change."),
    ),
)


async def test_a_review_comments_on_changed_lines_and_says_the_rest_in_its_body(
    publisher: GitHubPublisher, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """Once, also when the record of the first was lost."""
    pull = shop.pull("Fix", "fix", {"cart.py": "total = 1\n"}, author="ada")
    written = await done(publisher, ref, REVIEW, head=pull.pull.head_sha)
    assert written.found
    (review,) = pull.reviews
    assert review.body.startswith("Two things.")
    assert "cart.py:400" in review.body
    assert "other.py:1" in review.body
    comments = await publisher.client.rows(ref, f"pulls/1/reviews/{review.id}/comments")
    assert [(row["path"], row["body"]) for row in comments] == [("cart.py", "Why one?")]  # type: ignore[union-attr]
    assert await publisher.undo(ref, effect("review", target_id=written.target_id)) is None
    assert pull.reviews[0].body == "*Taken back.*"
    assert await publisher.client.rows(ref, f"pulls/1/reviews/{review.id}/comments") == []


def test_lines_are_read_from_the_patch() -> None:
    """Old lines on the left, new ones on the right, context on both."""
    patch = "@@ -1,3 +1,3 @@ def f\n a\n-b\n+c\n d\n\\ No newline at end of file\n@@ -10 +10,2 @@\n x\n+y"
    lines = lines_of([{"filename": "a.py", "patch": patch}, {"filename": "huge.bin"}])
    assert lines["a.py"]["LEFT"] == {1, 2, 3, 10}
    assert lines["a.py"]["RIGHT"] == {1, 2, 3, 10, 11}
    assert lines["huge.bin"]["RIGHT"] == frozenset()


async def test_a_check_run_is_reported_once_with_all_its_annotations(
    publisher: GitHubPublisher, hub: GitHub, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """Fifty at a time; a crash between portions is made good."""
    pull = shop.pull("Fix", "fix", {"cart.py": "total = 1\n"})
    notes = tuple(Annotation(path="cart.py", start_line=1, message=f"note {n}") for n in range(120))
    check = Check(
        name="Roundsman: tests", conclusion="failure", title="120 notes", summary="See.", annotations=notes
    )
    hub.faults.add("PATCH", "/check-runs/", status=502)
    refused = await publisher.apply(ref, 1, check, "session-7/0", None, pull.pull.head_sha)
    assert isinstance(refused, Refusal)
    written = await done(publisher, ref, check, head=pull.pull.head_sha)
    runs = await publisher.client.rows(ref, f"commits/{pull.pull.head_sha}/check-runs", within="check_runs")
    assert not isinstance(runs, Refusal)
    assert [(run["name"], run["conclusion"], run["output"]["annotations_count"]) for run in runs] == [
        ("Roundsman: tests", "failure", 120)
    ]
    assert await publisher.undo(ref, effect("check", target_id=written.target_id)) is None


def patch_of(shop: DemoRepo) -> Patch:
    """A change of four kinds."""
    text = lambda words: base64.b64encode(words).decode()  # noqa: E731
    files = (
        PatchFile(path="cart.py", status="modified", content=text(b"total = 42\n")),
        PatchFile(path="bin/run", status="added", mode="100755", content=text(b"#!/bin/sh\n")),
        PatchFile(path="logo.png", status="added", content=text(b"\x89PNG\xff\xfe")),
        PatchFile(path="README.md", status="deleted"),
    )
    return Patch(base=shop.head() or "", diff="…", files=files)


async def test_a_pull_request_is_made_from_a_patch_once(
    publisher: GitHubPublisher, hub: GitHub, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """One commit on a branch of ours, found again by its branch; taken back, it is closed and the branch gone."""
    before, action = shop.head(), NewPullRequest(title="Count right", body="As discussed.", draft=True)
    hub.faults.add("POST", "/pulls$", drop="after")
    refused = await publisher.apply(ref, 0, action, "session-7/0", patch_of(shop), None)
    assert isinstance(refused, Refusal)
    written = await done(publisher, ref, action, 0, patch=patch_of(shop))
    pull = shop.get(int(written.target_id))
    assert (pull.title, pull.pull.draft, shop.head()) == ("Count right", True, before)
    assert len(shop.issues) == 1
    files = await publisher.client.rows(ref, f"pulls/{pull.number}/files")
    assert not isinstance(files, Refusal)
    assert sorted((row["filename"], row["status"]) for row in files) == [
        ("README.md", "removed"), ("bin/run", "added"), ("cart.py", "modified"), ("logo.png", "added"),
    ]  # fmt: skip
    assert await publisher.undo(ref, effect("pull_request", 0, target_id=written.target_id)) is None
    assert pull.row.state == "closed"
    assert shop.head(pull.pull.head_ref) is None


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        (None, "no change"),
        (Patch(base="x", diff=""), "no change"),
        (Patch(base="x", diff="", refused="over 100 files"), "over 100 files"),
        (Patch(base="x", diff="d", files=(PatchFile(path="sub", status="added", mode="160000", content=""),)), "neither a file"),
        (Patch(base="x", diff="d", files=(PatchFile(path="big", status="added"),)), "too large"),
    ],
)  # fmt: skip
async def test_what_is_no_change_to_propose_is_refused(
    publisher: GitHubPublisher, hub: GitHub, ref: RepositoryRef, patch: Patch | None, words: str
) -> None:
    """Before anything is written."""
    refused = await publisher.apply(ref, 0, NewPullRequest(title="x"), "k", patch, None)
    assert isinstance(refused, Refusal)
    assert words in refused.words
    hub.assert_readonly()


async def test_an_edited_comment_is_collapsed_when_taken_back(
    publisher: GitHubPublisher, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """It also holds what earlier runs said."""
    issue, mark = shop.issue("Crash"), "<!-- roundsman:x -->"
    said = await publisher.comment(ref, 1, mark, mark, None)
    assert isinstance(said, Written)
    again = effect("comment", facet="comments", target_id=said.target_id, before=said.target_id)
    assert await publisher.undo(ref, again) is None
    assert issue.comments[0].minimized == "OUTDATED"
