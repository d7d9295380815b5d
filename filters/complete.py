"""What may come next at a cursor: names, values and operators, from the same table the parser reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from filters.qualifiers import ROWS, TABLE, Qualifier

MOST = 50


@dataclass(frozen=True, slots=True)
class Completion:
    """A stretch of the query and what to put in its place; `help` says what it means."""

    start: int
    end: int
    text: str
    help: str


_DATES = {
    "<7d": "less than 7 days ago", ">30d": "more than 30 days ago", ">=@today": "today", ">@today-14d": "in the last 14 days",
    "2026-01-01..2026-12-31": "a range of days",
}  # fmt: skip
_NUMBERS = {">10": "more than 10", ">=1": "at least one", "0": "none", "1..5": "from 1 to 5"}
_PEOPLE = {"@me": "you", "none": "no one", "*": "anyone", "app/": "an app, such as app/dependabot"}


def complete(
    text: str, cursor: int | None = None, names: Mapping[str, Collection[str]] | None = None
) -> list[Completion]:
    """Offer what may stand at the cursor (the end, when left out).

    `names` holds the repository's own: `{"label": [...], "milestone": [...], "author": [...]}`; logins given for
    `author` serve every qualifier that takes one.
    """
    at = len(text) if cursor is None else max(0, min(cursor, len(text)))
    begin = _word_start(text, at)
    word = text[begin:at].lstrip("-")
    begin = at - len(word)
    name, colon, rest = word.partition(":")
    row = TABLE.get(name.casefold())
    if colon and row is not None:
        return list(_values(row, rest, at, names or {}))[:MOST]
    return [] if colon else list(_starts(text, begin, at, word))[:MOST]


def _word_start(text: str, at: int) -> int:
    """Where the word around the cursor begins; blanks between quotes belong to it."""
    start, quoted = 0, False
    for place in range(at):
        character = text[place]
        if character == '"' and (place == 0 or text[place - 1] != "\\"):
            quoted = not quoted
        elif not quoted and (character.isspace() or (character == "(" and place == start)):
            start = place + 1
    return start


def _starts(text: str, begin: int, end: int, word: str) -> Iterator[Completion]:
    folded = word.casefold()
    for row in ROWS:
        if row.name.startswith(folded):
            yield Completion(begin, end, f"{row.name}:", row.help)
    before = text[:begin].split()
    if before and before[-1] not in ("AND", "OR", "NOT"):
        for operator, help_ in (("OR", "either side"), ("AND", "both sides"), ("NOT", "not what follows")):
            if word and operator.startswith(word):
                yield Completion(begin, end, operator, help_)


def _values(row: Qualifier, rest: str, at: int, names: Mapping[str, Collection[str]]) -> Iterator[Completion]:
    last = _last_item(rest)
    begin = at - len(last)
    typed = last.lstrip('"').casefold()
    for value, help_ in _offered(row, names):
        if value.casefold().startswith(typed) or (len(typed) > 1 and typed in value.casefold()):
            yield Completion(begin, at, _quoted(value), help_)


def _last_item(rest: str) -> str:
    quoted, start = False, 0
    for place, character in enumerate(rest):
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            start = place + 1
    return rest[start:]


def _offered(row: Qualifier, names: Mapping[str, Collection[str]]) -> Iterator[tuple[str, str]]:
    if row.kind.choices:
        yield from row.kind.choices.items()
        if row.name == "sort":
            yield from ((f"{key}-asc", f"{words}, ascending") for key, words in row.kind.choices.items())
    kind = row.kind.name
    known = names.get(row.name) or (names.get("author", ()) if kind == "login" else ())
    yield from ((name, "") for name in known)
    yield from {"date": _DATES, "number": _NUMBERS, "login": _PEOPLE}.get(kind, {}).items()
    if row.name in ("label", "milestone"):
        yield from (("*", f"any {row.name}"), ("none", f"no {row.name}"))


def _quoted(value: str) -> str:
    if any(character.isspace() or character in ',"()' for character in value):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return value
