"""Logs: one line an event, with ids, without secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from bot import logs
from bot.settings import Settings

TOKEN = "s3cret-value-of-a-token"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """The root logger is put back."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)


def lines(out: io.StringIO) -> list[dict[str, object]]:
    """What was logged, as JSON."""
    return [json.loads(line) for line in out.getvalue().splitlines()]


def settings(**more: object) -> Settings:
    """Settings with a secret."""
    return Settings(**{"_env_file": None, "github_token": SecretStr(TOKEN), **more})  # type: ignore[arg-type]


def test_a_line_is_an_object_with_ids() -> None:
    """Level, logger, time, words, extras, and whatever the task is about."""
    out = io.StringIO()
    logs.set_up(settings(log_format="json"), out)
    logs.about(run=7, item=None)
    logging.getLogger("roundsman.x").info("run %s begins", 7, extra={"lag_ms": 12})
    (line,) = lines(out)
    assert {key: line[key] for key in ("event", "level", "logger", "run", "lag_ms")} == {
        "event": "run 7 begins", "level": "info", "logger": "roundsman.x", "run": 7, "lag_ms": 12
    }  # fmt: skip
    assert "item" not in line


def test_secrets_are_redacted_wherever_they_stand() -> None:
    """In words, extras and exceptions; also a key with line breaks, as JSON writes it."""
    out = io.StringIO()
    key = "-----BEGIN X-----\nabc\n-----END X-----"
    logs.set_up(settings(log_format="json", secret_key=SecretStr(key)), out)
    log = logging.getLogger("roundsman.x")
    log.info("token %s", TOKEN, extra={"url": f"https://x/?t={TOKEN}", "key": key})
    try:
        raise ValueError(f"bad token {TOKEN}")
    except ValueError:
        log.exception("it failed")
    text = out.getvalue()
    assert TOKEN not in text
    assert "abc" not in text
    assert text.count("[redacted]") >= 4
    assert len(lines(out)) == 2


def test_people_get_words_and_levels_hold() -> None:
    """The console form is no JSON; what is below the level is not written."""
    out = io.StringIO()
    logs.set_up(settings(log_format="console", log_level="warning"), out)
    logging.getLogger("roundsman.x").info("quiet")
    logging.getLogger("roundsman.x").warning("loud")
    assert "loud" in out.getvalue()
    assert "quiet" not in out.getvalue()
    assert not out.getvalue().startswith("{")
