"""Terms in words: what a query asks, as a person would say it."""

from __future__ import annotations

from filters.dates import Age, Dates, Fixed, Point, Today
from filters.nodes import Leaf, Term, Text, Value
from filters.presence import FIELDS
from filters.qualifiers import IS, OPEN_CLOSED, row_of
from filters.values import Choice, FieldValue, Login, Numbers, Pattern

_WORDS = {"is": {key: row[0] for key, row in IS.items()}, "state": {key: key for key in OPEN_CLOSED}}
_REVIEW = {
    "none": "none yet",
    "required": "required",
    "approved": "approved",
    "changes_requested": "changes requested",
}


def listed(words: list[str], joint: str = "or") -> str:
    """`a`, `a or b`, `a, b or c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {joint} {words[-1]}"


def phrase(leaf: Leaf, positive: bool = True, scope: tuple[frozenset[str], ...] = ()) -> str:
    """A term or text as a phrase that follows "issues": `labelled bug`, `not opened by octocat`."""
    if isinstance(leaf, Text):
        where = (
            " and in ".join(
                listed(["the " + each if each != "body" else "the description" for each in sorted(fields)])
                for fields in scope
            )
            or "the title, description or comments"
        )
        return f"{'with' if positive else 'without'} “{leaf.text}” in {where}"
    whole = _special(leaf)
    if whole is not None:
        yes, no = whole
        return yes if positive else no
    words = listed([value_words(leaf.name, value) for value in leaf.values])
    row = row_of(leaf.name)
    if leaf.name.startswith("field."):
        return f"whose {leaf.name[6:]} is {'' if positive else 'not '}{words}"
    said = row.words.format(words)
    if positive:
        return said
    for start, opposite in (
        ("that are ", "that are not "),
        ("with ", "without "),
        ("whose checks are ", "whose checks are not "),
        ("whose review is ", "whose review is not "),
    ):
        if said.startswith(start):
            return opposite + said[len(start) :]
    return f"not {said}"


def _special(term: Term) -> tuple[str, str] | None:
    """Phrases that do not follow the row's pattern: nothing, anything, and what is missing or there."""
    if term.name in ("no", "has"):
        fields = listed([_field(value) for value in term.values])
        pair = (f"without {fields}", f"with {fields}")
        return pair if term.name == "no" else pair[::-1]
    if len(term.values) > 1:
        return None
    meaning = term.values[0].meaning
    noun = {
        "label": "a label",
        "milestone": "a milestone",
        "type": "a type",
        "assignee": "an assignee",
        "project": "a project",
    }.get(term.name)
    if noun and isinstance(meaning, Pattern | Login):
        if meaning.nothing:
            return f"without {noun}", f"with {noun}"
        if meaning.anything:
            return f"with {noun}", f"without {noun}"
    if term.name == "parent-issue" and term.values[0].text == "*":
        return "with a parent issue", "without a parent issue"
    if term.name in ("draft", "archived"):
        what = {"draft": "that are drafts", "archived": "in an archived repository"}[term.name]
        opposite = {"draft": "that are ready for review", "archived": "in a repository that is not archived"}[
            term.name
        ]
        not_so = {"draft": "that are not pull requests ready for review", "archived": what}[term.name]
        return (
            (what, what.replace("are", "are not"))
            if term.values[0].text.casefold() == "true"
            else (opposite, not_so)
        )
    return None


def _field(value: Value) -> str:
    key = value.meaning.key if isinstance(value.meaning, Choice) else value.text
    return FIELDS[key].words if key in FIELDS else f"the field {key.removeprefix('field.')}"


def value_words(name: str, value: Value) -> str:
    """One value in words."""
    meaning = value.meaning
    if isinstance(meaning, Choice):
        if name == "review":
            return _REVIEW[meaning.key]
        if name == "status":
            return {"pending": "running", "success": "green", "failure": "failing"}[meaning.key]
        table = _WORDS.get(name, {})
        if name == "type":
            return {"issue": "issue", "pr": "pull request"}[meaning.key]
        return table.get(
            meaning.key, {"pr": "a pull request", "issue": "an issue"}.get(meaning.key, meaning.key)
        )
    if isinstance(meaning, Login):
        return _login(meaning, value.text)
    if isinstance(meaning, Numbers):
        return numbers_words(meaning)
    if isinstance(meaning, Dates):
        return dates_words(meaning)
    if isinstance(meaning, FieldValue) and meaning.pattern is None:
        return (
            numbers_words(meaning.numbers)
            if meaning.numbers
            else dates_words(meaning.dates)
            if meaning.dates
            else value.text
        )
    return _pattern(value)


def _login(login: Login, text: str) -> str:
    if login.me:
        return "you"
    if login.anything:
        return "anyone"
    if login.nothing:
        return "no one"
    return f"the app {login.folded}" if login.bot else text


def _pattern(value: Value) -> str:
    text = value.text
    if "*" not in text:
        return f"“{text}”" if any(character.isspace() or character == "," for character in text) else text
    core = text.strip("*")
    if "*" in core:
        return f"something like {text}"
    both = text.startswith("*") and text.endswith("*")
    return (
        f"something with {core} in it"
        if both
        else f"something ending in {core}"
        if text.startswith("*")
        else f"something beginning with {core}"
    )


def numbers_words(numbers: Numbers) -> str:
    """`more than 5`, `from 5 to 10`, `exactly 3`."""
    low, high = numbers.low, numbers.high
    if low is not None and high is not None:
        return f"exactly {low}" if low == high else f"from {low} to {high}"
    if low is not None:
        return f"{'more than' if numbers.low_open else 'at least'} {low}"
    if high is not None:
        return f"{'fewer than' if numbers.high_open else 'at most'} {high}"
    return "any number of"


def dates_words(dates: Dates) -> str:
    """`after 2024-01-01`, `less than 7 days ago`, `from … to …`."""
    low, high = dates.low, dates.high
    if isinstance(low, Age) and isinstance(high, Age):
        return f"between {_age(high)} and {_age(low)} ago"
    if isinstance(low, Age):
        return f"{'less than' if dates.after else 'at most'} {_age(low)} ago"
    if isinstance(high, Age):
        return f"{'at least' if dates.within else 'more than'} {_age(high)} ago"
    if low is not None and high is not None:
        return f"on {_point(low)}" if low == high else f"from {_point(low)} to {_point(high)}"
    if low is not None:
        return f"{'after' if dates.after else 'on or after'} {_point(low)}"
    if high is not None:
        return f"{'on or before' if dates.within else 'before'} {_point(high)}"
    return "at any time"


def _age(age: Age) -> str:
    if age.months:
        return _many(age.months // 12, "year") if age.months % 12 == 0 else _many(age.months, "month")
    for size, unit in ((10080, "week"), (1440, "day"), (60, "hour")):
        if age.minutes and age.minutes % size == 0 and not (unit == "week" and age.minutes < 2 * size):
            return _many(age.minutes // size, unit)
    return _many(age.minutes, "minute")


def _many(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _point(point: Point) -> str:
    if isinstance(point, Today):
        return _today(point)
    assert isinstance(point, Fixed)
    whole_day = (point.end - point.start).days >= 1
    return point.start.date().isoformat() if whole_day else f"{point.start.date()} {point.start:%H:%M:%S} UTC"


def _today(point: Today) -> str:
    if not point.days and not point.months:
        return "today"
    count, unit = (point.months, "month") if point.months else (point.days, "day")
    moved = _many(abs(count), unit)
    return f"the day {moved} ago" if count < 0 else f"the day {moved} from now"
