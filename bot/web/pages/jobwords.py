"""Jobs, statuses and triggers in the reader's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_never

from babel.dates import format_timedelta
from pydantic import ValidationError

from bot.flow.describe import describe_cron
from bot.model.job import JobSpec
from bot.model.run import Job, RunStatus, SessionStatus, TriggerKind
from bot.model.schedule import After, At, Cron, Events, Every, On
from bot.web.pages.language import gettext as _
from bot.web.pages.language import locale_of, ngettext, spoken


@dataclass(frozen=True, slots=True)
class Badge:
    """A status as people see it: its word, Primer's tone and an octicon."""

    words: str
    tone: str
    icon: str


def run_badge(status: RunStatus) -> Badge:
    """How a run stands."""
    match status:
        case RunStatus.pending:
            return Badge(_("Waiting"), "attention", "clock")
        case RunStatus.running:
            return Badge(_("Running"), "attention", "dot-fill")
        case RunStatus.completed:
            return Badge(_("Completed"), "success", "check-circle-fill")
        case RunStatus.partial:
            return Badge(_("Partial"), "severe", "alert-fill")
        case RunStatus.failed:
            return Badge(_("Failed"), "danger", "x-circle-fill")
        case RunStatus.cancelled:
            return Badge(_("Cancelled"), "muted", "stop")
        case RunStatus.skipped:
            return Badge(_("Skipped"), "muted", "skip")
        case _:
            assert_never(status)


def session_badge(status: SessionStatus) -> Badge:
    """How a session stands."""
    match status:
        case SessionStatus.queued:
            return Badge(_("Queued"), "attention", "clock")
        case SessionStatus.running:
            return Badge(_("Running"), "attention", "dot-fill")
        case SessionStatus.succeeded:
            return Badge(_("Succeeded"), "success", "check-circle-fill")
        case SessionStatus.quiet:
            return Badge(_("Quiet"), "muted", "mute")
        case SessionStatus.failed:
            return Badge(_("Failed"), "danger", "x-circle-fill")
        case SessionStatus.cancelled:
            return Badge(_("Cancelled"), "muted", "stop")
        case SessionStatus.timeout:
            return Badge(_("Timed out"), "danger", "stopwatch")
        case SessionStatus.skipped:
            return Badge(_("Skipped"), "muted", "skip")
        case _:
            assert_never(status)


def job_badge(job: Job) -> Badge:
    """How a job stands."""
    if job.archived_at is not None:
        return Badge(_("Deleted"), "muted", "trash")
    if job.error:
        return Badge(_("Invalid"), "danger", "alert-fill")
    if job.status == "paused":
        return Badge(_("Paused"), "attention", "pause")
    if job.status == "disabled":
        return Badge(_("Disabled"), "muted", "circle-slash")
    if job.last_run_status is RunStatus.failed:
        return Badge(_("Failing"), "danger", "x-circle-fill")
    return Badge(_("Active"), "success", "check-circle-fill")


def verdict_badge(verdict: str) -> Badge:
    """What a run decided about an item."""
    match verdict:
        case "picked":
            return Badge(_("Picked"), "success", "check-circle-fill")
        case "deferred":
            return Badge(_("Deferred"), "attention", "clock")
        case _:
            return Badge(_("Left out"), "muted", "skip")


def trigger_word(kind: TriggerKind) -> str:
    """What made a run."""
    match kind:
        case TriggerKind.schedule:
            return _("Automatic")
        case TriggerKind.manual:
            return _("Manual")
        case TriggerKind.event:
            return _("Event")
        case TriggerKind.comment:
            return _("Comment")
        case TriggerKind.after:
            return _("After a job")
        case TriggerKind.backfill:
            return _("Backfill")
        case _:
            assert_never(kind)


def target_word(target: str) -> str:
    """What a job works on."""
    match target:
        case "issues":
            return _("Issues")
        case "prs":
            return _("Pull requests")
        case "codebase":
            return _("Codebase")
        case _:
            return _("Custom")


def target_icon(target: str) -> str:
    """The octicon of a target."""
    icons = {"issues": "issue-opened", "prs": "git-pull-request", "codebase": "code"}
    return icons.get(target, "zap")


def length(period: timedelta) -> str:
    """A period in words: `4 hours`."""
    return format_timedelta(period, locale=locale_of(spoken()), threshold=1.5)


def trigger_in_words(trigger: On, identity: str = "") -> str:
    """One trigger in a sentence."""
    match trigger:
        case Cron():
            return describe_cron(trigger.schedule, spoken(), identity)
        case Every():
            return _("Every %(length)s") % {"length": length(trigger.every)}
        case At():
            return _("Once, at %(instant)s") % {"instant": trigger.at.strftime("%Y-%m-%d %H:%M")}
        case Events():
            return _("When GitHub says %(events)s") % {"events": ", ".join(trigger.events)}
        case After():
            ends = ", ".join(trigger.after.on)
            return _("After the job %(job)s ended as %(ends)s") % {"job": trigger.after.job, "ends": ends}
        case _:
            assert_never(trigger)


def schedule_in_words(triggers: Sequence[On], identity: str = "") -> str:
    """All triggers of a job in a sentence."""
    return "; ".join(trigger_in_words(trigger, identity) for trigger in triggers)


def spec_of(job: Job) -> JobSpec | None:
    """A stored job's spec; None where it has become invalid."""
    try:
        return JobSpec.model_validate(job.spec)
    except ValidationError:
        return None


def schedule_of(job: Job, full_name: str) -> str:
    """A job's schedule in words."""
    spec = spec_of(job)
    return schedule_in_words(spec.on, f"{full_name.lower()}:{job.name}") if spec else _("cannot be read")


def action_word(kind: str) -> str:
    """What an action does, in a word or two."""
    known = {
        "comment": _("comment"), "labels.add": _("add labels"), "labels.remove": _("remove labels"), "assign": _("assign"),
        "milestone": _("milestone"), "close": _("close"), "reopen": _("reopen"), "review": _("review"), "check": _("check run"),
        "issue": _("open an issue"), "pull_request": _("open a pull request"),
    }  # fmt: skip
    return known.get(kind, kind)


def items_in_words(run: Any) -> str:
    """What a run did with its items, in short."""
    parts = [ngettext("%(n)s found", "%(n)s found", run.items_found) % {"n": run.items_found}]
    if run.items_quiet:
        said = _("%(n)s done, %(quiet)s of them quiet")
        parts.append(said % {"n": run.items_processed, "quiet": run.items_quiet})
    elif run.items_processed:
        parts.append(_("%(n)s done") % {"n": run.items_processed})
    if run.items_failed:
        parts.append(_("%(n)s failed") % {"n": run.items_failed})
    if run.items_skipped:
        parts.append(_("%(n)s left out") % {"n": run.items_skipped})
    if run.items_deferred:
        parts.append(_("%(n)s deferred") % {"n": run.items_deferred})
    return " · ".join(parts)
