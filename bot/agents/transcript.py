"""What a session said, kept as JSON Lines: redacted, capped, readable while it grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from bot.flow.safe_text import redact
from bot.model.agent import Event, Noted

MOST_BYTES = 8_000_000


class Line(BaseModel):
    """One row of a transcript."""

    model_config = ConfigDict(frozen=True)
    n: int
    at: datetime
    event: Event


@dataclass
class Transcript:
    """Writes one session's file; over the cap it says so once and keeps only ends and what was spent."""

    path: Path
    secrets: Sequence[str] = ()
    most_bytes: int = MOST_BYTES
    _n: int = 0
    _written: int = 0
    _cut: bool = field(default=False)

    def append(self, event: Event, at: datetime) -> Line | None:
        """Write one event; None when it was left out because of the cap."""
        if self._written > self.most_bytes and event.type not in ("ended", "spent"):
            if self._cut:
                return None
            self._cut = True
            event = Noted(level="warning", text=f"the transcript is cut at {self.most_bytes // 1000} kB")
        line = Line(n=self._n, at=at, event=event)
        raw = redact(line.model_dump_json(), self.secrets)
        try:
            line = Line.model_validate_json(raw)
        except ValueError:  # a secret that spans JSON's own marks
            line = Line(n=self._n, at=at, event=Noted(level="warning", text="an event was redacted whole"))
            raw = line.model_dump_json()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(raw + "\n")
        self._n += 1
        self._written += len(raw)
        return line


def read(path: Path, after: int = -1, most: int = 10_000) -> list[Line]:
    """The rows of a transcript after number `after`; a row that is being written is left for next time."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return []
    rows = (Line.model_validate_json(row) for row in raw.split(b"\n")[:-1] if row)
    return [row for row in rows if row.n > after][:most]


async def follow(
    path: Path, live: Callable[[], bool], after: int = -1, every: float = 0.3
) -> AsyncIterator[Line]:
    """Give rows as they come until the end, or until the session is no longer `live`."""
    while True:
        alive = live()
        for row in await asyncio.to_thread(read, path, after):
            after = row.n
            yield row
            if row.event.type == "ended":
                return
        if not alive:
            return
        await asyncio.sleep(every)
