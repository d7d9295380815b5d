"""The real agent programs, confined, against a scripted model."""

from __future__ import annotations

import gc
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.demo.model import Call, Fault, Hang, Say, ScriptedModel, Shell, Usage
from bot.model.agent import Limits, SessionRequest
from tests.adapters.sessions import Desk, Repository, desk, needs_bwrap, needs_cli

pytestmark = [needs_bwrap, pytest.mark.clis]
OUTCOME = json.dumps(
    {
        "version": 1,
        "status": "done",
        "summary": "Found it",
        "actions": [{"kind": "comment", "body": "In cart.py"}],
    }
)
LEAVE = f"cat > $ROUNDSMAN_OUTCOME <<'END'\n{OUTCOME}\nEND\necho 'total = 2' > cart.py"
KEYS = {"claude": "sk-real-a", "codex": "sk-real-o", "gemini": "real-g", "opencode": "sk-real-a"}
MODELS = {
    "claude": "sonnet",
    "codex": "gpt-5.6-terra",
    "gemini": "gemini-3.8-flash",
    "opencode": "anthropic/claude-sonnet-5",
}
ENGINES = [
    pytest.param("claude", marks=needs_cli("claude")),
    pytest.param("codex", marks=needs_cli("codex")),
    pytest.param("gemini", marks=needs_cli("gemini")),
    pytest.param("opencode", marks=needs_cli("opencode")),
]
FULLY = ENGINES[:2]


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    """A model on loopback that does what a test says."""
    scripted = ScriptedModel()
    async with scripted.serving():
        yield scripted
    # Finished coroutines collected while something is being imported upset the parser of Python 3.11.
    gc.collect()


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    """A repository that would like to take over whoever opens it."""
    return Repository.made(tmp_path / "shop", {"cart.py": "total = 1\n"})


def office(tmp_path: Path, model: ScriptedModel, **options: Any) -> Desk:
    """A desk whose engines all talk to the scripted model."""
    return desk(tmp_path, model_keys=KEYS, model_urls=dict.fromkeys(KEYS, model.url), **options)


def ask(engine: str, prompt: str, shop: Repository | None = None, **more: Any) -> SessionRequest:
    """A request to one engine."""
    given: dict[str, Any] = {
        "session": f"{engine}-1",
        "engine": engine,
        "model": MODELS[engine],
        "prompt": prompt,
        "allowed_tools": ("Bash",) if engine == "claude" else (),
        "checkout": shop.checkout() if shop else None,
        "limits": Limits(wall_s=150, cost_usd=1.0),
    }
    return SessionRequest(**{**given, **more})


@pytest.mark.parametrize("engine", ENGINES)
async def test_an_agent_does_its_work(
    engine: str, tmp_path: Path, model: ScriptedModel, shop: Repository
) -> None:
    """Outcome, patch, turns, tokens and cost of a real program arrive; the key it never saw went out."""
    model.when("Triage #1", Shell(LEAVE), Say("Done."))
    made = office(tmp_path, model)
    end = await made.work(ask(engine, "Triage #1", shop, system="Be brief."))
    assert end.failure is None, end.failure
    assert end.ending == "succeeded"
    assert end.message == "Done."
    assert end.outcome is not None
    assert end.outcome.summary == "Found it"
    assert end.patch is not None
    assert [f.path for f in end.patch.files] == ["cart.py"]
    assert end.turns >= 2
    assert end.usage.calls >= 2
    assert end.usage.cost_usd is not None
    assert end.usage.cost_usd > 0
    assert end.agent_session
    assert {c.key for c in model.seen} == {KEYS[engine]}
    assert {"started", "said", "tool_used", "tool_answered", "spent", "ended"} <= set(made.kinds())
    assert any("Be brief." in c.system + c.prompt for c in model.seen)


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_refused_key_is_a_configuration_fault(
    engine: str, tmp_path: Path, model: ScriptedModel
) -> None:
    """401 is nothing to try again."""
    model.when("Task", Fault(401, "bad key"))
    end = await office(tmp_path, model).work(ask(engine, "Task"))
    assert end.failure is not None
    assert (end.ending, end.failure.kind, end.failure.retryable) == ("failed", "configuration", False)
    assert "MODEL_KEYS" in end.failure.words


@pytest.mark.parametrize(
    ("engine", "fault", "kind"),
    [
        pytest.param("claude", 429, "api_fault", marks=needs_cli("claude")),
        pytest.param("claude", 529, "api_fault", marks=needs_cli("claude")),
        pytest.param("claude", 404, "configuration", marks=needs_cli("claude")),
        pytest.param("codex", 500, "api_fault", marks=needs_cli("codex")),
        pytest.param("codex", 404, "configuration", marks=needs_cli("codex")),
    ],
)
async def test_api_faults_are_named(
    engine: str, fault: int, kind: str, tmp_path: Path, model: ScriptedModel
) -> None:
    """A fault of the model's API is worth a retry, a model nobody knows is not."""
    model.when("Task", Fault(fault, "boom"))
    end = await office(tmp_path, model).work(ask(engine, "Task"))
    assert end.failure is not None
    assert end.failure.kind == kind
    assert end.failure.retryable == (kind == "api_fault")


@pytest.mark.parametrize("engine", FULLY)
async def test_turns_are_limited(engine: str, tmp_path: Path, model: ScriptedModel) -> None:
    """An agent that never stops calling tools is ended, also where its program has no such limit."""
    model.when("Task", Shell("echo again"))
    end = await office(tmp_path, model).work(ask(engine, "Task", max_turns=3))
    assert end.failure is not None
    assert end.failure.kind == "turns"
    assert end.usage.calls <= 4


@pytest.mark.parametrize("engine", FULLY)
async def test_money_is_limited(engine: str, tmp_path: Path, model: ScriptedModel) -> None:
    """The session ends with the call that used up its budget."""
    model.usage = Usage(100_000, 1_000)
    model.when("Task", Shell("echo again"))
    made = office(tmp_path, model)
    end = await made.work(ask(engine, "Task", limits=Limits(wall_s=60, cost_usd=0.5)))
    assert end.failure is not None
    assert end.failure.kind == "budget"
    assert end.usage.cost_usd is not None
    assert made.purse.totals == sorted(made.purse.totals)
    one = made.purse.totals[0]
    assert 0.5 <= end.usage.cost_usd < 0.5 + one + 1e-9


@pytest.mark.parametrize("engine", FULLY)
async def test_the_meter_can_end_a_session(engine: str, tmp_path: Path, model: ScriptedModel) -> None:
    """A budget somewhere else that is used up ends the session after the running call."""
    model.when("Task", Shell("echo again"))
    made = office(tmp_path, model)
    made.purse.cap = 0.001
    end = await made.work(ask(engine, "Task"))
    assert end.failure is not None
    assert end.failure.kind == "budget"
    assert end.usage.calls == 1


@pytest.mark.parametrize("engine", FULLY)
async def test_a_model_that_hangs_is_idle(engine: str, tmp_path: Path, model: ScriptedModel) -> None:
    """Nothing heard for the idle time ends the session, whatever the program would wait for."""
    model.when("Task", Hang())
    end = await office(tmp_path, model).work(ask(engine, "Task", limits=Limits(wall_s=60, idle_s=2.5)))
    assert end.failure is not None
    assert (end.ending, end.failure.kind) == ("timeout", "idle")


@pytest.mark.parametrize("engine", FULLY)
async def test_a_session_is_resumed(
    engine: str, tmp_path: Path, model: ScriptedModel, shop: Repository
) -> None:
    """The agent's own session goes on where it stopped, in a fresh workspace."""
    model.when("First words", Say("Hello"))
    made = office(tmp_path, model)
    first = await made.work(ask(engine, "First words", shop, continues=True))
    assert first.failure is None, first.failure
    model.when("Second words", Say("Again"))
    second = await made.work(ask(engine, "Second words", shop, session="next", resume=first.agent_session))
    assert second.failure is None, second.failure
    assert second.message == "Again"
    assert "First words" in model.seen[-1].prompt


@pytest.mark.parametrize("engine", ENGINES)
async def test_what_cannot_be_resumed_is_begun_anew(
    engine: str, tmp_path: Path, model: ScriptedModel
) -> None:
    """Gemini and opencode keep no session of their own; one that is no longer kept, or was forged, is begun anew as well."""
    model.when("Task", Say("Hello"))
    made = office(tmp_path, model)
    lost = "00000000-0000-4000-8000-000000000000"
    (tmp_path / "data" / "resume" / engine / lost).parent.mkdir(parents=True)
    (tmp_path / "data" / "resume" / engine / "x").mkdir()
    forged = "x/../../.."
    for wanted in (lost, forged) if engine == "claude" else (lost,):
        end = await made.work(ask(engine, "Task", resume=wanted))
        assert end.failure is None, end.failure
        assert end.message == "Hello"
        assert any("a new one is begun" in event.text for event in made.events if event.type == "noted")


@needs_cli("claude")
async def test_a_slash_command_is_no_command(tmp_path: Path, model: ScriptedModel) -> None:
    """A prompt that starts with a slash reaches the model as words."""
    made = office(tmp_path, model)
    model.when("/compact", Say("read"))
    end = await made.work(ask("claude", "/compact now"))
    assert end.message == "read" or model.seen == []


@needs_cli("claude")
async def test_a_denied_tool_is_noted(tmp_path: Path, model: ScriptedModel) -> None:
    """A tool the job did not allow is denied and the session says so."""
    model.when("Task", Call("Bash", {"command": "touch /workspace/x", "description": "x"}), Say("could not"))
    made = office(tmp_path, model)
    await made.work(ask("claude", "Task", allowed_tools=(), permission_mode="default"))
    assert any("denied" in e.text for e in made.events if e.type == "noted")


@pytest.mark.parametrize("engine", FULLY)
async def test_words_that_would_become_flags_are_refused(
    engine: str, tmp_path: Path, model: ScriptedModel
) -> None:
    """A model or tool name cannot smuggle an option into the command line."""
    made = office(tmp_path, model)
    end = await made.work(ask(engine, "Task", model="--dangerously-skip-permissions"))
    assert end.failure is not None
    assert end.failure.kind == "configuration"
    if engine == "claude":
        end = await made.work(ask(engine, "Task", allowed_tools=("--mcp-config=x",)))
        assert end.failure is not None
        assert end.failure.kind == "configuration"


async def test_missing_and_old_programs_are_said(tmp_path: Path, model: ScriptedModel) -> None:
    """A program that is not there, or too old, is told with the command that installs it."""
    made = office(tmp_path, model)
    object.__setattr__(made.agents.options, "tools_dir", tmp_path / "tools")
    end = await made.work(ask("opencode", "Task"))
    assert end.failure is not None
    assert end.failure.kind == "missing_cli"
    assert "npm install opencode-ai@" in end.failure.words
    package = tmp_path / "tools" / "node_modules" / "opencode-ai"
    (package / "bin").mkdir(parents=True)
    (package / "package.json").write_text('{"name": "opencode-ai", "version": "0.3.1"}')
    (package / "bin" / "opencode").write_text("#!/bin/sh\n")
    (tmp_path / "tools" / "node_modules" / ".bin").mkdir()
    (tmp_path / "tools" / "node_modules" / ".bin" / "opencode").symlink_to("../opencode-ai/bin/opencode")
    end = await made.work(ask("opencode", "Task"))
    assert end.failure is not None
    assert end.failure.kind == "wrong_version"
    assert "0.3.1" in end.failure.words


@needs_cli("claude")
@needs_cli("codex")
async def test_money_needs_a_price_and_a_key(tmp_path: Path, model: ScriptedModel) -> None:
    """A model without a known price is refused where a budget applies, before anything is started."""
    made = office(tmp_path, model)
    for request, word in (
        (ask("claude", "Task", model="claude-next-99"), "no price"),
        (ask("claude", "Task", limits=Limits(cost_usd=0)), "no money"),
    ):
        end = await made.work(request)
        assert end.failure is not None
        assert word in end.failure.words
    end = await desk(tmp_path).work(ask("codex", "Task"))
    assert end.failure is not None
    assert "ROUNDSMAN_MODEL_KEYS" in end.failure.words
