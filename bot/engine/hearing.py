"""The door's sign of life, and the question whether a repository's webhooks all reach us."""

from __future__ import annotations

from dataclasses import dataclass

from bot.github.client import Client
from bot.github.news import FED_BY
from bot.model.item import RepositoryRef
from bot.ports import Clock
from bot.store import hearing
from bot.store.database import Database

EVERY = 5.0
"""Seconds between looks whether something was lost."""
WRITES = 3
"""The sign of life is written at every third look."""
SEEN = "deliveries-seen"
"""The word that tells when GitHub's list of deliveries was last compared with ours."""


@dataclass
class Hearing:
    """One process's door, if it has one, and what all doors have heard."""

    database: Database
    clock: Clock
    client: Client

    def __post_init__(self) -> None:
        self._open, self._doubted, self._looks = False, True, 0

    def open(self) -> None:
        """This process takes deliveries from now on."""
        self._open = True

    def doubt(self) -> None:
        """A delivery was refused, or could not be kept."""
        self._doubted = True

    async def beat(self) -> None:
        """Give a sign of life while the door is open; a doubt is written at once."""
        if self._open and (self._doubted or self._looks % WRITES == 0):
            anew, self._doubted = self._doubted, False
            try:
                await self.database.write(hearing.beat, self.clock.now(), anew=anew)
            except Exception:
                self._doubted = True
                raise
        self._looks += 1

    async def stretch(self, repository: RepositoryRef) -> str | None:
        """The stretch in which everything of a repository reaches us; None where that is not known."""
        if not self.client.credentials.is_app:
            return None
        return await self.database.read(hearing.stretch, repository.full_name, SEEN, FED_BY, self.clock.now())
