"""The parsers over what the real programs printed (tests/assets/streams), without any program: lines in, events out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.agents.parse import Parser
from bot.agents.work import SPECS
from bot.model.agent import EngineName, Event, Failure, SessionRequest

STREAMS = Path(__file__).parents[1] / "assets" / "streams"
ENGINES: list[EngineName] = ["claude", "codex", "gemini", "opencode"]


def stream(engine: str, scene: str) -> dict[str, Any]:
    """One recording."""
    told: dict[str, Any] = json.loads((STREAMS / f"{engine}-{scene}.json").read_text())
    return told


def parser_of(engine: EngineName) -> Parser:
    """A fresh parser."""
    return SPECS[engine].parser(SessionRequest(session="s", engine=engine, prompt="Task"))


def read(engine: EngineName, lines: list[str]) -> tuple[Parser, list[Event]]:
    """Feed lines to a fresh parser."""
    parser = parser_of(engine)
    return parser, [event for line in lines for event in parser.feed(line.encode())]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_recording_is_of_the_pinned_version(engine: EngineName) -> None:
    """A new pin asks for new recordings (`python -m tests.adapters.record_streams`)."""
    assert {stream(engine, scene)["version"] for scene in ("works", "refused")} == {SPECS[engine].pinned}


@pytest.mark.parametrize("engine", ENGINES)
def test_work_well_done_reads_as_such(engine: EngineName) -> None:
    """Start, words, tool and answer are told; nothing is wrong at the end."""
    told = stream(engine, "works")
    parser, events = read(engine, told["lines"])
    assert parser.verdict(told["code"], told["stderr"]) is None
    assert parser.message.strip() == "Done: all is well."
    assert parser.agent_session
    kinds = {event.type for event in events}
    assert {"said", "tool_used", "tool_answered"} <= kinds
    assert any("hello from the shell" in event.text for event in events if event.type == "tool_answered")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_refused_key_reads_as_a_failure(engine: EngineName) -> None:
    """Whatever the exit code and the subtype say: only all signs together are success."""
    told = stream(engine, "refused")
    parser, _ = read(engine, told["lines"])
    assert isinstance(parser.verdict(told["code"], told["stderr"]), Failure)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stream_that_breaks_off_is_no_success(engine: EngineName) -> None:
    """A program that dies in the middle has not succeeded, however well it began."""
    told = stream(engine, "works")
    parser, _ = read(engine, told["lines"][: len(told["lines"]) // 2])
    assert isinstance(parser.verdict(-9, ""), Failure)


@pytest.mark.parametrize("engine", ENGINES)
def test_noise_and_unknown_events_change_nothing(engine: EngineName) -> None:
    """Unknown types, broken JSON, binary and lines of a megabyte are passed over."""
    told = stream(engine, "works")
    noise = [
        '{"type":"from.the.future","x":1}',
        '{"broken',
        "\x00\ufffd",
        "[]",
        "null",
        '{"type":7}',
        '{"type":"noise","text":"' + "x" * 1_000_000 + '"}',
    ]
    mixed = [line for pair in zip(told["lines"], noise * len(told["lines"]), strict=False) for line in pair]
    parser, events = read(engine, mixed)
    quiet, plain = read(engine, told["lines"])
    assert parser.verdict(told["code"], told["stderr"]) is None
    assert (parser.message, parser.turns, parser.agent_session) == (
        quiet.message,
        quiet.turns,
        quiet.agent_session,
    )
    assert [e for e in events if e.type != "noted"] == [e for e in plain if e.type != "noted"]
