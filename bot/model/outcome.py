"""What an agent proposes, what its job permits, and what was decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class _Value(BaseModel):
    """A frozen value that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


# ── proposed actions ─────────────────────────────────────────────────────────────────────────────

Body = Annotated[str, Field(min_length=1, max_length=65_536)]
Title = Annotated[str, Field(min_length=1, max_length=256)]
Label = Annotated[str, Field(min_length=1, max_length=50)]
Login = Annotated[str, Field(min_length=1, max_length=100)]
Side = Literal["LEFT", "RIGHT"]


class Comment(_Value):
    """Say something on the item; its body is the report."""

    kind: Literal["comment"] = "comment"
    body: Body


class AddLabels(_Value):
    """Put labels on the item."""

    kind: Literal["labels.add"] = "labels.add"
    labels: tuple[Label, ...] = Field(min_length=1, max_length=100)


class RemoveLabels(_Value):
    """Take labels off the item."""

    kind: Literal["labels.remove"] = "labels.remove"
    labels: tuple[Label, ...] = Field(min_length=1, max_length=100)


class Assign(_Value):
    """Assign people to the item."""

    kind: Literal["assign"] = "assign"
    assignees: tuple[Login, ...] = Field(min_length=1, max_length=10)


class SetMilestone(_Value):
    """Put the item in a milestone, or in none."""

    kind: Literal["milestone"] = "milestone"
    title: Title | None = None


class Close(_Value):
    """Close the item."""

    kind: Literal["close"] = "close"
    reason: Literal["completed", "not_planned", "duplicate"] | None = None


class Reopen(_Value):
    """Open the item again."""

    kind: Literal["reopen"] = "reopen"


class InlineComment(_Value):
    """A comment on a line of a pull request's diff."""

    path: str = Field(min_length=1, max_length=4096)
    line: int = Field(ge=1)
    start_line: int | None = Field(default=None, ge=1)
    side: Side = "RIGHT"
    body: Body


ReviewEvent = Literal["COMMENT", "REQUEST_CHANGES", "APPROVE"]


class Review(_Value):
    """Review the pull request."""

    kind: Literal["review"] = "review"
    event: ReviewEvent = "COMMENT"
    body: str = Field(default="", max_length=65_536)
    comments: tuple[InlineComment, ...] = Field(default=(), max_length=100)


class Annotation(_Value):
    """A note of a check run on lines of a file."""

    path: str = Field(min_length=1, max_length=4096)
    start_line: int = Field(ge=1)
    end_line: int | None = Field(default=None, ge=1)
    level: Literal["notice", "warning", "failure"] = "warning"
    message: str = Field(min_length=1, max_length=65_536)
    title: str = Field(default="", max_length=255)


class Check(_Value):
    """Report a check run on the pull request's head."""

    kind: Literal["check"] = "check"
    name: str = Field(min_length=1, max_length=100)
    conclusion: Literal["success", "failure", "neutral", "action_required"]
    title: Title
    summary: str = Field(default="", max_length=65_535)
    annotations: tuple[Annotation, ...] = Field(default=(), max_length=200)


class NewIssue(_Value):
    """Open a new issue in the job's own repository."""

    kind: Literal["issue"] = "issue"
    title: Title
    body: str = Field(default="", max_length=65_536)
    labels: tuple[Label, ...] = Field(default=(), max_length=100)


class NewPullRequest(_Value):
    """Open a pull request from the change we compute ourselves; the branch is ours, `branch` only a hint."""

    kind: Literal["pull_request"] = "pull_request"
    title: Title
    body: str = Field(default="", max_length=65_536)
    branch: str | None = Field(default=None, max_length=100)
    draft: bool = False


Action = Annotated[
    Comment
    | AddLabels
    | RemoveLabels
    | Assign
    | SetMilestone
    | Close
    | Reopen
    | Review
    | Check
    | NewIssue
    | NewPullRequest,
    Field(discriminator="kind"),
]
ActionKind = Literal[
    "comment",
    "labels.add",
    "labels.remove",
    "assign",
    "milestone",
    "close",
    "reopen",
    "review",
    "check",
    "issue",
    "pull_request",
]


class Malformed(_Value):
    """An action that could not be read; the others of its outcome still count."""

    place: int
    kind: str
    reason: str


OutcomeStatus = Literal["done", "nothing", "failed"]


class Outcome(_Value):
    """The structured end of a session; `nothing` says there was nothing to do."""

    version: Literal[1] = 1
    status: OutcomeStatus = "done"
    summary: str = Field(default="", max_length=65_536)
    actions: tuple[Action, ...] = Field(default=(), max_length=100)
    malformed: tuple[Malformed, ...] = ()


# ── what the job permits ─────────────────────────────────────────────────────────────────────────


class Allowance(_Value):
    """How many of a kind, and of which values (`*` wildcards; None means any)."""

    max: int = Field(ge=0, le=100)
    values: tuple[str, ...] | None = None


AllowanceInput = bool | int | str | list[str] | Allowance


def _allowance(most: int, values: tuple[str, ...] | None = None) -> Callable[[Any], Any]:
    """Read `true`, a maximum, a value or a list of values as an allowance."""

    def read(given: Any) -> Any:
        match given:
            case None | False:
                return Allowance(max=0)
            case True:
                return Allowance(max=most, values=values)
            case int():
                return {"max": given, "values": values}
            case str():
                return {"max": most, "values": [given]}
            case list() | tuple():
                return {"max": most if given else 0, "values": list(given)}
            case dict():
                return {"max": most, "values": values, **given}
            case _:
                return given

    return read


def _reads(most: int, values: tuple[str, ...] | None = None) -> BeforeValidator:
    return BeforeValidator(_allowance(most, values), json_schema_input_type=AllowanceInput)


_NONE = Allowance(max=0)


class May(_Value):
    """What a job lets its sessions do (`may:`); one comment unless said otherwise.

    Each key takes `true`, `false`, a maximum (`comment: 1`), a list of values with `*` wildcards
    (`labels: [bug, "area/*"]`) or both (`{max: 2, values: [bug]}`). The values of `review` are its events
    (`true` means COMMENT alone), those of `pull_request` are the paths it may change.
    """

    comment: Annotated[Allowance, _reads(1)] = Allowance(max=1)
    labels: Annotated[Allowance, _reads(10)] = _NONE
    labels_add: Annotated[Allowance, _reads(10)] | None = Field(default=None, alias="labels.add")
    labels_remove: Annotated[Allowance, _reads(10)] | None = Field(default=None, alias="labels.remove")
    assign: Annotated[Allowance, _reads(10)] = _NONE
    milestone: Annotated[Allowance, _reads(1)] = _NONE
    close: Annotated[Allowance, _reads(1)] = _NONE
    reopen: Annotated[Allowance, _reads(1)] = _NONE
    review: Annotated[Allowance, _reads(1, ("COMMENT",))] = _NONE
    check: Annotated[Allowance, _reads(1)] = _NONE
    issue: Annotated[Allowance, _reads(1)] = _NONE
    pull_request: Annotated[Allowance, _reads(1)] = _NONE

    def of(self, kind: ActionKind) -> Allowance:
        """Say what is permitted of one kind; `labels` stands for both directions where neither is named."""
        match kind:
            case "labels.add":
                return self.labels if self.labels_add is None else self.labels_add
            case "labels.remove":
                return self.labels if self.labels_remove is None else self.labels_remove
            case _:
                allowance: Allowance = getattr(self, kind)
                return allowance


# ── what was decided ─────────────────────────────────────────────────────────────────────────────


class Refused(_Value):
    """A proposed action we will not do, and why. `action` is None when it could not be read."""

    kind: str
    reason: str
    action: Action | None = None


class Decision(_Value):
    """What we will do and what not; texts in `allowed` and `summary` are safe to publish."""

    summary: str = ""
    allowed: tuple[Action, ...] = ()
    refused: tuple[Refused, ...] = ()
    undone: tuple[int, ...] = ()
    unsaid: str = ""
    """Why GitHub would not take the report; empty where it did."""
    """Places in `allowed` of what GitHub would not take; its reasons stand in `refused`."""
