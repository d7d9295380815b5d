"""How often each token, person or address may ask: a bucket that refills, in this process's memory."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from math import ceil

from fastapi import Request, Response

from bot.web.auth import viewer_of
from bot.web.context import context_of
from bot.web.problems import Problem

MOST = 10_000


class Rates:
    """One bucket a name; `a_minute` asks fit into it."""

    def __init__(self, a_minute: int) -> None:
        self.a_minute = a_minute
        self._left: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def take(self, name: str, now: datetime) -> tuple[int, int]:
        """Take one; gives how many are left (-1: none was) and in how many seconds there is one again."""
        left, since = self._left.get(name, (float(self.a_minute), now))
        a_second = self.a_minute / 60
        left = min(float(self.a_minute), left + max(0.0, (now - since).total_seconds()) * a_second)
        granted = left >= 1
        left -= granted
        self._left[name] = (left, now)
        self._left.move_to_end(name)
        while len(self._left) > MOST:
            self._left.popitem(last=False)
        return (int(left) if granted else -1), max(1, ceil((1 - left) / a_second)) if left < 1 else 0


async def not_too_often(request: Request, response: Response) -> None:
    """For the API: 429 with when to come back."""
    context, rates = context_of(request), request.app.state.rates
    viewer = await viewer_of(request)
    if viewer is not None and viewer.kind == "local":
        return
    name = (
        f"{viewer.kind}:{viewer.login}"
        if viewer
        else f"from:{request.client.host if request.client else '?'}"
    )
    left, wait = rates.take(name, context.now())
    headers = {"X-RateLimit-Limit": str(rates.a_minute), "X-RateLimit-Remaining": str(max(0, left))}
    if left < 0:
        words = f"more than {rates.a_minute} requests a minute; wait {wait} s"
        raise Problem(429, words, code="rate", headers=headers | {"Retry-After": str(wait)})
    response.headers.update(headers)
