"""What a working session is watched for: words for its transcript, a wish to end it, the money it spends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from bot.flow.safe_text import redact
from bot.model.agent import Event
from bot.ports import Clock, Meter, Seat, Sink
from bot.store import sessions, transcripts
from bot.store.database import Database

MOST_EVENTS = 5_000
MOST_TEXT = 20_000
_codec: TypeAdapter[Event] = TypeAdapter(Event)


@dataclass(slots=True)
class _Watched:
    seat: Seat
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)


class Watch:
    """Keeps an eye on every session at work in this process."""

    def __init__(self, database: Database, clock: Clock, secrets: Sequence[str] = ()) -> None:
        self._db, self._clock, self._secrets = database, clock, tuple(secrets)
        self._working: dict[int, _Watched] = {}

    def over(self, seat: Seat) -> tuple[Sink, asyncio.Event, Meter]:
        """Begin to watch a session."""
        watched = self._working[seat.session.id] = _Watched(seat)
        return (
            _Scribe(self._db, self._clock, seat, self._secrets).write,
            watched.cancelled,
            _StoreMeter(self._db, self._clock, seat),
        )

    async def look(self) -> None:
        """End the sessions somebody wants ended."""
        watched = dict(self._working)
        if not watched:
            return
        living = await self._db.read(sessions.wishes, list(watched))
        for session_id, one in watched.items():
            if session_id not in living and self._working.get(session_id) is one:
                del self._working[session_id]
            elif living.get(session_id):
                one.cancelled.set()


class _Scribe:
    """Writes a session's events down, a batch at a time, capped."""

    def __init__(self, database: Database, clock: Clock, seat: Seat, secrets: Sequence[str]) -> None:
        self._db, self._clock, self._seat, self._secrets = database, clock, seat, secrets
        self._next: int | None = None
        self._count = 0

    async def write(self, event: Event) -> None:
        """Keep one event; past the cap only its end."""
        self._count += 1
        if self._count > MOST_EVENTS and event.type != "ended":
            return
        session = self._seat.session
        if self._next is None:
            self._next = await self._db.read(transcripts.next_seq, session.id)
        await self._db.write(
            transcripts.say,
            session.id,
            session.attempt,
            self._next,
            [_short(event, self._secrets)],
            self._clock.now(),
        )
        self._next += 1


def _short(event: Event, secrets: Sequence[str]) -> dict[str, Any]:
    """One event as it is kept: every secret we know and every known token shape taken out, then cut."""
    kept: dict[str, Any] = _codec.dump_python(event, mode="json")
    for name in ("text", "argument", "words"):
        if isinstance(kept.get(name), str):
            kept[name] = redact(kept[name], secrets)
        if isinstance(kept.get(name), str) and len(kept[name]) > MOST_TEXT:
            kept[name] = kept[name][:MOST_TEXT] + f"\n[… {len(kept[name]) - MOST_TEXT:,} more characters]"
    return kept


class _StoreMeter:
    """Shows what a session has spent while it works, and says when its reservation is used up."""

    def __init__(self, database: Database, clock: Clock, seat: Seat) -> None:
        self._db, self._clock, self._seat = database, clock, seat

    async def at_stake(self, usd: float) -> None:
        """Record what may be spent by the call that begins."""
        session = self._seat.session
        await self._db.write(sessions.at_stake, session.id, session.attempt, usd, self._clock.now())

    async def spent(self, usd: float) -> bool:
        """Record the attempt's total so far."""
        session = self._seat.session
        await self._db.write(sessions.metered, session.id, session.attempt, self._seat.earlier_cost + usd)
        return self._seat.reserved is None or usd < self._seat.reserved
