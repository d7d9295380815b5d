"""What a notification says: a template an event, several words gathered into one message, 1,000 characters at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, assert_never
from urllib.parse import quote

from babel.numbers import format_currency

from bot.flow.describe import describe_cron
from bot.flow.report import duration
from bot.flow.safe_text import redact, visible
from bot.model.duration import format_duration
from bot.model.job import JobSpec
from bot.model.run import RunStatus, TriggerKind
from bot.model.schedule import After, At, Cron, Events, Every
from bot.notify.channels import Kind
from bot.notify.language import templates, tongue
from bot.store.outbox import Ended, Word

MOST = 1_000
EVENTS = ("completed", "failed", "partial", "paused", "budget")
JOINER = "\u2060"
"""Stands unseen after what would call somebody in a chat, so that it calls nobody."""


def message(
    words: Sequence[Word],
    runs: Mapping[int, Ended],
    base_url: str,
    secrets: Sequence[str],
    language: str = "en",
) -> tuple[str, str] | None:
    """Title and text for these words; one word is told in full, several a line each. None where nothing is left to tell."""
    known = [(word, runs[word.run_id]) for word in words if word.run_id is not None and word.run_id in runs]
    if not known:
        return None
    if len(known) == 1:
        word, ended = known[0]
        title = f"{ended.repository.full_name}: {ended.job.name} {_verb(word.event, language)}"
        title = _line(title, secrets, 150)
        return title, single(word.event, ended, base_url, secrets, language)
    counts = Counter(word.event for word, _ended in known)
    told = [f"{counts[event]} {_verb(event, language)}" for event in EVENTS if counts[event]]
    return f"Roundsman: {', '.join(told)}", gathered(known, base_url, secrets, language)


def kind_of(events: Collection[str]) -> Kind:
    """How a message about these events is meant: the worst of them decides its colour."""
    if "failed" in events:
        return "failure"
    return "success" if set(events) <= {"completed"} else "warning"


def trial(channel: str, base_url: str, language: str = "en") -> tuple[str, str]:
    """Title and text behind the test button."""
    _ = tongue(language).gettext
    told = _("This is a test of the channel %(channel)s.") % {"channel": channel}
    return _("Roundsman: a test"), f"{told}\n{base_url}"


def single(event: str, ended: Ended, base_url: str, secrets: Sequence[str], language: str = "en") -> str:
    """One word in full: the result is cut where there is no room, never the facts or the link."""
    facts = facts_of(ended, base_url, secrets, language)
    template = templates(language).get_template(f"{event if event in EVENTS else 'completed'}.txt")
    room = max(0, MOST + 1 - len(template.render(facts | {"result": "·"})))
    text = template.render(facts | {"result": _cut(_safe(ended.result, secrets), room)})
    return _cut(text.strip(), MOST)


def gathered(
    known: Sequence[tuple[Word, Ended]], base_url: str, secrets: Sequence[str], language: str = "en"
) -> str:
    """Several words a line each, what went wrong first; what has no room is counted."""
    order = {
        event: place for place, event in enumerate(("paused", "failed", "budget", "partial", "completed"))
    }
    lines = []
    for word, ended in sorted(known, key=lambda each: (order.get(each[0].event, 9), each[0].id)):
        facts = facts_of(ended, base_url, secrets, language)
        why = f": {_cut(str(facts['reason']), 90)}" if facts["reason"] else ""
        lines.append(
            f"• {facts['repository']} {_cut(str(facts['job']), 60)} {_verb(word.event, language)}{why} {facts['link']}"
        )
    _ = tongue(language).gettext
    text = ""
    for count, line in enumerate(lines):
        rest = "\n" + _("… and %(n)s more: %(url)s") % {"n": len(lines) - count, "url": base_url}
        if len(text) + len(line) + 1 > MOST - (0 if count == len(lines) - 1 else len(rest)):
            return (text + rest).strip()
        text += f"\n{line}"
    return text.strip()


def facts_of(ended: Ended, base_url: str, secrets: Sequence[str], language: str = "en") -> dict[str, Any]:
    """What templates may name of a run."""
    run, job, repository = ended.run, ended.job, ended.repository
    lasted = run.duration_ms
    reason = run.error or run.reason or (job.pause_reason if job.status == "paused" else None)
    return {
        "repository": repository.full_name, "job": _line(job.name, secrets), "status": _status(run.status, language),
        "schedule": when(ended, language), "duration": duration(lasted / 1000) if lasted is not None else "",
        "items": items(ended, language), "cost": format_currency(run.cost, "USD", locale=language) if run.cost else "", "reason": _line(reason or "", secrets, 300),
        "link": link(ended, base_url), "comment": ended.comment_url or "", "pause_reason": _line(job.pause_reason or "", secrets, 300),
    }  # fmt: skip


def link(ended: Ended, base_url: str) -> str:
    """The run's page."""
    owner, name = quote(ended.repository.owner, safe=""), quote(ended.repository.name, safe="")
    return f"{base_url}/{owner}/{name}/runs/{ended.run.id}"


def items(ended: Ended, language: str = "en") -> str:
    """How many items, and what became of them."""
    run, _ = ended.run, tongue(language).gettext
    parts = [
        (run.items_processed, _("done")), (run.items_failed, _("failed")), (run.items_quiet, _("quiet")),
        (run.items_deferred, _("deferred")),
    ]  # fmt: skip
    told = [f"{count} {name}" for count, name in parts if count]
    if told:
        return ", ".join(told)
    return _("%(n)s found, none taken") % {"n": run.items_found} if run.items_found else _("nothing to do")


def when(ended: Ended, language: str = "en") -> str:
    """What made the job run, in words."""
    run, _ = ended.run, tongue(language).gettext
    match run.trigger:
        case TriggerKind.schedule:
            return schedule(JobSpec.model_validate(run.spec), language)
        case TriggerKind.event:
            return _("an event on GitHub")
        case TriggerKind.comment | TriggerKind.manual:
            return _("by %(who)s") % {"who": run.by} if run.by else _("by hand")
        case TriggerKind.after:
            return _("after %(job)s") % {"job": run.by} if run.by else _("after another job")
        case TriggerKind.backfill:
            return _("a backfill")
        case never:
            assert_never(never)


def schedule(spec: JobSpec, language: str = "en") -> str:
    """The times of a job in words."""
    _, told = tongue(language).gettext, []
    for trigger in spec.on:
        match trigger:
            case Cron():
                told.append(describe_cron(trigger.schedule, language))
            case Every():
                told.append(_("every %(duration)s") % {"duration": format_duration(trigger.every)})
            case At():
                told.append(_("once, at %(when)s") % {"when": f"{trigger.at:%Y-%m-%d %H:%M}"})
            case Events() | After():
                continue
            case never:
                assert_never(never)
    zone = f" ({spec.timezone})" if told else ""
    return "; ".join(told) + zone


def _verb(event: str, language: str) -> str:
    _ = tongue(language).gettext
    known = {
        "completed": _("completed"), "failed": _("failed"), "partial": _("ended in part"), "paused": _("paused itself"),
        "budget": _("reached its budget"),
    }  # fmt: skip
    return known.get(event, event)


def _status(status: RunStatus, language: str) -> str:
    _ = tongue(language).gettext
    match status:
        case RunStatus.pending:
            return _("pending")
        case RunStatus.running:
            return _("running")
        case RunStatus.completed:
            return _("completed")
        case RunStatus.partial:
            return _("partial")
        case RunStatus.failed:
            return _("failed")
        case RunStatus.skipped:
            return _("skipped")
        case RunStatus.cancelled:
            return _("cancelled")
        case never:
            assert_never(never)


def _safe(text: str, secrets: Sequence[str]) -> str:
    """A result of an agent, fit for a chat: no secret, no hidden character, nobody called by name."""
    calm = _calm(redact(visible(text), secrets))
    return "\n".join(line.rstrip() for line in calm.strip().splitlines() if line.strip())


def _line(text: str, secrets: Sequence[str], most: int = 256) -> str:
    """A name or a reason on one line, as fit for a chat; links and numbers stay what they are."""
    return _cut(_calm(" ".join(redact(visible(text), secrets).split())), most)


def _calm(text: str) -> str:
    """`@everyone`, Slack's `<!here>` and `<@U1>`, Discord's `<@&1>` become words that call nobody."""
    return text.replace("@", "@" + JOINER).replace("<!", f"<{JOINER}!")


def _cut(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    return text[: max(0, room - 1)].rstrip() + "…" if room > 10 else ""
