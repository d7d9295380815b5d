"""What can be told before anything is made: whether the request, the program, the key, the money and the sandbox are there."""

from __future__ import annotations

import asyncio

from bot.agents.means import Means
from bot.agents.programs import Program, find
from bot.agents.proxy import Upstream
from bot.agents.spec import AgentSpec
from bot.model.agent import Failure, SessionRequest

Ready = tuple[Program, Upstream | None, bool]
"""The program, the way to its model, and whether it is confined."""


async def ready(means: Means, spec: AgentSpec, request: SessionRequest) -> Ready | Failure:
    """Give what a session needs, or the first thing that is missing, with what to do."""
    if words := spec.check(request):
        return Failure.of("configuration", words)
    program = await asyncio.to_thread(find, spec, means.options.tools_dir)
    if isinstance(program, Failure):
        return program
    upstream = means.upstream(spec, request)
    if isinstance(upstream, Failure):
        return upstream
    if upstream is not None and (failure := _unaffordable(means, request)):
        return failure
    if not means.options.confine:
        return program, upstream, False
    probed = await means.probe()
    if not probed.confined:
        words = f"{probed.words}; or set ROUNDSMAN_SANDBOX=none to run agents unconfined"
        return Failure.of("sandbox", words)
    return program, upstream, True


def _unaffordable(means: Means, request: SessionRequest) -> Failure | None:
    cap = request.limits.cost_usd
    if cap is None:
        return None
    if cap <= 0:
        return Failure.of("budget", "no money is left for this session")
    if means.prices.of(request.model or "") is None:
        words = f"no price is known for the model {request.model!r}, and a budget applies; add it to ROUNDSMAN_PRICES"
        return Failure.of("configuration", words)
    return None
