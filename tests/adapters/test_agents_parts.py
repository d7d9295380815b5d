"""Transcripts, the operator's set-up, and what doctor says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from bot.agents.build import agents_of, findings
from bot.agents.transcript import Transcript, follow, read
from bot.model.agent import Ended, Said, Spent, ToolAnswered
from bot.settings import Settings
from tests.adapters.sessions import needs_bwrap

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def test_a_transcript_is_redacted_and_capped(tmp_path: Path) -> None:
    """Secrets never reach the file, and a flood is cut with a note while money and the end are kept."""
    transcript = Transcript(tmp_path / "t" / "1.jsonl", secrets=["hunter22"], most_bytes=2000)
    transcript.append(Said(text='the key "hunter22" and ghs_0123456789abcdefghijABCDEFGHIJ'), NOW)
    for _ in range(50):
        transcript.append(ToolAnswered(text="x" * 200), NOW)
    transcript.append(Spent(cost_usd=0.1), NOW)
    transcript.append(Ended(ending="succeeded"), NOW)
    raw = (tmp_path / "t" / "1.jsonl").read_text()
    assert "hunter22" not in raw
    assert "ghs_0123" not in raw
    assert len(raw) < 5000
    rows = read(tmp_path / "t" / "1.jsonl")
    assert [r.event.type for r in rows[-3:]] == ["noted", "spent", "ended"]
    assert [r.n for r in rows] == list(range(len(rows)))


async def test_a_transcript_is_followed_while_it_grows(tmp_path: Path) -> None:
    """A reader gets what is there, then each row as it comes, then the end."""
    path = tmp_path / "1.jsonl"
    transcript = Transcript(path)
    transcript.append(Said(text="one"), NOW)
    seen: list[str] = []

    async def watch() -> None:
        async for row in follow(path, lambda: True, every=0.01):
            seen.append(row.event.type)  # noqa: PERF401 - watched while it grows

    watching = asyncio.create_task(watch())
    while not seen:  # noqa: ASYNC110 - a file tells nobody that it grew
        await asyncio.sleep(0.01)
    assert seen == ["said"]
    with path.open("a") as file:
        file.write('{"n": 1, "at"')  # a row half written
    await asyncio.sleep(0.03)
    assert seen == ["said"]
    path.write_text(path.read_text().replace('{"n": 1, "at"', ""))
    transcript.append(Ended(ending="quiet"), NOW)
    await asyncio.wait_for(watching, 60)
    assert seen == ["said", "ended"]
    assert [r.event.type async for r in follow(path, lambda: False, after=0)] == ["ended"]


@needs_bwrap
async def test_doctor_speaks_of_sandbox_and_engines(tmp_path: Path) -> None:
    """What works is said, and what does not comes with what to do."""
    settings = Settings(data_dir=tmp_path, tools_dir=tmp_path, model_keys={"claude": "sk-x"}, sandbox="auto")
    found = {f.what: f for f in await findings(agents_of(settings))}
    assert found["sandbox"].ok
    assert not found["claude"].ok
    assert "npm install @anthropic-ai/claude-code@" in found["claude"].words
    assert found["gemini"].ok
    bare = agents_of(Settings(data_dir=tmp_path, sandbox="none"))
    assert not (await findings(bare))[0].ok
