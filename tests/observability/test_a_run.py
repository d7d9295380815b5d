"""A whole run, seen from outside: its log lines and its trace."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bot import logs, traces
from bot.settings import Settings
from bot.store.database import Database
from tests.adapters.test_engine import Bench
from tests.stories.test_github_app import configured
from tests.world import World


async def test_a_run_is_followed_from_trigger_to_comment(
    sqlite: Database, sqlite_url: str, tmp_path: Path
) -> None:
    """Every line of the rounds names its run and job, a session's its item; all spans stand in one trace."""
    root, out, spans = logging.getLogger(), io.StringIO(), InMemorySpanExporter()
    handlers, level = root.handlers, root.level
    logs.set_up(Settings(_env_file=None, log_format="json"), out)  # type: ignore[call-arg]
    provider = traces.set_up(None, spans)
    assert provider is not None
    bench = Bench(sqlite, sqlite_url, tmp_path)
    try:
        await bench.wake()
        bench.github.issue("Crash", "bug")
        bench.agent.when("Triage #1", says="Look.")
        job = bench.job()
        bench.clock.move(minutes=1)
        (run,) = await bench.ended(job)
        await bench.die()
    finally:
        provider.shutdown()
        traces.set_up(None)
        root.handlers = handlers
        root.setLevel(level)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    rounds = [line for line in lines if line["logger"] == "roundsman.rounds"]
    assert [line["event"] for line in rounds] == [
        f"run {run.id} of triage begins",
        f"session 1 of run {run.id} ends",
    ]
    assert all((line["run"], line["job"]) == (run.id, "triage") for line in rounds)
    assert (rounds[1]["item"], rounds[1]["session"], rounds[1]["status"]) == (1, 1, "succeeded")
    done = spans.get_finished_spans()
    names = {span.name for span in done}
    assert {"run", "session"} <= names
    assert len(names) > 4
    assert {span.context.trace_id for span in done if span.context} == {traces.root(run.id).trace_id}


def test_nothing_is_traced_unless_asked() -> None:
    """Without a collector the spans are none."""
    assert traces.set_up(None) is None
    with traces.of_run(1, "run"), traces.step("choose"):
        pass


async def test_a_webhook_s_comment_stands_in_one_trace(tmp_path: Path, sqlite_url: str) -> None:
    """From the delivery GitHub sent to the write of the comment: every span of the run has one trace id."""
    spans, world = InMemorySpanExporter(), World(tmp_path, sqlite_url)
    await world.wakes()
    provider = traces.set_up(None, spans)
    assert provider is not None
    try:
        shop = await configured(world)
        world.agent_says("Triage #", "Happens in `cart.total()`.")
        crash = shop.issue("Crash", labels=["bug"], author="bo")
        await world.hears()
        assert "cart.total()" in world.said_on(crash)
        await world.dies()
    finally:
        provider.shutdown()
        traces.set_up(None)
    done = spans.get_finished_spans()
    (webhook,) = [span for span in done if span.name == "webhook"]
    assert webhook.attributes
    assert webhook.attributes["roundsman.delivery"]
    assert {span.context.trace_id for span in done if span.context} == {traces.root(1).trace_id}
    order = [span.name for span in sorted(done, key=lambda span: span.start_time or 0)]
    assert order[0] == "webhook"
    assert {"run", "choose", "session", "work", "report, try 1"} <= set(order)
