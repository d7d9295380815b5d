"""Who works on a session, and the session as each step finds it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.flow.ceilings import Ceilings
from bot.flow.outcome import On
from bot.model.agent import AgentEnd
from bot.model.item import Item
from bot.model.outcome import Comment, Decision
from bot.ports import (
    Agent,
    Book,
    Clock,
    Meter,
    Publisher,
    Refusal,
    Seat,
    Sink,
    Sources,
    Tracker,
    Value,
)


class Ticket(Value):
    """One attempt of one session."""

    session: int
    attempt: int


@dataclass(frozen=True)
class Crew:
    """Everyone a session needs, and what the operator set."""

    book: Book
    tracker: Tracker
    publisher: Publisher
    agent: Agent
    sources: Sources
    clock: Clock
    key: bytes
    base_url: str
    clone_url: Callable[[Seat], str]
    watch: Callable[[Seat], tuple[Sink, asyncio.Event, Meter]]
    default_engine: str = "claude"
    default_model: str | None = None
    ceilings: Ceilings = field(default_factory=Ceilings)
    secrets: tuple[str, ...] = ()
    mcp: Mapping[str, Any] = field(default_factory=dict)
    recalls: bool = False
    """Whether items nothing is known of are looked up in our own comments: no disk may have survived."""
    steered: Callable[[], bool] = lambda: True
    """Whether what people write in comments reaches us: an App gets webhooks, a token gets none."""


async def seat_of(ticket: Ticket, crew: Crew) -> Seat | None:
    """The session as it stands in the book; None where this attempt is over."""
    return await crew.book.seat(ticket.session, ticket.attempt)


async def item_of(seat: Seat, crew: Crew) -> Item | Refusal | None:
    """The item as it is now; None where the session works on none."""
    return await crew.tracker.item(seat.ref, seat.session.number) if seat.spec.has_items else None


def kind_of(seat: Seat) -> On:
    """What the session works on."""
    return "nothing" if not seat.spec.has_items else "pull_request" if seat.session.is_pull else "issue"


def text_of(decision: Decision) -> str:
    """The report: the body of the comment, else the summary; never both."""
    return next((a.body for a in decision.allowed if isinstance(a, Comment)), decision.summary).strip()


def ended(seat: Seat) -> AgentEnd:
    """How the agent ended."""
    return AgentEnd.model_validate(seat.session.end or {"ending": "failed"})


def decided(seat: Seat) -> Decision:
    """What was decided about its proposals."""
    return Decision.model_validate(seat.session.decision or {})
