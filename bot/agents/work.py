"""One attempt of one session, from request to end. Nothing expected is raised."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import tempfile
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx

from bot.agents import claude, codex, gemini, keep, opencode, outcome_file, sandbox, script
from bot.agents.egress import Egress
from bot.agents.git import GitError
from bot.agents.mirror import Mirrors, TokenOf
from bot.agents.parse import Parser, tail
from bot.agents.patch import recompute
from bot.agents.prices import Prices
from bot.agents.process import MARK, Bounds, Child, Finished, Pulse, mark_of
from bot.agents.programs import Program, find
from bot.agents.proxy import ModelProxy, Upstream, api_failure
from bot.agents.sandbox import Cage, Probe, probe, write_etc
from bot.agents.spec import AgentSpec, Launch, View
from bot.agents.workspace import Workspace, Workspaces
from bot.flow.outcome_json import Fault, from_message
from bot.model.agent import (
    AgentEnd,
    Ended,
    Ending,
    EngineName,
    Failure,
    Noted,
    SessionRequest,
    Spent,
    Started,
    Usage,
)
from bot.model.outcome import Outcome
from bot.ports import Meter, Sink

_T = TypeVar("_T")

SPECS: dict[EngineName, AgentSpec] = {
    spec.engine: spec for spec in (claude.SPEC, codex.SPEC, gemini.SPEC, opencode.SPEC, script.SPEC)
}
MOST_MESSAGE = 60_000


@dataclass(frozen=True)
class Options:
    """What the operator settled: where things lie, the keys, how agents are confined."""

    data_dir: Path
    confine: bool = True
    tools_dir: Path | None = None
    model_keys: Mapping[str, str] = field(default_factory=dict)
    model_urls: Mapping[str, str] = field(default_factory=dict)
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    egress: Sequence[str] = ()
    host_environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of ours that programs need outside a sandbox (PATH, LANG); never a secret."""


class Agents:
    """The port `Agent`: runs sessions of every engine on this machine."""

    def __init__(self, options: Options, token_of: TokenOf | None = None) -> None:
        """Nothing is started or looked at before the first session."""
        self.options = options
        self.mirrors = Mirrors(options.data_dir / "mirrors", token_of or _no_token)
        self.workspaces = Workspaces(options.data_dir / "work", self.mirrors)
        self._prices = Prices(options.prices)
        self._client: httpx.AsyncClient | None = None
        self._probe: Probe | None = None
        self._probing = asyncio.Lock()

    async def probe(self) -> Probe:
        """What confinement this host allows; tried once."""
        async with self._probing:
            if self._probe is None:
                await asyncio.to_thread(self.options.data_dir.mkdir, parents=True, exist_ok=True)
                self._probe = await probe(self.options.data_dir / "work")
                self.workspaces.overlay = self._probe.overlay and self.options.confine
        return self._probe

    def programs(self) -> dict[EngineName, Program | Failure]:
        """Every engine's program, or why it cannot be used (for `doctor`)."""
        return {name: find(spec, self.options.tools_dir) for name, spec in SPECS.items()}

    def sweep(self) -> list[str]:
        """Remove workspaces and processes that a process which died left behind; those of the living stay."""
        return self.workspaces.sweep()

    async def close(self) -> None:
        """Let connections go."""
        if self._client is not None:
            await self._client.aclose()

    async def work(
        self, request: SessionRequest, *, sink: Sink, cancelled: asyncio.Event, meter: Meter
    ) -> AgentEnd:
        """Run one attempt to its end: workspace, setup, agent, outcome, patch. The last event is `ended`."""
        began = time.monotonic()
        attempt = _Attempt(self, request, sink, cancelled, meter)
        try:
            end = await attempt.run()
        except GitError as error:
            end = _failed(Failure.of("workspace", f"the checkout failed: {error}"))
        except OSError as error:
            end = _failed(Failure.of("workspace", f"{error.strerror or error} ({error.filename})"))
        end = end.model_copy(update={"duration_s": round(time.monotonic() - began, 3)})
        await sink(Ended(ending=end.ending, words=end.failure.words if end.failure else ""))
        return end

    def client(self) -> httpx.AsyncClient:
        """One pool of connections to the models for all sessions."""
        if self._client is None:
            timeout = httpx.Timeout(10, read=900, write=60, pool=None)
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
            self._client = httpx.AsyncClient(
                timeout=timeout, limits=limits, follow_redirects=False, trust_env=True
            )
        return self._client

    def upstream(self, spec: AgentSpec, request: SessionRequest) -> Upstream | Failure | None:
        """Where the engine's model is, with its key; None for engines without one."""
        api = spec.api(request)
        if api is None:
            return None
        key = self.options.model_keys.get(spec.engine)
        if not key:
            return Failure.of(
                "configuration",
                f'no model key for {spec.engine}; set ROUNDSMAN_MODEL_KEYS={{"{spec.engine}": "…"}}',
            )
        return Upstream(api, key, self.options.model_urls.get(spec.engine))


@dataclass
class _Attempt:
    """The parts of one attempt while it lasts."""

    agents: Agents
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
        ready = await self._ready(spec)
        if isinstance(ready, Failure):
            return _failed(ready)
        program, upstream, confined = ready
        opening = self.agents.workspaces.open(self.request.session, self.request.checkout, confined=confined)
        async with contextlib.AsyncExitStack() as stack:
            space = await _unless(self.cancelled, stack.enter_async_context(opening))
            if space is None:
                return AgentEnd(ending="cancelled")
            return await self._inside(stack, spec, program, upstream, space, confined)

    async def _ready(self, spec: AgentSpec) -> tuple[Program, Upstream | None, bool] | Failure:
        options = self.agents.options
        if words := spec.check(self.request):
            return Failure.of("configuration", words)
        program = await asyncio.to_thread(find, spec, options.tools_dir)
        if isinstance(program, Failure):
            return program
        upstream = self.agents.upstream(spec, self.request)
        if isinstance(upstream, Failure):
            return upstream
        cap = self.request.limits.cost_usd
        if cap is not None and upstream is not None:
            if cap <= 0:
                return Failure.of("budget", "no money is left for this session")
            if self.agents._prices.of(self.request.model or "") is None:
                words = f"no price is known for the model {self.request.model!r}, and a budget applies; add it to ROUNDSMAN_PRICES"
                return Failure.of("configuration", words)
        if not options.confine:
            return program, upstream, False
        probed = await self.agents.probe()
        if not probed.confined:
            return Failure.of(
                "sandbox", f"{probed.words}; or set ROUNDSMAN_SANDBOX=none to run agents unconfined"
            )
        return program, upstream, True

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
        sockets = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="rm-", ignore_cleanup_errors=True))
        )
        proxy = self._proxy(spec, upstream)
        model_url = f"http://127.0.0.1:{sandbox.MODEL_PORT}"
        cage = Cage(
            space.files,
            space.outcome,
            space.state,
            await asyncio.to_thread(write_etc, space.home / "etc"),
            space.overlay,
            sockets / "model.sock" if proxy and confined else None,
            sockets / "egress.sock" if self.agents.options.egress and confined else None,
            space.mirror_objects,
            (program.bind,) if program.bind else (),
        )
        if proxy is not None:
            port = await stack.enter_async_context(proxy.serving(cage.model_socket))
            model_url = model_url if confined else f"http://127.0.0.1:{port}"
            stack.callback(asyncio.create_task(self._mirror_stop(proxy)).cancel)
        if cage.egress_socket is not None:
            await stack.enter_async_context(Egress(self.agents.options.egress).serving(cage.egress_socket))
        view = self._view(program, space, model_url, confined)
        launch = spec.launch(self.request, view)
        if isinstance(launch, str):
            return _failed(Failure.of("configuration", launch))
        await asyncio.to_thread(_write_state, space.state, launch)
        await space.hide(launch.hide)
        shelf = self.agents.options.data_dir / "resume"
        if self.request.resume and not await asyncio.to_thread(
            keep.restore, spec, space.state, self.request.resume, shelf
        ):
            return _failed(
                Failure.of("configuration", "the session to resume is no longer kept; start a new one")
            )
        if self.request.setup and (failure := await self._setup(self.request.setup, cage, space, confined)):
            return AgentEnd(ending="cancelled") if self.cancelled.is_set() else _failed(failure)
        parser = spec.parser(self.request)
        parser.model = self.request.model
        finished = await self._agent(launch, cage, space, confined, parser, program)
        return await self._end(spec, parser, finished, proxy, space, shelf)

    def _proxy(self, spec: AgentSpec, upstream: Upstream | None) -> ModelProxy | None:
        if upstream is None:
            return None
        per_turn = spec.calls_per_turn
        turns = min(self.request.max_turns, self.request.limits.turns)
        return ModelProxy(
            upstream,
            self.placeholder,
            self.agents._prices,
            self.meter,
            self.agents.client(),
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

    def _environment(self, space: Workspace, confined: bool, egress: bool) -> dict[str, str]:
        """Built from nothing: what every program gets, to which its own few are added."""
        outcome = sandbox.OUTCOME if confined else str(space.outcome)
        base = {
            "PATH": sandbox.PATH,
            "HOME": "/home/agent" if confined else str(space.state),
            "TMPDIR": "/tmp" if confined else str(space.home),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "CI": "true",
            "NO_COLOR": "1",
            "ROUNDSMAN_OUTCOME": f"{outcome}/{outcome_file.NAME}",
            MARK: mark_of(space.home),
        }
        if not confined:
            base |= {
                k: v for k, v in self.agents.options.host_environment.items() if k in ("PATH", "LANG", "TZ")
            }
        if egress:
            way = f"http://127.0.0.1:{sandbox.EGRESS_PORT}"
            names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
            base |= {
                **dict.fromkeys(names, way),
                "NO_PROXY": "127.0.0.1,localhost",
                "no_proxy": "127.0.0.1,localhost",
            }
        return base

    def _child(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        stdin: bytes,
        cage: Cage,
        confined: bool,
        on_line: Callable[[bytes], object],
    ) -> Child:
        limits = self.request.limits

        async def read(line: bytes) -> None:
            found = on_line(line)
            if asyncio.iscoroutine(found):
                await found

        return Child(
            cage.argv(argv) if confined else argv,
            environment,
            "/" if confined else str(cage.workspace),
            stdin,
            Bounds(limits.wall_s, limits.idle_s, limits.output_bytes),
            read,
            self.cancelled,
            self.stopped,
            self.pulse,
            environment[MARK],
        )

    async def _setup(self, command: str, cage: Cage, space: Workspace, confined: bool) -> Failure | None:
        """Run the job's preparation in the sandbox, before the agent."""
        lines: list[str] = []

        def note(line: bytes) -> None:
            lines.append(line.decode("utf-8", "replace"))
            del lines[:-50]

        environment = self._environment(space, confined, cage.egress_socket is not None)
        child = self._child(["sh", "-c", command], environment, b"", cage, confined, note)
        finished = await child.run()
        said = tail(finished.stderr or "\n".join(lines))
        if finished.end == "exited" and finished.code == 0:
            await self.sink(Noted(text="the setup command is done"))
            return None
        if finished.end == "exited":
            return Failure.of("configuration", f"the setup command ended with code {finished.code}: {said}")
        return self._ended_by_us(finished) or Failure.of("configuration", f"the setup command: {said}")

    async def _agent(
        self, launch: Launch, cage: Cage, space: Workspace, confined: bool, parser: Parser, program: Program
    ) -> Finished:
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

        environment = {
            **self._environment(space, confined, cage.egress_socket is not None),
            **launch.environment,
        }
        if not cage.model_socket and confined:
            await self.sink(Started(version=None, model=None))
        return await self._child(launch.argv, environment, launch.stdin, cage, confined, read).run()

    def _ended_by_us(self, finished: Finished) -> Failure | None:
        """The failure that an end by our own hand stands for."""
        limits = self.request.limits
        match finished.end:
            case "wall":
                return Failure.of("timeout", f"the session took longer than {limits.wall_s:.0f} s")
            case "idle":
                return Failure.of("idle", f"nothing was heard of the agent for {limits.idle_s:.0f} s")
            case "output":
                return Failure.of(
                    "output_too_large", f"the agent wrote more than {limits.output_bytes} bytes"
                )
            case "missing":
                return Failure.of(
                    "missing_cli", f"the agent's program could not be started: {finished.stderr}"
                )
            case "stopped":
                return self.stop_reason or Failure.of("crash", "the session was stopped")
            case "cancelled":
                return Failure.of("crash", "cancelled", retryable=False)
            case "exited":
                return None

    async def _end(
        self,
        spec: AgentSpec,
        parser: Parser,
        finished: Finished,
        proxy: ModelProxy | None,
        space: Workspace,
        shelf: Path,
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
        failure = self._failure(parser, finished, proxy)
        left = await asyncio.to_thread(outcome_file.read, space.outcome)
        left = from_message(parser.message) if left is None else left
        patch = await recompute(space, self.request.base)
        await asyncio.to_thread(keep.keep, spec, space.state, parser.agent_session, shelf)
        outcome = left if isinstance(left, Outcome) else None
        fault = left.words if isinstance(left, Fault) else None
        failure = failure or _outcome_failure(outcome, fault)
        end = AgentEnd(
            ending=_ending(failure, outcome),
            failure=failure,
            outcome=outcome,
            outcome_fault=fault,
            patch=patch,
        )
        return end.model_copy(update=told)

    def _failure(self, parser: Parser, finished: Finished, proxy: ModelProxy | None) -> Failure | None:
        """Why it failed: our own hand first, then what the proxy saw, then what the program says of itself."""
        if failure := self._ended_by_us(finished):
            return failure
        said = parser.verdict(finished.code, finished.stderr)
        if proxy is not None and proxy.failure is not None:
            return proxy.failure
        seen = proxy is not None and proxy.last_status >= 400
        if (
            said is not None
            and proxy is not None
            and seen
            and said.kind in ("crash", "api_fault", "configuration")
        ):
            return api_failure(proxy.last_status, proxy.last_fault)
        return said


def _outcome_failure(outcome: Outcome | None, fault: str | None) -> Failure | None:
    if fault is not None:
        return Failure.of("bad_outcome", fault)
    if outcome is not None and outcome.status == "failed":
        return Failure.of("refusal", f"the agent says it could not do it: {outcome.summary[:300]}")
    return None


def _ending(failure: Failure | None, outcome: Outcome | None) -> Ending:
    if failure is not None:
        return "timeout" if failure.kind in ("timeout", "idle") else "failed"
    delivered = outcome is not None and bool(outcome.actions or outcome.malformed or outcome.summary.strip())
    return "succeeded" if delivered and outcome is not None and outcome.status == "done" else "quiet"


def _failed(failure: Failure) -> AgentEnd:
    return AgentEnd(ending="timeout" if failure.kind in ("timeout", "idle") else "failed", failure=failure)


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


async def _no_token(_repository: str) -> str | None:
    return None
