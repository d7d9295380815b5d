"""What the operator allows at most: a job above a ceiling is refused with the ceiling's name."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from itertools import islice, pairwise
from typing import Annotated, Any, Protocol, Self

from pydantic import AfterValidator, Field, model_validator

from bot.flow.schedule import Schedule
from bot.model.agent import EngineName, PermissionMode
from bot.model.duration import Duration, between, format_duration
from bot.model.fault import Objection
from bot.model.job import JobSpec
from bot.model.limits import Budget, Dollars, Limits
from bot.model.part import Part, refuse

_SAMPLE = 800
"""Fires looked at to tell how often a job fires: two years of a daily one."""
_NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


class BudgetCeiling(Part):
    """The most a job may ask for, in US dollars; what is absent has no ceiling."""

    session: Dollars | None = None
    run: Dollars | None = None
    day: Dollars | None = None


class Ceilings(Part):
    """The operator's ceilings (`ROUNDSMAN_CEILINGS`); what is absent has none, but for the shortest period."""

    engines: tuple[EngineName, ...] | None = None
    models: tuple[str, ...] | None = Field(default=None, description="Names, with `*` as a wildcard.")
    permission_modes: tuple[PermissionMode, ...] | None = None
    max_items: int | None = Field(default=None, ge=1, le=50)
    timeout: Annotated[Duration, AfterValidator(between("30s", "6h"))] | None = None
    budget: BudgetCeiling = BudgetCeiling()
    repository_budget: Dollars | None = Field(
        default=None, description="US dollars a repository may spend a day."
    )
    installation_budget: Dollars | None = Field(
        default=None, description="US dollars an installation may spend a day."
    )
    runs_per_day: int | None = Field(
        default=None,
        ge=1,
        description="Runs of one job in any 24 hours, whatever fires them; one that opens no session is none.",
    )
    minimum_period: Duration = timedelta(minutes=1)

    @classmethod
    def of(cls, given: Mapping[str, Any], shortest_seconds: int = 60) -> Self:
        """Read the operator's settings; raises pydantic's ValidationError for ceilings that cannot be."""
        return cls.model_validate({"minimum_period": f"{max(60, shortest_seconds)}s", **given})

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.minimum_period < timedelta(minutes=1):
            raise refuse("minimum_period is under a minute", "cron knows nothing shorter than 1m")
        return self


def within(ceilings: Ceilings) -> dict[str, Any]:
    """The keys of a job for one item that nobody wrote down, with its defaults lowered to the ceilings."""
    usual, caps, room = Limits(), ceilings.budget, Budget().day
    budget: dict[str, float] = {}
    for scope in ("day", "run", "session"):  # each within the larger
        room = min(room, getattr(usual.budget, scope), getattr(caps, scope) or room)
        budget[scope] = room
    limits: dict[str, Any] = {"budget": budget} if budget != usual.budget.model_dump() else {}
    if ceilings.timeout is not None and ceilings.timeout < usual.timeout:
        limits["timeout"] = format_duration(ceilings.timeout)
    return {"max_items": 1, **({"limits": limits} if limits else {})}


class Asking(Protocol):
    """What a command asks for where its job leaves it out."""

    @property
    def name(self) -> str:
        """How people call it."""
        ...

    @property
    def engine(self) -> str | None:
        """The engine it is written for."""
        ...

    @property
    def model(self) -> str | None:
        """The model it is written for."""
        ...

    @property
    def permission_mode(self) -> str | None:
        """The permission mode it needs."""
        ...


def above(
    spec: JobSpec, ceilings: Ceilings, default_engine: str = "claude", default_model: str | None = None,
    command: Asking | None = None,
) -> Iterator[Objection]:  # fmt: skip
    """Yield what of a job is above a ceiling, how often it fires included."""
    yield from beyond(spec, ceilings, default_engine, default_model, command)
    yield from _too_often(spec, ceilings)


def beyond(
    spec: JobSpec, ceilings: Ceilings, default_engine: str = "claude", default_model: str | None = None,
    command: Asking | None = None,
) -> Iterator[Objection]:  # fmt: skip
    """Yield what of one run of a job is above a ceiling.

    Engine and model that neither job nor command name are the operator's own, and allowed.
    """
    yield from _of_the_agent(spec, ceilings, default_engine, default_model, command)
    limits = spec.limits
    if ceilings.max_items is not None and spec.max_items > ceilings.max_items:
        yield _over(("max_items",), spec.max_items, ceilings.max_items, "max_items")
    if ceilings.timeout is not None and limits.timeout > ceilings.timeout:
        yield _over(
            ("limits", "timeout"),
            format_duration(limits.timeout),
            format_duration(ceilings.timeout),
            "timeout",
        )
    for scope in ("session", "run", "day"):
        asked, allowed = getattr(limits.budget, scope), getattr(ceilings.budget, scope)
        if allowed is not None and asked > allowed:
            yield _over(("limits", "budget", scope), f"{asked:g} USD", f"{allowed:g} USD", f"budget.{scope}")


def _of_the_agent(
    spec: JobSpec, ceilings: Ceilings, default_engine: str, default_model: str | None, command: Asking | None
) -> Iterator[Objection]:
    """Judge engine, model and permission mode as the session would take them: the job's, else the command's."""
    free = {"engine": (None, default_engine), "model": (None, default_model), "permission_mode": (None,)}
    for key, allowed in (
        ("engine", ceilings.engines), ("model", ceilings.models), ("permission_mode", ceilings.permission_modes),
    ):  # fmt: skip
        own, inherited = getattr(spec.agent, key), getattr(command, key, None)
        if own not in free[key]:
            yield from _one_of(("agent", key), str(own), allowed, f"{key}s")
        elif own is None and command is not None and inherited not in free[key]:
            for found in _one_of(("command",), str(inherited), allowed, f"{key}s"):
                yield Objection(("command",), f"{command.name} asks for the {key.replace('_', ' ')} {found.message}", found.hint)  # fmt: skip


def _one_of(
    where: tuple[str, ...], asked: str, allowed: tuple[str, ...] | None, name: str
) -> Iterator[Objection]:
    if allowed is not None and not any(fnmatchcase(asked, pattern) for pattern in allowed):
        yield Objection(
            where,
            f"{asked!r} is above the operator's ceiling `{name}`",
            f"allowed: {', '.join(allowed) or 'none'}",
        )


def _over(where: tuple[str, ...], asked: object, allowed: object, name: str) -> Objection:
    return Objection(where, f"{asked} is above the operator's ceiling `{name}`", f"at most {allowed}")


def _too_often(spec: JobSpec, ceilings: Ceilings) -> Iterator[Objection]:
    """Compare the shortest time between fires, and the most in a day, with what is allowed and with the jitter.

    Judged in UTC, so that the days on which clocks are set refuse nobody.
    """
    schedule = Schedule(spec.on, "UTC", anchor=_NEW_YEAR)
    fires = [
        occasion.nominal
        for occasion in islice(schedule.occasions(_NEW_YEAR), max(_SAMPLE, (ceilings.runs_per_day or 0) + 1))
    ]
    shortest = min((later - earlier for earlier, later in pairwise(fires)), default=None)
    if shortest is None:
        return
    if shortest < ceilings.minimum_period:
        asked, allowed = format_duration(shortest), format_duration(ceilings.minimum_period)
        yield Objection(
            ("on",),
            f"it fires {asked} apart, under the operator's ceiling `minimum_period`",
            f"leave at least {allowed}",
        )
        return
    if spec.jitter >= shortest:
        yield Objection(
            ("jitter",),
            f"the jitter is not less than the {format_duration(shortest)} between two fires",
            "lower it",
        )
    most = ceilings.runs_per_day
    if most is not None and any(
        later - earlier < timedelta(days=1) for earlier, later in zip(fires, fires[most:], strict=False)
    ):
        yield Objection(
            ("on",),
            "it fires more often than the operator's ceiling `runs_per_day`",
            f"at most {most} in 24 hours",
        )
