"""How an attempt ended, from all that is known of it: our own hand, the proxy, the program's words, what it left."""

from __future__ import annotations

from typing import assert_never

from bot.agents.parse import Parser
from bot.agents.process import Finished
from bot.agents.proxy import ModelProxy, api_failure
from bot.model.agent import AgentEnd, Ending, Failure, Limits
from bot.model.outcome import Outcome


def failed(failure: Failure) -> AgentEnd:
    """The end of an attempt that never came to work."""
    return AgentEnd(ending=ending(failure, None), failure=failure)


def ended_by_us(finished: Finished, limits: Limits, stopped_for: Failure | None) -> Failure | None:
    """The failure that an end by our own hand stands for; None where the program ended by itself."""
    match finished.end:
        case "wall":
            return Failure.of("timeout", f"the session took longer than {limits.wall_s:.0f} s")
        case "idle":
            return Failure.of("idle", f"nothing was heard of the agent for {limits.idle_s:.0f} s")
        case "output":
            return Failure.of("output_too_large", f"the agent wrote more than {limits.output_bytes} bytes")
        case "missing":
            return Failure.of("missing_cli", f"the agent's program could not be started: {finished.stderr}")
        case "stopped":
            return stopped_for or Failure.of("crash", "the session was stopped")
        case "cancelled":
            return Failure.of("crash", "cancelled", retryable=False)
        case "exited":
            return None
        case _:
            assert_never(finished.end)


def program_failure(parser: Parser, finished: Finished, proxy: ModelProxy | None) -> Failure | None:
    """Why a program that ended by itself failed: what the proxy saw, then what the program says of itself."""
    said = parser.verdict(finished.code, finished.stderr)
    if proxy is None:
        return said
    if proxy.failure is not None:
        return proxy.failure
    if said is not None and proxy.last_status >= 400 and said.kind in ("crash", "api_fault", "configuration"):
        return api_failure(proxy.last_status, proxy.last_fault)
    return said


def outcome_failure(outcome: Outcome | None, fault: str | None) -> Failure | None:
    """Why an outcome that was left is no success."""
    if fault is not None:
        return Failure.of("bad_outcome", fault)
    if outcome is not None and outcome.status == "failed":
        return Failure.of("refusal", f"the agent says it could not do it: {outcome.summary[:300]}")
    return None


def ending(failure: Failure | None, outcome: Outcome | None) -> Ending:
    """The one word for it; an agent that ended well and delivered nothing is `quiet`."""
    if failure is not None:
        return "timeout" if failure.kind in ("timeout", "idle") else "failed"
    delivered = outcome is not None and bool(outcome.actions or outcome.malformed or outcome.summary.strip())
    return "succeeded" if delivered and outcome is not None and outcome.status == "done" else "quiet"
