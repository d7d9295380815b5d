"""A configuration as a check run: valid or not with each fault on its line, what fires when, what matches, what it may cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from bot.flow.config import Configuration, ConfiguredJob
from bot.flow.schedule import Schedule
from bot.flow.zone import local
from bot.model.fault import Fault
from bot.model.outcome import Annotation, Check
from commands.catalog import Catalog

NAME = "Roundsman configuration"
FIRES = 5
MOST = 60_000
COMMANDS = ".github/roundsman/commands"


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen: the next fires as people write them, what matches right now in words, the cost in words."""

    job: str
    fires: tuple[str, ...]
    matches: str
    cost: str


def notes_of(faults: Sequence[Fault]) -> tuple[Annotation, ...]:
    """Each fault on its line."""
    return tuple(
        Annotation(
            path=fault.path,
            start_line=max(1, fault.line),
            level="warning" if fault.severity == "warning" else "failure",
            message=fault.message + (f"; {fault.hint}" if fault.hint else ""),
            title=fault.where[:255],
        )
        for fault in faults[:200]
    )


def command_faults(catalog: Catalog) -> tuple[Fault, ...]:
    """What is wrong with the repository's own commands; a job that uses one of them has a fault of its own."""
    return tuple(
        Fault(f"{COMMANDS}/{name}.md", max(1, fault.line), 1, name, fault.message, fault.hint, "warning")
        for name, faults in sorted(catalog.faults().items())
        for fault in faults
    )


def check_of(
    found: Configuration, more: Sequence[Fault] = (), previews: Sequence[Preview] = (), note: str = ""
) -> Check:
    """The check run of a configuration; `more` are faults of its commands."""
    notes = notes_of((*found.faults, *found.warnings, *more))
    if not found.ok:
        count = len(found.faults)
        title = f"{count} fault{'s' if count != 1 else ''}; the last good configuration stays in force"
        listed = "\n".join(f"- `{_plain(str(fault))}`" for fault in found.faults[:50])
        return Check(
            name=NAME, conclusion="failure", title=title, summary=(listed + _end(note))[:MOST], annotations=notes
        )  # fmt: skip
    count = len(found.jobs)
    title = f"{count} job{'s are' if count != 1 else ' is'} valid" if count else "no jobs"
    summary = "\n\n".join(map(_shown, previews)) or _listed(found.jobs)
    return Check(
        name=NAME, conclusion="success", title=title, summary=(summary + _end(note))[:MOST], annotations=notes
    )  # fmt: skip


def fires_of(job: ConfiguredJob, repository: str, now: datetime) -> tuple[str, ...]:
    """The next five fires in the job's own time."""
    schedule = Schedule.of(job.spec, identity=f"{repository.lower()}:{job.name}", anchor=now)
    zone = job.spec.timezone
    return tuple(
        f"{local(zone, occasion.nominal):%a %Y-%m-%d %H:%M %z}"
        for occasion in islice(schedule.occasions(now), FIRES)
    )


def cost_of(job: ConfiguredJob) -> str:
    """What a job may cost at most."""
    budget = job.spec.limits.budget
    sessions = job.spec.max_items if job.spec.has_items else 1
    run = min(budget.run, sessions * budget.session)
    return f"at most ${run:.2f} a run and ${budget.day:.2f} a day"


def _shown(preview: Preview) -> str:
    fires = ", ".join(preview.fires) or "by no clock"
    return f"**{_plain(preview.job)}**\n- next fires: {fires}\n- matches now: {preview.matches}\n- cost: {preview.cost}"


def _listed(jobs: Sequence[ConfiguredJob]) -> str:
    return "\n".join(f"- {_plain(job.name)}" for job in jobs) or "There is nothing to do."


def _end(note: str) -> str:
    return f"\n\n{note}" if note else ""


def _plain(text: str) -> str:
    return text.replace("`", "'").replace("@", "@\u200b")[:500]
