"""What steps of a session hand on: ids and small values only, for they are kept in the journal."""

from __future__ import annotations

from bot.model.agent import Ending
from bot.ports import Value


class Briefed(Value):
    """Whether there is work: the item is still there and the prompt is written."""

    go: bool


class Worked(Value):
    """How the agent ended; everything else it left is in the session's row."""

    ending: Ending


class Decided(Value):
    """How many writes follow, and whether there is something to say."""

    writes: int
    reports: bool = False


class Wrote(Value):
    """A write that is over, or one that must wait so many seconds."""

    wait: float | None = None
    refused: str | None = None


class Done(Value):
    """A step that has nothing to tell."""
