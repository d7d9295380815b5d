"""What the API takes."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from bot.flow.refusal import objections
from bot.model.job import JobSpec
from bot.model.run import Job
from bot.model.schedule import JobName
from bot.web.surroundings import refuse


class Closed(BaseModel):
    """A body that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def flat(given: Any) -> Any:
    """Take a job as it is answered, `{name, spec: {…}}`, as well as with all keys side by side."""
    if isinstance(given, dict) and isinstance(given.get("spec"), dict):
        return {key: value for key, value in given.items() if key != "spec"} | given["spec"]
    return given


def sendable(value: Any) -> Any:
    """Refuse text that no UTF-8 can carry."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise ValueError("text with a lone surrogate; send proper Unicode") from None
    return value


class NewJob(JobSpec):
    """A job to make: a name and the keys of a JobSpec, side by side or under `spec`."""

    name: JobName

    @property
    def spec(self) -> JobSpec:
        """The spec without the name."""
        return JobSpec.model_validate(
            sendable(self.model_dump(mode="json", exclude_unset=True, exclude={"name"}))
        )


def _worded(given: Any, build: ValidatorFunctionWrapHandler) -> Any:
    """Say what is wrong in the words people get for their files, too."""
    level = flat(given)
    try:
        return build(level)
    except ValidationError as error:
        refuse(objections(error, NewJob), level)
        raise


NewJobBody = Annotated[NewJob, WrapValidator(_worded)]
JobPatch = Annotated[
    dict[str, Any],
    BeforeValidator(flat),
    AfterValidator(sendable),
    Field(
        description="A merge patch (RFC 7396) of the spec's keys; `null` takes a key away. `name` renames.",
        examples=[{"max_items": 5, "limits": {"timeout": "10m"}}],
    ),
]


class RunAsked(Closed):
    """A run by hand."""

    dry_run: bool = Field(False, description="Show everything, write nothing on GitHub.")
    number: int | None = Field(None, ge=1, le=2**31 - 1, description="This item alone, done before or not.")


class BackfillAsked(Closed):
    """A stretch of time whose scheduled fires shall run now."""

    since: AwareDatetime
    until: AwareDatetime
    dry_run: bool = False


class CopyAsked(Closed):
    """Under which name to copy."""

    name: JobName


class ItemAsked(Closed):
    """Which item."""

    number: int = Field(ge=1, le=2**31 - 1)


class PauseAsked(Closed):
    """Why, if anybody should know."""

    reason: Annotated[str, AfterValidator(sendable)] | None = Field(None, max_length=500)


class Named(Closed):
    """A job anywhere."""

    repository: str = Field(pattern=r"^[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}$")
    name: JobName


class BulkAsked(Closed):
    """One deed on many jobs."""

    action: Literal["run", "pause", "resume", "enable", "disable", "delete"]
    jobs: list[Named] = Field(min_length=1, max_length=100)


def merged(below: Any, patch: Any) -> Any:
    """RFC 7396: lay a patch over a value."""
    if not isinstance(patch, dict):
        return patch
    base = dict(below) if isinstance(below, dict) else {}
    for key, value in patch.items():
        if value is None:
            base.pop(key, None)
        else:
            base[key] = merged(base.get(key), value)
    return base


def patched(job: Job, patch: dict[str, Any]) -> JobSpec:
    """The spec a patch makes of a job's; raises a 422 that names every fault."""
    return checked(merged(job.spec, {key: value for key, value in patch.items() if key != "name"}))


def checked(given: Any) -> JobSpec:
    """A spec from JSON; raises a 422 that names every fault."""
    try:
        return JobSpec.model_validate(given)
    except ValidationError as error:
        refuse(objections(error), given)
        raise
