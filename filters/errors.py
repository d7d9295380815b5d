"""What is wrong with a query: where, why, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault (or warning) of a query; `start` and `end` count characters, `fix` replaces that stretch."""

    start: int
    end: int
    code: str
    message: str
    hint: str = ""
    fix: str | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        tail = f"; {self.hint}" if self.hint else ""
        return f"{self.message} at column {self.start + 1}{tail}"


class QueryError(ValueError):
    """The query cannot be used; `diagnostics` holds every fault, in the order they stand in the text."""

    def __init__(self, text: str, diagnostics: tuple[Diagnostic, ...]) -> None:
        """Keep the text beside its faults, so that they can be shown under it."""
        super().__init__("; ".join(str(fault) for fault in diagnostics[:3]))
        self.text = text
        self.diagnostics = diagnostics


class BadValueError(Exception):
    """A value that its qualifier cannot take; the parser turns it into a `Diagnostic` with the value's place."""

    def __init__(self, code: str, message: str, hint: str = "", fix: str | None = None) -> None:
        """Say what is wrong; the place is added by who knows it."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.fix = fix


def carets(text: str, diagnostics: list[Diagnostic] | tuple[Diagnostic, ...], width: int = 100) -> str:
    """Show each fault under the stretch of the query it speaks of, one block a fault."""
    blocks = []
    for fault in diagnostics:
        left = max(0, min(fault.start - width // 3, len(text) - width))
        shown = "".join(c if c.isprintable() else "·" for c in text[left : left + width])
        length = max(1, min(fault.end, left + width) - fault.start)
        label = f"{fault.severity}: {fault.message}" + (f"\n  {fault.hint}" if fault.hint else "")
        blocks.append(f"{shown}\n{' ' * (fault.start - left)}{'^' * length}\n{label}")
    return "\n\n".join(blocks)
