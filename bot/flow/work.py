"""One session, step by step: brief, work, decide, close; what is written between has a file of its own. Each step reads its seat afresh."""

from __future__ import annotations

import asyncio

from bot.flow.brief import command_of, nonce_of, prompt_of, variables_of
from bot.flow.crew import Crew, Ticket, decided, ended, item_of, kind_of, seat_of, text_of
from bot.flow.outcome import decide as judge
from bot.flow.request import request_for, with_issues
from bot.flow.seen import state_of
from bot.flow.session import framed
from bot.flow.words import Briefed, Decided, Done, Worked
from bot.model.agent import AgentEnd, Failure
from bot.model.outcome import Comment, Decision, May
from bot.model.run import Effect, SessionStatus
from bot.ports import (
    Refusal,
    Seat,
)
from commands.faults import CommandError
from commands.template import uses

MOMENTS, MOMENT = 8, 0.25
"""How often, and after how many seconds, a brief looks again for writes of others that are under way."""
CRASHES = 3
"""How often an agent may go down with our process before its session is given up."""


# ── brief ────────────────────────────────────────────────────────────────────────────────────────


async def brief(ticket: Ticket, crew: Crew) -> Briefed:
    """Look at the item as it is now, keep the state this session sees, and write the request."""
    seat = await seat_of(ticket, crew)
    if seat is None:
        return Briefed(go=False)
    if seat.session.cancel_requested_at:
        return await _end(seat, crew, SessionStatus.cancelled, "cancelled before it began")
    item = await item_of(seat, crew)
    if isinstance(item, Refusal):
        return await _unreadable(seat, crew, item)
    try:
        command = command_of(seat, await crew.book.commands(seat))
        gathered = await crew.sources.gather(seat, item, uses(command))
        nonce = nonce_of(seat, crew.key)
        variables = variables_of(seat, item, gathered, crew.clock.now(), nonce)
        may = seat.spec.may or May.model_validate(command.may or {})
        told = "" if command.is_script else prompt_of(command, variables, gathered, nonce)
        prompt = framed(told, may, kind_of(seat)) if told else ""
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
    seat = await seat_of(ticket, crew)
    if seat is None:
        return Worked(ending="cancelled")
    if seat.session.end is not None:  # it ended, and we died before the journal knew
        return Worked(ending=ended(seat).ending)
    crashed = await crew.book.began_work(seat)
    if crashed:  # what the dead process spent counts from now on
        seat = await seat_of(ticket, crew) or seat
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
    seat = await seat_of(ticket, crew)
    if seat is None:
        return Decided(writes=0)
    end = ended(seat)
    if end.outcome is None:
        return Decided(writes=0)
    may = seat.spec.may or await _may_of_command(seat, crew)
    decision = judge(end.outcome, may, on=kind_of(seat), patch=end.patch, secrets=crew.secrets)
    await crew.book.note(seat, decision=decision.model_dump(mode="json"))
    if seat.run.dry_run:
        return Decided(writes=0)
    writes = [action for action in decision.allowed if not isinstance(action, Comment)]
    return Decided(writes=len(writes), reports=end.ending == "succeeded" and _reports(seat, may, decision))


async def _may_of_command(seat: Seat, crew: Crew) -> May:
    try:
        given = command_of(seat, await crew.book.commands(seat)).may
    except CommandError:
        return May()
    return May.model_validate(given) if given is not None else May()


def _reports(seat: Seat, may: May, decision: Decision) -> bool:
    if seat.spec.report == "none" or not text_of(decision):
        return False
    return may.comment.max > 0 or seat.spec.report in ("check", "review")


# ── close ────────────────────────────────────────────────────────────────────────────────────────


async def close(ticket: Ticket, crew: Crew) -> Done:
    """End the session, or queue its next attempt where the failure may pass."""
    seat = await seat_of(ticket, crew)
    if seat is None:
        return Done()
    end = ended(seat)
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
    if (unsaid := decided(seat).unsaid) and failure is None:
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
