"""After downtime: deliveries that never reached us are read back from GitHub, and what cannot be is compared with its state.

Source: https://docs.github.com/webhooks/using-webhooks/handling-failed-webhook-deliveries
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.engine import plain
from bot.engine.bounds import judge_anew
from bot.engine.credentials import known_credentials
from bot.engine.hearing import SEEN
from bot.engine.intake import Intake
from bot.engine.polling import let_go_of_unnamed, named_repository
from bot.github import payload
from bot.github.client import Client, moment
from bot.github.webhook import deliver
from bot.ports import Clock, Refusal
from bot.settings import Settings
from bot.store import deliveries, hearing, installations, words
from bot.store.database import Database

_log = logging.getLogger("roundsman.reconcile")
KEPT = timedelta(days=3)
"""How long GitHub keeps deliveries."""
OVERLAP = timedelta(minutes=15)
ON_ITS_WAY = timedelta(seconds=30)
"""A delivery younger than this may still arrive by itself."""
STATE_EVERY = timedelta(hours=6)
STATE = "state-reconciled"


@dataclass
class Reconciler:
    """Finds what we missed."""

    database: Database
    clock: Clock
    client: Client
    intake: Intake
    settings: Settings

    async def look(self) -> None:
        """One look: missed deliveries, then, every few hours or after a long absence, the state of everything."""
        if not self.client.credentials.present:
            self.client.use(
                await asyncio.to_thread(known_credentials, self.database, self.settings, self.clock)
            )
        if await judge_anew(self.database, self.intake.configurator.around, self.clock.now()):
            await self.database.write(words.forget, STATE)
        if not self.client.credentials.is_app:
            await self._poll()
            return
        absent = await self.missed()
        last = moment(
            await self.database.read(words.get, STATE), datetime.fromisoformat("2000-01-01T00:00:00+00:00")
        )
        if absent or self.clock.now() - last > STATE_EVERY:
            await self.state()

    async def missed(self) -> bool:
        """Record deliveries GitHub sent and we never had; True where we were away longer than GitHub keeps them."""
        now = self.clock.now()
        mark = await self.database.read(words.get, SEEN)
        since = moment(mark, now - KEPT) - OVERLAP
        rows = await self._listed(since)
        if isinstance(rows, Refusal):
            _log.warning("missed deliveries cannot be looked for: %s", rows.words)
            return False
        newest: dict[str, dict[str, Any]] = {}
        for row in rows:
            if payload.known(str(row.get("event"))):
                newest.setdefault(str(row.get("guid")), row)
        known = await self.database.read(deliveries.known, list(newest))
        missing = [row for guid, row in newest.items() if guid not in known]
        if missing:  # before they are read back: what can be trusted no longer is to be known first
            await self.database.write(hearing.doubt)
        for row in sorted(missing, key=lambda row: str(row.get("delivered_at"))):
            if (refused := await self._fetch(row)) is not None:
                _log.warning("delivery %s cannot be had: %s", row.get("guid"), refused.words)
                if refused.kind == "busy":
                    return False
        if missing:
            _log.warning("%d deliveries had not reached us and were read back", len(missing))
            self.intake.wake()
        await self.database.write(words.put, SEEN, now.isoformat(), now)
        return mark is not None and now - moment(mark, now) > KEPT

    async def _listed(self, since: datetime) -> list[dict[str, Any]] | Refusal:
        """Deliveries since then, newest first, page by page."""
        found: list[dict[str, Any]] = []
        path, params = "/app/hook/deliveries", {"per_page": 100}
        for _ in range(200):
            answer = await self.client.as_app("GET", path, params=params)
            if isinstance(answer, Refusal):
                return answer
            until = self.clock.now() - ON_ITS_WAY
            found += [row for row in answer.rows if since <= moment(row.get("delivered_at"), since) <= until]
            last = answer.rows[-1] if answer.rows else None
            if last is None or answer.next is None or moment(last.get("delivered_at"), since) < since:
                break
            path, params = self.client.inside(answer.next), {}
        return found

    async def _fetch(self, row: dict[str, Any]) -> Refusal | None:
        """Read one delivery's payload back; where GitHub has it no more, ask for a redelivery."""
        path = f"/app/hook/deliveries/{row.get('id')}"
        answer = await self.client.as_app("GET", path)
        if isinstance(answer, Refusal):
            return answer
        body = (answer.object.get("request") or {}).get("payload")
        if not isinstance(body, dict):
            asked = await self.client.as_app("POST", f"{path}/attempts")
            return asked if isinstance(asked, Refusal) else None
        read = deliver(str(row.get("guid")), str(row.get("event")), body)
        await self.database.write(deliveries.record, [read], self.clock.now(), plain.settled)
        return None

    async def state(self) -> None:
        """Compare installations and repositories with ours, and read configurations that changed."""
        rows = await self.client.rows_as_app("/app/installations")
        if isinstance(rows, Refusal):
            _log.warning("installations cannot be compared: %s", rows.words)
            return
        now = self.clock.now()
        there = {int(row["id"]): row for row in rows if isinstance(row.get("id"), int)}
        for known in await self.database.read(installations.every):
            if known.id not in there:
                await self.database.write(installations.went, known.id, now)
        for number, row in there.items():
            await self._installation(number, row)
        await self.database.write(words.put, STATE, now.isoformat(), now)

    async def _installation(self, number: int, row: dict[str, Any]) -> None:
        account = payload.text(row, "account", "login")
        if not account or not self.intake._is_allowed(account):
            return
        events = tuple(name for name in row.get("events") or () if isinstance(name, str))
        now, asleep = self.clock.now(), bool(row.get("suspended_at"))
        grants = {k: v for k, v in payload.part(row, "permissions").items() if isinstance(v, str)}
        await self.database.write(
            installations.came, number, account, now, account_type=payload.text(row, "account", "type"),
            permissions=grants, events=events, suspended=asleep,
        )  # fmt: skip
        if asleep:
            await self.database.write(installations.suspended, number, now)
            return
        outcome = await self.intake.reconcile_installation(number)
        if isinstance(outcome, Refusal):
            _log.warning("%s cannot be compared: %s", account, outcome.words)

    async def _poll(self) -> None:
        """With a plain token there are no webhooks: the named repositories' configuration is asked for conditionally."""
        if not self.client.credentials.token:
            return
        await let_go_of_unnamed(self.database, self.clock, self.settings.repositories)
        for name in self.settings.repositories:
            repository = await named_repository(self.database, self.client, self.clock, name)
            if isinstance(repository, Refusal):
                _log.warning("%s cannot be looked after: %s", name, repository.words)
                continue
            outcome = await self.intake.configurator.apply(repository, by="poll")
            if isinstance(outcome, Refusal):
                _log.warning("the configuration of %s cannot be read: %s", name, outcome.words)
