"""What a notification says: a template an event, several words gathered into one message, 1,000 characters at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, assert_never
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from bot.flow.describe import describe_cron
from bot.flow.report import duration
from bot.flow.safe_text import one_line, redact, visible
from bot.model.duration import format_duration
from bot.model.job import JobSpec
from bot.model.run import TriggerKind
from bot.model.schedule import After, At, Cron, Events, Every
from bot.store.outbox import Ended, Word

MOST = 1_000
EVENTS = ("completed", "failed", "partial", "paused", "budget")
_templates = Environment(
    loader=PackageLoader("bot.notify"), autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)  # fmt: skip


def message(
    words: Sequence[Word], runs: Mapping[int, Ended], base_url: str, secrets: Sequence[str]
) -> tuple[str, str] | None:
    """Title and text for these words; one word is told in full, several a line each. None where nothing is left to tell."""
    known = [(word, runs[word.run_id]) for word in words if word.run_id is not None and word.run_id in runs]
    if not known:
        return None
    if len(known) == 1:
        word, ended = known[0]
        title = one_line(
            f"{ended.repository.full_name}: {ended.job.name} {_verb(word.event)}", secrets=secrets, most=150
        )
        return title, single(word.event, ended, base_url, secrets)
    counts = Counter(word.event for word, _ in known)
    title = "Roundsman: " + ", ".join(f"{counts[event]} {_verb(event)}" for event in EVENTS if counts[event])
    return title, gathered(known, base_url, secrets)


def single(event: str, ended: Ended, base_url: str, secrets: Sequence[str]) -> str:
    """One word in full: the result is cut where there is no room, never the facts or the link."""
    facts = facts_of(ended, base_url, secrets)
    template = _templates.get_template(f"{event if event in EVENTS else 'completed'}.txt")
    bare = template.render(facts | {"result": ""})
    room = max(0, MOST - len(bare) - 2)
    text = template.render(facts | {"result": _cut(_safe(ended.result, secrets), room)})
    return _cut(text.strip(), MOST)


def gathered(known: Sequence[tuple[Word, Ended]], base_url: str, secrets: Sequence[str]) -> str:
    """Several words a line each, what went wrong first; what has no room is counted."""
    order = {
        event: place for place, event in enumerate(("paused", "failed", "budget", "partial", "completed"))
    }
    lines = []
    for word, ended in sorted(known, key=lambda each: (order.get(each[0].event, 9), each[0].id)):
        facts = facts_of(ended, base_url, secrets)
        why = f": {_cut(str(facts['reason']), 90)}" if facts["reason"] else ""
        lines.append(
            f"• {facts['repository']} {_cut(str(facts['job']), 60)} {_verb(word.event)}{why} {facts['link']}"
        )
    text = ""
    for count, line in enumerate(lines):
        rest = f"\n… and {len(lines) - count} more: {base_url}"
        if len(text) + len(line) + 1 > MOST - (0 if count == len(lines) - 1 else len(rest)):
            return (text + rest).strip()
        text += f"\n{line}"
    return text.strip()


def facts_of(ended: Ended, base_url: str, secrets: Sequence[str]) -> dict[str, Any]:
    """What templates may name of a run."""
    run, job, repository = ended.run, ended.job, ended.repository
    lasted = run.duration_ms
    reason = run.error or run.reason or (job.pause_reason if job.status == "paused" else None)
    return {
        "repository": repository.full_name, "job": one_line(job.name, secrets=secrets), "status": run.status.value,
        "schedule": when(ended), "duration": duration(lasted / 1000) if lasted is not None else "",
        "items": items(ended), "cost": f"${run.cost:.2f}" if run.cost else "", "reason": one_line(reason or "", secrets=secrets, most=300),
        "link": link(ended, base_url), "comment": ended.comment_url or "", "pause_reason": one_line(job.pause_reason or "", secrets=secrets, most=300),
    }  # fmt: skip


def link(ended: Ended, base_url: str) -> str:
    """The run's page."""
    owner, name = quote(ended.repository.owner, safe=""), quote(ended.repository.name, safe="")
    return f"{base_url}/{owner}/{name}/runs/{ended.run.id}"


def items(ended: Ended) -> str:
    """How many items, and what became of them."""
    run = ended.run
    parts = [
        (run.items_processed, "done"), (run.items_failed, "failed"), (run.items_quiet, "quiet"),
        (run.items_deferred, "deferred"),
    ]  # fmt: skip
    told = [f"{count} {name}" for count, name in parts if count]
    return ", ".join(told) or (
        "nothing to do" if not run.items_found else f"{run.items_found} found, none taken"
    )


def when(ended: Ended) -> str:
    """What made the job run, in words."""
    run = ended.run
    match run.trigger:
        case TriggerKind.schedule:
            return schedule(JobSpec.model_validate(run.spec))
        case TriggerKind.event:
            return "an event on GitHub"
        case TriggerKind.comment | TriggerKind.manual:
            return f"by {run.by or 'hand'}"
        case TriggerKind.after:
            return f"after {run.by or 'another job'}"
        case TriggerKind.backfill:
            return "a backfill"
        case _:
            assert_never(run.trigger)


def schedule(spec: JobSpec) -> str:
    """The times of a job in words."""
    told = []
    for trigger in spec.on:
        match trigger:
            case Cron():
                told.append(describe_cron(trigger.schedule))
            case Every():
                told.append(f"every {format_duration(trigger.every)}")
            case At():
                told.append(f"once, at {trigger.at:%Y-%m-%d %H:%M}")
            case Events() | After():
                continue
            case _:
                assert_never(trigger)
    zone = f" ({spec.timezone})" if told else ""
    return "; ".join(told) + zone


def _verb(event: str) -> str:
    return {"partial": "ended in part", "paused": "paused itself", "budget": "reached its budget"}.get(
        event, event
    )


def _safe(text: str, secrets: Sequence[str]) -> str:
    """A result of an agent, fit for a chat: no secret, no hidden character, nobody called by name."""
    calm = redact(visible(text), secrets).replace("@", "@\u2060").replace("<!", "<\u2060!")
    return "\n".join(line.rstrip() for line in calm.strip().splitlines() if line.strip())


def _cut(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    return text[: max(0, room - 1)].rstrip() + "…" if room > 10 else ""
