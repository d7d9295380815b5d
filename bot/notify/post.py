"""The post: looks for words that wait, gathers those of one channel into one message, sends, tries again, gives up.

A word leaves at least once: it is marked as sent after the service took it, so that a kill between the two sends it a
second time and never loses it. Nothing here touches a run.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytz

from bot.notify.channels import Channels, Fault
from bot.notify.quiet import quiet_hours
from bot.notify.webhook import deliver, payload, place_of, undelivered
from bot.notify.words import kind_of, message, trial
from bot.ports import Clock
from bot.settings import Settings
from bot.store import outbox
from bot.store.database import Database
from bot.store.outbox import Word

_log = logging.getLogger("roundsman.notify")

PERIOD = 5.0
SETTLE = timedelta(seconds=10)
"""What ends within so long leaves together."""
LEASE = timedelta(minutes=3)
"""How long a process may take over sending before another tries."""
TRIES = 8
KEPT = timedelta(days=14)
BACKOFF = timedelta(seconds=30)
MOST_BACKOFF = timedelta(hours=1)


class Post:
    """Sends what the outbox holds. `look` is a worker's chore; `test` is behind the test button."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._db, self._clock, self._base = database, clock, settings.base_url
        self.channels = Channels({name: url.get_secret_value() for name, url in settings.notify.items()})
        self._hooks = {url: key.get_secret_value() for url, key in settings.webhooks_out.items()}
        self._secrets = settings.all_secrets()
        self._language = settings.language
        self._quiet = quiet_hours(settings.quiet_hours, pytz.timezone(settings.timezone))
        self._apart = timedelta(seconds=settings.notify_apart)

    async def look(self, *, settle: timedelta = SETTLE) -> int:
        """Send what may leave now; gives how many words left."""
        now = self._clock.now()
        hooks = await self._db.read(outbox.due, now, hooks=True)
        left = sum([await self._post_hook(word) for word in hooks])
        if self._quiet and self._quiet.until(now):
            return left
        words = await self._db.read(outbox.due, now, hooks=False)
        for place, group in (await self._groups(words, now, settle)).items():
            left += await self._post_message(place, group)
        return left

    async def flush(self) -> int:
        """Send all that waits, without waiting for more to gather: the process is about to end."""
        return await self.look(settle=timedelta())

    async def tidy(self) -> int:
        """Forget words that left long ago."""
        return await self._db.write(outbox.forget, self._clock.now() - KEPT)

    async def test(self, channel: str) -> str | None:
        """Send a test message; gives its fault in words, None where it left."""
        fault = await self.channels.send(channel, None, *trial(channel, self._base, self._language))
        return fault.words if fault else None

    async def _groups(
        self, words: Sequence[Word], now: datetime, settle: timedelta
    ) -> dict[tuple[str, str | None], list[Word]]:
        """Words by channel and target, of those places that may get a message now: not just after the last one."""
        groups: dict[tuple[str, str | None], list[Word]] = defaultdict(list)
        for word in words:
            groups[word.channel, word.target].append(word)
        recent = await self._db.read(outbox.last_sent, now - self._apart) if settle and groups else {}
        return {
            place: group
            for place, group in groups.items()
            if place not in recent and min(word.not_before for word in group) <= now - settle
        }

    async def _post_message(self, place: tuple[str, str | None], group: list[Word]) -> int:
        mine = await self._take(group)
        if not mine:
            return 0
        runs = await self._db.read(outbox.told, {word.run_id for word in mine if word.run_id})
        said = message(mine, runs, self._base, self._secrets, self._language)
        fault = (
            await self.channels.send(*place, *said, kind_of([word.event for word in mine])) if said else None
        )
        return await self._settle(mine, fault, f"notification to {place[0]}")

    async def _post_hook(self, word: Word) -> int:
        if not (mine := await self._take([word])):
            return 0
        ended = (await self._db.read(outbox.told, [word.run_id or 0])).get(word.run_id or 0)
        waiting = undelivered(self._hooks, word.body) if ended else {}
        reached, faults = set(word.body.get("reached") or ()), []
        for url, secret in waiting.items():
            assert ended is not None
            body = payload(ended, word.key, self._base, self._clock.now())
            fault = await deliver(url, secret, body, word.key)
            if fault is None:
                reached.add(place_of(url))
            else:
                faults.append(fault)
        if faults and reached:
            await self._db.write(outbox.reached, word.id, reached)
        return await self._settle(mine, faults[0] if faults else None, "outgoing webhook")

    async def _take(self, words: Sequence[Word]) -> list[Word]:
        now = self._clock.now()
        taken = await self._db.write(outbox.take, [word.id for word in words], now, now + LEASE)
        return [word for word in words if word.id in taken]

    async def _settle(self, words: Sequence[Word], fault: Fault | None, what: str) -> int:
        ids, now = [word.id for word in words], self._clock.now()
        if fault is None:
            await self._db.write(outbox.sent, ids, now)
            return len(ids)
        tries = min(word.tries for word in words) + 1
        if fault.final or tries >= TRIES:
            _log.warning("%s given up after %s tries: %s", what, tries, fault.words)
            await self._db.write(outbox.give_up, ids, now, fault.words)
            return 0
        _log.info("%s did not leave, it is tried again: %s", what, fault.words)
        wait = min(BACKOFF * 2 ** (tries - 1), MOST_BACKOFF)
        await self._db.write(outbox.later, ids, now + wait, fault.words)
        return 0
