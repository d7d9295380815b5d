"""How commands tell what they found: JSON alone, or aligned columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import typer


def as_json(value: Any) -> None:
    """Print data alone on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


def columns(head: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print rows under their heads, or what it means that there are none."""
    lines = [[_cell(cell) for cell in row] for row in rows]
    if not lines:
        typer.echo(empty)
        return
    widths = [max(len(line[place]) for line in [list(head), *lines]) for place in range(len(head))]
    for line in ([name.upper() for name in head], *lines):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values, those without a value left out."""
    told = [(name, _cell(value)) for name, value in pairs if value not in (None, "", [], ())]
    width = max((len(name) for name, _ in told), default=0)
    for name, value in told:
        typer.echo(f"{name.ljust(width)}  {value}")


def when(instant: datetime | str | None) -> str:
    """An instant in UTC, to the second."""
    if instant is None:
        return "-"
    moment = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"


def _cell(value: object) -> str:
    return "-" if value is None else " ".join(str(value).split())
