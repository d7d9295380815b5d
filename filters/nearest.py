"""The nearest known name to a misspelled one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

LONGEST = 32


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name fewest edits away, when near enough to be meant; None for long or strange words."""
    return _nearest(word.casefold(), tuple(known)) if len(word) <= LONGEST else None


@lru_cache(maxsize=256)
def _nearest(word: str, known: tuple[str, ...]) -> str | None:
    reach = 1 if len(word) <= 4 else 2 if len(word) <= 8 else 3
    best: tuple[int, str] | None = None
    for name in known:
        if abs(len(name) - len(word)) > reach:
            continue
        away = _edits(word, name)
        if away <= reach and (best is None or away < best[0]):
            best = (away, name)
    return best[1] if best else None


def _edits(one: str, other: str) -> int:
    """Insertions, deletions, substitutions and swaps of neighbours (Damerau, optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        above, row, older = row, [i], before
        for j, b in enumerate(other, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        before = above
    return row[-1]
