"""What happened -> which jobs fire, for which item; and why the others do not. Plain decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError

from bot.model.happening import Actor, ChecksDone, ItemEvent
from bot.model.job import JobSpec
from bot.model.run import Job, Trigger, TriggerKind
from bot.model.schedule import Events

BOT_RUNS_A_DAY = 5
"""Runs of one job on one item that bots may cause in a day."""
GATHER = timedelta(seconds=5)
"""A burst of events on one item is gathered for so long into one run."""
ANCIENT = timedelta(days=7)
"""GitHub redelivers for three days; what is much older is a replay."""
NEW_WORK = frozenset(
    {"pull_request.opened", "pull_request.synchronize", "pull_request.reopened", "issues.opened"}
)
"""What a bot does of its own accord, not in answer to us."""


@dataclass(frozen=True, slots=True)
class Firing:
    """A job that fires."""

    job: Job
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class Held:
    """A job that listens and does not fire, and why."""

    job: Job
    reason: str


@dataclass(frozen=True, slots=True)
class Past:
    """What went before on an item, for one job: what decides whether a bot may fire it again."""

    person_at: datetime | None = None
    """The last run of the job on the item that a person caused."""
    ours_at: datetime | None = None
    """Our own last write to the item."""
    bot_runs: int = 0
    """Runs of the job on the item that bots caused within a day."""


Event = ItemEvent | ChecksDone


def decide(
    event: Event, number: int, jobs: Sequence[Job], me: str, guid: str, past: dict[int, Past]
) -> tuple[list[Firing], list[Held]]:
    """Decide for one item. `me` is the login we write as, `past` what went before, by job id."""
    fires: list[Firing] = []
    held: list[Held] = []
    pull = isinstance(event, ChecksDone) or event.pull
    for job in jobs:
        listening = _listens(job, event.event, pull=pull)
        if listening is None:
            continue
        reason = listening if isinstance(listening, str) else None
        reason = reason or why_ignored(event.by, me, listening if isinstance(listening, Events) else None)
        if reason is None and event.by.bot:
            reason = _answering(event.event, past.get(job.id, Past()))
        if reason is not None:
            held.append(Held(job, reason))
            continue
        occasion = f"{event.event}#{number}@{guid}"
        trigger = Trigger(kind=TriggerKind.event, occasion=occasion, number=number, by=event.by.login)
        fires.append(Firing(job, trigger))
    return fires, held


def _listens(job: Job, event: str, *, pull: bool) -> Events | str | None:
    """The trigger of a job that this event fires; in words why it cannot now; None where it does not listen."""
    try:
        spec = JobSpec.model_validate(job.spec)
    except ValidationError:
        return None
    found = [trigger for trigger in spec.on if isinstance(trigger, Events) and event in trigger.events]
    if not found or spec.target != ("prs" if pull else "issues"):
        return None
    if job.status != "active":
        return f"the job is {job.status}"
    return found[0].model_copy(update={"bots": tuple(bot for trigger in found for bot in trigger.bots)})


def why_ignored(by: Actor, me: str, listening: Events | None) -> str | None:
    """Why what somebody did fires nothing: it was ourselves, or a bot nobody named."""
    if same_bot(by.login, me):
        return "it is our own doing"
    named = any(same_bot(by.login, bot) for bot in (listening.bots if listening else ()))
    return f"{by.login} is a bot the job does not name" if by.bot and not named else None


def same_bot(login: str, named: str) -> bool:
    """Whether two spellings name one account: `dependabot[bot]`, `app/dependabot`."""
    return _plain(login) == _plain(named)


def _plain(login: str) -> str:
    folded = login.strip().lstrip("@").casefold()
    return f"{folded.removeprefix('app/')}[bot]" if folded.startswith("app/") else folded


def _answering(event: str, past: Past) -> str | None:
    """Two bots that answer each other never end; so a bot answers us no more than once a person has spoken."""
    if past.bot_runs >= BOT_RUNS_A_DAY:
        return f"bots have fired it {past.bot_runs} times on this item within a day"
    if event in NEW_WORK or past.ours_at is None:
        return None
    if past.person_at is None or past.person_at < past.ours_at:
        return "it may be a bot's answer to us, and no person has spoken since"
    return None


def is_ancient(at: str, now: datetime) -> bool:
    """Whether something happened too long ago to act on; what carries no time is not."""
    try:
        return bool(at) and now - datetime.fromisoformat(at.replace("Z", "+00:00")) > ANCIENT
    except (TypeError, ValueError):
        return False
