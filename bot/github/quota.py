"""GitHub's limits: what is left of the hour, the account's reserve, and the pace of writes.

Source: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

WRITES_A_MINUTE = 60
WRITES_AN_HOUR = 450
"""Below GitHub's own 80 and 500, which count every tool of the account together."""
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Quota:
    """What an account has left of one resource (`core`, `search`, `graphql`) until `resets_at`."""

    limit: int
    remaining: int
    resets_at: datetime


class Pace(Protocol):
    """The pace of an account's writes, shared by all processes that write for it."""

    async def write(self, account: str) -> float:
        """Take a place in the row of writes; gives the seconds to wait, and takes none where there are any."""
        ...

    async def hold(self, account: str, seconds: float) -> None:
        """GitHub asked to be left alone for so long; until then, and more slowly for an hour after."""
        ...


@dataclass(slots=True)
class Writes:
    """The writes of one account in the last hour, and what GitHub asked for. Plain decisions, time as an argument."""

    at: deque[datetime] = field(default_factory=deque)
    held_until: datetime | None = None
    asked_at: datetime | None = None

    def wait(self, now: datetime) -> float:
        """Seconds until the next write may go out."""
        while self.at and self.at[0] <= now - HOUR:
            self.at.popleft()
        times = [self.held_until or now]
        if len(self.at) >= WRITES_AN_HOUR:
            times.append(self.at[-WRITES_AN_HOUR] + HOUR)
        if len(self.at) >= WRITES_A_MINUTE:
            times.append(self.at[-WRITES_A_MINUTE] + MINUTE)
        if self.at and self.asked_at and now - self.asked_at < HOUR:
            times.append(self.at[-1] + timedelta(seconds=1))
        return max(0.0, (max(times) - now).total_seconds())

    def take(self, now: datetime) -> float:
        """Take a place if there is one now; else the seconds to wait."""
        wait = self.wait(now)
        if wait <= 0:
            self.at.append(now)
        return wait

    def hold(self, now: datetime, seconds: float) -> None:
        """GitHub asked for a pause."""
        self.asked_at = now
        self.held_until = max(self.held_until or now, now + timedelta(seconds=seconds))


class LocalPace:
    """The pace of one process alone."""

    def __init__(self, now: _Now) -> None:
        self._now = now
        self._writes: dict[str, Writes] = {}

    async def write(self, account: str) -> float:
        """Take a place in the row of writes; gives the seconds to wait."""
        return self._writes.setdefault(account, Writes()).take(self._now())

    async def hold(self, account: str, seconds: float) -> None:
        """Let the account be for so long."""
        self._writes.setdefault(account, Writes()).hold(self._now(), seconds)


class _Now(Protocol):
    def __call__(self) -> datetime: ...


class Quotas:
    """The last word of GitHub on each account's allowance; its headers count all processes and tools together."""

    def __init__(self, reserve: int) -> None:
        self._reserve = reserve
        self._held: dict[str, datetime] = {}
        self.seen: dict[tuple[str, str], Quota] = {}

    def note(self, account: str, headers: Mapping[str, str]) -> None:
        """Read the headers of an answer."""
        try:
            quota = Quota(
                int(headers["x-ratelimit-limit"]),
                int(headers["x-ratelimit-remaining"]),
                datetime.fromtimestamp(int(headers["x-ratelimit-reset"]), UTC),
            )
        except (KeyError, ValueError, OverflowError, OSError):
            return
        self.seen[account, headers.get("x-ratelimit-resource", "core")] = quota

    def wait(self, account: str, resource: str, now: datetime) -> float:
        """Seconds until the account may be asked again: held, or down to the reserve of its other tools."""
        held = self._held.get(account)
        wait = (held - now).total_seconds() if held else 0.0
        quota = self.seen.get((account, resource))
        if quota and now < quota.resets_at and quota.remaining <= self.reserve_of(quota):
            wait = max(wait, (quota.resets_at - now).total_seconds() + 1.0)
        return max(0.0, wait)

    def reserve_of(self, quota: Quota) -> int:
        """What is left to others: the operator's number, a fifth at most of a small allowance."""
        return min(self._reserve, quota.limit // 5)

    def hold(self, account: str, until: datetime) -> None:
        """Ask nothing of this account before then."""
        self._held[account] = max(until, self._held.get(account, until))
