"""Text to tree: one pass, all faults at once, in time linear in the text.

A colon makes a qualifier only after a word that looks like a name; `-` negates only at the start of a word; a
parenthesis opened inside a word belongs to it. AND, written or implied, binds tighter than OR.
"""

from __future__ import annotations

import re
from typing import Literal

from filters.advice import warnings
from filters.errors import BadValueError, Diagnostic, QueryError
from filters.nearest import nearest
from filters.nodes import And, Node, Not, Or, Query, Term, Text, Value
from filters.qualifiers import FIELD, TABLE
from filters.quick import quick_term
from filters.words import LOOSE, Quoted, Raw, read_list, read_quoted, read_word

LONGEST = 65_536
DEEPEST = 60
MOST_FAULTS = 500  # nobody mends more at once; hostile texts would have tens of thousands
_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"(field\.(?:\"[^\"]*\"|'[^']*'|[^\s:\"'(),]+)|[^\W\d_][\w.-]*):", re.IGNORECASE)
_OPERATOR = re.compile(r"(AND|OR|NOT)(?=[\s()\"]|\Z)")
_BAD = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
KNOWN = tuple(sorted(TABLE))


def parse(text: str) -> Query:
    """Read a query; raises `QueryError` with every fault it has."""
    reader = _Reader(text)
    root = reader.read()
    if reader.faults:
        raise QueryError(text, tuple(sorted(reader.faults, key=lambda fault: (fault.start, fault.end))))
    return Query(text, root)


class _TooMuchError(Exception):
    """The text is beyond what is worth reading on; its fault is recorded."""


class _Reader:
    __slots__ = ("at", "denials", "faults", "hints", "sorted", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.faults: list[Diagnostic] = []
        self.denials = 0  # how many NOTs stand before the operand we read
        self.hints = 0
        self.sorted: Term | None = None

    def fault(
        self, start: int, end: int, code: str, message: str, hint: str = "", fix: str | None = None
    ) -> None:
        self.faults.append(Diagnostic(start, end, code, message, hint, fix))
        if len(self.faults) == MOST_FAULTS:
            raise _TooMuchError

    def read(self) -> Node:
        text = self.text
        try:
            if len(text) > LONGEST:
                self.fault(
                    LONGEST,
                    len(text),
                    "too-long",
                    f"the query has {len(text):,} characters",
                    f"at most {LONGEST:,} are read",
                )
                return And((), 0, len(text))
            for found in () if text.isprintable() else _BAD.finditer(text):
                message = f"character U+{ord(found[0]):04X} cannot stand in a query"
                self.fault(found.start(), found.end(), "bad-character", message, "remove it", "")
            return self.group(0)
        except _TooMuchError:
            return And((), 0, len(text))

    def group(self, depth: int) -> Node:
        """Read up to the parenthesis that closes this group, or to the end."""
        text, branches, children = self.text, [], []
        begin = self.at
        operator: re.Match[str] | None = None  # the AND or OR that waits for its right side
        while True:
            if (quick := quick_term(text, self.at, self.denials > 0)) is not None:
                node, self.at = quick
                children.append(node)
                operator = None
                continue
            self.at = _SPACE.match(text, self.at).end()  # type: ignore[union-attr]
            if self.at >= len(text) or (text[self.at] == ")" and depth):
                break
            joined = _OPERATOR.match(text, self.at)
            if joined is not None and joined[1] != "NOT":
                self.at = joined.end()
                if operator is not None or not children:
                    self.dangling(joined, "before")
                    operator = operator or joined if children else operator
                    continue
                operator = joined
                if joined[1] == "OR":
                    branches.append(children)
                    children = []
                continue
            # A faulty operand still is one: its neighbours are not to blame.
            children.append(self.operand(depth) or And((), self.at, self.at))
            operator = None
        if operator is not None:
            self.dangling(operator, "after")
        if children or not branches:
            branches.append(children)
        return self.joined(branches, begin)

    def dangling(self, operator: re.Match[str], side: str) -> None:
        self.fault(
            operator.start(), operator.end(), "missing-operand", f"{operator[1]} has nothing {side} it",
            f'remove it, or quote it to search for the word: "{operator[1]}"',
        )  # fmt: skip

    def joined(self, branches: list[list[Node]], begin: int) -> Node:
        nodes = [_one(And, branch, begin, self.at) for branch in branches]
        return _one(Or, nodes, begin, self.at)

    def operand(self, depth: int) -> Node | None:
        """A term, text or group with the NOTs and minus signs before it."""
        text, start = self.text, self.at
        if operator := _OPERATOR.match(text, start):
            self.at = _SPACE.match(text, operator.end()).end()  # type: ignore[union-attr]
            ahead = _OPERATOR.match(text, self.at)
            if self.at >= len(text) or text[self.at] == ")" or (ahead and ahead[1] != "NOT"):
                self.dangling(operator, "after")
                return None
            return self.denied("NOT", start, depth)
        if text[start] == "-":
            return self.minus(depth)
        return self.primary(depth)

    def minus(self, depth: int) -> Node | None:
        text, start = self.text, self.at
        follows = text[start + 1 : start + 2]
        self.at += 1
        if not follows or follows.isspace() or follows == ")":
            self.fault(
                start,
                start + 1,
                "missing-operand",
                "- has nothing after it",
                "write it directly before what it excludes",
            )
            return None
        if follows == "-":
            while text[self.at : self.at + 1] == "-":
                self.at += 1
            self.fault(start, self.at, "double-minus", "more than one minus sign", "one - excludes", "-")
            return self.primary(depth) if self.at < len(text) and not text[self.at].isspace() else None
        return self.denied("-", start, depth)

    def denied(self, spelling: Literal["-", "NOT"], start: int, depth: int) -> Node | None:
        if depth >= DEEPEST:
            self.too_deep(start)
        self.denials += 1
        child = self.primary(depth) if spelling == "-" else self.operand(depth + 1)
        self.denials -= 1
        return None if child is None else Not(child, spelling, start, self.at)

    def primary(self, depth: int) -> Node | None:
        text, start = self.text, self.at
        character = text[start]
        if character == "(":
            return self.parenthesis(depth)
        if character == ")":
            self.at += 1
            self.fault(
                start,
                start + 1,
                "unbalanced-parenthesis",
                "this ) closes nothing",
                "remove it, or put the text in quotes",
                "",
            )
            return None
        if character == '"' or (character == "'" and LOOSE.match(text, start)):
            return self.phrase(read_quoted(text, start))
        if (named := _NAME.match(text, start)) and self.is_qualifier(named):
            return self.term(named)
        return self.word()

    def parenthesis(self, depth: int) -> Node | None:
        start = self.at
        if depth >= DEEPEST:
            self.too_deep(start)
        self.at += 1
        count = len(self.faults)
        denials, self.denials = self.denials, 0  # `-(in:title crash)` denies the group, not its scope
        inner = self.group(depth + 1)
        self.denials = denials
        if self.at >= len(self.text):
            self.fault(
                start, start + 1, "unbalanced-parenthesis", "this ( is never closed", "close it with )", None
            )
            return inner
        self.at += 1
        if isinstance(inner, And) and not inner.children and len(self.faults) == count:
            self.fault(start, self.at, "empty-group", "these parentheses hold nothing", "remove them", "")
        return inner

    def too_deep(self, start: int) -> None:
        self.fault(
            start,
            len(self.text),
            "too-deep",
            f"more than {DEEPEST} levels of nesting",
            "write the query flatter",
        )
        raise _TooMuchError

    def phrase(self, quoted: Quoted) -> Node | None:
        start, self.at = self.at, quoted.end
        if not quoted.closed:
            self.fault(
                start,
                len(self.text),
                "unbalanced-quote",
                "this quote is never closed",
                f"close it with {self.text[start]}",
                self.text[start:] + self.text[start],
            )
            return None
        if not quoted.text.strip():
            self.fault(
                start, quoted.end, "empty-text", "there is nothing between these quotes", "remove them", ""
            )
            return None
        return Text(quoted.text, True, start, quoted.end)

    def word(self) -> Node | None:
        start = self.at
        word, self.at, opened = read_word(self.text, start)
        if opened is not None:
            self.fault(
                opened,
                opened + 1,
                "unbalanced-parenthesis",
                "this ( is never closed",
                "close it, or put the text in quotes",
                None,
            )
            return None
        if word.casefold() == "@me":
            self.fault(
                start, self.at, "bare-me", "@me stands alone", "write author:@me, assignee:@me or the like"
            )
            return None
        return Text(word, False, start, self.at)

    def is_qualifier(self, named: re.Match[str]) -> bool:
        """A link, `std::vector` and the like are text, unless the name is a known one."""
        after = self.text[named.end() : named.end() + 2]
        if after == "//":
            return False
        return named[1].casefold() in TABLE or after[:1] != ":"

    def term(self, named: re.Match[str]) -> Node | None:
        """A qualifier with its list of values, read with care."""
        start, spelled = named.start(), named[1]
        folded = spelled.casefold()
        is_field = folded.startswith("field.")
        row = FIELD if is_field else TABLE.get(folded)
        name = folded.replace('"', "").replace("'", "") if is_field else row.name if row else folded
        raw, self.at = read_list(self.text, named.end())
        if row is None or name == "field.":
            self.unknown(named)
            return None
        if not raw:
            self.empty_value(named)
            return None
        values = []
        for item in raw:
            if not item.closed:
                self.fault(
                    item.start,
                    len(self.text),
                    "unbalanced-quote",
                    "this quote is never closed",
                    "close it",
                    self.text[item.start :] + self.text[item.opening],
                )
            elif item.unclosed_parenthesis is not None:
                place = item.unclosed_parenthesis
                self.fault(
                    place,
                    place + 1,
                    "unbalanced-parenthesis",
                    "this ( is never closed",
                    "close it, or put the value in quotes",
                    None,
                )
            elif not item.text.strip():
                self.nothing(item, spelled, len(raw) > 1)
            else:
                try:
                    values.append(
                        Value(
                            item.text,
                            item.start,
                            item.end,
                            item.quoted,
                            row.kind.read(item.text, item.quoted),
                        )
                    )
                except BadValueError as wrong:
                    self.fault(item.start, item.end, wrong.code, wrong.message, wrong.hint, wrong.fix)
        if len(values) < len(raw):
            return None
        term = Term(name, spelled, tuple(values), start, self.at)
        return self.modifier(term) if row.modifier else term

    def nothing(self, item: Raw, spelled: str, in_list: bool) -> None:
        """An empty item of a list is the fault of the comma beside it."""
        if not in_list:
            self.fault(item.start, item.end, "empty-value", f"{spelled}: has no value", "write a value")
            return
        at = (
            item.start
            if item.end > item.start or self.text[item.start : item.start + 1] == ","
            else item.start - 1
        )
        self.fault(
            at,
            max(item.end, at + 1),
            "empty-list-item",
            "this list has an empty item",
            "write a value, or remove the comma",
            "" if item.end == item.start else None,
        )

    def modifier(self, term: Term) -> Node | None:
        if self.denials:
            self.fault(term.start, term.end, "negated-modifier", f"{term.name}: cannot be negated",
                       "it says where or in what order to look, not what to leave out")  # fmt: skip
            return None
        if term.name == "sort":
            if self.sorted is not None:
                self.fault(term.start, term.end, "repeated-sort", "sort: is given twice", "keep one", "")
                return None
            if len(term.values) > 1:
                self.fault(
                    term.values[1].start, term.end, "repeated-sort", "sort: takes one order", "keep the first"
                )
                return None
            self.sorted = term
        return term

    def unknown(self, named: re.Match[str]) -> None:
        near = None
        if self.hints < 100:  # hints for hostile texts would cost more than they help
            self.hints += 1
            near = nearest(named[1], KNOWN)
        shown = named[1] if len(named[1]) <= 40 else named[1][:39] + "…"
        hint = f"did you mean '{near}'?" if near else "to search for the text itself, put it in quotes"
        self.fault(
            named.start(), named.end() - 1, "unknown-qualifier", f"unknown qualifier '{shown}'", hint, near
        )

    def empty_value(self, named: re.Match[str]) -> None:
        spaces = _SPACE.match(self.text, named.end())
        gap = spaces.end() if spaces else named.end()
        after = self.text[gap : gap + 1]
        if after == "(" and gap == named.end():
            self.fault(named.start(), named.end(), "empty-value", f"{named[1]}: takes no parentheses",
                       f"write {named[1]}:a,b or ({named[1]}:a OR {named[1]}:b)")  # fmt: skip
        elif after and after != ")" and gap > named.end():
            self.fault(
                named.start(),
                named.end(),
                "empty-value",
                f"{named[1]}: has no value",
                "remove the space after the colon",
            )
        else:
            self.fault(
                named.start(),
                named.end(),
                "empty-value",
                f"{named[1]}: has no value",
                "write the value right after the colon",
            )


def _one(kind: type[And | Or], nodes: list[Node], start: int, end: int) -> Node:
    if len(nodes) == 1:
        return nodes[0]
    if not nodes:
        return And((), start, end)
    return kind(tuple(nodes), nodes[0].start, nodes[-1].end)


def check(text: str) -> list[Diagnostic]:
    """Every fault of a text, then warnings about what is sound but may not be meant; empty when all is well."""
    try:
        query = parse(text)
    except QueryError as refused:
        return list(refused.diagnostics)
    return warnings(query)
