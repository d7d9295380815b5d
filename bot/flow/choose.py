"""One look at GitHub, one decision, one record: which items a run works on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from bot.flow.ceilings import Ceilings, beyond
from bot.flow.recall import recall, unknown
from bot.flow.selection import Rules, select
from bot.flow.zone import local
from bot.model.condition import WEEKDAYS, holds
from bot.model.item import Item
from bot.model.job import JobSpec
from bot.model.run import RunStatus, TriggerKind
from bot.model.selection import Candidate, Selection
from bot.ports import Book, Clock, Found, Place, Refusal, Tracker, Value
from commands.catalog import Catalog
from commands.faults import CommandError
from commands.template import Command

BY_HAND = (TriggerKind.manual, TriggerKind.comment)


class Choice(Value):
    """What became of a firing: how many sessions it has, or why it has none."""

    sessions: int = 0
    words: str = ""


class Choosers(Protocol):
    """Who is needed to choose."""

    @property
    def book(self) -> Book:
        """What is recorded."""
        ...

    @property
    def tracker(self) -> Tracker:
        """Who reads GitHub."""
        ...

    @property
    def key(self) -> bytes:
        """What our notes are signed with."""
        ...

    @property
    def recalls(self) -> bool:
        """Whether items nothing is known of are looked up in our own comments."""
        ...

    @property
    def clock(self) -> Clock:
        """Who knows the time."""
        ...

    @property
    def ceilings(self) -> Ceilings:
        """What the operator allows at most."""
        ...

    @property
    def default_engine(self) -> str:
        """The engine of jobs and commands that name none."""
        ...

    @property
    def default_model(self) -> str | None:
        """The model of jobs and commands that name none."""
        ...


async def choose(run_id: int, crew: Choosers) -> Choice:
    """Fetch what matches, select by ledger and limits, record every verdict with its reason, queue the sessions."""
    place = await crew.book.open(run_id)
    if place is None:
        return Choice(words="the run was over before it began")
    now, spec = crew.clock.now(), place.spec
    if reason := await _too_high(place, crew) or await _held_back(place, crew, now):
        return await _skip(place, crew, reason)
    found = await _look(place, crew, now)
    if isinstance(found, Refusal):
        return await _refused(place, crew, found)
    candidates, selection = await _select(place, crew, found, now)
    if crew.recalls and (busy := await _remember(place, crew, found, selection, now)):
        return await _refused(place, crew, busy)
    if crew.recalls:
        candidates, selection = await _select(place, crew, found, now)
    if held := _event_held(place, candidates):
        await crew.book.postpone(run_id, 0.0, held)
        return Choice(words=held)
    if spec.when and not holds(spec.when, facts(place, found, selection, now)):
        return await _skip(place, crew, f"its condition does not hold: {spec.when}")
    most = crew.ceilings.runs_per_day
    return Choice(sessions=await crew.book.record(place, found, selection, most))


async def _select(
    place: Place, crew: Choosers, found: Found, now: datetime
) -> tuple[list[Candidate], Selection]:
    candidates = await crew.book.candidates(place, found.items)
    return candidates, select(candidates, rules_of(place.spec, place), now)


async def _remember(
    place: Place, crew: Choosers, found: Found, selection: Selection, now: datetime
) -> Refusal | None:
    """Enter into the ledger what our own comments say of the items that would be picked, until nothing more is asked."""
    asked: set[int] = set()
    while ask := unknown(selection, asked):
        for candidate in ask:
            when = await recall(place, candidate, crew)
            if isinstance(when, Refusal):
                return when
            asked.add(candidate.item.number)
            if when is not None:
                await crew.book.remember(place, candidate, when)
        _, selection = await _select(place, crew, found, now)
    return None


def rules_of(spec: JobSpec, place: Place) -> Rules:
    """What of the job decides; who asks for one item by hand insists on it."""
    insist = place.run.number is not None and place.run.trigger in BY_HAND
    return replace(rules_of_spec(spec), insist=insist)


def rules_of_spec(spec: JobSpec) -> Rules:
    """What of the job decides when nobody insists."""
    return Rules(
        again=spec.again_rule,
        max_items=spec.max_items,
        attempts=spec.limits.attempts,
        sorted_by_filter="sort:" in (spec.query or "").casefold(),
    )


async def _look(place: Place, crew: Choosers, now: datetime) -> Found | Refusal:
    spec = place.spec
    if not spec.has_items:
        return Found(items=(_whole(place),))
    if place.run.number is None or place.run.trigger not in BY_HAND:
        query = spec.query or "is:open"
        discussed = spec.target == "prs" and spec.again_rule == "on-update"
        return await crew.tracker.matching(
            place.ref, query, spec.target, now, number=place.run.number, discussed=discussed
        )
    item = await crew.tracker.item(place.ref, place.run.number)
    return item if isinstance(item, Refusal) else Found(items=(item,), examined=1, requests=1)


def _whole(place: Place) -> Item:
    """The stand-in item of jobs that work on the codebase or on nothing."""
    name = place.repository.full_name
    return Item(
        0,
        name,
        "",
        "",
        is_pull=False,
        state="open",
        updated_at="",
        head_sha=None,
        payload={"number": 0, "title": name},
    )


async def _too_high(place: Place, crew: Choosers) -> str | None:
    """What of the job is above a ceiling the operator has lowered since it was kept."""
    ceilings = crew.ceilings
    if ceilings == Ceilings(minimum_period=ceilings.minimum_period):
        return None
    command = await _command(place, crew)
    found = next(beyond(place.spec, ceilings, crew.default_engine, crew.default_model, command), None)
    return f"{found.dotted}: {found.message}; {found.hint}" if found else None


async def _command(place: Place, crew: Choosers) -> Command | None:
    """The job's command; one that is no more is told by the session that needs it."""
    if place.spec.command is None:
        return None
    try:
        return Catalog(await crew.book.commands(place)).get(place.spec.command)
    except CommandError:
        return None


async def _held_back(place: Place, crew: Choosers, now: datetime) -> str | None:
    gate = place.spec.gate
    if gate is None or place.run.number is not None:
        return None
    found = await crew.tracker.matching(place.ref, gate.skip_if.filter, place.spec.target, now)
    if isinstance(found, Refusal):
        return f"the gate could not be read: {found.words}"
    if len(found.items) <= gate.skip_if.more_than:
        return None
    return f"held back by its gate: {len(found.items)} items match {gate.skip_if.filter!r}, more than {gate.skip_if.more_than}"


async def _skip(place: Place, crew: Choosers, reason: str) -> Choice:
    await crew.book.end_run(place.run.id, RunStatus.skipped, reason)
    return Choice(words=reason)


async def _refused(place: Place, crew: Choosers, refusal: Refusal) -> Choice:
    if refusal.kind == "busy":
        await crew.book.postpone(place.run.id, max(refusal.retry_after, 15.0), refusal.words)
    elif refusal.kind == "gone" and place.run.number is not None:
        await crew.book.end_run(
            place.run.id, RunStatus.skipped, f"#{place.run.number} is gone: {refusal.words}"
        )
    else:
        await crew.book.end_run(place.run.id, RunStatus.failed, refusal.words)
    return Choice(words=refusal.words)


def _event_held(place: Place, candidates: list[Candidate]) -> str | None:
    """An event's item that another session holds is not lost: its run waits until the item is free."""
    if place.run.number is None:
        return None
    return next(
        (f"#{c.item.number} is held by run {c.claimed_by}" for c in candidates if c.claimed_by is not None),
        None,
    )


def facts(place: Place, found: Found, selection: Selection, now: datetime) -> dict[str, Any]:
    """The names `when:` may use."""
    there = local(place.spec.timezone, now)
    last = place.job.last_run_at
    return {
        "items": len(selection.picked), "found": len(found.items), "deferred": len(selection.deferred),
        "weekday": WEEKDAYS[there.weekday()], "hour": there.hour, "minute": there.minute, "day": there.day, "month": there.month,
        "year": there.year, "week": there.isocalendar().week, "trigger": place.run.trigger.value,
        "last.status": place.job.last_run_status.value if place.job.last_run_status else "none",
        "last.items": 0, "last.hours_ago": (now - last).total_seconds() / 3600 if last else (now - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() / 3600,
        "failures": place.job.failures_in_row,
    }  # fmt: skip
