"""Names with `*` and whole words in a text, in time linear in the text whatever the pattern."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from filters.values import Pattern

MEMO = 20_000


def glob(pattern: str) -> Callable[[str], bool]:
    """Compile a folded pattern in which `*` stands for any characters, none included."""
    first, *middle = pattern.split("*")
    if not middle:
        return lambda text: text == pattern
    last = middle.pop()
    least = len(first) + len(last)

    def holds(text: str) -> bool:
        if len(text) < least or not text.startswith(first) or not text.endswith(last):
            return False
        place, end = len(first), len(text) - len(last)
        for part in middle:
            place = text.find(part, place, end)
            if place < 0:
                return False
            place += len(part)
        return True

    return holds


def names(patterns: Iterable[Pattern]) -> Callable[[str], bool]:
    """Whether a name, in any case, is one of those meant."""
    return remembered(patterns)[0]


def remembered(patterns: Iterable[Pattern]) -> tuple[Callable[[str], bool], Mapping[str, bool]]:
    """The same, and the names it has judged: lists repeat them, and looking one up is cheaper than asking."""
    patterns = tuple(patterns)
    exact = {pattern.folded for pattern in patterns if not pattern.wild and not pattern.nothing}
    globs = [glob(pattern.folded) for pattern in patterns if pattern.wild]
    memo: dict[str, bool] = {}

    def meets(name: str) -> bool:
        answer = memo.get(name)
        if answer is None:
            if len(memo) > MEMO:
                memo.clear()
            folded = name.casefold() if isinstance(name, str) else ""  # GitHub's schema lets a name be null
            answer = memo[name] = folded in exact or any(holds(folded) for holds in globs)
        return answer

    return meets, memo


def _wordly(character: str) -> bool:
    return character.isalnum() or character == "_"


def has_phrase(text: str, phrase: str) -> bool:
    """Whether a folded text has a folded phrase as whole words; any white space stands for any other.

    A phrase that begins or ends in punctuation needs no word boundary there: `"[docs]"` is found in `x[docs]y`.
    """
    if " " in phrase and phrase not in text:
        head = phrase.partition(" ")[0]
        if head not in text:
            return False
        text = " ".join(text.split())
    left, right = _wordly(phrase[0]), _wordly(phrase[-1])
    place, length = text.find(phrase), len(phrase)
    while place >= 0:
        end = place + length
        if not (left and place and _wordly(text[place - 1])) and not (
            right and end < len(text) and _wordly(text[end])
        ):
            return True
        place = text.find(phrase, place + 1)
    return False
