"""From dequeued to the agent's first instruction, in parts, on a repository of 20,000 files, beside a shallow clone of it."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from bot.agents import attempt
from bot.agents.mirror import Mirrors
from bot.agents.process import Child
from bot.agents.work import Agents, Options
from bot.agents.workspace import Workspaces
from bot.model.agent import Event, Script, SessionRequest
from tests.adapters.sessions import Purse, Repository
from tests.benchmarks.table import Row

FILES, SMALL = 20_000, 20
TIMES = 9


@dataclass
class Timeline:
    """When a launch passed which point, in seconds since it was begun."""

    began: float = field(default_factory=time.perf_counter)
    passed: dict[str, float] = field(default_factory=dict)

    def mark(self, point: str) -> None:
        """A point is passed, for the first time."""
        self.passed.setdefault(point, time.perf_counter() - self.began)

    def parts(self) -> dict[str, float]:
        """Seconds from each point to the next."""
        points = ["begun", *(name for name in PARTS if name in self.passed)]
        at = {"begun": 0.0, **self.passed}
        return {name: at[name] - at[before] for before, name in pairwise(points)}


PARTS = ("checks", "mirror", "tree", "sandbox", "first instruction")
"""What may start; the commit in the mirror; its files; sockets, /etc, the agent's files; spawned until it speaks."""
_now: Timeline = Timeline()


@contextmanager
def _watched() -> Iterator[None]:
    """The real parts, with a mark where each ends."""
    found, commit, fill, run = attempt.ready, Mirrors.commit, Workspaces._fill, Child.run

    async def checked(*args: Any) -> Any:
        answer = await found(*args)
        _now.mark("checks")
        return answer

    async def fetched(self: Mirrors, *args: Any) -> Any:
        answer = await commit(self, *args)
        _now.mark("mirror")
        return answer

    async def filled(self: Workspaces, *args: Any) -> None:
        await fill(self, *args)
        _now.mark("tree")

    async def ran(self: Child) -> Any:
        _now.mark("sandbox")
        return await run(self)

    attempt.ready, Mirrors.commit, Workspaces._fill, Child.run = checked, fetched, filled, ran  # type: ignore[assignment, method-assign, attr-defined]
    try:
        yield
    finally:
        attempt.ready, Mirrors.commit, Workspaces._fill, Child.run = found, commit, fill, run  # type: ignore[method-assign, attr-defined]


async def _launched(agents: Agents, repository: Repository, name: str) -> Timeline:
    """A launch, until the agent's first instruction has spoken."""
    global _now  # noqa: PLW0603 - one launch at a time
    _now = Timeline()

    async def sink(event: Event) -> None:
        if event.type == "said":
            _now.mark("first instruction")

    script = Script(name="x.sh", source="echo here")
    request = SessionRequest(session=name, engine="script", script=script, checkout=repository.checkout())
    end = await agents.work(request, sink=sink, cancelled=asyncio.Event(), meter=Purse())
    if "first instruction" not in _now.passed:
        raise RuntimeError(str(end.failure))
    return _now


@dataclass
class Measured:
    """One repository: seconds of a shallow clone, and launches."""

    clone: float
    cold: Timeline
    same: list[Timeline]
    other: list[Timeline]


async def _measure(folder: Path, count: int) -> Measured:
    """Shallow clones, the first launch, launches at the same commit, launches at others."""
    files = {f"p{n // 200:03}/f{n % 200:03}.py": f"value = {n}\n" * 20 for n in range(count)}
    repository = Repository.made(folder / "shop", files)
    clones = []
    for n in range(3):
        began = time.perf_counter()
        words = ["git", "clone", "-q", "--depth", "1", f"file://{repository.path}", str(folder / f"clone{n}")]
        await asyncio.to_thread(subprocess.run, words, check=True)
        clones.append(time.perf_counter() - began)
    agents = Agents(Options(data_dir=folder / "data"))
    await agents.probe()
    cold = await _launched(agents, repository, "cold")
    same = [await _launched(agents, repository, f"same{n}") for n in range(TIMES)]
    other = []
    for n in range(TIMES):
        repository.commit({f"p000/f{n:03}.py": "changed\n", f"new{n}.py": "new\n"})
        await agents.mirrors.commit(repository.checkout())
        other.append(await _launched(agents, repository, f"other{n}"))
    return Measured(statistics.median(clones), cold, same, other)


def _all(launches: list[Timeline]) -> float:
    return statistics.median(each.passed["first instruction"] for each in launches)


def _parts(launches: list[Timeline]) -> str:
    """The median of each part, in words."""
    every = [each.parts() for each in launches]
    return ", ".join(
        f"{name} {statistics.median(each[name] for each in every) * 1e3:.0f}" for name in every[0]
    )


def rows() -> Iterator[Row]:
    """Measure, if this host can confine."""
    measured: dict[int, Measured] = {}
    for count in (SMALL, FILES):
        folder = Path(tempfile.mkdtemp(prefix="launch-"))
        try:
            with _watched():
                measured[count] = asyncio.run(_measure(folder, count))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    small, large = measured[SMALL], measured[FILES]
    bar = "≤ 300 ms and ≥ 5 × faster than a shallow clone"
    for name, launches in (
        ("session launch, same commit", large.same),
        ("session launch, another commit", large.other),
    ):
        ours = _all(launches)
        held = ours <= 0.3 and large.clone >= 5 * ours
        note = f"{FILES:,} files, warm mirror; ms: {_parts(launches)}"
        yield Row(
            name,
            ours * 1e3,
            large.clone * 1e3,
            "git clone --depth 1",
            ours / large.clone,
            bar,
            held,
            "ms",
            note,
        )
    ours, reference = _all(large.same), _all(small.same)
    yield Row(
        f"session launch, {FILES:,} files", ours * 1e3, reference * 1e3, f"{SMALL} files", ours / reference,
        "whatever the repository's size", ours <= 1.5 * reference, "ms", f"{SMALL} files, ms: {_parts(small.same)}",
    )  # fmt: skip
    cold = large.cold.passed["first instruction"]
    yield Row(
        "session launch, nothing there yet", cold * 1e3, large.clone * 1e3, "git clone --depth 1", cold / large.clone, "", None,
        "ms", f"ms: {_parts([large.cold])}",
    )  # fmt: skip
