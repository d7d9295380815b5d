"""The tree of a query: frozen nodes that know where they stand in the text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from filters.values import Meaning

# The most frequent nodes are named tuples, because they are made three times faster than dataclasses;
# equality is by kind as well as content, as it is for dataclasses.


class Value(NamedTuple):
    """One item of a qualifier's list: as written without its quotes, its place, and what it means."""

    text: str
    start: int
    end: int
    quoted: bool
    meaning: Meaning


class Term(NamedTuple):
    """`name:value,value`; `name` is the table's own, `spelled` what the author wrote."""

    name: str
    spelled: str
    values: tuple[Value, ...]
    start: int
    end: int

    def __eq__(self, other: object) -> bool:
        return type(other) is Term and tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return tuple.__hash__(self)


class Text(NamedTuple):
    """A word or a quoted phrase to be found in the title, the body or the comments."""

    text: str
    quoted: bool
    start: int
    end: int

    def __eq__(self, other: object) -> bool:
        return type(other) is Text and tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return tuple.__hash__(self)


class Not(NamedTuple):
    """The opposite of its child, spelled `-` or `NOT`."""

    child: Node
    spelling: Literal["-", "NOT"]
    start: int
    end: int

    def __eq__(self, other: object) -> bool:
        return type(other) is Not and tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return tuple.__hash__(self)


@dataclass(frozen=True, slots=True)
class And:
    """All of its children; none at all is the empty query, which everything matches."""

    children: tuple[Node, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Or:
    """Any of its children."""

    children: tuple[Node, ...]
    start: int
    end: int


Node = And | Or | Not | Term | Text
Leaf = Term | Text


@dataclass(frozen=True, slots=True)
class Query:
    """A sound query: its text, untouched, and its tree."""

    text: str
    root: Node

    def __str__(self) -> str:
        return self.text

    def written(self, node: Node) -> str:
        """The stretch of the text a node was read from."""
        return self.text[node.start : node.end]


def leaves(node: Node) -> Iterator[Leaf]:
    """Every term and text of a tree, in the order written."""
    if isinstance(node, And | Or):
        for child in node.children:
            yield from leaves(child)
    elif isinstance(node, Not):
        yield from leaves(node.child)
    else:
        yield node
