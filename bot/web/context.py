"""What pages and API stand on; the composition root fills it in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fastapi import Request

from bot.ports import Clock, Identity, Tracker
from bot.settings import Settings
from bot.store.database import Database


@dataclass(frozen=True)
class WebContext:
    """The parts a web process has; what is None is not there, and its pages say so.

    `undo(run_id, by)` takes back what a run did
    and gives the words of what could not be; `tell(channel)` sends a test notification and gives its fault, if any.
    """

    database: Database
    settings: Settings
    clock: Clock
    identity: Identity | None = None
    tracker: Tracker | None = None
    undo: Callable[[int, str], Awaitable[Sequence[str]]] | None = None
    tell: Callable[[str], Awaitable[str | None]] | None = None
    start_token: str | None = None
    parts: dict[str, Any] = field(default_factory=dict)
    """What further routers ask for by name (the webhook's door, the set-up wizard)."""

    def now(self) -> datetime:
        """The time."""
        return self.clock.now()


def context_of(request: Request) -> WebContext:
    """The context of the app that answers this request."""
    context: WebContext = request.app.state.context
    return context
