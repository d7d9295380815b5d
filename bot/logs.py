"""Structured logs: one line an event, with the ids of run, job, item and session it belongs to, without secrets."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import structlog
from structlog.types import Processor

from bot.flow.safe_text import redact
from bot.settings import Settings

QUIET = ("httpx", "httpcore", "dbos", "alembic", "apprise", "hishel")
"""Libraries that tell more than anybody asked; their warnings still stand."""


# Never with local variables: they hold prompts, tokens and other people's text.
_TRACES = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
)


class Redacting(structlog.stdlib.ProcessorFormatter):
    """Writes a line, then takes out every secret we know: wherever it stood, in whatever exception."""

    def __init__(self, secrets: Sequence[str], **given: Any) -> None:
        super().__init__(**given)
        # JSON writes a key's line breaks and quotes in its own way.
        self._secrets = tuple({form for s in secrets for form in (s, json.dumps(s)[1:-1])})

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return redact(super().format(record), self._secrets)


def set_up(settings: Settings, stream: TextIO | None = None) -> None:
    """Send the logs of this process to standard error; called once, by commands that serve."""
    out = stream or sys.stderr
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    ending: list[Processor] = (
        [_TRACES, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if as_json
        else [
            structlog.dev.ConsoleRenderer(
                colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        Redacting(
            settings.all_secrets(),
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def about(**ids: object) -> None:
    """From here on, every line of this task carries these ids; None leaves one out."""
    structlog.contextvars.bind_contextvars(
        **{name: value for name, value in ids.items() if value is not None}
    )
