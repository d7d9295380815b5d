"""One attempt of one session, from request to end."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bot.agents import instructions, keep, outcome_file, room, sandbox
from bot.agents.egress import Egress
from bot.agents.ending import ended_by_us, ending, failed, outcome_failure, program_failure
from bot.agents.environment import environment_of
from bot.agents.git import GitError
from bot.agents.means import SPECS, Means
from bot.agents.notes import Notes
from bot.agents.parse import Parser, tail
from bot.agents.patch import recompute
from bot.agents.process import MARK, Bounds, Child, Finished, Pulse
from bot.agents.programs import Program
from bot.agents.proxy import ModelProxy, Upstream
from bot.agents.ready import ready
from bot.agents.sandbox import Cage, write_etc
from bot.agents.spec import AgentSpec, Launch, View
from bot.agents.workspace import Workspace
from bot.flow.outcome_json import Fault, from_message
from bot.model.agent import AgentEnd, Failure, Noted, SessionRequest, Spent, Started, Usage
from bot.model.outcome import Outcome
from bot.ports import Meter, Sink

_T = TypeVar("_T")
MOST_MESSAGE = 60_000


@dataclass(frozen=True)
class _Place:
    """Where the session works, seen from our side, once it is ready."""

    space: Workspace
    cage: Cage
    confined: bool


@dataclass
class Attempt:
    """The parts of one attempt while it lasts."""

    means: Means
    request: SessionRequest
    sink: Sink
    cancelled: asyncio.Event
    meter: Meter
    pulse: Pulse = field(default_factory=Pulse)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    stop_reason: Failure | None = None
    placeholder: str = field(default_factory=lambda: f"session-{secrets.token_hex(16)}")

    async def run(self) -> AgentEnd:
        """Check first what costs nothing, then make the workspace and work in it."""
        spec = SPECS[self.request.engine]
        if self.request.model is None and spec.default_model:
            self.request = self.request.model_copy(update={"model": spec.default_model})
        found = await ready(self.means, spec, self.request)
        if isinstance(found, Failure):
            return failed(found)
        program, upstream, confined = found
        opening = self.means.workspaces.open(self.request.session, self.request.checkout, confined=confined)
        async with contextlib.AsyncExitStack() as stack:
            space = await _unless(self.cancelled, stack.enter_async_context(opening))
            if space is None:
                return AgentEnd(ending="cancelled")
            return await self._inside(stack, spec, program, upstream, space, confined)

    async def _inside(
        self,
        stack: contextlib.AsyncExitStack,
        spec: AgentSpec,
        program: Program,
        upstream: Upstream | None,
        space: Workspace,
        confined: bool,
    ) -> AgentEnd:
        """Everything between a workspace and its removal."""
        proxy = self._proxy(spec, upstream)
        place = await self._placed(stack, program, space, confined, has_model=proxy is not None)
        model_url = await self._opened(stack, proxy, place)
        await self._instruct(spec, space)
        await self._resume(spec, space)
        launch = spec.launch(self.request, self._view(program, space, model_url, confined))
        if isinstance(launch, str):
            return failed(Failure.of("configuration", launch))
        await asyncio.to_thread(_write_state, space.state, launch)
        await space.hide(launch.hide)
        stack.callback(asyncio.create_task(self._watch_room(space)).cancel)
        if self.request.setup and (failure := await self._setup(self.request.setup, place)):
            return AgentEnd(ending="cancelled") if self.cancelled.is_set() else failed(failure)
        parser = spec.parser(self.request)
        parser.model = self.request.model
        finished = await self._agent(launch, place, parser, program)
        return await self._end(spec, parser, finished, proxy, space)

    async def _placed(
        self,
        stack: contextlib.AsyncExitStack,
        program: Program,
        space: Workspace,
        confined: bool,
        *,
        has_model: bool,
    ) -> _Place:
        """The sandbox's shape, with the sockets that lead out of it in a folder of their own."""
        sockets = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="rm-", ignore_cleanup_errors=True))
        )
        cage = Cage(
            space.files,
            space.outcome,
            space.state,
            await asyncio.to_thread(write_etc, space.home / "etc"),
            space.overlay,
            sockets / "model.sock" if has_model and confined else None,
            sockets / "egress.sock" if self.means.options.egress and confined else None,
            space.mirror_objects,
            (program.bind,) if program.bind else (),
        )
        return _Place(space, cage, confined)

    async def _opened(self, stack: contextlib.AsyncExitStack, proxy: ModelProxy | None, place: _Place) -> str:
        """Open what leads out: the model's proxy and the operator's allow-list. Gives the model's address inside."""
        model_url = f"http://127.0.0.1:{sandbox.MODEL_PORT}"
        if proxy is not None:
            port = await stack.enter_async_context(proxy.serving(place.cage.model_socket))
            model_url = model_url if place.confined else f"http://127.0.0.1:{port}"
            stack.callback(asyncio.create_task(self._mirror_stop(proxy)).cancel)
        if place.cage.egress_socket is not None:
            notes = Notes(self.sink)
            stack.push_async_callback(notes.settled)
            way = Egress(self.means.options.egress, notes.warn)
            await stack.enter_async_context(way.serving(place.cage.egress_socket))
        return model_url

    async def _instruct(self, spec: AgentSpec, space: Workspace) -> None:
        """Add what the default branch tells agents to our own words."""
        checkout = self.request.checkout
        commit = self.means.mirrors.trusted(checkout) if checkout else None
        if checkout is None or commit is None or space.git is None or not spec.instructions:
            return None
        git = await self.means.mirrors.reading(checkout)
        try:
            found = await instructions.read(git, commit, spec.instructions)
        except GitError as error:
            return await self.sink(Noted(level="warning", text=f"the repository's instructions: {error}"))
        if found is None:
            return None
        system = "\n\n".join(part for part in (self.request.system, instructions.framed(*found)) if part)
        self.request = self.request.model_copy(update={"system": system})
        return await self.sink(Noted(text=f"follows {found[0]} of the default branch, commit {commit[:12]}"))

    async def _resume(self, spec: AgentSpec, space: Workspace) -> None:
        """Lay out the record of the agent's own session; where there is none, a new one is begun and that is said."""
        wanted = self.request.resume
        if wanted is None:
            return
        words = f"{spec.engine} cannot go on with an earlier session; a new one is begun"
        if spec.keeps is not None:
            if await asyncio.to_thread(keep.restore, spec, space.state, wanted, self.means.shelf):
                return
            words = "the session to go on with is no longer kept; a new one is begun"
        self.request = self.request.model_copy(update={"resume": None})
        await self.sink(Noted(level="warning", text=words))

    async def _watch_room(self, space: Workspace) -> None:
        """End the session when it has written more than it may."""
        files = space.overlay.upper if space.overlay else space.files
        places = (files, space.outcome, space.state)
        await room.watch(
            places,
            self.means.options.workspace_bytes,
            lambda words: self._stop(Failure.of("workspace_full", words)),
        )

    def _proxy(self, spec: AgentSpec, upstream: Upstream | None) -> ModelProxy | None:
        if upstream is None:
            return None
        per_turn = spec.calls_per_turn
        turns = min(self.request.max_turns, self.request.limits.turns)
        return ModelProxy(
            upstream,
            self.placeholder,
            self.means.prices,
            self.meter,
            self.means.client(),
            self.request.limits.cost_usd,
            max_calls=None if per_turn is None else turns * per_turn + (per_turn - 1) * 3,
            on_spent=self._spent,
            touch=self.pulse.touch,
        )

    async def _spent(self, spent: Spent) -> None:
        await self.sink(spent)

    async def _mirror_stop(self, proxy: ModelProxy) -> None:
        await proxy.stopped.wait()
        # The program gets a moment to end by itself on the refusal it was given.
        await asyncio.sleep(0.05)
        self._stop(proxy.failure or Failure.of("budget", "the model proxy ended the session"))

    def _stop(self, failure: Failure) -> None:
        self.stop_reason = self.stop_reason or failure
        self.stopped.set()

    def _view(self, program: Program, space: Workspace, model_url: str, confined: bool) -> View:
        if confined:
            places = (program.inside, sandbox.WORKSPACE, sandbox.OUTCOME, sandbox.STATE)
        else:
            places = (str(program.host), str(space.files), str(space.outcome), str(space.state))
        return View(*places, model_url, self.placeholder, confined)

    def _child(
        self,
        argv: Sequence[str],
        stdin: bytes,
        place: _Place,
        on_line: Callable[[bytes], Coroutine[object, object, None]],
        more: Mapping[str, str] | None = None,
    ) -> Child:
        limits, cage = self.request.limits, place.cage
        environment = environment_of(
            place.space,
            confined=place.confined,
            egress=cage.egress_socket is not None,
            host=self.means.options.host_environment,
        )
        return Child(
            cage.argv(argv) if place.confined else argv,
            {**environment, **(more or {})},
            "/" if place.confined else str(cage.workspace),
            stdin,
            Bounds(limits.wall_s, limits.idle_s, limits.output_bytes),
            on_line,
            self.cancelled,
            self.stopped,
            self.pulse,
            environment[MARK],
        )

    async def _setup(self, command: str, place: _Place) -> Failure | None:
        """Run the job's preparation in the sandbox, before the agent."""
        lines: list[str] = []

        async def note(line: bytes) -> None:
            lines.append(line.decode("utf-8", "replace"))
            del lines[:-50]

        finished = await self._child(["sh", "-c", command], b"", place, note).run()
        if finished.end == "exited" and finished.code == 0:
            await self.sink(Noted(text="the setup command is done"))
            return None
        if finished.end == "exited":
            said = tail(finished.stderr or "\n".join(lines))
            return Failure.of("configuration", f"the setup command ended with code {finished.code}: {said}")
        return ended_by_us(finished, self.request.limits, self.stop_reason)

    async def _agent(self, launch: Launch, place: _Place, parser: Parser, program: Program) -> Finished:
        turns = min(self.request.max_turns, self.request.limits.turns)

        async def read(line: bytes) -> None:
            for event in parser.feed(line):
                if isinstance(event, Started) and event.version is None:
                    event = event.model_copy(
                        update={"version": program.version or None, "model": parser.model}
                    )
                await self.sink(event)
            # One over the limit is how programs that keep it themselves report it.
            if parser.turns > turns + 1:
                self._stop(Failure.of("turns", f"the agent used its {turns} turns"))

        if not place.cage.model_socket and place.confined:
            await self.sink(Started(version=None, model=None))
        return await self._child(launch.argv, launch.stdin, place, read, launch.environment).run()

    async def _end(
        self,
        spec: AgentSpec,
        parser: Parser,
        finished: Finished,
        proxy: ModelProxy | None,
        space: Workspace,
    ) -> AgentEnd:
        """Put together what is known at the end."""
        usage = proxy.usage if proxy else Usage()
        told = {
            "usage": usage,
            "turns": max(parser.turns, usage.calls if spec.calls_per_turn == 1 else 0),
            "agent_session": parser.agent_session,
            "model": parser.model,
            "message": parser.message[:MOST_MESSAGE],
        }
        if finished.end == "cancelled":
            return AgentEnd(ending="cancelled").model_copy(update=told)
        failure = ended_by_us(finished, self.request.limits, self.stop_reason)
        failure = failure or program_failure(parser, finished, proxy)
        left = await asyncio.to_thread(outcome_file.read, space.outcome)
        left = from_message(parser.message) if left is None else left
        patch = await recompute(space, self.request.base)
        if self.request.continues:
            await asyncio.to_thread(keep.keep, spec, space.state, parser.agent_session, self.means.shelf)
        outcome = left if isinstance(left, Outcome) else None
        fault = left.words if isinstance(left, Fault) else None
        failure = failure or outcome_failure(outcome, fault)
        end = AgentEnd(
            ending=ending(failure, outcome),
            failure=failure,
            outcome=outcome,
            outcome_fault=fault,
            patch=patch,
        )
        return end.model_copy(update=told)


def _write_state(state: Path, launch: Launch) -> None:
    for name, content in launch.files.items():
        place = state / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content, encoding="utf-8")


async def _unless(cancelled: asyncio.Event, work: Coroutine[object, object, _T]) -> _T | None:
    """Do the work, or give None as soon as it is cancelled."""
    doing, waiting = asyncio.create_task(work), asyncio.create_task(cancelled.wait())
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)
        return None
    finally:
        waiting.cancel()
