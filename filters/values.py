"""What the values of qualifiers mean: one small frozen type a kind, and the reader that makes it from text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from filters.dates import Dates, read_dates
from filters.errors import BadValueError
from filters.nearest import nearest


class Choice(NamedTuple):
    """One of a closed set."""

    key: str


class Pattern(NamedTuple):
    """A name, case-folded; `wild` when a `*` stands for anything, `nothing` for the word `none`."""

    folded: str
    wild: bool
    nothing: bool

    @property
    def anything(self) -> bool:
        """Whether this is a bare `*`."""
        return self.wild and not self.folded.strip("*")


class Login(NamedTuple):
    """A user (`octocat`), an app (`app/dependabot`, `dependabot[bot]`), `@me`, `*` or `none`."""

    folded: str
    bot: bool
    me: bool
    wild: bool
    nothing: bool

    @property
    def anything(self) -> bool:
        """Whether this is a bare `*`, which any user or app meets."""
        return self.wild and not self.bot and not self.folded.strip("*")


class Numbers(NamedTuple):
    """A range of numbers; `low_open` and `high_open` leave the ends out."""

    low: float | None
    low_open: bool
    high: float | None
    high_open: bool

    def holds(self, number: float) -> bool:
        """Whether a number lies in the range."""
        if self.low is not None and (number < self.low or (self.low_open and number == self.low)):
            return False
        return self.high is None or number < self.high or (number == self.high and not self.high_open)


class IssueRef(NamedTuple):
    """`owner/repo#number`, case-folded; a number of 0 is any issue."""

    repository: str
    number: int


class FieldValue(NamedTuple):
    """A value of an issue field, whose type only the item knows: a pattern, a range of numbers, or of dates."""

    pattern: Pattern | None
    numbers: Numbers | None
    dates: Dates | None


class SortKey(NamedTuple):
    """What to order by; `descending` unless `-asc` was written."""

    key: str
    descending: bool


Meaning = Choice | Pattern | Login | Numbers | Dates | IssueRef | FieldValue | SortKey


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: how to read it, and what to offer where there is a closed set."""

    name: str
    read: Callable[[str, bool], Meaning]
    choices: Mapping[str, str] | None = None  # what may be written -> what it says


def choice(name: str, choices: Mapping[str, str], synonyms: Mapping[str, str] | None = None) -> Kind:
    """One of a closed set of words; the synonyms are read but not offered."""
    keys = {key: Choice(key) for key in choices} | {
        other: Choice(key) for other, key in (synonyms or {}).items()
    }

    def read(text: str, quoted: bool) -> Choice:
        found = keys.get(text) or keys.get(text.casefold())
        if found is None:
            raise unknown_value(name, text, choices)
        return found

    return Kind(name, read, choices)


def unknown_value(name: str, text: str, choices: Mapping[str, str]) -> BadValueError:
    """The fault of a word outside a closed set, with the nearest that is in it."""
    near = nearest(text, choices)
    shown = text if len(text) <= 40 else text[:39] + "…"
    offered = f"did you mean '{near}'?" if near else "use one of " + ", ".join(list(choices)[:14])
    return BadValueError("unknown-value", f"{name} does not take '{shown}'", offered, near)


def read_name(text: str, quoted: bool) -> Pattern:
    """A name in which `*` is a wildcard, and an unquoted `none` means that there is none."""
    folded = text.casefold()
    return Pattern(folded, "*" in folded, folded == "none" and not quoted)


def read_word(text: str, quoted: bool) -> Pattern:
    """A name in which `*` is a wildcard, and `none` nothing special."""
    folded = text.casefold()
    return Pattern(folded, "*" in folded, False)


_LOGIN = re.compile(r"(?:app/)?[\w.*-]+(?:\[bot\])?\Z", re.IGNORECASE)
_PART = re.compile(r"[\w.*-]+\Z")


def read_login(text: str, quoted: bool) -> Login:
    """A login, an app, `@me`, a pattern, or `none`."""
    folded = text.casefold()
    if folded == "@me":
        return Login("", False, True, False, False)
    if folded == "@copilot":  # GitHub's own name for its coding agent
        return Login("copilot", True, False, False, False)
    if not _LOGIN.match(folded):
        bare = text.lstrip("@")
        fix = bare if text[:1] == "@" and _LOGIN.match(bare) else None
        hint = f"write '{fix}'" if fix else "write a login, app/NAME or @me"
        raise BadValueError("bad-login", f"'{text[:40]}' is not a login", hint, fix)
    if folded.startswith("app/"):
        return Login(folded[4:].removesuffix("[bot]"), True, False, "*" in folded, False)
    if folded.endswith("[bot]"):
        return Login(folded[:-5], True, False, "*" in folded, False)
    return Login(folded, False, False, "*" in folded, folded == "none")


_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,6})?\Z")
_COUNT = re.compile(r"[0-9]{1,15}\Z")


def read_count(text: str, quoted: bool) -> Numbers:
    """A whole number, a comparison or a range."""
    return _numbers(text, _COUNT)


def _numbers(text: str, shape: re.Pattern[str]) -> Numbers:
    if text in ("*", "*..*"):
        return Numbers(None, False, None, False)
    if ".." in text:
        return _number_range(text, shape)
    operator = text[:2] if text[:2] in (">=", "<=") else text[:1] if text[:1] in ("<", ">") else ""
    number = _number(text[len(operator) :], text, shape)
    if operator in (">", ">="):
        return Numbers(number, operator == ">", None, False)
    if operator in ("<", "<="):
        return Numbers(None, False, number, operator == "<")
    return Numbers(number, False, number, False)


def _number(text: str, whole: str, shape: re.Pattern[str]) -> float:
    if not shape.match(text):
        raise BadValueError(
            "bad-number", f"'{whole[:40]}' is not a number", "write a number, >N, <=N, A..B, *..B or A..*"
        )
    return float(text) if "." in text else int(text)


def _number_range(text: str, shape: re.Pattern[str]) -> Numbers:
    left, _, right = text.partition("..")
    low = None if left == "*" else _number(left, text, shape)
    high = None if right == "*" else _number(right, text, shape)
    if low is not None and high is not None and low > high:
        raise BadValueError(
            "back-to-front",
            f"the range '{text[:40]}' is back to front",
            "write the smaller end first",
            f"{right}..{left}",
        )
    return Numbers(low, False, high, False)


def read_date(text: str, quoted: bool) -> Dates:
    """A date, a time, an age, a comparison or a range."""
    return read_dates(text)


def read_repository(text: str, quoted: bool) -> Pattern:
    """`owner/name`."""
    return _pathlike(text, 2, 2, "a repository", "write OWNER/NAME")


def read_team(text: str, quoted: bool) -> Pattern:
    """`org/team`."""
    return _pathlike(text.removeprefix("@"), 2, 2, "a team", "write ORG/TEAM")


def read_project(text: str, quoted: bool) -> Pattern:
    """`owner/number`, or `owner/repo/number` for a repository's project."""
    return _pathlike(text, 2, 3, "a project", "write OWNER/NUMBER")


def read_owner(text: str, quoted: bool) -> Login:
    """An account that owns repositories; `@me` is the viewer's own."""
    return read_login(text, quoted)


def _pathlike(text: str, least: int, most: int, what: str, hint: str) -> Pattern:
    folded = text.casefold()
    parts = folded.split("/")
    if folded != "*" and not (least <= len(parts) <= most and all(map(_PART.match, parts))):
        raise BadValueError("bad-reference", f"'{text[:60]}' does not name {what}", hint)
    return Pattern(folded, "*" in folded, folded == "none")


_REF = re.compile(
    r"(?:https?://[^/\s]+/(?:api/v3/)?(?:repos/)?)?([^/\s#]+/[^/\s#]+)(?:#|/issues/)([0-9]{1,15})\Z"
)


def read_issue_ref(text: str, quoted: bool) -> IssueRef:
    """`owner/repo#number`, a link to an issue, or `*`."""
    if text == "*":
        return IssueRef("*", 0)
    found = _REF.match(text)
    if not found:
        raise BadValueError(
            "bad-reference", f"'{text[:60]}' does not name an issue", "write OWNER/REPO#NUMBER"
        )
    return IssueRef(found[1].casefold(), int(found[2]))


def read_field_value(text: str, quoted: bool) -> FieldValue:
    """An option or text, a number or a date; a comparison must be with a number or a date."""
    numbers = dates = None
    try:
        numbers = _numbers(text, _NUMBER)
    except BadValueError as fault:
        if fault.code == "back-to-front":
            raise
    try:
        dates = read_dates(text) if text != "*" else None
    except BadValueError as fault:
        if fault.code in ("back-to-front", "bare-age"):
            dates = None
        if fault.code == "back-to-front":
            raise
    compares = not quoted and (text[:1] in ("<", ">") or ".." in text)
    if compares and numbers is None and dates is None:
        raise BadValueError(
            "bad-comparison",
            f"'{text[:40]}' compares with neither a number nor a date",
            "quote it to mean the text itself",
        )
    folded = text.casefold()
    pattern = None if compares else Pattern(folded, "*" in folded, folded == "none" and not quoted)
    return FieldValue(pattern, numbers, dates)


_REACTIONS = {
    "+1": "+1", "-1": "-1", "smile": "laugh", "laugh": "laugh", "tada": "hooray", "hooray": "hooray",
    "heart": "heart", "thinking_face": "confused", "confused": "confused", "rocket": "rocket", "eyes": "eyes",
    "thumbsup": "+1", "thumbsdown": "-1",
}  # fmt: skip
SORT_KEYS: Mapping[str, str] = {
    "created": "when it was opened",
    "updated": "when it last changed",
    "comments": "the number of comments",
    "interactions": "the number of comments and reactions",
    "reactions": "the number of reactions",
    "relevance": "best match (here: newest first)",
} | {f"reactions-{name}": f"the number of {name} reactions" for name in _REACTIONS if "thumb" not in name}


def read_sort(text: str, quoted: bool) -> SortKey:
    """A key, with `-asc` or `-desc` (the default)."""
    key = text.casefold()
    descending = not key.endswith("-asc")
    key = key.removesuffix("-asc").removesuffix("-desc")
    if key.startswith("reactions-") and key[10:] in _REACTIONS:
        return SortKey(f"reactions-{_REACTIONS[key[10:]]}", descending)
    if key not in SORT_KEYS:
        raise unknown_value("sort:", text, SORT_KEYS)
    return SortKey(key, descending)
