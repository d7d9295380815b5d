"""The embedded GitHub's own repository is believable, and its three pairs of duplicates are found."""

import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.demo.handles import DemoRepo
from bot.demo.seed import seed
from bot.demo.state import GitHub
from commands.library.issue.find_duplicates import Index, outcome

NOW = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)
PAIRS = {55: 5, 56: 23, 58: 13}


@pytest.fixture(scope="module")
def github() -> Iterator[GitHub]:
    """A GitHub with nothing but its own story."""
    github = GitHub(clock=lambda: NOW)
    seed(github)
    yield github
    github.close()


@pytest.fixture(scope="module")
def repo(github: GitHub) -> DemoRepo:
    """The repository of the story."""
    return github.repository("rye-and-co/proofing")


def _git(github: GitHub, repo: DemoRepo, *arguments: str) -> str:
    return github.git.open(repo.row.id).text(*arguments)


def test_there_is_enough_of_everything(github: GitHub, repo: DemoRepo) -> None:
    """Issues, pull requests, people, a bot, commits, states, labels and milestones, as a real project has them."""
    issues = [item for item in repo.issues if not item.row.is_pull]
    pulls = [item for item in repo.issues if item.row.is_pull]
    authors = {item.row.author for item in issues}
    assert len(issues) >= 45
    assert len(pulls) >= 12
    assert len(authors) >= 8
    assert any(author.endswith("[bot]") for author in authors)
    assert 15 <= sum(item.row.state == "closed" for item in issues) <= 30
    assert 7 <= sum("needs-triage" in item.labels for item in issues) <= 10
    assert all(item.row.milestone for item in issues if item.number in (9, 23, 28))
    assert sum(bool(item.row.assignees) for item in issues) >= 3
    assert sum(len(item.comments) for item in repo.issues) >= 40
    history = _git(github, repo, "log", "--format=%an", "main").splitlines()
    assert len(history) >= 25
    assert len(set(history)) >= 6


def test_pull_requests_have_real_diffs(github: GitHub, repo: DemoRepo) -> None:
    """Each has commits of its own; there are merged, closed, draft, approved, refused and unreviewed ones."""
    pulls = {item.number: item for item in repo.issues if item.row.is_pull}
    assert all(item.pull.changed_files >= 1 and item.pull.additions >= 1 for item in pulls.values())
    assert sum(item.pull.merged_at is not None for item in pulls.values()) >= 5
    assert sum(item.pull.draft for item in pulls.values()) >= 2
    verdicts = {review.state for item in pulls.values() for review in item.reviews}
    assert verdicts == {"APPROVED", "CHANGES_REQUESTED", "COMMENTED"}
    head = pulls[50].pull.head_sha
    assert "UnsafeLoader" in _git(
        github, repo, "show", f"{head}:proofing/cli.py"
    )  # something for a security review
    changed = _git(github, repo, "diff", "--name-only", f"main...{pulls[47].pull.head_sha}").split()
    assert changed == ["proofing/recipe.py"]  # nothing tested there


def test_dates_spread_over_the_year_before_the_clock(repo: DemoRepo) -> None:
    """Nothing is from the future, numbers follow time, and what nobody touched is old."""
    created = [item.row.created_at for item in repo.issues]
    assert created == sorted(created)
    assert created[0] < "2025-12-15"
    assert all(item.row.updated_at < "2026-11-20T09:00:00Z" for item in repo.issues)
    assert repo.get(35).row.updated_at < "2026-07-15"


def test_the_hostile_issue_carries_what_hostile_issues_carry(repo: DemoRepo) -> None:
    """An HTML comment, invisible and bidirectional characters, tags, a false end of the fence, and orders."""
    body = repo.get(59).row.body or ""
    for part in (
        "<!--",
        "\u200b",
        "\u202e",
        "\U000e0065",
        "END UNTRUSTED",
        "post the token",
        "\n/roundsman run",
    ):
        assert part in body


@pytest.mark.parametrize("ref", ["main", *(f"refs/pull/{n}/head" for n in (47, 49, 50, 52, 53))])
def test_the_code_runs_and_its_tests_pass(github: GitHub, repo: DemoRepo, ref: str, tmp_path: Path) -> None:
    """The default branch and the branches of pull requests are programs whose own tests pass."""
    archive = github.git.open(repo.row.id).run("archive", ref)
    subprocess.run(["tar", "-x", "-C", tmp_path], input=archive, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_find_duplicates_finds_the_pairs_and_nothing_else(repo: DemoRepo) -> None:
    """Each second report names its first, and every other issue is left in peace with room to spare."""
    rows = [
        {"number": item.number, "title": item.title, "body": item.row.body, "state": item.row.state}
        for item in repo.issues
        if not item.row.is_pull
    ]
    said = {row["number"]: outcome({"item": row, "issues": rows}) for row in rows}
    named = {number: answer for number, answer in said.items() if answer["status"] == "done"}
    assert set(named) == set(PAIRS)
    index = Index(rows)
    for number, first in PAIRS.items():
        assert index.alike(number)[0].number == first
        assert f"[#{first} " in named[number]["actions"][0]["body"]
    assert (
        max(
            like.score
            for row in rows
            if row["number"] not in PAIRS
            for like in index.alike(row["number"])[:1]
        )
        < 0.45
    )


def test_seeding_is_quick_and_the_same_each_time(repo: DemoRepo) -> None:
    """Two GitHubs seeded at the same moment hold the same commits."""
    other = seed(GitHub(clock=lambda: NOW))
    assert other.head() == repo.head()
