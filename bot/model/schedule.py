"""What `on:` may say: a cron line, a period, an instant, events, or another job's end."""

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, get_args

import pytz
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    field_validator,
)

from bot.model.cron import CronError, parse_cron
from bot.model.duration import Duration
from bot.model.part import Part, refuse

RunResult = Literal["completed", "partial", "failed", "cancelled", "skipped"]

EventName = Literal[
    "issues.opened",
    "issues.edited",
    "issues.closed",
    "issues.reopened",
    "issues.labeled",
    "issues.unlabeled",
    "issues.assigned",
    "issues.unassigned",
    "issues.milestoned",
    "issues.demilestoned",
    "issue_comment.created",
    "issue_comment.edited",
    "pull_request.opened",
    "pull_request.edited",
    "pull_request.closed",
    "pull_request.reopened",
    "pull_request.labeled",
    "pull_request.unlabeled",
    "pull_request.assigned",
    "pull_request.unassigned",
    "pull_request.milestoned",
    "pull_request.demilestoned",
    "pull_request.synchronize",
    "pull_request.ready_for_review",
    "pull_request.converted_to_draft",
    "pull_request.review_requested",
    "pull_request.review_request_removed",
    "pull_request_review.submitted",
    "pull_request_review.dismissed",
    "check_suite.completed",
]

JOB_NAME = r"^[A-Za-z0-9][A-Za-z0-9 _-]{0,199}\Z"
_JOB_NAME_HINT = "letters, digits, spaces, _ and -, starting with a letter or digit, at most 200"


def _job_name(name: str) -> str:
    if not re.fullmatch(JOB_NAME, name):
        raise refuse("not a name for a job", _JOB_NAME_HINT)
    return name


JobName = Annotated[
    str,
    AfterValidator(_job_name),
    WithJsonSchema({"type": "string", "pattern": JOB_NAME.replace(r"\Z", "$")}),
]


class Cron(Part):
    """Fires by a cron line in the job's time zone."""

    schedule: str = Field(
        min_length=1,
        max_length=200,
        description="Five-field cron in the job's time zone, or a name like `@daily`; `L`, `#` and `H` are known.",
        examples=["0 9 * * 1-5", "@daily", "H 3 * * *"],
    )

    @field_validator("schedule")
    @classmethod
    def _can_fire(cls, line: str) -> str:
        try:
            parse_cron(line)
        except CronError as fault:
            raise refuse(fault.message, fault.hint) from None
        return line


class Every(Part):
    """Fires again and again after the same length of time, counted from when the job was made."""

    every: Duration = Field(
        description="Minutes, hours, days or weeks between two fires; the first is one period after the job is made."
    )

    @field_validator("every")
    @classmethod
    def _whole_minutes(cls, period: timedelta) -> timedelta:
        if period <= timedelta():
            raise refuse("a period of nothing", "write the time between two fires, like 15m, 4h or 7d")
        if period.total_seconds() % 60:
            raise refuse(
                "a period is counted in whole minutes", "write minutes, hours, days or weeks: 15m, 4h, 7d"
            )
        if period > timedelta(days=3660):
            raise refuse("a period of more than ten years", "use `at` for a single fire")
        return period


class At(Part):
    """Fires once. An instant without an offset is read in the job's time zone."""

    at: datetime = Field(
        description="When to fire, once; without an offset it is read in the job's time zone."
    )

    @field_validator("at", mode="before")
    @classmethod
    def _written(cls, instant: object) -> object:
        """Refuse numbers, which would be read as seconds since 1970, and dates without a time."""
        if isinstance(instant, datetime):
            return instant
        if not isinstance(instant, str) or not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", instant, re.ASCII):
            raise refuse("not an instant", "write date and time, like 2026-12-01T09:00")
        return instant


class Events(Part):
    """Fires for one item when GitHub says that something happened to it."""

    events: tuple[EventName, ...] = Field(
        min_length=1, max_length=50, description="What must happen to an item, as GitHub names it."
    )
    bots: tuple[str, ...] = Field(
        default=(),
        max_length=20,
        description="Bots whose events count, like `dependabot[bot]`; the events of all others are ignored.",
    )


class AfterJob(Part):
    """Which job must end, and how."""

    job: JobName = Field(description="The job that must end first.")
    on: tuple[RunResult, ...] = Field(
        default=("completed",), min_length=1, description="The results that fire this job."
    )


class After(Part):
    """Fires when another job of the repository has ended with one of the named results."""

    after: Annotated[
        AfterJob,
        BeforeValidator(
            lambda v: {"job": v} if isinstance(v, str) else v, json_schema_input_type=JobName | AfterJob
        ),
    ] = Field(description="Another job of this repository, by name or as `{job: NAME, on: [completed]}`.")


TRIGGER_KEYS = ("schedule", "every", "at", "events", "after")


def _trigger_key(value: Any) -> str | None:
    """Tell which kind of trigger a mapping (or an already built trigger) is, by the one key it has of them."""
    keys = value if isinstance(value, dict) else type(value).model_fields if isinstance(value, Part) else ()
    named = [key for key in TRIGGER_KEYS if key in keys]
    return named[0] if len(named) == 1 else None


On = Annotated[
    Annotated[Cron, Tag("schedule")]
    | Annotated[Every, Tag("every")]
    | Annotated[At, Tag("at")]
    | Annotated[Events, Tag("events")]
    | Annotated[After, Tag("after")],
    Discriminator(
        _trigger_key,
        custom_error_type="one_trigger",
        custom_error_message="a trigger names exactly one of schedule, every, at, events, after",
    ),
]
"""One trigger: closed; `match` on it ends in `assert_never`."""

Triggers = Annotated[
    tuple[On, ...],
    BeforeValidator(
        lambda v: v if isinstance(v, list | tuple) else (v,), json_schema_input_type=On | list[On]
    ),
    Field(min_length=1, max_length=20),
]


def _zone(name: str) -> str:
    if name not in pytz.all_timezones_set:
        raise refuse(f"unknown time zone {name[:60]!r}", nearest_zone(name))
    return name


def nearest_zone(name: str) -> str:
    """Return a hint that names the zone most like this one."""
    from difflib import get_close_matches

    folded = {zone.casefold(): zone for zone in pytz.common_timezones}
    near = get_close_matches(name[:60].casefold().replace(" ", "_"), folded, n=1, cutoff=0.7)
    return f"did you mean {folded[near[0]]!r}?" if near else "use an IANA name like Europe/Zurich or UTC"


ZoneName = Annotated[
    str,
    AfterValidator(_zone),
    WithJsonSchema(
        {"type": "string", "examples": ["UTC", "Europe/Zurich"], "description": "An IANA time zone."}
    ),
]

Expiry = date | datetime
EVENT_NAMES: tuple[str, ...] = get_args(EventName)
