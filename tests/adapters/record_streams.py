"""Records what the real agent programs print, for the parser tests: `python -m tests.adapters.record_streams`.

Needs the pinned programs (tests/install-tools.sh) and bubblewrap. What differs from run to run stays as it was printed:
parsers have to bear it.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import bot.agents.work as work
from bot.agents.parse import Parser
from bot.demo.model import Fault, Say, ScriptedModel, Shell
from bot.model.agent import EngineName, Event, Limits, SessionRequest

STREAMS = Path(__file__).parents[1] / "assets" / "streams"
TOOLS = Path(__file__).parents[2] / ".tools" / "agents"
MODELS: dict[EngineName, str] = {
    "claude": "sonnet", "codex": "gpt-5.6-terra", "gemini": "gemini-3.8-flash", "opencode": "anthropic/claude-sonnet-5",
}  # fmt: skip
SCENES = {
    "works": (Shell("echo hello from the shell"), Say("Done: all is well.")),
    "refused": (Fault(401, "bad key"),),
}


class Tape:
    """A parser that keeps every line and how it all ended."""

    def __init__(self, inner: Parser, lines: list[str], end: dict[str, Any]) -> None:
        self.__dict__.update(_inner=inner, _lines=lines, _end=end)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._inner, name, value)

    def feed(self, line: bytes) -> list[Event]:
        """Keep and pass on."""
        self._lines.append(line.decode("utf-8", "replace").rstrip("\n"))
        return self._inner.feed(line)

    def verdict(self, code: int | None, stderr: str) -> Any:
        """Keep and pass on."""
        self._end.update(code=code, stderr=stderr[-2000:])
        return self._inner.verdict(code, stderr)


async def record(engine: EngineName, scene: str, folder: Path) -> None:
    """Run one program through one scene and write what it printed."""
    model = ScriptedModel()
    model.when("Task", *SCENES[scene])
    lines: list[str] = []
    end: dict[str, Any] = {}
    spec = work.SPECS[engine]
    work.SPECS[engine] = replace(spec, parser=lambda request: Tape(spec.parser(request), lines, end))
    try:
        async with model.serving() as url:
            options = work.Options(
                data_dir=folder / engine / scene,
                tools_dir=TOOLS,
                model_keys={engine: "sk-real"},
                model_urls={engine: url},
            )
            request = SessionRequest(
                session=f"{engine}-{scene}", engine=engine, model=MODELS[engine], prompt="Task", limits=Limits(wall_s=120),
                allowed_tools=("Bash",) if engine == "claude" else (),
            )  # fmt: skip

            async def sink(_event: Event) -> None:
                return None

            class Free:
                async def at_stake(self, _usd: float) -> None:
                    return None

                async def spent(self, _usd: float) -> bool:
                    return True

            await work.Agents(options).work(request, sink=sink, cancelled=asyncio.Event(), meter=Free())
    finally:
        work.SPECS[engine] = spec
    STREAMS.mkdir(parents=True, exist_ok=True)
    told = {"version": spec.pinned, **end, "lines": lines}
    (STREAMS / f"{engine}-{scene}.json").write_text(json.dumps(told, indent=0, ensure_ascii=False) + "\n")


async def main() -> None:
    """Record every program in every scene."""
    with tempfile.TemporaryDirectory() as folder:
        for engine in MODELS:
            for scene in SCENES:
                await record(engine, scene, Path(folder))


if __name__ == "__main__":
    asyncio.run(main())
