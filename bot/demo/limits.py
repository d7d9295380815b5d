"""Rate limits as GitHub counts them: primary by bucket and caller, secondary by writes and points a minute."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

WINDOWS = {"core": 3600, "search": 60, "graphql": 3600}


@dataclass(slots=True)
class Bucket:
    """What one caller has used of one resource in the current window."""

    resets: datetime
    used: int = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """The numbers of the `x-ratelimit-*` headers."""

    resource: str
    limit: int
    used: int
    reset: int

    @property
    def remaining(self) -> int:
        """What is left, never below nothing."""
        return max(0, self.limit - self.used)

    def headers(self) -> dict[str, str]:
        """As GitHub sends them."""
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(self.reset),
            "x-ratelimit-used": str(self.used),
            "x-ratelimit-resource": self.resource,
        }


@dataclass(slots=True)
class Limits:
    """Allowances; the secondary ones are off (None) unless a story asks for them."""

    core: int = 5000
    search: int = 30
    graphql: int = 5000
    anonymous: int = 60
    content_per_minute: int | None = None
    points_per_minute: int | None = None
    _buckets: dict[tuple[str, str], Bucket] = field(default_factory=dict)
    _writes: dict[str, deque[datetime]] = field(default_factory=dict)
    _points: dict[str, deque[tuple[datetime, int]]] = field(default_factory=dict)

    def allowance(self, resource: str, caller: str) -> int:
        """How many requests of this resource the caller has in a window."""
        if resource == "core":
            return self.anonymous if caller == "anonymous" else self.core
        return self.search if resource == "search" else self.graphql

    def _bucket(self, resource: str, caller: str, now: datetime) -> Bucket:
        bucket = self._buckets.get((resource, caller))
        if bucket is None or now >= bucket.resets:
            bucket = Bucket(now + timedelta(seconds=WINDOWS[resource]))
            self._buckets[(resource, caller)] = bucket
        return bucket

    def quota(self, resource: str, caller: str, now: datetime) -> Quota:
        """Where the caller stands."""
        bucket = self._bucket(resource, caller, now)
        return Quota(resource, self.allowance(resource, caller), bucket.used, int(bucket.resets.timestamp()))

    def spend(self, resource: str, caller: str, now: datetime) -> bool:
        """Take one request; False when the window is used up."""
        bucket = self._bucket(resource, caller, now)
        if bucket.used >= self.allowance(resource, caller):
            return False
        bucket.used += 1
        return True

    def refund(self, resource: str, caller: str, now: datetime) -> None:
        """Give one back: a 304 costs nothing."""
        bucket = self._bucket(resource, caller, now)
        bucket.used = max(0, bucket.used - 1)

    def secondary(self, caller: str, now: datetime, *, writes: bool) -> bool:
        """Take a request's points and, for a content write, its place; False when the caller is too fast."""
        since = now - timedelta(minutes=1)
        written = self._writes.setdefault(caller, deque())
        points = self._points.setdefault(caller, deque())
        while written and written[0] <= since:
            written.popleft()
        while points and points[0][0] <= since:
            points.popleft()
        cost = 5 if writes else 1
        if writes and self.content_per_minute is not None and len(written) >= self.content_per_minute:
            return False
        if self.points_per_minute is not None and sum(p for _, p in points) + cost > self.points_per_minute:
            return False
        if writes:
            written.append(now)
        points.append((now, cost))
        return True
