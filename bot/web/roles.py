"""What people's roles are, asked of GitHub and remembered for a short while."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.model.run import Repository
from bot.ports import Account, Identity, Refusal, Role

FRESH = timedelta(minutes=2)
BEARABLE = timedelta(minutes=15)
MOST = 5_000


@dataclass(slots=True)
class _Known:
    at: datetime
    roles: dict[str, Role]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Roles:
    """Answers from memory for two minutes; for fifteen while GitHub cannot be asked."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def of(
        self, session: str, account: Account, repositories: Sequence[Repository], now: datetime
    ) -> Mapping[str, Role] | Refusal:
        """The account's roles by lower-case full name; a Refusal where GitHub gives none and none are remembered."""
        known = self._known.setdefault(session, _Known(now - BEARABLE - FRESH, {}))
        self._known.move_to_end(session)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        async with known.lock:
            missing = [r for r in repositories if r.full_name.lower() not in known.roles]
            stale = not now - FRESH <= known.at <= now
            if not stale and not missing:
                return known.roles
            answer = await self._identity.roles(account, repositories if stale else missing)
            if isinstance(answer, Refusal):
                bearable = answer.kind == "busy" and now - known.at <= BEARABLE
                return known.roles if bearable else answer
            told: dict[str, Role] = {
                r.full_name.lower(): answer.get(r.full_name.lower(), "none")
                for r in (repositories if stale else missing)
            }
            known.roles = told if stale else known.roles | told
            known.at = now if stale else known.at
            return known.roles

    def forget(self, session: str) -> None:
        """Ask GitHub again next time."""
        self._known.pop(session, None)
