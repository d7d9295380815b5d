"""Which lines a patch shows, and at which position: where a line comment may stand."""

import re
from dataclasses import dataclass

_HEADER = re.compile(r"^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a patch: its position below the first header and its numbers on both sides."""

    position: int
    left: int | None
    right: int | None


def lines_of(patch: str) -> list[Line]:
    """The lines of a patch one can comment on."""
    out: list[Line] = []
    left = right = 0
    for position, text in enumerate(patch.splitlines()):
        header = _HEADER.match(text)
        if header is not None:
            left, right = int(header[1]), int(header[2])
            continue
        if text.startswith("+"):
            out.append(Line(position, None, right))
            right += 1
        elif text.startswith("-"):
            out.append(Line(position, left, None))
            left += 1
        elif not text.startswith("\\"):
            out.append(Line(position, left, right))
            left, right = left + 1, right + 1
    return out
