"""The whole story: a job fires, its items are chosen, each is worked on once, and the last one closes the run.

Everything here is sequential and branches on step results alone, so that a process that dies anywhere is replayed
by another to the same end. Detail is one call down: choosing in `selection`, work on an item in `work`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal

from bot.flow.choose import Choice, choose
from bot.flow.crew import Crew, Ticket
from bot.flow.words import Briefed, Decided, Done, Worked, Wrote
from bot.flow.work import brief, close, decide, do_work
from bot.flow.writing import publish, write
from bot.ports import Steps

PATIENCE = 8
"""How often a write is tried while GitHub asks us to wait."""


async def make_round(run_id: int, crew: Crew, step: Steps) -> Choice:
    """One firing of one job: look at the repository, decide, claim and queue. Its sessions close it."""
    return await step("choose", Choice, lambda: choose(run_id, crew))


async def work_on(ticket: Ticket, crew: Crew, step: Steps) -> Literal["over", "done"]:
    """One agent on one item: brief it, let it work, decide what it may do, do that, report, close."""
    briefed = await step("brief", Briefed, lambda: brief(ticket, crew))
    if not briefed.go:
        return "over"
    worked = await step("work", Worked, lambda: do_work(ticket, crew))
    decided = Decided(writes=0)
    if worked.ending in ("succeeded", "quiet"):
        decided = await step("decide", Decided, lambda: decide(ticket, crew))
    for place in range(decided.writes):
        await patiently(step, f"write {place}", partial(write, ticket, place, crew))
    if decided.reports:
        await patiently(step, "report", lambda: publish(ticket, crew))
    await step("close", Done, lambda: close(ticket, crew))
    return "done"


async def patiently(step: Steps, name: str, deed: Callable[[], Awaitable[Wrote]]) -> None:
    """Write to GitHub; when it asks us to wait, wait and look again. What it refuses is recorded, not repeated."""
    for once in range(PATIENCE):
        wrote = await step(f"{name}, try {once + 1}", Wrote, deed)
        if wrote.wait is None:
            return
        await step.rest(wrote.wait)
