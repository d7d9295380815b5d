"""What we answer to comment commands: every public word of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.flow.command import VERBS
from bot.model.run import Run, RunStatus, Session

SAYS = {
    "run": "`/roundsman run NAME`: run a job, or a command of the library, on this item",
    "rerun": "`/roundsman rerun [JOB]`: run again what ran on this item last",
    "stop": "`/roundsman stop [JOB]`: end what works on this item",
    "explain": "`/roundsman explain [JOB]`: why this item was or was not picked",
    "ignore": "`/roundsman ignore`: leave this item alone",
    "unignore": "`/roundsman unignore`: look at it again",
    "status": "`/roundsman status`: what ran here",
    "help": "`/roundsman help`: this list",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a command: good or not, and what to say; nothing is said where a reaction says it."""

    good: bool
    words: str = ""
    pending: bool = False
    """The reaction comes when the run has ended."""


def help_words() -> str:
    """What can be said to us."""
    return "Commands, each on a line of its own:\n" + "\n".join(f"- {SAYS[verb]}" for verb in VERBS)


def no_such(name: str, jobs: Sequence[str], commands: Sequence[str], near: Sequence[str]) -> str:
    """A name nobody has."""
    hint = f" Did you mean `{_code(near[0])}`?" if near else ""
    known = (
        f" Jobs here: {', '.join(f'`{_code(job)}`' for job in jobs)}."
        if jobs
        else " There are no jobs here yet."
    )
    library = (
        f" Commands: {', '.join(f'`{_code(command)}`' for command in commands)}."
        if commands and not near
        else ""
    )
    return f"There is no job or command `{_code(name)}`.{hint}{known}{library}"


def status_words(
    sessions: Sequence[Session], names: dict[int, str], parked: Sequence[str], base_url: str, full_name: str
) -> str:
    """What ran on an item."""
    lines = [
        f"- `{_code(names.get(s.job_id, '?'))}`: {s.status.value}"
        + (f" ({_line(s.reason)})" if s.reason else "")
        + f", [run {s.run_id}]({base_url}/{full_name}/runs/{s.run_id})"
        for s in sessions[:10]
    ]
    head = "Nothing has run here yet." if not lines else "What ran here, newest first:"
    tail = [f"\nIgnored by: {', '.join(f'`{_code(name)}`' for name in parked)}."] if parked else []
    return "\n".join([head, *lines, *tail])


def explain_words(found: Sequence[tuple[str, str]]) -> str:
    """Why an item was or was not picked, by job."""
    if not found:
        return "No job here looks at items of this kind."
    return "\n".join(f"- `{_code(name)}`: {why}" for name, why in found)


def ended(run: Run) -> Reply:
    """How a run that a comment asked for ended."""
    match run.status:
        case RunStatus.completed:
            return Reply(True)
        case RunStatus.partial | RunStatus.failed:
            return Reply(False, f"Run {run.id} failed: {_line(run.error or run.reason or 'see its page')}")
        case RunStatus.skipped | RunStatus.cancelled:
            why = _line(run.reason or run.error or "")
            return Reply(False, f"Run {run.id} was {run.status.value}" + (f": {why}" if why else ""))
        case _:
            return Reply(True, pending=True)


def _line(text: str | None) -> str:
    return " ".join(str(text or "").split()).replace("@", "@\u200b").replace("<", "‹")[:300]


def _code(text: str) -> str:
    return " ".join(text.split()).replace("`", "'")[:200]
