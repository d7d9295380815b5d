"""One session, step by step: brief, work, decide, write, report, close. Each step reads its seat afresh from the book."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.flow import report
from bot.flow.brief import command_of, nonce_of, prompt_of, variables_of
from bot.flow.ceilings import Ceilings
from bot.flow.deeds import COMMENTS, changes
from bot.flow.outcome import On
from bot.flow.outcome import decide as judge
from bot.flow.recall import left
from bot.flow.request import request_for, with_issues
from bot.flow.seen import fingerprint, state_of
from bot.flow.session import framed
from bot.flow.words import Briefed, Decided, Done, Worked, Wrote
from bot.model.agent import AgentEnd, Failure
from bot.model.item import Item
from bot.model.outcome import Check, Comment, Decision, May, Refused, Review
from bot.model.run import Effect, SessionStatus
from bot.ports import (
    Agent,
    Book,
    Clock,
    Meter,
    Publisher,
    Refusal,
    Seat,
    Sink,
    Sources,
    Tracker,
    Value,
    Written,
)
from commands.faults import CommandError
from commands.template import uses

MOMENTS, MOMENT = 8, 0.25
"""How often, and after how many seconds, a brief looks again for writes of others that are under way."""
CRASHES = 3
"""How often an agent may go down with our process before its session is given up."""


class Ticket(Value):
    """One attempt of one session."""

    session: int
    attempt: int


@dataclass(frozen=True)
class Crew:
    """Everyone a session needs, and what the operator set."""

    book: Book
    tracker: Tracker
    publisher: Publisher
    agent: Agent
    sources: Sources
    clock: Clock
    key: bytes
    base_url: str
    clone_url: Callable[[Seat], str]
    watch: Callable[[Seat], tuple[Sink, asyncio.Event, Meter]]
    default_engine: str = "claude"
    default_model: str | None = None
    ceilings: Ceilings = field(default_factory=Ceilings)
    secrets: tuple[str, ...] = ()
    mcp: Mapping[str, Any] = field(default_factory=dict)
    recalls: bool = False
    """Whether items nothing is known of are looked up in our own comments: no disk may have survived."""
    steered: Callable[[], bool] = lambda: True
    """Whether what people write in comments reaches us: an App gets webhooks, a token gets none."""


async def _seat(ticket: Ticket, crew: Crew) -> Seat | None:
    return await crew.book.seat(ticket.session, ticket.attempt)


# ── brief ────────────────────────────────────────────────────────────────────────────────────────


async def brief(ticket: Ticket, crew: Crew) -> Briefed:
    """Look at the item as it is now, keep the state this session sees, and write the request."""
    seat = await _seat(ticket, crew)
    if seat is None:
        return Briefed(go=False)
    if seat.session.cancel_requested_at:
        return await _end(seat, crew, SessionStatus.cancelled, "cancelled before it began")
    item = await _item(seat, crew)
    if isinstance(item, Refusal):
        return await _unreadable(seat, crew, item)
    try:
        command = command_of(seat, await crew.book.commands(seat))
        gathered = await crew.sources.gather(seat, item, uses(command))
        nonce = nonce_of(seat, crew.key)
        variables = variables_of(seat, item, gathered, crew.clock.now(), nonce)
        may = seat.spec.may or May.model_validate(command.may or {})
        told = "" if command.is_script else prompt_of(command, variables, gathered, nonce)
        prompt = framed(told, may, _on(seat)) if told else ""
        request = request_for(seat, item, command, prompt, variables, await crew.book.commands(seat), crew)
        if seat.spec.session == "continue":
            resume = await crew.book.agent_session(seat, request.engine)
            request = request.model_copy(update={"continues": True, "resume": resume})
    except CommandError as error:
        return await _end(seat, crew, SessionStatus.failed, str(error), "configuration")
    saw = state_of(item, await _our_effects(seat, item.number, crew)) if item else {}
    await crew.book.note(
        seat, saw=saw, prompt=prompt or None, request=request.model_dump(mode="json"), engine=request.engine, model=request.model,
        title=item.title if item else seat.repository.full_name, url=item.url if item else "",
    )  # fmt: skip
    return Briefed(go=True)


async def _item(seat: Seat, crew: Crew) -> Item | Refusal | None:
    return await crew.tracker.item(seat.ref, seat.session.number) if seat.spec.has_items else None


async def _our_effects(seat: Seat, number: int, crew: Crew) -> list[Effect]:
    """What we did on the item, once other jobs' writes of this moment are recorded: the item may show them already."""
    effects: list[Effect] = []
    for _ in range(MOMENTS):
        effects = await crew.book.effects(seat, number)
        if all(effect.done or effect.session_id == seat.session.id for effect in effects):
            break
        await asyncio.sleep(MOMENT)
    return effects


async def _unreadable(seat: Seat, crew: Crew, refusal: Refusal) -> Briefed:
    if refusal.kind == "gone":
        return await _end(
            seat, crew, SessionStatus.skipped, f"#{seat.session.number} is gone: {refusal.words}"
        )
    if refusal.kind == "busy" and seat.session.attempt <= seat.spec.limits.retries:
        await crew.book.again_later(seat, refusal.words, 0.0)
        return Briefed(go=False)
    return await _end(seat, crew, SessionStatus.failed, refusal.words, "github")


async def _end(
    seat: Seat, crew: Crew, status: SessionStatus, reason: str, failure: str | None = None
) -> Briefed:
    await crew.book.finish(seat, status, reason=reason, failure=failure, cost=0.0)
    return Briefed(go=False)


# ── work ─────────────────────────────────────────────────────────────────────────────────────────


async def do_work(ticket: Ticket, crew: Crew) -> Worked:
    """Let the agent work, confined and limited; repeated whole when our process dies under it, but not for ever."""
    seat = await _seat(ticket, crew)
    if seat is None:
        return Worked(ending="cancelled")
    if seat.session.end is not None:  # it ended, and we died before the journal knew
        return Worked(ending=_ended(seat).ending)
    crashed = await crew.book.began_work(seat)
    if crashed:  # what the dead process spent counts from now on
        seat = await _seat(ticket, crew) or seat
    if crashed >= CRASHES:
        words = f"the service went down {crashed} times while the agent worked; the item is left alone until somebody looks"
        end = AgentEnd(ending="failed", failure=Failure.of("crash", words, retryable=False))
    else:
        end = await _let_work(seat, crew)
    usage = end.usage
    await crew.book.note(
        seat, end=end.model_dump(mode="json"), agent_session=end.agent_session, turns=end.turns, model=end.model or seat.session.model,
        tokens_in=usage.tokens_in + usage.tokens_cached, tokens_out=usage.tokens_out, cost=_cost(seat, end),
    )  # fmt: skip
    return Worked(ending=end.ending)


async def _let_work(seat: Seat, crew: Crew) -> AgentEnd:
    request = await crew.book.request(seat)
    if request.script and seat.spec.has_items:
        issues = await crew.sources.every_issue(seat)
        if isinstance(issues, Refusal):
            words = f"the repository's issues could not be read: {issues.words}"
            return AgentEnd(
                ending="failed", failure=Failure.of("api_fault", words, retryable=issues.kind == "busy")
            )
        request = with_issues(request, issues)
    sink, cancelled, meter = crew.watch(seat)
    return await crew.agent.work(request, sink=sink, cancelled=cancelled, meter=meter)


def _cost(seat: Seat, end: AgentEnd) -> float:
    """The session's cost over all its attempts."""
    return seat.earlier_cost + (end.usage.cost_usd or 0.0)


# ── decide ───────────────────────────────────────────────────────────────────────────────────────


async def decide(ticket: Ticket, crew: Crew) -> Decided:
    """Check what the agent proposes against what its job may do, and say what follows."""
    seat = await _seat(ticket, crew)
    if seat is None:
        return Decided(writes=0)
    end = _ended(seat)
    if end.outcome is None:
        return Decided(writes=0)
    may = seat.spec.may or await _may_of_command(seat, crew)
    decision = judge(end.outcome, may, on=_on(seat), patch=end.patch, secrets=crew.secrets)
    await crew.book.note(seat, decision=decision.model_dump(mode="json"))
    if seat.run.dry_run:
        return Decided(writes=0)
    writes = [action for action in decision.allowed if not isinstance(action, Comment)]
    return Decided(writes=len(writes), reports=end.ending == "succeeded" and _reports(seat, may, decision))


def _on(seat: Seat) -> On:
    """What the session works on."""
    return "nothing" if not seat.spec.has_items else "pull_request" if seat.session.is_pull else "issue"


async def _may_of_command(seat: Seat, crew: Crew) -> May:
    try:
        given = command_of(seat, await crew.book.commands(seat)).may
    except CommandError:
        return May()
    return May.model_validate(given) if given is not None else May()


def _reports(seat: Seat, may: May, decision: Decision) -> bool:
    if seat.spec.report == "none" or not _text(decision):
        return False
    return may.comment.max > 0 or seat.spec.report in ("check", "review")


def _text(decision: Decision) -> str:
    """The report: the body of the comment, else the summary; never both."""
    return next((a.body for a in decision.allowed if isinstance(a, Comment)), decision.summary).strip()


def _ended(seat: Seat) -> AgentEnd:
    return AgentEnd.model_validate(seat.session.end or {"ending": "failed"})


def _decided(seat: Seat) -> Decision:
    return Decision.model_validate(seat.session.decision or {})


# ── write ────────────────────────────────────────────────────────────────────────────────────────


async def write(ticket: Ticket, place: int, crew: Crew) -> Wrote:
    """Do the allowed action number `place`, once: intended in the journal, done on GitHub, recorded as done."""
    seat = await _seat(ticket, crew)
    if seat is None:
        return Wrote()
    decision = _decided(seat)
    index = [i for i, a in enumerate(decision.allowed) if not isinstance(a, Comment)][place]
    action = decision.allowed[index]
    item = await _item(seat, crew)
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
        _ended(seat).patch,
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


# ── report ───────────────────────────────────────────────────────────────────────────────────────


async def publish(ticket: Ticket, crew: Crew) -> Wrote:
    """Say it where people read it: the item's comment, a check run or a review; codebase and custom jobs in their issue."""
    seat = await _seat(ticket, crew)
    if seat is None:
        return Wrote()
    number = seat.session.number if seat.spec.has_items else await crew.book.home(seat)
    if number is None:
        number_or = await _make_home(seat, crew)
        if isinstance(number_or, Refusal):
            return await _said(seat, crew, _wait_or_not(number_or))
        number = number_or
    decision = _decided(seat)
    if seat.spec.report in ("check", "review") and seat.session.is_pull:
        return await _said(seat, crew, await _formal(seat, crew, number, decision))
    return await _said(seat, crew, await _comment(seat, crew, number, decision))


async def _said(seat: Seat, crew: Crew, wrote: Wrote) -> Wrote:
    """Remember why nothing could be said: a session that delivered nothing is no success."""
    decision, why = _decided(seat), wrote.refused or ""
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
        report.EarlierRound(past.completed_at, past.run_id, _text(Decision.model_validate(past.decision)))
        for past in await crew.book.earlier(seat)
        if past.completed_at and past.decision
    ]
    ours = [effect for effect in await crew.book.effects(seat, number) if effect.done]
    names = fingerprint(saw), left(saw, ours)
    note = report.state_note(crew.key, seat.job.name, seat.session.number, seat.session.id, *names)
    done = [report.deed(effect) for effect in mine]
    return report.comment(
        report.headline(seat.spec.description, seat.job.name),
        _text(decision),
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
    end, session = _ended(seat), seat.session
    run_url = f"{crew.base_url}/{seat.repository.full_name}/runs/{seat.run.id}"
    again = report.how_again(session.id, steered=crew.steered()) if seat.spec.has_items else None
    return report.Footer(
        seat.job.name, seat.run.id, run_url, session.engine or "", end.model, end.duration_s, session.cost, again=again
    )  # fmt: skip


async def _formal(seat: Seat, crew: Crew, number: int, decision: Decision) -> Wrote:
    """The report as a check run or a review, unless the agent proposed one itself."""
    if any(action.kind == seat.spec.report for action in decision.allowed):
        return Wrote()
    item = await _item(seat, crew)
    if item is None or isinstance(item, Refusal):
        return _wait_or_not(item) if item else Wrote()
    action = await _as_formal(seat, crew, number, decision)
    key = f"{seat.key}/report-{action.kind}"
    await crew.book.intend(seat, key, number=number, kind=action.kind, facet=None, before=None, after=None)
    written = await crew.publisher.apply(seat.ref, number, action, key, None, item.head_sha)
    return await _record([key], written, crew)


async def _as_formal(seat: Seat, crew: Crew, number: int, decision: Decision) -> Check | Review:
    text = _text(decision)
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


# ── close ────────────────────────────────────────────────────────────────────────────────────────


async def close(ticket: Ticket, crew: Crew) -> Done:
    """End the session, or queue its next attempt where the failure may pass."""
    seat = await _seat(ticket, crew)
    if seat is None:
        return Done()
    end = _ended(seat)
    cost = end.usage.cost_usd or 0.0
    failure = end.failure
    if (
        failure
        and failure.retryable
        and seat.session.attempt <= seat.spec.limits.retries
        and end.ending != "cancelled"
    ):
        await crew.book.again_later(seat, failure.words, cost)
        return Done()
    if (unsaid := _decided(seat).unsaid) and failure is None:
        await crew.book.finish(seat, SessionStatus.failed, reason=f"its report could not be published: {unsaid}", failure=None, cost=cost)  # fmt: skip
        return Done()
    reason = failure.words if failure else end.outcome_fault
    await crew.book.finish(
        seat, _status(end), reason=reason, failure=failure.kind if failure else None, cost=cost
    )
    return Done()


def _status(end: AgentEnd) -> SessionStatus:
    """The session's status; a spent budget is a reason to stop, not a failure of the work."""
    if end.failure and end.failure.kind == "budget":
        return SessionStatus.skipped
    return SessionStatus(end.ending)
