"""Quotes, words and comma lists: the small readers under the parser, each linear in what it reads."""

from __future__ import annotations

import re
from typing import NamedTuple

_UNQUOTED = re.compile(r"[^\s()\"\\]+")
_ITEM = re.compile(r"[^\s()\",\\]+")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)(")?', re.DOTALL)
_SINGLE = re.compile(r"'((?:[^'\\]|\\.)*)(')?", re.DOTALL)
_ESCAPE = re.compile(r"\\([\"'\\])")
LOOSE = re.compile(r"'[^'\s\\][^'\\]{0,400}'(?=[\s),]|\Z)")
"""A phrase in single quotes; an apostrophe that does not close one soon is an apostrophe."""


class Quoted(NamedTuple):
    """What stood in quotes, where it ends, and whether the closing quote was there."""

    text: str
    end: int
    closed: bool


class Raw(NamedTuple):
    """One item of a comma list, its quotes taken off."""

    text: str
    start: int
    end: int
    quoted: bool
    closed: bool
    opening: int
    unclosed_parenthesis: int | None


def read_quoted(text: str, start: int) -> Quoted:
    """Read the quoted stretch that begins at `start`; a backslash keeps a quote from closing it."""
    found = (_DOUBLE if text[start] == '"' else _SINGLE).match(text, start)
    if found is None or found[2] is None:
        return Quoted(text[start + 1 :], len(text), False)
    inner = found[1]
    return Quoted(_ESCAPE.sub(r"\1", inner) if "\\" in inner else inner, found.end(), True)


def read_word(text: str, start: int) -> tuple[str, int, int | None]:
    """Read a bare word; returns it, its end, and where a parenthesis inside it was left open."""
    return _pieces(text, start, _UNQUOTED)


def _pieces(text: str, start: int, plain: re.Pattern[str]) -> tuple[str, int, int | None]:
    at, parts, opened = start, [], []
    while at < len(text):
        if found := plain.match(text, at):
            parts.append(found[0])
            at = found.end()
            continue
        character = text[at]
        if character == "\\":
            follows = text[at + 1 : at + 2]
            parts.append(follows if follows in ('"', "'", "\\", ",") and follows else character)
            at += 2 if follows in ('"', "'", "\\", ",") and follows else 1
        elif character == "(":
            opened.append(at)
            parts.append(character)
            at += 1
        elif character == ")" and opened:
            opened.pop()
            parts.append(character)
            at += 1
        else:
            break
    return "".join(parts), at, opened[-1] if opened else None


def read_list(text: str, start: int) -> tuple[list[Raw], int]:
    """Read `a,"b c",d`; an empty list where there is no value at all."""
    items: list[Raw] = []
    at = start
    if at >= len(text) or text[at].isspace() or text[at] in "()":
        return items, at
    while True:
        item = _read_item(text, at)
        items.append(item)
        at = item.end
        if text[at : at + 1] != ",":
            return items, at
        at += 1


def _read_item(text: str, start: int) -> Raw:
    at, parts, quoted = start, [], False
    while at < len(text):
        if text[at] == '"' or (text[at] == "'" and at == start):
            quoted = True
            piece = read_quoted(text, at)
            if not piece.closed:
                return Raw(piece.text, start, piece.end, True, False, at, None)
            parts.append(piece.text)
            at = piece.end
            continue
        word, end, opened = _pieces(text, at, _ITEM)
        if opened is not None:
            return Raw(word, start, end, quoted, True, start, opened)
        if end == at:
            break
        parts.append(word)
        at = end
    return Raw("".join(parts), start, at, quoted, True, start, None)
