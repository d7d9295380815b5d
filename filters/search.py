"""A query as text for GitHub's own search: relative times made absolute, alone in its parentheses."""

from __future__ import annotations

from datetime import datetime, timedelta

from filters.context import Context
from filters.dates import Age, Dates, Today
from filters.nodes import Text, Value
from filters.normal import Conjunction, Literal, Normal, literals
from filters.values import Choice, IssueRef, Login, Numbers, Pattern

LONGEST = 256  # characters of free text
OPERATORS = 5


def search_text(tree: Normal, repository: str, context: Context, kind: str | None) -> str | None:
    """The `q` of `/search/issues`; None where GitHub's search cannot say it.

    The query stands in parentheses of its own: beside a bare `a OR b`, `repo:` would bind to `b` alone.
    """
    words = [each.leaf for each in literals(tree) if isinstance(each.leaf, Text)]
    if (
        sum(len(word.text) for word in words) > LONGEST
        or len({each.scope for each in literals(tree) if isinstance(each.leaf, Text)}) > 1
    ):
        return None
    inner = _written(tree, context, False)
    if inner is None:
        return None
    if inner.count(" OR ") + inner.count("NOT ") > OPERATORS:
        return None
    scope = next((each.scope for each in literals(tree) if isinstance(each.leaf, Text)), None)
    parts = [
        f"({inner})" if inner else "",
        f"in:{','.join(sorted(scope))}" if scope else "",
        f"repo:{repository}",
        f"is:{kind}" if kind else "",
    ]
    return " ".join(part for part in parts if part)


def _written(tree: Normal, context: Context, inside: bool) -> str | None:
    if isinstance(tree, Literal):
        return _literal(tree, context)
    parts = [_written(part, context, True) for part in tree.parts]
    if any(part is None for part in parts):
        return None
    every = isinstance(tree, Conjunction)
    joined = (" " if every else " OR ").join(part for part in parts if part)
    return f"({joined})" if len(parts) > 1 and (inside or not every) else joined


def _literal(literal: Literal, context: Context) -> str | None:
    leaf = literal.leaf
    if isinstance(leaf, Text):
        return ("" if literal.positive else "NOT ") + _quoted(leaf.text, leaf.quoted)
    values = [_value(leaf.name, value, context) for value in leaf.values]
    if any(value is None for value in values):
        return None
    spelled = [
        value if ":" in str(value)[:12] and leaf.name in _RENAMED else f"{_name(leaf.name)}:{value}"
        for value in values
    ]
    if literal.positive:
        return spelled[0] if len(spelled) == 1 else f"({' OR '.join(map(str, spelled))})"
    return " ".join(f"-{each}" for each in spelled)


_RENAMED = frozenset({"label", "assignee", "milestone", "type"})


def _name(name: str) -> str:
    return f'field."{name[6:]}"' if name.startswith("field.") and " " in name else name


def _quoted(text: str, always: bool = False) -> str:
    plain = not always and not any(character.isspace() or character in '",()' for character in text)
    return text if plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _value(name: str, value: Value, context: Context) -> str | None:
    meaning = value.meaning
    if isinstance(meaning, Dates):
        return dates_text(meaning, context.now)
    if isinstance(meaning, Pattern):
        if meaning.nothing:
            return f"no:{name}"
        return None if meaning.wild else _quoted(value.text)
    if isinstance(meaning, Login):
        return _login(name, meaning, context)
    if isinstance(meaning, Choice | Numbers | IssueRef):
        return _quoted(value.text)
    return None


def _login(name: str, login: Login, context: Context) -> str | None:
    if login.nothing:
        return f"no:{name}" if name in _RENAMED else None
    if login.anything:
        return "*" if name == "assignee" else None
    if login.wild or (login.me and context.me is None):
        return None
    me = context.me or ""
    if login.me:
        return f"app/{me.removesuffix('[bot]')}" if me.endswith("[bot]") else me
    return f"app/{login.folded}" if login.bot else login.folded


def dates_text(dates: Dates, now: datetime) -> str:
    """A set of dates with ages and `@today` worked out, in seconds where the author wrote no day."""
    low, high = dates.bounds(now)
    relative = any(isinstance(point, Age | Today) for point in (dates.low, dates.high))
    if low is None and high is None:
        return "*..*"
    whole = timedelta(seconds=0 if not relative else 1)
    first = "*" if low is None else _stamp(low - whole if low.year > 1 else low)
    last = (
        "*"
        if high is None
        else _stamp(high - timedelta(seconds=1) if not relative and high.year > 1 else high)
    )
    return f"{first}..{last}"


def _stamp(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")
