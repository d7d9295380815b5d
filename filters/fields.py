"""Tests on issue fields, whose type only the item knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from filters.context import Context
from filters.facts import is_pull
from filters.patterns import names
from filters.times import within
from filters.values import FieldValue, Numbers
from filters.verdict import Item, Test


def slug(name: str) -> str:
    """A field's name as its slug: folded, spaces and underscores as hyphens."""
    return "-".join(name.casefold().replace("_", " ").replace("-", " ").split())


def field_values(item: Item, field: str) -> list[Any] | None:
    """The values of an issue's field; empty where it has none, None where the item does not say."""
    if is_pull(item):
        return []
    given = item.get("issue_field_values")
    if given is None:
        return None
    found: list[Any] = []
    for entry in given:
        inner = entry.get("field") or entry.get("issue_field") or {}
        keys = (entry.get("issue_field_name"), entry.get("name"), entry.get("slug"), entry.get("field_name"))
        keys += (inner, None) if isinstance(inner, str) else (inner.get("name"), inner.get("slug"))
        if any(isinstance(key, str) and slug(key) == field for key in keys):
            found += _field_contents(entry)
    return found


def _field_contents(entry: Mapping[str, Any]) -> list[Any]:
    option = entry.get("single_select_option")
    if isinstance(option, Mapping) and option.get("name") is not None:
        return [option["name"]]
    options = entry.get("multi_select_options")
    if options:
        return [each["name"] for each in options]
    value = entry.get("value")
    return [] if value is None else list(value) if isinstance(value, list) else [value]


def field(name: str, values: tuple[FieldValue, ...], context: Context) -> Test:
    """Whether a field of an issue has one of the values."""
    wanted = slug(name)
    tests = [_field_test(value, context) for value in values]
    nothing = any(value.pattern is not None and value.pattern.nothing for value in values)

    def test(item: Item) -> bool | None:
        given = field_values(item, wanted)
        if given is None:
            return None
        if not given:
            return nothing
        return any(holds(value) for holds in tests for value in given)

    return test


def _field_test(value: FieldValue, context: Context) -> Callable[[Any], bool]:
    meets = names((value.pattern,)) if value.pattern else None
    holds = within((value.dates,), context) if value.dates else None
    numbers = value.numbers

    def test(given: Any) -> bool:
        if isinstance(given, bool) or given is None:
            return False
        if isinstance(given, int | float):
            return numbers is not None and numbers.holds(given)
        if meets is not None and meets(given):
            return True
        if holds is not None:
            try:
                return holds(given)
            except ValueError:
                pass
        return _numeric(given, numbers)

    return test


def _numeric(given: str, numbers: Numbers | None) -> bool:
    try:
        return numbers is not None and numbers.holds(float(given))
    except ValueError:
        return False
