"""The story of the embedded GitHub's own repository, as written down in `content/`."""

from collections.abc import Mapping
from importlib import resources
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(_Told):
    """Somebody with an account; `role` is theirs on the repository."""

    login: str
    name: str
    email: str
    role: str | None = None
    bot: bool = False


class Label(_Told):
    """A label of the repository."""

    name: str
    color: str
    description: str


class Milestone(_Told):
    """A milestone; `due` and `closed` in days from the clock (`closed` before it is negative)."""

    title: str
    description: str
    due: float
    closed: float | None = None


class Setting(_Told):
    """The repository and who is around it."""

    owner: str
    name: str
    description: str
    homepage: str
    topics: tuple[str, ...]
    default_branch: str
    people: tuple[Person, ...]
    labels: tuple[Label, ...]
    milestones: tuple[Milestone, ...]


class Edit(_Told):
    """One text of a file, found exactly once, replaced by another."""

    path: str
    find: str
    replace: str


class Change(_Told):
    """A commit; `ago` in days before the clock. `pull` is the pull request that brought it to the default branch."""

    ago: float
    message: str
    author: str = ""
    pull: int | None = None
    write: Mapping[str, str] = Field(default_factory=dict)
    edit: tuple[Edit, ...] = ()
    delete: tuple[str, ...] = ()

    def files(self, tree: Mapping[str, str]) -> dict[str, str | None]:
        """What the commit changes in `tree`: paths to new contents, None for deleted ones."""
        changed: dict[str, str | None] = {**dict.fromkeys(self.delete), **self.write}
        for edit in self.edit:
            text = changed.get(edit.path) or tree[edit.path]
            if text.count(edit.find) != 1:
                raise ValueError(
                    f"{self.message}: {edit.path} has {edit.find!r} {text.count(edit.find)} times"
                )
            changed[edit.path] = text.replace(edit.find, edit.replace)
        return changed


Said = tuple[float, str, str]
"""(days ago, who, what)"""
Reviewed = tuple[
    float, str, Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED"], str, tuple[tuple[str, int, str], ...]
]
"""(days ago, who, verdict, what, comments on lines)"""


class _Item(_Told):
    number: int
    ago: float
    author: str
    title: str
    body: str
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    milestone: str | None = None
    closed: float | None = None
    closed_by: str | None = None
    comments: tuple[Said, ...] = ()


class Issue(_Item):
    """An issue and what became of it."""

    reason: Literal["completed", "not_planned"] = "completed"


class Pull(_Item):
    """A pull request; merged ones take their commit from the history."""

    branch: str
    fork: bool = False
    draft: bool = False
    reviewers: tuple[str, ...] = ()
    reviews: tuple[Reviewed, ...] = ()
    merged_by: str | None = None
    status: Literal["success", "failure", "pending"] | None = None
    commits: tuple[Change, ...] = ()


class Story(_Told):
    """All of it."""

    setting: Setting
    history: tuple[Change, ...]
    issues: tuple[Issue, ...]
    pulls: tuple[Pull, ...]

    def merged(self, pull: Pull) -> Change | None:
        """The commit of the default branch that a pull request brought, if it was merged."""
        return next((change for change in self.history if change.pull == pull.number), None)


def load() -> Story:
    """Read the story; raises a ValidationError where it is told wrongly."""
    pulls = [
        {**pull, "reviews": [_whole(each) for each in pull.get("reviews", ())]} for pull in _read("pulls")
    ]
    told = {
        "setting": _read("people"),
        "history": _read("history"),
        "issues": _read("issues"),
        "pulls": pulls,
    }
    return Story.model_validate(told)


def _whole(review: list[Any]) -> list[Any]:
    return review if len(review) == 5 else [*review, []]


def _read(name: str) -> Any:
    text = (resources.files("bot.demo") / "content" / f"{name}.yml").read_text("utf-8")
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    return yaml.load(text)
