"""Where no disk survives between two ticks, the hidden notes in our comments say what was dealt with, and in which state."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from bot.flow.report import Note, notes_in, plain
from bot.flow.seen import COMMENTS, fingerprint, raw_state
from bot.model.job import AfterTime, JobSpec
from bot.model.run import Effect
from bot.model.selection import Candidate, Selection
from bot.ports import Place, Refusal, Tracker

NEWEST = 300
"""Comments of an item that are read for notes of ours."""


class Readers(Protocol):
    """Who is needed to remember."""

    @property
    def tracker(self) -> Tracker:
        """Who reads GitHub."""
        ...

    @property
    def key(self) -> bytes:
        """What our notes are signed with."""
        ...


def left(saw: dict[str, Any], ours: list[Effect]) -> str:
    """Name the state an item is in with all we ever did to it: what a session saw is without."""
    state = dict(saw)
    for effect in ours:
        if effect.facet and effect.facet != COMMENTS and not effect.undone_at:
            state[effect.facet] = effect.after or ""
            if not effect.after:
                del state[effect.facet]
    return fingerprint(state)


def unknown(selection: Selection, asked: set[int]) -> list[Candidate]:
    """The picked items that nothing is known of, and that were commented on by somebody, perhaps by us."""
    return [
        c
        for c in selection.picked
        if c.item.number
        and c.item.number not in asked
        and (c.entry is None or c.entry.done_at is None)
        and c.item.payload.get("comments", 1)
    ]


async def recall(place: Place, candidate: Candidate, crew: Readers) -> datetime | Refusal | None:
    """When the job dealt with an item as it is now, by its note on GitHub; None where it did not."""
    number = candidate.item.number
    comments = await crew.tracker.comments(place.ref, number, NEWEST)
    if isinstance(comments, Refusal):
        return comments if comments.kind == "busy" else None
    noted = [
        (note, comment)
        for comment in comments
        for note in notes_in(crew.key, number, str(comment.get("body") or ""))[:1]
    ]
    state = raw_state(candidate.item)
    state[COMMENTS] = max(0, state[COMMENTS] - len(noted))
    for note, comment in reversed(noted):
        if note.job == plain(place.job.name) and _holds(note, fingerprint(state), place.spec):
            return datetime.fromisoformat(str(comment.get("updated_at") or comment["created_at"]))
    return None


def _holds(note: Note, now: str, spec: JobSpec) -> bool:
    again = spec.again_rule
    return note.left == now or again == "never" or isinstance(again, AfterTime)
