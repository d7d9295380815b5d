"""A whole query in words."""

from __future__ import annotations

from filters.match import Scope, own_scope
from filters.nodes import And, Node, Not, Or, Query, Term, Text
from filters.normal import idle
from filters.order import sort_of
from filters.phrases import listed, phrase
from filters.qualifiers import PLACES
from filters.syntax import parse
from filters.values import SORT_KEYS, Choice, SortKey

_ADJECTIVES = (
    "open",
    "closed",
    "merged",
    "unmerged",
    "draft",
    "locked",
    "unlocked",
    "blocked",
    "blocking",
    "queued",
)


def describe(query: Query | str) -> str:
    """Say in one sentence what a query asks for: `Open issues labelled bug, updated less than 7 days ago; newest first.`"""
    query = parse(query) if isinstance(query, str) else query
    root = query.root
    children = list(root.children) if isinstance(root, And) else [root]
    adjectives, noun, rest = _head([child for child in children if not idle(child)])
    scope = own_scope(tuple(children), ())
    places = [child for child in rest if isinstance(child, Term) and child.name in PLACES]
    parts = [_said(child, scope) for child in rest if len(places) < 2 or child not in places]
    if len(places) > 1:
        parts.append(listed([phrase(place) for place in places]))
    sentence = " ".join([*adjectives, noun]) + (" " + ", ".join(parts) if parts else "")
    order = _order(sort_of(query))
    return f"{sentence[:1].upper()}{sentence[1:]}{order}."


def _head(children: list[Node]) -> tuple[list[str], str, list[Node]]:
    """The adjectives and the noun, from the terms that say only state and kind; and the other terms."""
    adjectives: list[str] = []
    nouns: list[str] = []
    rest: list[Node] = []
    for child in children:
        key = _lone_key(child)
        if key in ("issue", "pr") and not nouns:
            nouns.append("issues" if key == "issue" else "pull requests")
        elif key in _ADJECTIVES:
            adjectives.append({"queued": "merge-queued", "unlocked": "unlocked"}.get(key, key))
        else:
            rest.append(child)
    return adjectives, nouns[0] if nouns else "issues and pull requests", rest


def _lone_key(node: Node) -> str | None:
    if isinstance(node, Term) and node.name in ("is", "state", "type") and len(node.values) == 1:
        meaning = node.values[0].meaning
        return meaning.key if isinstance(meaning, Choice) else None
    return None


def _said(node: Node, scope: Scope, positive: bool = True) -> str:
    if isinstance(node, Not):
        return _said(node.child, scope, not positive)
    if isinstance(node, Term | Text):
        return phrase(node, positive, scope)
    children = [child for child in node.children if not idle(child)]
    scope = own_scope(tuple(node.children), scope) if isinstance(node, And) else scope
    said = [_said(child, scope) for child in children]
    if isinstance(node, Or):
        joined = f"either {listed(said)}" if len(said) > 1 else listed(said)
    else:
        joined = listed(said, "and")
    return joined if positive else f"not ({joined})"


def _order(sort: SortKey | None) -> str:
    if sort is None:
        return ""
    first, last = {
        "created": ("newest", "oldest"),
        "updated": ("last updated", "least recently updated"),
    }.get(sort.key, ("", ""))
    if first:
        return f"; {first if sort.descending else last} first"
    words = SORT_KEYS.get(sort.key, f"the number of {sort.key.removeprefix('reactions-')} reactions")
    return (
        f"; by {words}, {'most' if sort.descending else 'fewest'} first"
        if sort.key != "relevance"
        else "; best match first"
    )
