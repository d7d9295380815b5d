"""What a session reads beside its item, before the embedded GitHub: fields, contexts, files, and what is refused."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.demo import DemoRepo, GitHub
from bot.github.about import mentions_of
from bot.github.client import Client
from bot.github.gitfile import read_file
from bot.github.items import GitHubTracker
from bot.github.sources import GitHubSources
from bot.model.item import RepositoryRef
from bot.model.job import JobSpec
from bot.model.run import Job, Repository, Run, RunStatus, Session, SessionStatus, TriggerKind
from bot.ports import Gathered, Refusal, Seat

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)


def seat_of(ref: RepositoryRef, *context: dict[str, Any]) -> Seat:
    """A seat of a job with these contexts."""
    spec = JobSpec.model_validate(
        {"on": {"schedule": "0 9 * * *"}, "prompt": "Look.", "context": list(context)}
    )
    kept = spec.model_dump(mode="json", by_alias=True)
    run = Run(id=1, job_id=1, repository_id=1, trigger=TriggerKind.manual, occasion="x", status=RunStatus.running, spec=kept, created_at=NOW)  # fmt: skip
    job = Job(id=1, repository_id=1, name="triage", spec=kept, source="api", status="active", anchor_at=NOW, created_at=NOW, updated_at=NOW)  # fmt: skip
    session = Session(id=1, run_id=1, job_id=1, repository_id=1, number=1, status=SessionStatus.running, queued_at=NOW)  # fmt: skip
    repository = Repository(id=1, owner=ref.owner, name=ref.name, installation_id=ref.installation)
    return Seat(run=run, job=job, repository=repository, session=session)


async def gathered(
    client: Client, ref: RepositoryRef, number: int | None, *context: dict[str, Any], used: tuple[str, ...] = (),
    elsewhere: Any = None,
) -> Gathered:  # fmt: skip
    """What a session on an item gets."""
    tracker = GitHubTracker(client)
    item = await tracker.item(ref, number) if number else None
    assert not isinstance(item, Refusal)
    sources = GitHubSources(client, tracker, elsewhere)
    return await sources.gather(seat_of(ref, *context), item, frozenset(used))


async def test_every_github_context_of_a_pull_request(
    client: Client, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """Comments, linked items, diff, files, checks and commits stand under their own names."""
    shop.issue("Total is wrong", body="It is always zero.")
    pull = shop.pull("Fix", "fix", {"cart.py": "total = 1\n"}, body="Fixes #1", author="ada")
    pull.comment("bo", "Looks odd.")
    shop.status(pull.pull.head_sha, "failure", context="ci/lint", description="2 faults")
    parts = ("comments", "linked", "diff", "files", "checks", "commits")
    got = await gathered(client, ref, 2, *({"github": part} for part in parts))
    assert got.notes == ()
    texts = {data.name: data.text for data in got.data}
    assert list(texts) == [f"{part} of pull request 2" for part in parts]
    assert "bo wrote on" in texts["comments of pull request 2"]
    assert texts["linked of pull request 2"].startswith("#1: Total is wrong (issue, open, is closed by this)")
    assert "It is always zero." in texts["linked of pull request 2"]
    assert "+total = 1" in texts["diff of pull request 2"]
    assert texts["files of pull request 2"] == "modified cart.py (+1 -1)"
    assert texts["checks of pull request 2"] == "ci/lint: failure, 2 faults"
    assert "ada: Fix" in texts["commits of pull request 2"]


async def test_an_issue_names_the_pull_requests_that_would_close_it(
    client: Client, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """As a template field too."""
    shop.issue("Total is wrong")
    shop.pull("Fix total", "fix", {"cart.py": "total = 1\n"}, body="Fixes #1")
    got = await gathered(client, ref, 1, used=("item.linked", "item.comments"))
    assert got.fields["item.linked"].startswith("#2: Fix total (pull request, open, would close this)")
    assert got.fields["item.comments"] == ""


async def test_what_cannot_be_had_is_a_note(client: Client, shop: DemoRepo, ref: RepositoryRef) -> None:
    """An issue has no diff, a job without items no comments; the rest is still gathered."""
    shop.issue("Total is wrong")
    got = await gathered(client, ref, 1, {"github": "diff"}, {"file": "nothing.md"}, {"file": "cart.py"})
    assert [note.partition(":")[0] for note in got.notes] == [
        "diff of issue 1 could not be read",
        "file nothing.md could not be read",
    ]
    assert [data.text for data in got.data] == ["total = 0\n"]
    bare = await gathered(client, ref, None, {"github": "comments"}, {"github": "commits"})
    assert bare.notes == (
        "comments of the repository could not be read: a job without items has no comments",
    )
    assert [data.name for data in bare.data] == ["commits of the repository"]


async def test_a_pull_request_s_file_is_read_at_its_head(
    client: Client, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """As in the session's checkout."""
    shop.pull("Fix", "fix", {"docs/a/GUIDE.md": "New guide.\n"})
    got = await gathered(client, ref, 1, {"file": "docs/a/GUIDE.md", "title": "The guide"})
    assert [(data.name, data.text) for data in got.data] == [("The guide", "New guide.\n")]


async def test_caps_hold_for_each_and_for_all(client: Client, shop: DemoRepo, ref: RepositoryRef) -> None:
    """Each source has its cap; beyond the cap of all, sources are left out and said to be."""
    shop.issue("Total is wrong")

    async def much(_: object) -> str:
        return "x" * 500_000

    contexts = [{"http": "https://a.test/", "max_kb": kb} for kb in (1, 1024, 64)]
    got = await gathered(client, ref, 1, *contexts, elsewhere=much)
    assert [data.cap for data in got.data] == [1024, 400_000 - 1024]
    assert "was left out" in got.notes[0]


async def test_our_comments_are_left_out_and_copies_of_the_marker_are_not(
    client: Client, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """Nobody hides a comment from the agent by copying our marker into it."""
    issue = shop.issue("Total is wrong")
    me = await client.me()
    issue.comment(str(me), "<!-- roundsman x --> My report.")
    issue.comment("eve", "<!-- roundsman x --> I copied this.")
    got = await gathered(client, ref, 1, {"github": "comments"})
    assert "I copied this." in got.data[0].text
    assert "My report." not in got.data[0].text


async def _link(client: Client, ref: RepositoryRef, mode: str, path: str, target: str) -> str:
    """Put an entry of this mode on a commit of its own; gives the commit."""
    head = await client.get(ref, "git/trees/main")
    assert not isinstance(head, Refusal)
    entry: dict[str, Any] = {"path": path, "mode": mode, "type": "commit" if mode == "160000" else "blob"}
    entry |= {"sha": target} if mode == "160000" else {"content": target}
    tree = await client.write(
        ref, "POST", "git/trees", need="code", json={"base_tree": head.object["sha"], "tree": [entry]}
    )
    assert not isinstance(tree, Refusal), tree
    body = {"message": "Link", "tree": tree.object["sha"], "parents": []}
    commit = await client.write(ref, "POST", "git/commits", need="code", json=body)
    assert not isinstance(commit, Refusal), commit
    return str(commit.object["sha"])


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../etc/passwd", "README.md"])
async def test_symbolic_links_are_not_followed(
    client: Client, shop: DemoRepo, ref: RepositoryRef, target: str
) -> None:
    """Neither as the file nor as a folder on the way, wherever they lead."""
    commit = await _link(client, ref, "120000", "docs/link", target)
    for path in ("docs/link", "docs/link/passwd"):
        refusal = await read_file(client, ref, commit, path)
        assert isinstance(refusal, Refusal)
        assert "symbolic link" in refusal.words


async def test_submodules_are_not_entered(client: Client, shop: DemoRepo, ref: RepositoryRef) -> None:
    """They are another repository."""
    commit = await _link(client, ref, "160000", "vendor", "1" * 40)
    refusal = await read_file(client, ref, commit, "vendor/x")
    assert isinstance(refusal, Refusal)
    assert "submodule" in refusal.words


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "/etc/passwd", "docs/../../x", ".", "", "docs//x", ".git/config"]
)
async def test_paths_that_climb_lead_nowhere(
    client: Client, shop: DemoRepo, ref: RepositoryRef, path: str
) -> None:
    """Git's objects have no way up; a job with such a path is refused even earlier."""
    assert isinstance(await read_file(client, ref, "main", path), Refusal)


async def test_folders_and_binaries_are_no_files(client: Client, shop: DemoRepo, ref: RepositoryRef) -> None:
    """Each says what it is."""
    shop.commit(("ada", NOW, "More", {"docs/x.md": "x", "logo.bin": "a\0b"}))
    for path, words in (("docs", "is a folder"), ("README.md/x", "is no folder"), ("logo.bin", "no text")):
        refusal = await read_file(client, ref, "main", path)
        assert isinstance(refusal, Refusal)
        assert words in refusal.words


async def test_scripts_get_every_issue_fetched_once(
    hub: GitHub, client: Client, shop: DemoRepo, ref: RepositoryRef
) -> None:
    """Sessions that ask at once share one list; a list that could not be had is a refusal and is asked for again."""
    for title in ("One", "Two"):
        shop.issue(title)
    sources = GitHubSources(client, GitHubTracker(client))
    hub.faults.add("GET", r"/issues$", status=500, times=None)
    assert isinstance(await sources.every_issue(seat_of(ref)), Refusal)
    hub.faults.clear()
    before = hub.requests.count(path="/issues")
    three = await asyncio.gather(*(sources.every_issue(seat_of(ref)) for _ in range(3)))
    assert [[row["title"] for row in rows] for rows in three if not isinstance(rows, Refusal)] == [
        ["Two", "One"]
    ] * 3
    assert hub.requests.count(path="/issues") == before + 1


def test_mentions_are_told_once_and_by_place() -> None:
    """The timeline's cross-references, here and elsewhere."""
    there = {"number": 7, "title": "Also here", "state": "open", "repository": {"full_name": "acme/pay"}}
    here = {
        "number": 9,
        "title": "Fix",
        "state": "closed",
        "pull_request": {},
        "repository": {"full_name": "Acme/Shop"},
    }
    events = [
        {"event": "labeled"},
        {"event": "cross-referenced", "source": {"issue": there}},
        {"event": "cross-referenced", "source": {"issue": here}},
        {"event": "cross-referenced", "source": {"issue": here}},
        {"event": "cross-referenced", "source": None},
    ]
    assert mentions_of(events, "acme/shop") == [
        "acme/pay#7: Also here (issue, open, mentions this)",
        "#9: Fix (pull request, closed, mentions this)",
    ]
