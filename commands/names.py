"""The one table of what a template may name: roots, fields, who wrote them and which targets have them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from commands.times import TIME_NAMES

Target = Literal["issues", "prs", "codebase", "custom"]
TARGETS: tuple[Target, ...] = get_args(Target)

_ITEMS: tuple[Target, ...] = ("issues", "prs")
_PRS: tuple[Target, ...] = ("prs",)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a root, as `item.title`; `untrusted` fields arrive as `fence.Untrusted`, never as bare text."""

    root: str
    name: str
    help: str
    targets: tuple[Target, ...] = TARGETS
    untrusted: bool = False
    fetched: bool = False
    """Costs a request: provided only when a template uses it (`template.uses`), and it may be absent."""

    @property
    def path(self) -> str:
        """`item.title`."""
        return f"{self.root}.{self.name}"


FIELDS: tuple[Field, ...] = (
    Field("item", "number", "its number", _ITEMS),
    Field("item", "kind", "`issue` or `pull request`", _ITEMS),
    Field("item", "title", "its title", _ITEMS, untrusted=True),
    Field("item", "body", "its description", _ITEMS, untrusted=True),
    Field("item", "author", "login of who opened it", _ITEMS),
    Field("item", "author_association", "`OWNER`, `MEMBER`, `CONTRIBUTOR`, `NONE` …", _ITEMS),
    Field("item", "labels", "names of its labels, a list", _ITEMS),
    Field("item", "assignees", "logins, a list", _ITEMS),
    Field("item", "milestone", "title of its milestone, or none", _ITEMS),
    Field("item", "state", "`open` or `closed`", _ITEMS),
    Field("item", "url", "its page", _ITEMS),
    Field("item", "created_at", "ISO 8601", _ITEMS),
    Field("item", "updated_at", "ISO 8601", _ITEMS),
    Field("item", "comment_count", "number of comments", _ITEMS),
    Field("item", "comments", "the conversation", _ITEMS, untrusted=True, fetched=True),
    Field("item", "linked", "issues and pull requests it is linked to", _ITEMS, untrusted=True, fetched=True),
    Field("item", "draft", "true or false", _PRS),
    Field("item", "head_sha", "commit of the pull request's head", _PRS),
    Field("item", "base_sha", "commit it is compared with", _PRS),
    Field("item", "base_ref", "branch it goes into", _PRS),
    Field("item", "head_ref", "branch it comes from", _PRS, untrusted=True),
    Field("item", "diff", "the changes, as a unified diff", _PRS, untrusted=True, fetched=True),
    Field("item", "files", "changed files with their counts", _PRS, untrusted=True, fetched=True),
    Field("item", "checks", "results of checks on the head", _PRS, untrusted=True, fetched=True),
    Field("repo", "full_name", "`owner/name`"),
    Field("repo", "owner", "the owner's login"),
    Field("repo", "name", "its name"),
    Field("repo", "default_branch", "name of the default branch"),
    Field("repo", "url", "its page"),
    Field("repo", "private", "true or false"),
    Field("repo", "labels", "names of the labels it has", fetched=True),
    Field("job", "name", "its name"),
    Field("job", "description", "its description"),
    Field("job", "target", "`issues`, `prs`, `codebase` or `custom`"),
    Field("job", "may", "what the job lets a session do"),
    Field("run", "id", "the run's number"),
    Field("run", "trigger", "`schedule`, `event`, `comment`, `manual`, `after` or `backfill`"),
    Field("run", "scheduled_for", "ISO 8601"),
)

OPEN_ROOTS = ("inputs", "variables")
"""Roots whose fields a command or a job names itself."""

ROOTS: tuple[str, ...] = ("item", "repo", "job", "run", *OPEN_ROOTS, *TIME_NAMES)
"""Every name a template knows from the start."""


def fields_of(root: str, target: Target | None = None) -> Iterator[Field]:
    """The fields of `root` that a template for `target` may name; all of them where the target is not given."""
    return (field for field in FIELDS if field.root == root and (target is None or target in field.targets))


def untrusted_names(root: str) -> Iterable[str]:
    """Names of the fields of `root` that strangers write."""
    return [field.name for field in FIELDS if field.root == root and field.untrusted]
