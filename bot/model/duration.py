"""Lengths of time as people write them: `90s`, `15m`, `4h`, `7d`, `2w`, `1h30m`."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from bot.model.part import refuse

_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_WRITTEN = re.compile(
    r"(?:(\d{1,4})w)?(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,7})m)?(?:(\d{1,9})s)?", re.ASCII
)
_PATTERN = r"^(?=[0-9])([0-9]{1,4}w)?([0-9]{1,5}d)?([0-9]{1,6}h)?([0-9]{1,7}m)?([0-9]{1,9}s)?$|^0$"
_HINT = "write a number with a unit: 90s, 15m, 4h, 7d, 2w or 1h30m"


def parse_duration(text: object) -> timedelta:
    """Read `15m` or `1h30m`; a bare number is refused, for nobody can tell its unit. Zero needs none."""
    if isinstance(text, timedelta):
        return text
    if isinstance(text, bool):
        raise refuse("a yes or no is not a length of time", _HINT)
    if text in (0, "0"):
        return timedelta()
    if isinstance(text, int | float) or (isinstance(text, str) and text.strip().isdecimal()):
        raise refuse(f"a length of time without a unit: {text}", f"did you mean {text}s or {text}m?")
    found = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
    if not found or not text:
        raise refuse(f"not a length of time: {_shown(text)}", _HINT)
    return timedelta(
        seconds=sum(int(n or 0) * s for n, s in zip(found.groups(), _SECONDS.values(), strict=True))
    )


def format_duration(length: timedelta) -> str:
    """Write a length of time the way it is read, in the largest units that fit exactly: `1h30m`, `7d`.

    Weeks are written only where nothing smaller remains, for `1w2d` reads worse than `9d`.
    """
    seconds = round(length.total_seconds())
    if seconds and seconds % _SECONDS["w"] == 0:
        return f"{seconds // _SECONDS['w']}w" if seconds > _SECONDS["w"] else "7d"
    parts = []
    for unit in "dhms":
        count, seconds = divmod(seconds, _SECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="always"),
    WithJsonSchema(
        {
            "title": "Length of time",
            "anyOf": [{"type": "string", "pattern": _PATTERN}, {"const": 0}],
            "examples": ["90s", "15m", "4h", "7d", "1h30m"],
        }
    ),
]


def between(low: str, high: str) -> Any:
    """Return a check that a duration lies between two written ones, both included."""
    least, most = parse_duration(low), parse_duration(high)

    def check(length: timedelta) -> timedelta:
        if not least <= length <= most:
            raise refuse(f"{format_duration(length)} is out of bounds", f"choose between {low} and {high}")
        return length

    return check
