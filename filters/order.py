"""The order of the results: GitHub's `sort:`, newest first where a query names none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from filters import facts, times
from filters.nodes import Query, Term, leaves
from filters.values import SortKey
from filters.verdict import Item

DEFAULT = SortKey("created", True)


@dataclass(frozen=True, slots=True)
class Order:
    """A sort key made ready; items that lack it come last, ties follow the numbers in the same direction."""

    sort: SortKey

    def key(self, item: Item) -> tuple[Any, ...]:
        """Smaller is earlier."""
        sign = -1 if self.sort.descending else 1
        try:
            value = _VALUE.get(self.sort.key, _reaction(self.sort.key))(item)
        except (AttributeError, KeyError, TypeError, ValueError):
            value = None
        number = item.get("number")
        tie = sign * number if isinstance(number, int) else 0
        return (1, 0, tie) if value is None else (0, sign * value, tie)


def _moment(key: str) -> Callable[[Item], float | None]:
    def value(item: Item) -> float | None:
        given = item.get(key)
        return None if given is None else times.instant(given).timestamp()

    return value


def _reaction(key: str) -> Callable[[Item], float | None]:
    name = key.removeprefix("reactions-")
    return lambda item: item["reactions"][name]


_VALUE: Mapping[str, Callable[[Item], float | None]] = {
    "created": _moment("created_at"),
    "updated": _moment("updated_at"),
    "relevance": _moment("created_at"),
    "comments": facts.comments,
    "reactions": facts.reactions,
    "interactions": facts.interactions,
}


def sort_of(query: Query) -> SortKey | None:
    """The query's own `sort:`, if it has one."""
    for leaf in leaves(query.root):
        if isinstance(leaf, Term) and leaf.name == "sort" and isinstance(leaf.values[0].meaning, SortKey):
            return leaf.values[0].meaning
    return None


def order_of(query: Query) -> Order:
    """The order a query asks for."""
    return Order(sort_of(query) or DEFAULT)
