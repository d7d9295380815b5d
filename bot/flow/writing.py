"""What a session writes on GitHub: each allowed action, then the report; intended, done and recorded, once."""

from __future__ import annotations

from typing import Any

from bot.flow import report
from bot.flow.crew import Crew, Ticket, decided, ended, item_of, seat_of, text_of
from bot.flow.deeds import COMMENTS, changes
from bot.flow.recall import left
from bot.flow.seen import fingerprint
from bot.flow.words import Wrote
from bot.model.outcome import Check, Comment, Decision, Refused, Review
from bot.model.run import Effect
from bot.ports import (
    Refusal,
    Seat,
    Written,
)


async def write(ticket: Ticket, place: int, crew: Crew) -> Wrote:
    """Do the allowed action number `place`, once: intended in the journal, done on GitHub, recorded as done."""
    seat = await seat_of(ticket, crew)
    if seat is None:
        return Wrote()
    decision = decided(seat)
    index = [i for i, a in enumerate(decision.allowed) if not isinstance(a, Comment)][place]
    action = decision.allowed[index]
    item = await item_of(seat, crew)
    if isinstance(item, Refusal):
        return _wait_or_not(item)
    stem, number = f"{seat.key}/{place}-{action.kind}", seat.session.number
    keys = await _intend_changes(seat, crew, stem, number, action.kind, changes(action, item))
    if not keys:
        return Wrote()
    written = await crew.publisher.apply(
        seat.ref,
        number,
        action,
        stem,
        ended(seat).patch,
        item.head_sha if item else None,
        _origin(seat, crew),
    )
    wrote = await _record(keys, written, crew)
    if wrote.refused and wrote.wait is None and index not in decision.undone:
        await crew.book.note(seat, decision=_untaken(decision, index, wrote.refused).model_dump(mode="json"))
    return wrote


def _untaken(decision: Decision, index: int, words: str) -> Decision:
    """The decision, with an action GitHub would not take among the refused."""
    action = decision.allowed[index]
    refused = Refused(kind=action.kind, reason=f"GitHub refused it: {words}", action=action)
    return decision.model_copy(
        update={"refused": (*decision.refused, refused), "undone": (*decision.undone, index)}
    )


def _origin(seat: Seat, crew: Crew) -> str:
    url = f"{crew.base_url}/{seat.repository.full_name}/sessions/{seat.session.id}"
    return report.origin(seat.job.name, url, seat.session.number if seat.spec.has_items else None)


async def _intend_changes(
    seat: Seat, crew: Crew, stem: str, number: int, kind: str, wanted: list[Any]
) -> list[str]:
    """Write down what is to change; an earlier try's record of how it was before stands, and is finished."""
    known = [
        e.key for e in await crew.book.effects(seat, number) if e.key.startswith(f"{stem}|") and not e.done
    ]
    for change in wanted:
        key = f"{stem}|{change.facet or ''}"
        await crew.book.intend(
            seat, key, number=number, kind=kind, facet=change.facet, before=change.before, after=change.after
        )
        known.append(key)
    return list(dict.fromkeys(known))


async def _record(keys: list[str], written: Written | Refusal, crew: Crew) -> Wrote:
    if isinstance(written, Written):
        for key in keys:
            await crew.book.did(key, written)
        return Wrote()
    wrote = _wait_or_not(written)
    if wrote.wait is None:
        for key in keys:
            await crew.book.abandon(key)
    return wrote


def _wait_or_not(refusal: Refusal) -> Wrote:
    if refusal.kind == "busy":
        return Wrote(wait=max(5.0, min(refusal.retry_after or 15.0, 3600.0)), refused=refusal.words)
    return Wrote(refused=refusal.words)


async def publish(ticket: Ticket, crew: Crew) -> Wrote:
    """Say it where people read it: the item's comment, a check run or a review; codebase and custom jobs in their issue."""
    seat = await seat_of(ticket, crew)
    if seat is None:
        return Wrote()
    number = seat.session.number if seat.spec.has_items else await crew.book.home(seat)
    if number is None:
        number_or = await _make_home(seat, crew)
        if isinstance(number_or, Refusal):
            return await _said(seat, crew, _wait_or_not(number_or))
        number = number_or
    decision = decided(seat)
    if seat.spec.report in ("check", "review") and seat.session.is_pull:
        return await _said(seat, crew, await _formal(seat, crew, number, decision))
    return await _said(seat, crew, await _comment(seat, crew, number, decision))


async def _said(seat: Seat, crew: Crew, wrote: Wrote) -> Wrote:
    """Remember why nothing could be said: a session that delivered nothing is no success."""
    decision, why = decided(seat), wrote.refused or ""
    if decision.unsaid != why:
        await crew.book.note(
            seat, decision=decision.model_copy(update={"unsaid": why}).model_dump(mode="json")
        )
    return wrote


async def _comment(seat: Seat, crew: Crew, number: int, decision: Decision) -> Wrote:
    sticky = seat.spec.report != "new"
    mark = report.marker(crew.key, seat.job.name, seat.session.number, None if sticky else seat.session.id)
    body = await _words(seat, crew, number, decision, mark)
    key = f"{seat.key}/comment|{COMMENTS}"
    before = await crew.book.last_comment(seat.job.id, number) if sticky else None
    await crew.book.intend(
        seat,
        key,
        number=number,
        kind="comment",
        facet=COMMENTS,
        before=before.target_id if before else None,
        after=None,
    )
    written = await crew.publisher.comment(seat.ref, number, mark, body, before.target_id if before else None)
    if isinstance(written, Written):
        await crew.book.note(seat, comment_url=written.url)
    return await _record([key], written, crew)


async def _words(seat: Seat, crew: Crew, number: int, decision: Decision, mark: str) -> str:
    mine = await _mine(seat, crew, number)
    saw = seat.session.saw or {}
    rounds = [
        report.EarlierRound(past.completed_at, past.run_id, text_of(Decision.model_validate(past.decision)))
        for past in await crew.book.earlier(seat)
        if past.completed_at and past.decision
    ]
    ours = [effect for effect in await crew.book.effects(seat, number) if effect.done]
    names = fingerprint(saw), left(saw, ours)
    note = report.state_note(crew.key, seat.job.name, seat.session.number, seat.session.id, *names)
    done = [report.deed(effect) for effect in mine]
    return report.comment(
        report.headline(seat.spec.description, seat.job.name),
        text_of(decision),
        decision,
        done,
        _footer(seat, crew),
        (mark, note),
        rounds if seat.spec.report != "new" else (),
    )


async def _mine(seat: Seat, crew: Crew, number: int) -> list[Effect]:
    """What this session did on the item, its comment apart."""
    every = await crew.book.effects(seat, number)
    return [e for e in every if e.session_id == seat.session.id and e.done and e.kind != "comment"]


def _footer(seat: Seat, crew: Crew) -> report.Footer:
    end, session = ended(seat), seat.session
    run_url = f"{crew.base_url}/{seat.repository.full_name}/runs/{seat.run.id}"
    again = report.how_again(session.id, steered=crew.steered()) if seat.spec.has_items else None
    return report.Footer(
        seat.job.name, seat.run.id, run_url, session.engine or "", end.model, end.duration_s, session.cost, again=again
    )  # fmt: skip


async def _formal(seat: Seat, crew: Crew, number: int, decision: Decision) -> Wrote:
    """The report as a check run or a review, unless the agent proposed one itself."""
    if any(action.kind == seat.spec.report for action in decision.allowed):
        return Wrote()
    item = await item_of(seat, crew)
    if item is None or isinstance(item, Refusal):
        return _wait_or_not(item) if item else Wrote()
    action = await _as_formal(seat, crew, number, decision)
    key = f"{seat.key}/report-{action.kind}"
    await crew.book.intend(seat, key, number=number, kind=action.kind, facet=None, before=None, after=None)
    written = await crew.publisher.apply(seat.ref, number, action, key, None, item.head_sha)
    return await _record([key], written, crew)


async def _as_formal(seat: Seat, crew: Crew, number: int, decision: Decision) -> Check | Review:
    text = text_of(decision)
    done = [report.deed(effect) for effect in await _mine(seat, crew, number)]
    body = report.formal(text, decision, done, _footer(seat, crew))
    if seat.spec.report == "review":
        return Review(body=body)
    name, title = f"Roundsman: {seat.job.name}"[:100], report.check_title(text)
    return Check(name=name, conclusion="neutral", title=title, summary=body)


async def _make_home(seat: Seat, crew: Crew) -> int | Refusal:
    """Open the repository's dashboard issue, once."""
    written = await crew.publisher.apply(
        seat.ref, 0, report.dashboard_issue(), f"dashboard-{seat.repository.id}", None, None
    )
    if isinstance(written, Refusal):
        return written
    await crew.book.set_home(seat, int(written.target_id))
    return int(written.target_id)
