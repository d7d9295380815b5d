"""Tree and context to a matcher: compiled once, asked many times, never guessing.

Three values throughout (Kleene): a term whose facts the item does not carry is unknown, and an item is unknown
only when such terms would decide it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from filters import beyond
from filters.context import Context
from filters.nodes import And, Leaf, Node, Not, Or, Query, Term, Text
from filters.order import Order, order_of
from filters.qualifiers import PLACES, compile_term, row_of
from filters.syntax import parse
from filters.values import Choice, Login
from filters.verdict import RIDES_ALONG, Facet, Item, Test, Verdict, all_of, any_of, none_of

Fields = frozenset[str]
Scope = tuple[Fields, ...]
"""Where free text is looked for: in one field of each set; no set at all is everywhere."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A compiled leaf: the question, its test, and the facts it needs."""

    leaf: Leaf
    test: Test
    facets: frozenset[Facet]
    cost: int


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: tuple[Compiled, ...]
    node: Node
    cost: int


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part holds."""

    parts: tuple[Compiled, ...]
    node: Node
    cost: int


@dataclass(frozen=True, slots=True)
class Denied:
    """The part does not hold."""

    part: Compiled
    node: Node
    cost: int


Compiled = Asked | All | Some | Denied
AnyItem = TypeVar("AnyItem", bound=Mapping[str, Any])


class Matcher:
    """A query made ready for one moment and viewer: `matcher(item)` says yes, no or unknown."""

    __slots__ = ("context", "order_by", "query", "test", "tree")

    test: Test
    """The verdict as a truth value, None for unknown; a malformed fact counts as absent."""

    def __init__(self, query: Query, context: Context) -> None:
        """Compile; costs some tens of microseconds."""
        self.query = query
        self.context = context
        self.tree = build(query.root, context, ())
        self.test = guarded(closure(self.tree), self.tree)
        self.order_by: Order = order_of(query)

    def __call__(self, item: Item) -> Verdict:
        """Judge a REST issue or pull request, with whatever facts ride along."""
        return Verdict.of(self.test(item))

    def sift(self, items: Iterable[AnyItem]) -> tuple[list[AnyItem], list[AnyItem]]:
        """Judge many items at once, several times faster than one by one: those that match, those unknown."""
        return sift(self.tree, self.test, list(items))

    def needs(self, item: Item) -> frozenset[Facet]:
        """The facts that would decide an item that is unknown; empty for one that is settled."""
        return frozenset().union(*(missing(asked, item) for asked in undecided(self.tree, item)))

    def key(self, item: Item) -> tuple[Any, ...]:
        """Where an item stands in the query's order: sort by it, ascending."""
        return self.order_by.key(item)

    def order(self, items: Iterable[AnyItem]) -> list[AnyItem]:
        """The items in the query's order; newest first where it names none."""
        return sorted(items, key=self.order_by.key)


def compile(  # noqa: A001  (the word of `re.compile`)
    query: Query | str,
    *,
    now: datetime,
    me: str | None = None,
    teams: Mapping[str, Collection[str]] | None = None,
    repository: Mapping[str, Any] | None = None,
) -> Matcher:
    """Make a query ready to judge items.

    `now` is an aware datetime; `me` the login behind `@me` (unknown without it); `teams` maps `org/team` to
    logins; `repository` is the REST repository all items are of, where the items do not carry their own.
    Raises `QueryError` for a text with faults.
    """
    return Matcher(parse(query) if isinstance(query, str) else query, Context.of(now, me, teams, repository))


def build(node: Node, context: Context, scope: Scope) -> Compiled:
    """Compile a node; `scope` is where its free text is looked for."""
    if isinstance(node, Term):
        return _term(node, context)
    if isinstance(node, Text):
        return _text(node, scope)
    if isinstance(node, Not):
        part = build(node.child, context, scope)
        return Denied(part, node, part.cost)
    if isinstance(node, Or):
        parts = [
            build(child, context, own_scope((child,), scope)) for child in node.children if not _idle(child)
        ]
        return (
            Some(tuple(sorted(parts, key=_cost)), node, sum(map(_cost, parts))) if parts else All((), node, 0)
        )
    return _conjunction(node, context, scope)


def _cost(part: Compiled) -> int:
    return part.cost


def _conjunction(node: And, context: Context, scope: Scope) -> Compiled:
    scope = own_scope(node.children, scope)
    asked = [child for child in node.children if not _idle(child)]
    places = [child for child in asked if isinstance(child, Term) and child.name in PLACES]
    parts = [build(child, context, scope) for child in asked if len(places) < 2 or child not in places]
    if len(places) > 1:  # repo:a repo:b is either of them
        found = tuple(build(place, context, scope) for place in places)
        parts.append(Some(found, Or(tuple(places), places[0].start, places[-1].end), sum(map(_cost, found))))
    parts.sort(key=_cost)
    return All(tuple(parts), node, sum(map(_cost, parts)))


def _idle(node: Node) -> bool:
    """Whether a node only says where to look or how to sort."""
    return isinstance(node, Term) and row_of(node.name).modifier


def own_scope(children: tuple[Node, ...], outer: Scope) -> Scope:
    """The fields of this group's own `in:`, else those of the group around it; a repeated `in:` narrows."""
    own = tuple(
        frozenset(value.meaning.key for value in child.values if isinstance(value.meaning, Choice))
        for child in children
        if isinstance(child, Term) and child.name == "in"
    )
    return tuple(dict.fromkeys(own)) or outer


def _term(term: Term, context: Context) -> Compiled:
    row = row_of(term.name)
    meanings = tuple(value.meaning for value in term.values)
    facets = row.needs(meanings)
    if any(isinstance(meaning, Login) and meaning.me for meaning in meanings) and context.me is None:
        facets |= {Facet.VIEWER}
    return Asked(term, compile_term(term.name, meanings, context), facets, row.cost)


def _text(text: Text, scope: Scope) -> Compiled:
    if len(scope) < 2:
        return text_in(text, scope[0] if scope else None)
    parts = tuple(text_in(text, fields) for fields in scope)
    return All(parts, text, sum(map(_cost, parts)))


def text_in(text: Text, fields: Fields | None) -> Asked:
    """Compile free text that is looked for in any of the fields; everywhere without them."""
    facets = {Facet.COMMENTS} if fields is None or "comments" in fields else {Facet.ITEM}
    if beyond.names_commit(text.text, text.quoted, fields):
        facets.add(Facet.COMMITS)
    return Asked(text, beyond.free_text(text.text, text.quoted, fields), frozenset(facets), 7)


def closure(tree: Compiled) -> Test:
    """Fold a compiled tree into one function."""
    if isinstance(tree, Asked):
        return tree.test
    if isinstance(tree, Denied):
        return none_of(closure(tree.part))
    if isinstance(tree, Some):
        return any_of(tuple(closure(part) for part in tree.parts))
    return all_of(wanted_of(tree))


def wanted_of(tree: All) -> tuple[tuple[Test, bool], ...]:
    """The tests of a conjunction, each with the answer wanted of it."""
    return tuple(
        (closure(part.part), False) if isinstance(part, Denied) else (closure(part), True)
        for part in tree.parts
    )


MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def guarded(test: Test, tree: Compiled) -> Test:
    """A test that walks the tree with care where the quick way trips over a malformed fact."""

    def judge(item: Item) -> bool | None:
        try:
            return test(item)
        except MALFORMED:
            return answer(tree, item)

    return judge


CHUNK = 256  # items whose first facts stay in the processor's cache from one test to the next


def sift(tree: Compiled, test: Test, items: list[AnyItem]) -> tuple[list[AnyItem], list[AnyItem]]:
    """Part items into matching and unknown, a chunk to a test at a time: most are out after the first."""
    tests = wanted_of(tree) if isinstance(tree, All) else ()
    matched: list[AnyItem] = []
    unknown: list[AnyItem] = []
    for start in range(0, len(items), CHUNK):
        for item in _left(tests, items[start : start + CHUNK]):
            verdict = test(item)
            if verdict:
                matched.append(item)
            elif verdict is None:
                unknown.append(item)
    return matched, unknown


def _left(tests: tuple[tuple[Test, bool], ...], chunk: list[AnyItem]) -> list[AnyItem]:
    """The items no test refuses; all of them where one of them is malformed."""
    left = chunk
    try:
        for test, wanted in tests:
            refusal = not wanted
            left = [item for item in left if test(item) is not refusal]
    except MALFORMED:
        return chunk
    return left


def ask(asked: Asked, item: Item) -> bool | None:
    """One leaf's answer; a fact of the wrong shape is no fact."""
    try:
        return asked.test(item)
    except MALFORMED:
        return None


def answer(tree: Compiled, item: Item) -> bool | None:
    """What the closure answers, found by walking: slower, and safe from malformed facts."""
    if isinstance(tree, Asked):
        return ask(tree, item)
    if isinstance(tree, Denied):
        inner = answer(tree.part, item)
        return None if inner is None else not inner
    answers = [answer(part, item) for part in tree.parts]
    telling = isinstance(tree, Some)
    return telling if telling in answers else None if None in answers else not telling


def undecided(tree: Compiled, item: Item) -> Iterator[Asked]:
    """The unknown leaves on which the answer turns."""
    if answer(tree, item) is not None:
        return
    if isinstance(tree, Asked):
        yield tree
        return
    for part in (tree.part,) if isinstance(tree, Denied) else tree.parts:
        yield from undecided(part, item)


_PULL_KEYS = ("head", "base", "requested_reviewers", "requested_teams", "draft")


def missing(asked: Asked, item: Item) -> frozenset[Facet]:
    """Those facts a leaf needs that the item does not carry."""
    absent = {facet for facet in asked.facets if facet in RIDES_ALONG and RIDES_ALONG[facet] not in item}
    if Facet.PULL in asked.facets and any(key not in item for key in _PULL_KEYS):
        absent.add(Facet.PULL)
    rest = {Facet.TEAMS, Facet.VIEWER, Facet.REPOSITORY}
    return frozenset(absent) or (asked.facets & rest) or asked.facets


def needs(query: Query | str) -> frozenset[Facet]:
    """Every kind of fact the query may ask for, whatever the item."""
    tree = build((parse(query) if isinstance(query, str) else query).root, _NOBODY, ())
    found: set[Facet] = set()
    _collect(tree, found)
    return frozenset(found)


_NOBODY = Context.of(datetime.fromisoformat("2001-01-01T00:00:00+00:00"), "nobody", None, None)


def _collect(tree: Compiled, found: set[Facet]) -> None:
    if isinstance(tree, Asked):
        found |= tree.facets
    else:
        for part in (tree.part,) if isinstance(tree, Denied) else tree.parts:
            _collect(part, found)
