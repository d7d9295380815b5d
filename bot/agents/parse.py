"""What every parser of an agent program's output shares: lines in, events out, a verdict at the end. No I/O."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Protocol

from bot.model.agent import Event, Failure

MOST_TEXT = 20_000


class Parser(Protocol):
    """Reads one program's output."""

    turns: int
    agent_session: str | None
    model: str | None
    message: str

    def feed(self, line: bytes) -> list[Event]:
        """Read one line; what is unknown or no JSON gives nothing."""
        ...

    def verdict(self, code: int | None, stderr: str) -> Failure | None:
        """Say why the session failed, or None when every sign of success is there."""
        ...


@dataclass
class ParserState:
    """The fields of a parser."""

    turns: int = 0
    agent_session: str | None = None
    model: str | None = None
    message: str = ""
    unknown: int = field(default=0, repr=False)


def row(line: bytes) -> dict[str, Any] | None:
    """One line as a JSON object, or None."""
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def text(value: Any, most: int = MOST_TEXT) -> str:
    """Any value as text, cut to a bearable length with a note, and free of what no encoder takes."""
    said = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    said = said.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    return said if len(said) <= most else f"{said[:most]}… [{len(said) - most} characters cut]"


def obj(value: Any) -> dict[str, Any]:
    """A dict, or an empty one."""
    return value if isinstance(value, dict) else {}


def number(value: Any) -> int:
    """A non-negative whole number, or 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def ident(value: Any) -> str | None:
    """A short plain identifier, or None."""
    ok = (
        isinstance(value, str)
        and 0 < len(value) <= 200
        and all(c.isalnum() or c in "-_.:/@[]" for c in value)
    )
    return value if ok else None


_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


def session_name(value: Any) -> str | None:
    """A program's own session id, or None. It becomes a path on our side, and an agent can forge what its program says."""
    return value if isinstance(value, str) and _SESSION.fullmatch(value) else None


def tail(stderr: str, most: int = 400) -> str:
    """The last words of an error output, on one line."""
    return " ".join(stderr.split())[-most:]
