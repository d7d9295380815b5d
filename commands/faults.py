"""What is wrong with a command, where, and what to do about it."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend in a command; lines and columns count from 1, `line` 0 means the whole file."""

    code: str
    message: str
    line: int = 0
    column: int = 0
    hint: str = ""

    def __str__(self) -> str:
        place = f" (line {self.line}{f', column {self.column}' if self.column else ''})" if self.line else ""
        return f"{self.message}{place}{f'; {self.hint}' if self.hint else ''}"


class CommandError(Exception):
    """A command that cannot be used, with every fault found in it."""

    def __init__(self, name: str, faults: Iterable[Fault]) -> None:
        self.name = name
        self.faults = tuple(faults)
        super().__init__(f"command {name}: " + " · ".join(str(fault) for fault in self.faults))


def nearest(name: str, known: Iterable[str]) -> str:
    """The hint `did you mean 'x'?` for the closest known name, or nothing when none is close."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else ""
