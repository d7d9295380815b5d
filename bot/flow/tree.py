"""A document as a tree in which every key and value knows its place."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; line and column count from 1."""

    path: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value."""

    value: Any
    place: Place
    size: int = 1


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple["Node", ...]
    place: Place
    size: int = 1


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys, each with the place it is written at and its value."""

    entries: dict[str, tuple[Place, "Node"]]
    place: Place
    size: int = 1

    def get(self, key: str) -> "Node | None":
        """Return the value of a key."""
        entry = self.entries.get(key)
        return entry[1] if entry else None

    def without(self, *keys: str) -> "Mapping":
        """Return it without some keys."""
        return Mapping({k: v for k, v in self.entries.items() if k not in keys}, self.place)


Node = Scalar | Sequence | Mapping


def plain(node: Node) -> Any:
    """Give the tree as Python's own values."""
    match node:
        case Scalar(value=value):
            return value
        case Sequence(items=items):
            return [plain(item) for item in items]
        case Mapping(entries=entries):
            return {key: plain(value) for key, (_, value) in entries.items()}


def plain_of(mapping: Mapping) -> dict[str, Any]:
    """Give a mapping as Python's own values."""
    return {key: plain(value) for key, (_, value) in mapping.entries.items()}


def is_null(node: Node) -> bool:
    """Tell whether a value is none."""
    return isinstance(node, Scalar) and node.value is None


def nulls(node: Node, where: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where in a tree a value is missing."""
    match node:
        case Scalar(value=None):
            yield where
        case Sequence(items=items):
            for place, item in enumerate(items):
                yield from nulls(item, (*where, place))
        case Mapping(entries=entries):
            for key, (_, value) in entries.items():
                yield from nulls(value, (*where, key))
        case Scalar():
            pass
