"""The fast lane of the parser: terms with nothing unusual in them, most of what people write.

Whatever does not fit is left to the careful reader, which also finds the faults; both give the same nodes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from filters.errors import BadValueError
from filters.nodes import Node, Not, Term, Value
from filters.qualifiers import TABLE
from filters.values import Meaning

_TERM = re.compile(r"\s*(-?)([a-z][a-z-]*):(?:([^\s()\"'\\,\x00-\x1f\x7f]{1,64})(?=[\s)]|\Z))?")
_ITEM = re.compile(r"(?:([^\s()\"'\\,\x00-\x1f\x7f]{1,64})|\"([^\s\"\\][^\"\\]{0,63})\")(?:(,)|(?=[\s)]|\Z))")
REMEMBERED = 2048

# Made from tuples directly: the constructors that named tuples generate cost twice as much.
_new: Any = tuple.__new__


def _readers() -> dict[str, tuple[str, Callable[[str, bool], Meaning]]]:
    # The same labels, logins and dates come again in every filter; values are short here, so the memory is small.
    readers = {row.name: lru_cache(REMEMBERED)(row.kind.read) for row in TABLE.values() if row.name != "sort"}
    return {name: (row.name, readers[row.name]) for name, row in TABLE.items() if row.name in readers}


_READERS = _readers()


def quick_term(text: str, at: int, denied: bool) -> tuple[Node, int] | None:
    """Read a plain term at a place, blanks before it skipped; returns it and its end. `denied` is inside a NOT."""
    found = _TERM.match(text, at)
    if found is None:
        return None
    minus, name, value = found.groups()
    known = _READERS.get(name)
    if known is None or (name == "in" and (minus or denied)):
        return None
    end = found.end()
    try:
        if value is None:
            first = end - len(name) - 1
            values, end = _list(text, end, known[1])
        else:
            if value[:2] == "//":
                return None
            start = end - len(value)
            first = start - len(name) - 1
            values = (_new(Value, (value, start, end, False, known[1](value, False))),)
    except BadValueError:
        return None
    term = _new(Term, (known[0], name, values, first, end))
    return (_new(Not, (term, "-", first - 1, end)) if minus else term), end


def _list(text: str, at: int, read: Callable[[str, bool], Meaning]) -> tuple[tuple[Value, ...], int]:
    """Read `a,"b c",d`; raises `BadValueError` for anything less plain."""
    values = []
    while True:
        found = _ITEM.match(text, at)
        if found is None:
            raise BadValueError("", "")
        bare, quoted, comma = found.groups()
        end = found.end() - (comma is not None)
        if bare is None:
            values.append(_new(Value, (quoted, at, end, True, read(quoted, True))))
        else:
            values.append(_new(Value, (bare, at, end, False, read(bare, False))))
        at = found.end()
        if comma is None:
            return tuple(values), at
