"""What a job may use: time, tries, sessions at once and money."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bot.model.duration import Duration, between
from bot.model.part import Part, refuse


def _number(amount: object) -> object:
    """Refuse what Python would gladly read as a number: yes and no, and text."""
    if isinstance(amount, bool | str):
        raise refuse(f"not an amount: {amount!r}", "write a number of US dollars, like 1 or 0.5")
    return amount


Dollars = Annotated[
    float, BeforeValidator(_number), Field(gt=0, le=100_000, allow_inf_nan=False, description="US dollars.")
]


class Budget(Part):
    """How much a job may spend, in US dollars. Reserved before a session starts, settled after."""

    session: Dollars = 1.0
    run: Dollars = 5.0
    day: Dollars = 20.0

    @model_validator(mode="after")
    def _nested(self) -> Self:
        for small, large in (("session", "run"), ("run", "day")):
            if getattr(self, small) > getattr(self, large):
                raise refuse(
                    f"budget.{small} ({getattr(self, small):g}) is more than budget.{large} ({getattr(self, large):g})",
                    f"raise {large} or lower {small}",
                )
        return self


class Limits(Part):
    """Bounds Roundsman enforces itself, whatever the agent does."""

    timeout: Annotated[Duration, AfterValidator(between("30s", "6h"))] = Field(
        default=timedelta(minutes=5), description="Wall time of one session, 30s to 6h."
    )
    idle: Annotated[Duration, AfterValidator(between("10s", "6h"))] = Field(
        default=timedelta(minutes=3), description="How long an agent may say nothing before it is ended."
    )
    retries: int = Field(
        default=3, ge=0, le=10, strict=True, description="Retries after API faults, timeouts and crashes."
    )
    attempts: int = Field(
        default=3, ge=1, le=100, strict=True, description="Failed sessions on one item before it is parked."
    )
    concurrency: int = Field(
        default=3, ge=1, le=50, strict=True, description="Sessions of this job at work at once."
    )
    give_up: int = Field(
        default=5,
        ge=0,
        le=1000,
        strict=True,
        description="Failed runs in a row before the job pauses itself; 0 never.",
    )
    budget: Budget = Field(default=Budget(), description="US dollars a session, a run and a day may cost.")
