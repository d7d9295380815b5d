"""The search box of the embedded GitHub: its own small reader of queries, with GitHub's quirks and nothing more."""

import re
from dataclasses import dataclass

from bot.demo.refusal import Refusal

QUALIFIERS = {
    "is", "type", "state", "repo", "org", "user", "author", "assignee", "mentions", "commenter", "involves", "team",
    "label", "milestone", "no", "in", "created", "updated", "closed", "merged", "comments", "reactions",
    "interactions", "draft", "archived", "language", "head", "base", "review", "reviewed-by", "review-requested",
    "user-review-requested", "team-review-requested", "status", "linked", "project", "reason", "sort", "has",
    "parent-issue",
}  # fmt: skip
_TOKEN = re.compile(
    r'\s*(\(|\)|-?[\w.@-]+:(?:"[^"]*"|[^\s()"]|(?<=:)\()*(?:,"[^"]*"|,[^\s()"]+)*|-?"[^"]*"|[^\s()]+)'
)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A qualifier with its comma-separated values, or a word (`name` empty)."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """`and`, `or` or `not` over parts."""

    kind: str
    parts: tuple["Node", ...]


Node = Leaf | Branch


def tokens(text: str) -> list[str]:
    """Cut a query into words, qualifiers and parentheses."""
    return [x for x in _TOKEN.findall(text) if x]


def check_size(text: str, parts: list[str]) -> None:
    """GitHub's limits: 256 characters beside operators and qualifiers, five operators."""
    operators = sum(x in ("AND", "OR", "NOT") for x in parts)
    words = " ".join(x for x in parts if x not in ("AND", "OR", "NOT", "(", ")") and _qualifier(x) is None)
    if len(words) > 256:
        raise Refusal(422, "Validation Failed", [{"message": "The search is longer than 256 characters.",
                                                  "resource": "Search", "field": "q", "code": "invalid"}])  # fmt: skip
    if operators > 5:
        raise Refusal(422, "Validation Failed", [{"message": "More than five AND / OR / NOT operators were used.",
                                                  "resource": "Search", "field": "q", "code": "invalid"}])  # fmt: skip


def _qualifier(token: str) -> tuple[str, str] | None:
    name, colon, rest = token.removeprefix("-").partition(":")
    return (name.lower(), rest) if colon and name.lower() in QUALIFIERS and rest else None


def _values(rest: str) -> tuple[str, ...]:
    return tuple(x.strip('"') for x in re.findall(r'"[^"]*"|[^,]+', rest))


class Reader:
    """Reads tokens into a tree: AND binds tighter than OR; what does not close closes at the end."""

    def __init__(self, parts: list[str]) -> None:
        self._parts = parts
        self._at = 0

    def read(self) -> Node:
        """The whole query."""
        return self._either()

    def _peek(self) -> str | None:
        return self._parts[self._at] if self._at < len(self._parts) else None

    def _either(self) -> Node:
        parts = [self._all()]
        while self._peek() == "OR":
            self._at += 1
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Branch("or", tuple(parts))

    def _all(self) -> Node:
        parts: list[Node] = []
        while (token := self._peek()) not in (None, "OR", ")"):
            if token == "AND":
                self._at += 1
                continue
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Branch("and", tuple(parts))

    def _one(self) -> Node:
        token = self._parts[self._at]
        self._at += 1
        if token == "NOT":
            return (
                Branch("not", (self._one(),)) if self._peek() not in (None, "OR", ")") else Branch("and", ())
            )
        if token == "(":
            inner = self._either()
            if self._peek() == ")":
                self._at += 1
            return inner
        return _leaf(token)


def _leaf(token: str) -> Node:
    negated = token.startswith("-") and len(token) > 1
    found = _qualifier(token)
    leaf = Leaf(found[0], _values(found[1])) if found else Leaf("", (token.removeprefix("-").strip('"'),))
    return Branch("not", (leaf,)) if negated else leaf


def leaves(node: Node) -> list[Leaf]:
    """All leaves."""
    if isinstance(node, Leaf):
        return [node]
    return [x for part in node.parts for x in leaves(part)]
