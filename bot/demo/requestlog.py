"""What was asked of the embedded GitHub, for benchmarks and for `assert_readonly`."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """One answered request; `bucket` is `core`, `search`, `graphql`, `git`, `free` or `web`."""

    method: str
    path: str
    query: str
    status: int
    bucket: str
    caller: str


class RequestLog:
    """The last 100,000 requests and counts of all of them by bucket."""

    def __init__(self) -> None:
        self._rows: deque[Request] = deque(maxlen=100_000)
        self.by_bucket: Counter[str] = Counter()

    def add(self, row: Request) -> None:
        """Note a request."""
        self._rows.append(row)
        self.by_bucket[row.bucket] += 1

    def clear(self) -> None:
        """Forget all, to count from here."""
        self._rows.clear()
        self.by_bucket.clear()

    def __iter__(self) -> Iterator[Request]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def count(self, *, bucket: str | None = None, method: str | None = None, path: str = "") -> int:
        """How many of the kept requests fit; `path` is a part of the path."""
        return sum(
            (bucket is None or x.bucket == bucket)
            and (method is None or x.method == method)
            and path in x.path
            for x in self._rows
        )


@dataclass(frozen=True, slots=True)
class Write:
    """One request that changed something."""

    method: str
    path: str
    caller: str
    status: int


class WriteLog:
    """Every request that changed something people can see."""

    def __init__(self) -> None:
        self._rows: list[Write] = []

    def add(self, row: Write) -> None:
        """Note a write."""
        self._rows.append(row)

    def clear(self) -> None:
        """Forget all."""
        self._rows.clear()

    def __iter__(self) -> Iterator[Write]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Write:
        return self._rows[index]
