"""`when:`, a small expression: `items > 0 and weekday != "Sat"`.

Python's own grammar read with `ast`, and of it only comparisons, `and or not`, `in`, `+ - %` and parentheses.
Nothing is ever executed as Python.
"""

import ast
import operator
import warnings
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Literal

from bot.model.part import refuse

Kind = Literal["number", "text", "truth"]
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_RESULTS = ("completed", "partial", "failed", "cancelled", "skipped", "none")
_TRIGGERS = ("schedule", "event", "comment", "manual", "after", "backfill")

NAMES: dict[str, tuple[Kind, tuple[str, ...], str]] = {
    "items": ("number", (), "items this run would work on"),
    "found": ("number", (), "items that match the filter"),
    "deferred": ("number", (), "items left over by the last run"),
    "weekday": ("text", WEEKDAYS, "day of the week in the job's time zone"),
    "hour": ("number", (), "0 to 23 in the job's time zone"),
    "minute": ("number", (), "0 to 59"),
    "day": ("number", (), "day of the month, 1 to 31"),
    "month": ("number", (), "1 to 12"),
    "year": ("number", (), "like 2026"),
    "week": ("number", (), "ISO week of the year, 1 to 53"),
    "trigger": ("text", _TRIGGERS, "what fired the run"),
    "last.status": ("text", _RESULTS, "how the job's last run ended, or none"),
    "last.items": ("number", (), "items the last run worked on"),
    "last.hours_ago": ("number", (), "hours since the last run ended; very large when there was none"),
    "failures": ("number", (), "failed runs in a row"),
}
"""Each name: its kind, the only words it can be (if few), and what it means."""

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_COUNT: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mod: operator.mod,
}
_GRAMMAR = 'use names, numbers, "words", < <= == != >= >, in (…), and, or, not, + - %'


@lru_cache(maxsize=1024)
def check_condition(text: str) -> str:
    """Return the expression when it can be evaluated, else refuse it with what is wrong in it."""
    if _kind(_parse(text)) != "truth":
        raise refuse(
            "the condition is not a yes or no", 'compare something, like items > 0 or weekday == "Mon"'
        )
    return text


def holds(text: str, values: Mapping[str, int | float | str]) -> bool:
    """Evaluate a checked expression; `values` has every name of NAMES."""
    return bool(_value(_parse(text), values))


def _parse(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a warning of Python's about odd spelling is a fault here
            return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as fault:
        raise refuse(
            f"the condition breaks off or is misspelt near column {fault.offset or 1}", _GRAMMAR
        ) from None
    except (ValueError, RecursionError, MemoryError):
        raise refuse("the condition cannot be read", _GRAMMAR) from None


def _name(node: ast.expr) -> str | None:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=name), attr=attr):
            return f"{name}.{attr}"
        case _:
            return None


def _kind(node: ast.expr) -> Kind:
    """Tell what a part of the expression yields; refuse what the small grammar lacks."""
    match node:
        case ast.BoolOp(values=parts):
            return _all_truths(parts)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return _all_truths([part])
        case ast.UnaryOp(op=ast.USub(), operand=part) if _kind(part) == "number":
            return "number"
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mod(), right=right):
            return _sum(left, right)
        case ast.Compare(left=left, ops=ops, comparators=others):
            for op, one, other in zip(ops, [left, *others], others, strict=False):
                _comparable(op, one, other)
            return "truth"
        case ast.Constant(value=bool()):
            return "truth"
        case ast.Constant(value=int() | float()):
            return "number"
        case ast.Constant(value=str()):
            return "text"
        case ast.Name() | ast.Attribute():
            return _kind_of_name(_name(node))
        case _:
            raise refuse(f"the condition uses what it may not: {type(node).__name__}", _GRAMMAR)


def _kind_of_name(name: str | None) -> Kind:
    if name in NAMES:
        return NAMES[name][0]
    near = get_close_matches(name or "", NAMES, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}?" if near else "known are " + ", ".join(NAMES)
    raise refuse(f"unknown name {(name or '?')[:40]!r} in the condition", hint)


def _all_truths(parts: list[ast.expr]) -> Kind:
    for part in parts:
        if _kind(part) != "truth":
            raise refuse(f"{ast.unparse(part)[:60]!r} is not a yes or no", "compare it, like items > 0")
    return "truth"


def _sum(left: ast.expr, right: ast.expr) -> Kind:
    if (_kind(left), _kind(right)) != ("number", "number"):
        raise refuse("+, - and % are for numbers", _GRAMMAR)
    return "number"


def _comparable(op: ast.cmpop, left: ast.expr, right: ast.expr) -> None:
    if isinstance(op, ast.In | ast.NotIn):
        if not isinstance(right, ast.Tuple | ast.List | ast.Set) or not right.elts:
            raise refuse("`in` is followed by a list in parentheses", 'like weekday in ("Sat", "Sun")')
        for choice in right.elts:
            _comparable(ast.Eq(), left, choice)
        return
    if type(op) not in _COMPARE:
        raise refuse("`is` compares nothing here", "use == or !=")
    kinds = {_kind(left), _kind(right)}
    if len(kinds) > 1:
        raise refuse(
            f"{ast.unparse(left)[:40]} and {ast.unparse(right)[:40]} cannot be compared",
            "numbers have no quotes, words have",
        )
    if kinds == {"text"} and not isinstance(op, ast.Eq | ast.NotEq):
        raise refuse("words are not larger or smaller", "use ==, != or in")
    _known_word(left, right)
    _known_word(right, left)


def _known_word(name: ast.expr, word: ast.expr) -> None:
    """Refuse `weekday == "Saturday"`, which could never hold."""
    choices = NAMES.get(_name(name) or "", ("text", (), ""))[1]
    if choices and isinstance(word, ast.Constant) and word.value not in choices:
        raise refuse(f"{_name(name)} is never {word.value!r}", f"it is one of {', '.join(choices)}")


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, values) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_value(part, values) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return not _value(part, values)
        case ast.UnaryOp(operand=part):
            return -_value(part, values)
        case ast.BinOp(left=left, op=op, right=right):
            return _counted(op, _value(left, values), _value(right, values))
        case ast.Compare(left=left, ops=ops, comparators=others):
            pairs = zip(ops, [left, *others], others, strict=False)
            return all(_compared(op, _value(one, values), other, values) for op, one, other in pairs)
        case ast.Constant(value=value):
            return value
        case _:
            return values[_name(node) or ""]


def _counted(op: ast.operator, left: Any, right: Any) -> Any:
    """Count; a remainder by zero is zero, so that no condition can fail at run time."""
    return 0 if isinstance(op, ast.Mod) and right == 0 else _COUNT[type(op)](left, right)


def _compared(op: ast.cmpop, left: Any, right: ast.expr, values: Mapping[str, Any]) -> bool:
    if isinstance(op, ast.In | ast.NotIn) and isinstance(right, ast.Tuple | ast.List | ast.Set):
        return (left in [_value(choice, values) for choice in right.elts]) == isinstance(op, ast.In)
    return _COMPARE[type(op)](left, _value(right, values))
