"""A query in negation normal form: NOT only before single terms, and what the repository decides already decided."""

from __future__ import annotations

from dataclasses import dataclass

from filters.context import Context
from filters.match import Asked, Fields, Scope, ask, build, own_scope, text_in
from filters.nodes import Leaf, Node, Not, Or, Query, Term, Text
from filters.qualifiers import PLACES, row_of
from filters.verdict import Facet


@dataclass(frozen=True, slots=True)
class Literal:
    """A term or text, or its opposite; `scope` is where a text is looked for."""

    leaf: Leaf
    positive: bool
    scope: Fields | None
    facets: frozenset[Facet]


@dataclass(frozen=True, slots=True)
class Conjunction:
    """All of the parts; none is true."""

    parts: tuple[Normal, ...]


@dataclass(frozen=True, slots=True)
class Disjunction:
    """Any of the parts; none is false."""

    parts: tuple[Normal, ...]


Normal = Literal | Conjunction | Disjunction
TRUE: Normal = Conjunction(())
FALSE: Normal = Disjunction(())


def normal(query: Query, context: Context) -> Normal:
    """Bring a query into normal form, folding what `context.repository` alone decides."""
    return _normal(query.root, True, (), context)


def _normal(node: Node, positive: bool, scope: Scope, context: Context) -> Normal:
    if isinstance(node, Not):
        return _normal(node.child, not positive, scope, context)
    if idle(node):
        return TRUE
    if isinstance(node, Term | Text):
        return _literal(node, positive, scope, context)
    children = [child for child in node.children if not idle(child)]
    if isinstance(node, Or):
        if not children:
            return TRUE
        return _joined(
            [_normal(child, positive, own_scope((child,), scope), context) for child in children],
            not positive,
        )
    scope = own_scope(node.children, scope)
    places = [child for child in children if isinstance(child, Term) and child.name in PLACES]
    parts = [
        _normal(child, positive, scope, context)
        for child in children
        if len(places) < 2 or child not in places
    ]
    if len(places) > 1:
        parts.append(_joined([_normal(place, positive, scope, context) for place in places], not positive))
    return _joined(parts, positive)


def idle(node: Node) -> bool:
    """Whether a node only says where to look or how to sort."""
    return isinstance(node, Term) and row_of(node.name).modifier


def _literal(leaf: Leaf, positive: bool, scope: Scope, context: Context) -> Normal:
    if isinstance(leaf, Text):
        places: tuple[Fields | None, ...] = scope or (None,)
        return _joined(
            [Literal(leaf, positive, each, text_in(leaf, each).facets) for each in places], positive
        )
    asked = build(leaf, context, scope)
    assert isinstance(asked, Asked)
    if asked.facets == {Facet.REPOSITORY} and context.repository is not None:
        decided = ask(asked, {})
        if decided is not None:
            return TRUE if decided is positive else FALSE
    return Literal(leaf, positive, None, asked.facets)


def _joined(parts: list[Normal], every: bool) -> Normal:
    kind: type[Conjunction | Disjunction] = Conjunction if every else Disjunction
    neutral, telling = (TRUE, FALSE) if every else (FALSE, TRUE)
    flat: list[Normal] = []
    for part in parts:
        if part == telling:
            return telling
        if part != neutral:
            flat.extend(part.parts if isinstance(part, kind) else (part,))
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def conjuncts(tree: Normal) -> tuple[Normal, ...]:
    """The parts that all must hold."""
    return tree.parts if isinstance(tree, Conjunction) else (tree,)


def facets_of(tree: Normal) -> frozenset[Facet]:
    """Everything the tree may ask for."""
    if isinstance(tree, Literal):
        return tree.facets
    return frozenset().union(*(facets_of(part) for part in tree.parts))


def literals(tree: Normal) -> list[Literal]:
    """Every literal of the tree."""
    if isinstance(tree, Literal):
        return [tree]
    return [literal for part in tree.parts for literal in literals(part)]


def written(tree: Normal, text: str, inside: bool = False) -> str:
    """The tree as a query again, from the stretches of the text it was read from."""
    if isinstance(tree, Literal):
        own = text[tree.leaf.start : tree.leaf.end]
        if tree.scope is not None:
            own = f"(in:{','.join(sorted(tree.scope))} {own})"
        return own if tree.positive else f"-{own}"
    if isinstance(tree, Conjunction):
        joined = " ".join(written(part, text, True) for part in tree.parts)
        return f"({joined})" if inside and len(tree.parts) > 1 else joined
    joined = " OR ".join(written(part, text, True) for part in tree.parts)
    return f"({joined})" if len(tree.parts) > 1 else joined
