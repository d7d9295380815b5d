"""Warnings: a query that is sound, and still may not say what its author means."""

from __future__ import annotations

from collections.abc import Iterator

from filters.errors import Diagnostic
from filters.nodes import And, Node, Not, Or, Query, Term, Text, leaves
from filters.values import Choice, Login

CURLY = "“”„«»"
ONE_EACH = ("author", "milestone", "type", "base")


def warnings(query: Query) -> list[Diagnostic]:
    """What to tell the author, in the order of the text."""
    found = [*_texts(query), *_contradictions(query.root), *_idle_scope(query)]
    return sorted(found, key=lambda each: each.start)


def _warning(start: int, end: int, code: str, message: str, hint: str, fix: str | None = None) -> Diagnostic:
    return Diagnostic(start, end, code, message, hint, fix, "warning")


def _texts(query: Query) -> Iterator[Diagnostic]:
    words = [leaf for leaf in leaves(query.root) if isinstance(leaf, Text)]
    scoped = any(isinstance(leaf, Term) and leaf.name == "in" for leaf in leaves(query.root))
    if words and not scoped:
        yield _warning(
            words[0].start, words[0].end, "reads-comments", "free text is looked for in the comments, too",
            "add in:title,body where that is enough: it costs no further requests",
        )  # fmt: skip
    for word in words:
        if not word.quoted and word.text in ("or", "and", "not"):
            yield _warning(
                word.start, word.end, "lowercase-operator", f"'{word.text}' is searched for as a word",
                f"write {word.text.upper()} to mean the operator", word.text.upper(),
            )  # fmt: skip
        if word.text[:1] == "$" or "{{" in word.text:
            yield _warning(
                word.start,
                word.end,
                "placeholder",
                "this looks like a placeholder that was not filled",
                "fill it",
            )
        if any(quote in word.text for quote in CURLY):
            yield _warning(word.start, word.end, "curly-quote", "curly quotes are part of the text", 'use "')
    for leaf in leaves(query.root):
        if isinstance(leaf, Term) and any(value.text[:1] in CURLY and value.text for value in leaf.values):
            yield _warning(leaf.start, leaf.end, "curly-quote", "curly quotes are part of the value", 'use "')


def _idle_scope(query: Query) -> Iterator[Diagnostic]:
    found = list(leaves(query.root))
    if not any(isinstance(leaf, Text) for leaf in found):
        for leaf in found:
            if isinstance(leaf, Term) and leaf.name == "in":
                yield _warning(
                    leaf.start, leaf.end, "idle-in", "in: has no text to look for", "add a word, or remove it"
                )


def _contradictions(node: Node) -> Iterator[Diagnostic]:
    if isinstance(node, And | Or):
        for child in node.children:
            yield from _contradictions(child)
    if isinstance(node, Not):
        yield from _contradictions(node.child)
    if isinstance(node, And):
        yield from _never(node)


def _never(node: And) -> Iterator[Diagnostic]:
    seen: dict[str, Term] = {}
    for child in node.children:
        if not isinstance(child, Term):
            continue
        for group in _groups(child):
            other = seen.setdefault(group, child)
            if other is not child and not {v.meaning for v in other.values} & {
                v.meaning for v in child.values
            }:
                yield _warning(
                    child.start, child.end, "never-matches", f"nothing can be both {_said(other)} and {_said(child)}",
                    f"join them by a comma or OR to mean either: {child.name}:{other.values[0].text},{child.values[0].text}",
                )  # fmt: skip


def _said(term: Term) -> str:
    return f"{term.spelled}:{','.join(value.text for value in term.values)}"


def _groups(term: Term) -> Iterator[str]:
    """The properties of which an item has only one, and of which the term names a value."""
    if term.name in ONE_EACH and not any(_open_ended(value.meaning) for value in term.values):
        yield term.name
    keys = {value.meaning.key for value in term.values if isinstance(value.meaning, Choice)}
    if term.name in ("is", "state") and keys <= {"open", "closed"}:
        yield "state"
    if term.name in ("is", "type") and keys and keys <= {"issue", "pr"}:
        yield "kind"


def _open_ended(meaning: object) -> bool:
    return bool(getattr(meaning, "wild", True)) or (isinstance(meaning, Login) and meaning.me)


def names_state(query: Query) -> bool:
    """Whether the query says open, closed or merged anywhere; one that does not matches closed items as well."""
    telling = {"open", "closed", "merged", "unmerged"}
    for leaf in leaves(query.root):
        if isinstance(leaf, Term):
            if leaf.name in ("closed", "merged", "reason"):
                return True
            if leaf.name in ("is", "state") and any(
                value.text.casefold() in telling for value in leaf.values
            ):
                return True
    return False
