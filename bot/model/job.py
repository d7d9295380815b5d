"""`JobSpec`: the one definition of a job, behind file, API, form, stored row and published schema."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from bot.model.agent import EngineName, PermissionMode
from bot.model.agreement import Disagreement, disagreements
from bot.model.condition import check_condition
from bot.model.context import Context
from bot.model.duration import Duration, between
from bot.model.limits import Limits
from bot.model.outcome import May
from bot.model.part import Part, refuse
from bot.model.schedule import Triggers, ZoneName
from bot.model.variables import Variables

Target = Literal["issues", "prs", "codebase", "custom"]
Overlap = Literal["skip", "queue", "cancel", "allow"]
Priority = Literal["high", "normal", "low"]
JobStatus = Literal["active", "paused", "disabled"]
CatchUpMode = Literal["none", "latest", "all"]
Occurrence = Literal["completed", "failed", "partial", "paused", "budget"]
ReportStyle = Literal["sticky", "new", "check", "review", "none"]
AgainWord = Literal["never", "on-update", "on-push", "always"]

Condition = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(check_condition)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
Filter = Annotated[str, Field(min_length=1, max_length=20_000)]


class AgentSettings(Part):
    """Which agent works, and how; what is left out comes from the command, then from the operator."""

    engine: EngineName | None = Field(
        default=None, description="The agent's program; default: the operator's."
    )
    model: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=r"^[^\s\x00-\x1f-][^\s\x00-\x1f]*$",
        description="The model, as the engine names it.",
    )
    max_turns: int | None = Field(
        default=None, ge=1, le=1000, strict=True, description="Turns of one session."
    )
    permission_mode: PermissionMode | None = Field(default=None, description="What the agent may do unasked.")
    allowed_tools: tuple[str, ...] | None = Field(
        default=None, max_length=100, description="Tools the agent may use."
    )
    mcp: tuple[Name, ...] = Field(
        default=(), max_length=20, description="MCP servers the operator configured."
    )
    setup: str | None = Field(
        default=None,
        min_length=1,
        max_length=5000,
        description="A command run in the sandbox before the agent.",
    )


class AfterTime(Part):
    """Work on an item again when so much time has gone since the last success."""

    after: Annotated[Duration, AfterValidator(between("1m", "520w"))] = Field(
        description="Time since the last success."
    )


def _word_or_part(value: Any) -> str:
    return "part" if isinstance(value, dict | Part) else "word"


Again = Annotated[
    Annotated[AgainWord, Tag("word")] | Annotated[AfterTime, Tag("part")], Discriminator(_word_or_part)
]


class ReportTo(Part):
    """Report to an issue of the repository."""

    issue: int = Field(ge=1, strict=True, description="The issue's number.")


Report = Annotated[
    Annotated[ReportStyle, Tag("word")] | Annotated[ReportTo, Tag("part")], Discriminator(_word_or_part)
]


class CatchUp(Part):
    """What happens to fires missed while Roundsman was down."""

    mode: CatchUpMode = Field(default="latest", description="Make up for none, the latest or all of them.")
    window: Annotated[Duration, AfterValidator(between("1m", "31d"))] = Field(
        default=timedelta(hours=1), description="How far back to look."
    )


class SkipIf(Part):
    """Holds the job back while more than so many items match."""

    filter: Filter = Field(description="A GitHub search query.")
    more_than: int = Field(
        default=0, ge=0, le=10_000, strict=True, description="So many may match and the job still runs."
    )


class Gate(Part):
    """A second query that holds the job back."""

    skip_if: SkipIf = Field(description="What must not match too often.")


class Notify(Part):
    """Whom to tell, and of what."""

    to: Name = Field(description="A channel the operator named.")
    target: str | None = Field(
        default=None, min_length=1, max_length=200, description="A room or person there."
    )
    on: tuple[Occurrence, ...] = Field(
        default=("failed", "partial", "paused", "budget"), min_length=1, description="Of what."
    )


def _expiry(value: Any) -> Any:
    """Read a day as a day and an instant as an instant; a number is neither."""
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise refuse("not a day", "write it like 2027-06-30, or 2027-06-30T18:00") from None


class JobSpec(Part):
    """What a job does: when it fires, what it works on, with which command, agent, limits and report."""

    description: str = Field(default="", max_length=1000, description="What the job is for, in a sentence.")
    on: Triggers = Field(description="When it fires: one trigger or a list of them.")
    timezone: ZoneName = Field(
        default="UTC", description="The IANA zone of its schedule, dates and words like TODAY."
    )
    target: Target = Field(default="issues", description="What its sessions work on.")
    filter: Filter | None = Field(
        default=None, description="A GitHub search query; default `is:open`. Not for codebase and custom."
    )
    command: (
        Annotated[
            str,
            Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*){0,5}$", max_length=200),
        ]
        | None
    ) = Field(default=None, description="A command of the library or the repository; or write `prompt`.")
    prompt: str | None = Field(default=None, min_length=1, max_length=5000, description="An inline command.")
    variables: Variables = Field(default_factory=dict, description="Values the command can use.")
    context: tuple[Context, ...] = Field(default=(), max_length=20, description="Data put before the prompt.")
    max_items: int = Field(default=10, ge=1, le=50, strict=True, description="Sessions of one run at most.")
    again: Again | None = Field(
        default=None,
        description="When an item is worked on again; default on-update for issues, on-push for prs, else always.",
    )
    may: May | None = Field(
        default=None, description="What sessions may do; default the command's, else one comment."
    )
    report: Report = Field(default="sticky", description="Where people read the result.")
    agent: AgentSettings = Field(default=AgentSettings(), description="Which agent works, and how.")
    limits: Limits = Field(
        default=Limits(), description="What the job may use; enforced by Roundsman itself."
    )
    overlap: Overlap = Field(default="skip", description="What a fire does while the last run still works.")
    catch_up: Annotated[
        CatchUp,
        BeforeValidator(
            lambda v: {"mode": v} if isinstance(v, str) else v, json_schema_input_type=CatchUpMode | CatchUp
        ),
    ] = Field(default=CatchUp(), description="What happens to fires missed while Roundsman was down.")
    jitter: Annotated[Duration, AfterValidator(between("0s", "6h"))] = Field(
        default=timedelta(),
        description="Each scheduled fire is put off by up to this time, the same for each occasion.",
    )
    priority: Priority = Field(default="normal", description="Who goes first when sessions wait.")
    session: Literal["new", "continue"] = Field(
        default="new", description="Whether the agent goes on with its own last session on the item."
    )
    when: Condition | None = Field(
        default=None, description="A condition: the run is skipped unless it holds."
    )
    gate: Gate | None = Field(default=None, description="A second query that holds the job back.")
    expires: Annotated[date | datetime, BeforeValidator(_expiry)] | None = Field(
        default=None, description="The last day (or the instant) on which it fires."
    )
    notify: tuple[Notify, ...] = Field(default=(), max_length=20, description="Whom to tell of its ends.")
    status: JobStatus = Field(
        default="active", description="Paused jobs run only by hand; disabled ones not at all."
    )

    @property
    def query(self) -> str | None:
        """The filter as written, or `is:open`; None for targets without items."""
        return (self.filter or "is:open") if self.target in ("issues", "prs") else None

    @property
    def again_rule(self) -> Again:
        """When an item is worked on again, with the target's default filled in."""
        defaults: dict[str, Again] = {"issues": "on-update", "prs": "on-push"}
        return self.again or defaults.get(self.target, "always")

    @property
    def has_items(self) -> bool:
        """Whether its sessions work on issues or pull requests."""
        return self.target in ("issues", "prs")

    @model_validator(mode="wrap")
    @classmethod
    def _whole(cls, given: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        """Tell faults of single keys and faults between keys at once, as far as the latter can be judged."""
        try:
            spec, faults, bad = build(given), [], frozenset[str]()
        except ValidationError as refused:
            if not isinstance(given, dict):
                raise
            faults = [_again_as_detail(detail) for detail in _roots(refused.errors(include_url=False))]
            bad = frozenset(str(detail["loc"][0]) for detail in faults if detail.get("loc"))
            try:
                spec = build({"on": {"every": "1d"}} | {k: v for k, v in given.items() if k not in bad})
            except ValidationError:
                raise refused from None
        between_keys = [
            _as_detail(found, given) for found in disagreements(spec) if not bad & set(found.keys)
        ]
        if faults or between_keys:
            raise ValidationError.from_exception_data("JobSpec", faults + between_keys)
        return spec


def _as_detail(found: Disagreement, given: Any) -> InitErrorDetails:
    """Place a disagreement at the first of its keys that was written."""
    place = next((key for key in found.keys if isinstance(given, dict) and key in given), None)
    kind = PydanticCustomError("disagreement", "{message}", {"message": found.message, "hint": found.hint})
    return InitErrorDetails(type=kind, loc=(place,) if place else (), input=None)


def _roots(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out "too short" said of a list only because its members were at fault."""
    places = [detail["loc"] for detail in details]
    return [
        detail
        for detail in details
        if detail["type"] != "too_short"
        or not any(len(p) > len(detail["loc"]) and p[: len(detail["loc"])] == detail["loc"] for p in places)
    ]


def _again_as_detail(detail: ErrorDetails) -> InitErrorDetails:
    """Carry a fault already found over into a new error."""
    kind = PydanticCustomError(
        detail["type"], "{message}", {"message": detail["msg"], **detail.get("ctx", {})}
    )
    return InitErrorDetails(type=kind, loc=detail["loc"], input=detail["input"])
