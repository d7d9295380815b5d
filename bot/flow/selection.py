"""Items + ledger -> picked, skipped (each with its reason), deferred. Plain decisions: no clock, no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from bot.flow.seen import HEAD, changed, fingerprint
from bot.model.job import AfterTime, Again
from bot.model.run import LedgerEntry
from bot.model.selection import Candidate, Selection, Verdict

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rules:
    """What of the job decides: when again, how many, how many failed tries, whether the filter gives the order."""

    again: Again
    max_items: int
    attempts: int
    sorted_by_filter: bool = False
    insist: bool = False
    """Somebody asked for this very item: what was done before does not count, claims and parking by hand do."""


def select(candidates: Sequence[Candidate], rules: Rules, now: datetime) -> Selection:
    """Pick up to `max_items`: as the filter sorts; else deferred last time, then never worked on, then the oldest."""
    reasons = [(candidate, why_not(candidate, rules, now)) for candidate in candidates]
    free = [candidate for candidate, reason in reasons if reason is None]
    if not rules.sorted_by_filter:
        free.sort(key=_turn)
    late = free[rules.max_items :]
    return Selection(
        picked=tuple(free[: rules.max_items]),
        skipped=tuple(Verdict(candidate.item, reason) for candidate, reason in reasons if reason is not None),
        deferred=tuple(Verdict(c.item, f"deferred: this run takes {rules.max_items} at most") for c in late),
    )


def why_not(candidate: Candidate, rules: Rules, now: datetime) -> str | None:
    """Say why an item is left out, or None when it may be worked on."""
    entry = candidate.entry
    if candidate.home:
        return "it is Roundsman's own dashboard issue"
    if candidate.claimed_by is not None:
        return f"claimed by run {candidate.claimed_by}"
    if candidate.writing:
        return "our own write to it is not finished"
    if entry is None:
        return None
    if entry.parked is not None:
        return f"parked: {entry.parked}"
    if rules.insist:
        return None
    if entry.attempts >= rules.attempts and entry.attempts_on == fingerprint(candidate.state):
        return (
            f"parked: {entry.attempts} sessions failed on it as it is; a change or a run by hand tries again"
        )
    return _done_already(candidate, entry, rules.again, now)


def _done_already(candidate: Candidate, entry: LedgerEntry, again: Again, now: datetime) -> str | None:
    if entry.done_at is None or entry.saw is None:
        return None
    done = f"already done by run {entry.run_id}" if entry.run_id else "already done, as our comment says"
    match again:
        case "always":
            return None
        case "never":
            return done
        case "on-update":
            return None if changed(entry.saw, candidate.state) else f"{done}, unchanged since"
        case "on-push":
            return None if entry.saw.get(HEAD) != candidate.state.get(HEAD) else f"{done}, no push since"
        case AfterTime():
            due = entry.done_at + again.after
            return None if now >= due else f"{done}, due again {due:%Y-%m-%d %H:%M} UTC"
        case _:
            assert_never(again)


def _turn(candidate: Candidate) -> tuple[bool, datetime, bool, str, int]:
    """Who goes first: the longest deferred, then the never worked on, then the oldest."""
    entry = candidate.entry
    waited = entry.deferred_at if entry and entry.deferred_at else NEVER
    worked_on = entry is not None and entry.done_at is not None
    return (
        waited is NEVER,
        waited,
        worked_on,
        str(candidate.item.payload.get("created_at") or ""),
        candidate.item.number,
    )
