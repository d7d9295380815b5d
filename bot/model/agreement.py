"""Rules between the keys of a job: what cannot be said together, and what one key asks of another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.model.duration import format_duration
from bot.model.schedule import Events, Every

if TYPE_CHECKING:
    from bot.model.job import JobSpec


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Keys that do not go together; the first is where the fault is shown."""

    keys: tuple[str, ...]
    message: str
    hint: str


def disagreements(spec: JobSpec) -> tuple[Disagreement, ...]:
    """Return every rule between keys the job breaks."""
    return tuple(
        found
        for rule in (_work, _filter, _again, _report, _events, _idle, _jitter, _continue)
        for found in rule(spec)
    )


def _work(spec: JobSpec) -> Iterator[Disagreement]:
    if spec.command and spec.prompt:
        yield Disagreement(
            ("prompt", "command"), "a job has a command or a prompt, not both", "remove one of them"
        )
    if not spec.command and not spec.prompt:
        yield Disagreement(
            ("command", "prompt"),
            "a job needs a command or a prompt",
            "add `command: issue/root-cause` or `prompt: …`",
        )
    if spec.prompt is not None and not spec.prompt.strip():
        yield Disagreement(("prompt",), "the prompt is blank", "say what the agent shall do")


def _filter(spec: JobSpec) -> Iterator[Disagreement]:
    if spec.filter is not None and not spec.has_items:
        yield Disagreement(
            ("filter", "target"),
            f"target {spec.target} has no items to filter",
            "remove `filter`, or use target issues or prs",
        )
    if spec.filter is not None and not spec.filter.strip():
        yield Disagreement(
            ("filter",), "the filter is blank", "write a query like `is:open label:bug`, or remove the key"
        )


def _again(spec: JobSpec) -> Iterator[Disagreement]:
    if spec.again == "on-push" and spec.target not in ("prs", "codebase"):
        yield Disagreement(
            ("again", "target"), f"nobody pushes to target {spec.target}", "on-push is for prs; use on-update"
        )
    if spec.again == "on-update" and not spec.has_items:
        yield Disagreement(
            ("again", "target"),
            f"target {spec.target} has no item that is updated",
            "use always, or `{after: 7d}`",
        )


def _report(spec: JobSpec) -> Iterator[Disagreement]:
    if spec.report in ("check", "review") and spec.target != "prs":
        yield Disagreement(
            ("report", "target"), f"a {spec.report} is for pull requests", "use sticky or new, or target prs"
        )
    if not isinstance(spec.report, str) and spec.has_items:
        yield Disagreement(
            ("report", "target"),
            f"target {spec.target} reports on the item itself",
            "use sticky, new or none",
        )


def _events(spec: JobSpec) -> Iterator[Disagreement]:
    for trigger in spec.on:
        if not isinstance(trigger, Events):
            continue
        if not spec.has_items:
            yield Disagreement(
                ("on", "target"), f"events name an item, and target {spec.target} has none", "use a schedule"
            )
        strangers = ("pull_request", "check_suite") if spec.target == "issues" else ("issues.",)
        odd = [name for name in trigger.events if name.startswith(strangers)]
        if odd and spec.has_items:
            yield Disagreement(
                ("on", "target"),
                f"{odd[0]} never names one of target {spec.target}",
                "remove it, or change target",
            )


def _idle(spec: JobSpec) -> Iterator[Disagreement]:
    if "idle" in spec.limits.model_fields_set and spec.limits.idle > spec.limits.timeout:
        yield Disagreement(
            ("limits",), "limits.idle is longer than limits.timeout", "lower idle or raise timeout"
        )


def _jitter(spec: JobSpec) -> Iterator[Disagreement]:
    shortest = min((t.every for t in spec.on if isinstance(t, Every)), default=None)
    if shortest is not None and spec.jitter >= shortest:
        yield Disagreement(
            ("jitter", "on"), f"jitter {format_duration(spec.jitter)} is not less than the period", "lower it"
        )


def _continue(spec: JobSpec) -> Iterator[Disagreement]:
    if spec.session == "continue" and spec.agent.engine == "script":
        yield Disagreement(("session", "agent"), "a script has no session to continue", "remove `session`")
