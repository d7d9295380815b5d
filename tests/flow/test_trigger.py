"""What happened -> which jobs fire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.flow.trigger import Past, decide, is_ancient
from bot.model.happening import Actor, ChecksDone, ItemEvent, Place
from bot.model.run import Job

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHOP = Place(full_name="acme/shop")
ADA = Actor(login="ada")
ME = "roundsman[bot]"


def job(
    events: list[str], target: str = "issues", status: str = "active", job_id: int = 1, **on: object
) -> Job:
    """A job that listens."""
    spec = {"on": [{"events": events, **on}], "target": target, "prompt": "Look."}
    return Job.model_validate(
        {"id": job_id, "repository_id": 1, "name": f"job-{job_id}", "spec": spec, "source": "api", "status": status,
         "anchor_at": NOON, "created_at": NOON, "updated_at": NOON}
    )  # fmt: skip


def event(name: str = "issues.opened", by: Actor = ADA, *, pull: bool = False) -> ItemEvent:
    """Something happened to number 7."""
    return ItemEvent(event=name, place=SHOP, number=7, pull=pull, by=by)


def test_jobs_that_listen_fire_for_the_item() -> None:
    """Each on its own occasion: the delivery."""
    jobs = [
        job(["issues.opened"]),
        job(["issues.labeled"], job_id=2),
        job(["issues.opened", "issues.closed"], job_id=3),
    ]
    fires, held = decide(event(), 7, jobs, ME, "guid", {})
    assert [firing.job.id for firing in fires] == [1, 3]
    assert held == []
    assert (fires[0].trigger.number, fires[0].trigger.by) == (7, "ada")
    assert fires[0].trigger.occasion == "issues.opened#7@guid"


def test_a_comment_on_a_pull_request_fires_jobs_on_pull_requests() -> None:
    """GitHub calls both an issue comment."""
    jobs = [job(["issue_comment.created"]), job(["issue_comment.created"], "prs", job_id=2)]
    fires, _ = decide(event("issue_comment.created", pull=True), 7, jobs, ME, "guid", {})
    assert [firing.job.id for firing in fires] == [2]


def test_checks_fire_jobs_on_their_pull_requests() -> None:
    """For each number once."""
    done = ChecksDone(event="check_suite.completed", place=SHOP, head="abc", pulls=(7,), by=ADA)
    fires, _ = decide(done, 7, [job(["check_suite.completed"], "prs")], ME, "guid", {})
    assert len(fires) == 1


@pytest.mark.parametrize(
    ("by", "on", "status", "reason"),
    [
        (Actor(login="Roundsman[bot]", bot=True), {"bots": ["roundsman[bot]"]}, "active", "our own doing"),
        (Actor(login="dependabot[bot]", bot=True), {}, "active", "a bot the job does not name"),
        (Actor(login="renovate[bot]", bot=True), {"bots": ["dependabot[bot]"]}, "active", "does not name"),
        (ADA, {}, "paused", "the job is paused"),
    ],
)
def test_what_fires_nothing_has_a_reason(by: Actor, on: dict[str, object], status: str, reason: str) -> None:
    """Ourselves even when named, bots nobody named, jobs that are paused."""
    fires, held = decide(event(by=by), 7, [job(["issues.opened"], status=status, **on)], ME, "guid", {})
    assert fires == []
    assert reason in held[0].reason


@pytest.mark.parametrize("spelling", ["dependabot[bot]", "app/dependabot", "Dependabot[bot]"])
def test_a_named_bot_fires(spelling: str) -> None:
    """However it is spelt."""
    bot = Actor(login="dependabot[bot]", bot=True)
    fires, _ = decide(event(by=bot), 7, [job(["issues.opened"], bots=[spelling])], ME, "guid", {})
    assert len(fires) == 1


@pytest.mark.parametrize(
    ("name", "past", "fires"),
    [
        ("issue_comment.created", Past(), True),
        ("issue_comment.created", Past(ours_at=NOON), False),
        ("issue_comment.created", Past(ours_at=NOON, person_at=NOON - timedelta(hours=1)), False),
        ("issue_comment.created", Past(ours_at=NOON, person_at=NOON + timedelta(hours=1)), True),
        ("issues.opened", Past(ours_at=NOON), True),
        ("issues.opened", Past(bot_runs=5), False),
    ],
)
def test_a_named_bot_does_not_answer_us_for_ever(name: str, past: Past, fires: bool) -> None:
    """After our write a bot's word counts again once a person has spoken; new work counts, a few times a day."""
    bot = Actor(login="helper[bot]", bot=True)
    listening = job([name], bots=["helper[bot]"])
    found, held = decide(event(name, bot), 7, [listening], ME, "guid", {1: past})
    assert bool(found) is fires
    assert bool(held) is not fires


def test_a_broken_job_and_one_that_does_not_listen_say_nothing() -> None:
    """Only who listens has a reason to give."""
    broken = job(["issues.opened"]).model_copy(update={"spec": {"nonsense": 1}})
    assert decide(event(), 7, [broken, job(["issues.closed"])], ME, "guid", {}) == ([], [])


def test_what_happened_long_ago_is_ancient() -> None:
    """A replayed delivery of last month; what carries no time is taken as new."""
    assert is_ancient("2026-10-01T00:00:00Z", NOON)
    assert not is_ancient("2026-11-21T00:00:00Z", NOON)
    assert not is_ancient("", NOON)
    assert not is_ancient("yesterday", NOON)
