"""The dashboard issue's list of jobs with boxes to tick: run now, paused. Text in, text out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from bot.flow.describe import describe_trigger
from bot.model.job import JobSpec
from bot.model.run import Job

BEGIN, END = "<!-- roundsman-jobs -->", "<!-- /roundsman-jobs -->"
_BOX = re.compile(r"^\s*- \[([ xX])\].*<!-- roundsman-box:(run|paused):(.{1,200}?) -->\s*$", re.MULTILINE)
_SECTION = re.compile(re.escape(BEGIN) + r".*?" + re.escape(END), re.DOTALL)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody ticked."""

    verb: Literal["run", "pause", "resume"]
    job: str


def section(jobs: Sequence[Job], full_name: str) -> str:
    """The list, every box as the jobs stand; `run now` is never ticked."""
    lines = [BEGIN, "### Jobs", ""]
    for job in jobs:
        if job.status == "disabled":
            lines.append(f"- **{_shown(job.name)}**: disabled")
            continue
        ticked = "x" if job.status == "paused" else " "
        lines.append(f"- **{_shown(job.name)}**{_when(job, full_name)}")
        lines.append(f"  - [ ] run now <!-- roundsman-box:run:{job.name} -->")
        lines.append(f"  - [{ticked}] paused <!-- roundsman-box:paused:{job.name} -->")
    if not jobs:
        lines.append("No jobs yet.")
    return "\n".join([*lines, "", END])


def with_section(body: str, jobs: Sequence[Job], full_name: str) -> str:
    """The issue's text with the list brought up to date, and everything else as it was."""
    fresh = section(jobs, full_name)
    if _SECTION.search(body):
        return _SECTION.sub(lambda _: fresh, body, count=1)
    return f"{body.rstrip()}\n\n{fresh}\n"


def wishes(body: str, jobs: Sequence[Job]) -> tuple[Wish, ...]:
    """What the boxes ask for that is not so: of jobs that are there, in the order of the list."""
    found = _SECTION.search(body)
    known = {job.name: job for job in jobs}
    asked: list[Wish] = []
    for tick, box, name in _BOX.findall(found[0] if found else ""):
        job, ticked = known.get(name), tick in "xX"
        if job is None or job.status == "disabled":
            continue
        if box == "run" and ticked:
            asked.append(Wish("run", name))
        if box == "paused" and ticked != (job.status == "paused"):
            asked.append(Wish("pause" if ticked else "resume", name))
    return tuple(dict.fromkeys(asked))


def _when(job: Job, full_name: str) -> str:
    """When it fires, in words; nothing of a job that cannot be read."""
    try:
        spec = JobSpec.model_validate(job.spec)
    except ValidationError:
        return ""
    told = "; ".join(describe_trigger(trigger, f"{full_name.lower()}:{job.name}") for trigger in spec.on)
    return f": {told} ({spec.timezone})" if told else ""


def _shown(name: str) -> str:
    return name.replace("_", "\\_")
