"""What a query implies that a request can say: sound under AND and OR, and under NOT through exact complements."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from typing import Literal as OneOf

from filters.context import Context
from filters.dates import Dates
from filters.nodes import Term, Value
from filters.normal import Conjunction, Literal, Normal
from filters.values import Choice, Login, Pattern


@dataclass(frozen=True, slots=True)
class Window:
    """From `low` on and before `high`; None is an open end."""

    low: datetime | None = None
    high: datetime | None = None

    def both(self, other: Window) -> Window:
        """The instants in each."""
        return Window(_latest(self.low, other.low), _earliest(self.high, other.high))

    def either(self, other: Window) -> Window:
        """A window around both."""
        low = min(self.low, other.low) if self.low and other.low else None
        return Window(low, max(self.high, other.high) if self.high and other.high else None)


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other


@dataclass(frozen=True, slots=True)
class Narrow:
    """A set of conditions every match meets; None and empty say nothing, `never` that there is no match."""

    kind: OneOf["issue", "pr"] | None = None
    state: OneOf["open", "closed"] | None = None
    labels: frozenset[str] = frozenset()
    assignee: str | None = None
    creator: str | None = None
    mentioned: str | None = None
    milestone: str | None = None
    type: str | None = None
    base: str | None = None
    head: str | None = None
    created: Window = Window()
    updated: Window = Window()
    since: datetime | None = None  # nothing that matches was last updated before
    never: bool = False

    def both(self, other: Narrow) -> Narrow:
        """What follows when each holds; of two values for one parameter the first is kept."""
        clash = any(
            one and two and one != two for one, two in ((self.kind, other.kind), (self.state, other.state))
        )
        kept: dict[str, Any] = {name: getattr(self, name) or getattr(other, name) for name in _SINGLE}
        return Narrow(
            **kept,
            labels=self.labels | other.labels,
            created=self.created.both(other.created),
            updated=self.updated.both(other.updated),
            since=_latest(self.since, other.since),
            never=self.never or other.never or clash,
        )

    def either(self, other: Narrow) -> Narrow:
        """What follows when one of them holds."""
        if self.never or other.never:
            return other if self.never else self
        same: dict[str, Any] = {
            name: getattr(self, name) if getattr(self, name) == getattr(other, name) else None
            for name in _SINGLE
        }
        return Narrow(
            **same,
            labels=self.labels & other.labels,
            created=self.created.either(other.created),
            updated=self.updated.either(other.updated),
            since=min(self.since, other.since) if self.since and other.since else None,
        )

    def says(self) -> frozenset[str]:
        """The names of the conditions that are set."""
        return frozenset(each.name for each in fields(self) if getattr(self, each.name) != each.default)

    def without(self, *names: str) -> Narrow:
        """The same with conditions taken out."""
        defaults: dict[str, Any] = {each.name: each.default for each in fields(self) if each.name in names}
        return replace(self, **defaults)


_SINGLE = ("kind", "state", "assignee", "creator", "mentioned", "milestone", "type", "base", "head")


def _with(**conditions: Any) -> Narrow:
    """A set of conditions whose names are found at run time."""
    return Narrow(**conditions)


NOTHING = Narrow()
NEVER = Narrow(never=True)
PR, ISSUE = Narrow(kind="pr"), Narrow(kind="issue")
CLOSED, OPEN = Narrow(state="closed"), Narrow(state="open")

_IS = {
    "open": OPEN, "closed": CLOSED, "issue": ISSUE, "pr": PR, "merged": Narrow(kind="pr", state="closed"),
    "unmerged": PR, "draft": PR, "queued": Narrow(kind="pr", state="open"), "blocked": ISSUE, "blocking": ISSUE,
}  # fmt: skip
_OPPOSITE = {"open": CLOSED, "closed": OPEN, "issue": PR, "pr": ISSUE}
_PULLS = frozenset(
    {
        "draft",
        "head",
        "base",
        "review",
        "reviewed-by",
        "review-requested",
        "user-review-requested",
        "team-review-requested",
        "status",
    }
)
_FIELDS = {"assignee": "assignee", "milestone": "milestone", "type": "type"}


def implied(tree: Normal, context: Context) -> Narrow:
    """What holds of everything the tree matches."""
    if isinstance(tree, Literal):
        return _of_literal(tree, context)
    found = [implied(part, context) for part in tree.parts]
    narrow = NOTHING if isinstance(tree, Conjunction) else NEVER
    for one in found:
        narrow = narrow.both(one) if isinstance(tree, Conjunction) else narrow.either(one)
    return narrow


def _of_literal(literal: Literal, context: Context) -> Narrow:
    term = literal.leaf
    if not isinstance(term, Term):
        return NOTHING
    each = [
        of_value(term.name, value, context) if literal.positive else denied(term.name, value, context)
        for value in term.values
    ]
    narrow = each[0]
    for one in each[1:]:
        narrow = narrow.either(one) if literal.positive else narrow.both(one)
    return narrow


def of_value(name: str, value: Value, context: Context) -> Narrow:
    """What one value of a term implies."""
    meaning = value.meaning
    if isinstance(meaning, Choice):
        return _of_choice(name, meaning.key)
    if isinstance(meaning, Dates):
        return _of_dates(name, meaning, context)
    if isinstance(meaning, Login):
        return _of_login(name, meaning, context)
    if isinstance(meaning, Pattern):
        return _of_pattern(name, meaning, value.text)
    return ISSUE if name == "parent-issue" or name.startswith("field.") else NOTHING


def _of_choice(name: str, key: str) -> Narrow:
    if name in ("is", "state", "type"):
        return _IS.get(key, NOTHING)
    if name == "reason":
        return ISSUE if key == "reopened" else Narrow(kind="issue", state="closed")
    if name == "linked":
        return ISSUE if key == "pr" else PR
    if name == "no":
        return _with(**{_FIELDS[key]: "none"}) if key in _FIELDS else NOTHING
    if name == "has":
        return _of_presence(key)
    return PR if name in _PULLS else NOTHING


def _of_presence(key: str) -> Narrow:
    if key in _FIELDS:
        narrow = _with(**{_FIELDS[key]: "*"})
        return narrow.both(ISSUE) if key == "type" else narrow
    if key in ("parent-issue", "sub-issue", "reason") or key.startswith("field."):
        return ISSUE
    if key in ("merged", "review", "review-requested"):
        return PR
    return CLOSED if key == "closed" else NOTHING


def _of_dates(name: str, dates: Dates, context: Context) -> Narrow:
    low, high = dates.bounds(context.now)
    window = Window(low, high)
    if name in ("created", "updated"):
        return _with(**{name: window}, since=low)
    if name == "closed":
        return replace(CLOSED, since=low)
    return Narrow(kind="pr", state="closed", since=low)


def _of_login(name: str, login: Login, context: Context) -> Narrow:
    base = PR if name in _PULLS else NOTHING
    parameter = {"author": "creator", "assignee": "assignee", "mentions": "mentioned"}.get(name)
    if parameter is None:
        return base
    if login.nothing:
        return Narrow(assignee="none") if name == "assignee" else NOTHING
    if login.anything:
        return Narrow(assignee="*") if name == "assignee" else NOTHING
    if login.wild or (login.me and context.me is None):
        return NOTHING
    if login.bot and name != "author":
        return NOTHING
    written = context.me if login.me else f"{login.folded}[bot]" if login.bot else login.folded
    return _with(**{parameter: written})


def _of_pattern(name: str, pattern: Pattern, text: str) -> Narrow:
    if name == "base":
        return PR if pattern.wild else Narrow(kind="pr", base=text)
    if name == "head":
        return PR
    if name == "label":
        plain = not (pattern.wild or pattern.nothing or "," in text or text != text.strip())
        return Narrow(labels=frozenset({text})) if plain else NOTHING
    if name == "milestone":
        return Narrow(
            milestone="none"
            if pattern.nothing
            else "*"
            if pattern.anything
            else None
            if pattern.wild
            else f"={text}"
        )
    if name == "type":
        if pattern.nothing:
            return Narrow(type="none")
        return Narrow(kind="issue", type="*" if pattern.anything else None if pattern.wild else text)
    return PR if name in _PULLS else NOTHING


def denied(name: str, value: Value, context: Context) -> Narrow:
    """What the opposite of a value implies, where it has an exact opposite."""
    meaning = value.meaning
    if isinstance(meaning, Choice):
        if name in ("is", "state", "type"):
            return _OPPOSITE.get(meaning.key, NOTHING)
        if name == "no":
            return _of_presence(meaning.key)
        return _of_choice("no", meaning.key) if name == "has" else NOTHING
    if isinstance(meaning, Login) and name == "assignee":
        return (
            Narrow(assignee="none")
            if meaning.anything
            else Narrow(assignee="*")
            if meaning.nothing
            else NOTHING
        )
    if isinstance(meaning, Pattern) and name in ("milestone", "type"):
        opposite = "none" if meaning.anything else "*" if meaning.nothing else None
        return _with(**{name: opposite})
    if isinstance(meaning, Dates) and name in ("created", "updated"):
        return _outside(name, meaning, context)
    return NOTHING


def _outside(name: str, dates: Dates, context: Context) -> Narrow:
    """The opposite of a window with one open end is a window; these two dates are never missing."""
    low, high = dates.bounds(context.now)
    if (low is None) == (high is None):
        return NOTHING
    window = Window(high, None) if low is None else Window(None, low)
    return _with(**{name: window}, since=window.low)


EXACT = {"is", "state", "label", "assignee", "author", "mentions", "milestone", "type", "base", "no", "has"}


def exact(tree: Normal, pushed: Narrow, context: Context) -> bool:
    """Whether the conditions pushed decide this conjunct on the server, so that it need not be checked again."""
    if not isinstance(tree, Literal) or not isinstance(tree.leaf, Term) or tree.leaf.name not in EXACT:
        return False
    if len(tree.leaf.values) > 1 and tree.positive:
        return False
    if not all(_whole(tree, value) for value in tree.leaf.values):
        return False
    own = _of_literal(tree, context)
    if not own.says() or own.never:
        return False
    names = [name for name in _SINGLE if name != "kind" or own.type is None]  # only issues have types
    return own.labels <= pushed.labels and all(
        getattr(own, name) in (None, getattr(pushed, name)) for name in names
    )


def _whole(literal: Literal, value: Value) -> bool:
    """Whether the conditions a value implies are all it says, not just some of it."""
    name, meaning = literal.leaf.name if isinstance(literal.leaf, Term) else "", value.meaning
    if isinstance(meaning, Choice):
        if name in ("no", "has"):
            return meaning.key in _FIELDS
        return meaning.key in _OPPOSITE
    if isinstance(meaning, Login):
        # A server that takes a bot for a user of the same name must not decide who wrote; checking costs nothing.
        return name == "mentions" or meaning.anything or meaning.nothing
    return True


def instant_of(moment: datetime) -> str:
    """A moment as a `since` parameter: a second early, so that neither rounding nor an open end can lose an item."""
    floor = datetime(1970, 1, 1, tzinfo=UTC)
    early = max(moment - timedelta(seconds=1), floor) if moment > floor else floor
    return early.replace(microsecond=0).isoformat().replace("+00:00", "Z")
