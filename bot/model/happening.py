"""What a webhook tells, as values: a closed union, parsed at the door from payloads of any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Actor(_Value):
    """Who did it."""

    login: str
    bot: bool = False


class Place(_Value):
    """A repository as GitHub names it in a payload."""

    full_name: str
    github_id: int | None = None
    private: bool = False
    default_branch: str | None = None
    fork: bool = False
    archived: bool = False


class Installed(_Value):
    """The App was installed, removed, suspended, or granted other permissions."""

    kind: Literal["installed"] = "installed"
    action: str
    installation: int
    account: str
    account_type: str = "Organization"
    permissions: dict[str, str] = {}
    events: tuple[str, ...] = ()
    repositories: tuple[Place, ...] = ()
    by: Actor


class Selected(_Value):
    """Repositories were added to an installation or taken from it."""

    kind: Literal["selected"] = "selected"
    installation: int
    account: str
    added: tuple[Place, ...] = ()
    removed: tuple[Place, ...] = ()
    by: Actor


class Renamed(_Value):
    """An account has another name; so have its repositories."""

    kind: Literal["account-renamed"] = "account-renamed"
    installation: int
    account: str
    before: str
    by: Actor


class RepositoryChanged(_Value):
    """A repository was renamed, transferred, deleted, archived, or changed its visibility or default branch."""

    kind: Literal["repository"] = "repository"
    action: str
    place: Place
    before: str | None = None
    """Its full name until now."""
    installation: int | None = None
    by: Actor


class Pushed(_Value):
    """Commits came to a branch. `paths` are those changed, None where the payload does not tell all."""

    kind: Literal["pushed"] = "pushed"
    place: Place
    branch: str
    head: str
    deleted: bool = False
    paths: tuple[str, ...] | None = None
    by: Actor


class ItemEvent(_Value):
    """Something happened to an issue or pull request; `event` is as `on: {events: [...]}` names it."""

    kind: Literal["item"] = "item"
    event: str
    place: Place
    number: int
    pull: bool = False
    head: str | None = None
    fork: bool = False
    at: str = ""
    by: Actor


class Commented(_Value):
    """A comment on an issue or pull request that may hold a command; `before` is its text before an edit."""

    kind: Literal["commented"] = "commented"
    action: str
    place: Place
    number: int
    pull: bool = False
    comment: int
    body: str = ""
    before: str | None = None
    at: str = ""
    by: Actor


class ChecksDone(_Value):
    """A check suite ended on the head of these pull requests."""

    kind: Literal["checks"] = "checks"
    event: str
    place: Place
    head: str
    pulls: tuple[int, ...] = ()
    at: str = ""
    by: Actor


class CheckAsked(_Value):
    """Somebody asked for a check of ours again."""

    kind: Literal["recheck"] = "recheck"
    place: Place
    head: str
    app: int | None = None
    pulls: tuple[int, ...] = ()
    by: Actor


class Shuffled(_Value):
    """Labels, milestones or items changed in a way that updates no item: what is remembered of lists no longer holds."""

    kind: Literal["shuffled"] = "shuffled"
    place: Place
    what: str


Happening = Annotated[
    Installed
    | Selected
    | Renamed
    | RepositoryChanged
    | Pushed
    | ItemEvent
    | Commented
    | ChecksDone
    | CheckAsked
    | Shuffled,
    Field(discriminator="kind"),
]


@dataclass(frozen=True, slots=True)
class News:
    """What a payload tells the index of its repository: an item as it is now; without a row, that something is not as it was.

    `shuffled` says that labels, milestones or items changed in a way that updates no item.
    """

    place: Place
    row: dict[str, Any] | None = None
    shuffled: bool = False


class Delivery(_Value):
    """One webhook delivery, verified and read. Nothing in `happenings` means it is ignored, for `ignored`."""

    guid: str
    event: str
    action: str | None = None
    installation: int | None = None
    repository: str | None = None
    subject: str = ""
    """What it is about: deliveries with the same subject are worked on in order."""
    happenings: tuple[Happening, ...] = ()
    ignored: str | None = None
    news: News | None = None
    """For the index alone; it is not kept with the delivery."""
