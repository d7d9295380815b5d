"""What all sessions of this machine share: the operator's options, mirrors, workspaces, prices, one pool of connections."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bot.agents import claude, codex, gemini, opencode, script
from bot.agents.mirror import Mirrors, SizeOf, TokenOf
from bot.agents.prices import Prices
from bot.agents.proxy import Upstream
from bot.agents.sandbox import Probe, probe
from bot.agents.spec import AgentSpec
from bot.agents.workspace import Workspaces
from bot.model.agent import EngineName, Failure, SessionRequest

SPECS: dict[EngineName, AgentSpec] = {
    spec.engine: spec for spec in (claude.SPEC, codex.SPEC, gemini.SPEC, opencode.SPEC, script.SPEC)
}


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
    workspace_bytes: int = 4096 * 1024 * 1024
    """What a session may write to disk."""
    host_environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of ours that programs need outside a sandbox (PATH, LANG); never a secret."""


class Means:
    """Made once a process; nothing is started or looked at before the first session."""

    def __init__(
        self, options: Options, token_of: TokenOf | None = None, size_of: SizeOf | None = None
    ) -> None:
        """`token_of` gives a token that may read a repository, `size_of` its size in kB."""
        self.options = options
        self.mirrors = Mirrors(options.data_dir / "mirrors", token_of or _no_token, size_of)
        self.workspaces = Workspaces(options.data_dir / "work", self.mirrors)
        self.shelf = options.data_dir / "resume"
        self.prices = Prices(options.prices)
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

    def client(self) -> httpx.AsyncClient:
        """One pool of connections to the models for all sessions."""
        if self._client is None:
            timeout = httpx.Timeout(10, read=900, write=60, pool=None)
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
            self._client = httpx.AsyncClient(
                timeout=timeout, limits=limits, follow_redirects=False, trust_env=True
            )
        return self._client

    async def close(self) -> None:
        """Let connections go."""
        if self._client is not None:
            await self._client.aclose()

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


async def _no_token(_repository: str) -> str | None:
    return None
