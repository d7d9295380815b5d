"""What a run decides about the items it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.model.item import Item
from bot.model.run import LedgerEntry


@dataclass(frozen=True, slots=True)
class Candidate:
    """A matching item, its state as people left it, what the ledger knows of it, and who holds it."""

    item: Item
    state: dict[str, Any]
    entry: LedgerEntry | None = None
    claimed_by: int | None = None
    writing: bool = False
    """One of our writes to it is under way, so its state cannot be read yet."""
    home: bool = False
    """It is the repository's dashboard issue: where results go, never something to work on."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One matching item that was not picked, and why."""

    item: Item
    reason: str


@dataclass(frozen=True, slots=True)
class Selection:
    """What a run works on and what it leaves, in order."""

    picked: tuple[Candidate, ...]
    skipped: tuple[Verdict, ...]
    deferred: tuple[Verdict, ...]
