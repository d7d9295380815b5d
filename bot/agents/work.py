"""The port `Agent`: sessions of every engine on this machine. Nothing expected is raised."""

from __future__ import annotations

import asyncio
import time

from bot.agents import keep
from bot.agents.attempt import Attempt
from bot.agents.ending import failed
from bot.agents.git import GitError
from bot.agents.means import SPECS, Means, Options
from bot.agents.programs import Program, find
from bot.agents.trees import UNUSED, forget
from bot.model.agent import AgentEnd, Ended, EngineName, Failure, SessionRequest
from bot.ports import Meter, Sink

__all__ = ["SPECS", "Agents", "Options"]


class Agents(Means):
    """Runs sessions, and keeps order in what they share."""

    async def work(
        self, request: SessionRequest, *, sink: Sink, cancelled: asyncio.Event, meter: Meter
    ) -> AgentEnd:
        """Run one attempt to its end: workspace, setup, agent, outcome, patch. The last event is `ended`."""
        began = time.monotonic()
        attempt = Attempt(self, request, sink, cancelled, meter)
        try:
            end = await attempt.run()
        except GitError as error:
            end = failed(Failure.of("workspace", f"the checkout failed: {error}"))
        except OSError as error:
            end = failed(Failure.of("workspace", f"{error.strerror or error} ({error.filename})"))
        end = end.model_copy(update={"duration_s": round(time.monotonic() - began, 3)})
        await sink(Ended(ending=end.ending, words=end.failure.words if end.failure else ""))
        return end

    def programs(self) -> dict[EngineName, Program | Failure]:
        """Every engine's program, or why it cannot be used (for `doctor`)."""
        return {name: find(spec, self.options.tools_dir) for name, spec in SPECS.items()}

    def sweep(self) -> list[str]:
        """Remove workspaces and processes that a process which died left behind; those of the living stay."""
        return self.workspaces.sweep()

    async def tidy(self, now: float) -> list[str]:
        """Remove what nobody has used for long (mirrors, trees, kept sessions) and pack what grew; gives what was removed.

        `now` is in seconds since 1970, as file systems count.
        """
        removed = await self.mirrors.tidy(now)
        await asyncio.to_thread(forget, self.workspaces.trees, now - UNUSED)
        kept = await asyncio.to_thread(keep.sweep, self.shelf, now - keep.OLD)
        return [*removed, *kept]
