"""The values a job hands to its command."""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from bot.model.part import refuse

RESERVED = frozenset(
    [
        "item",
        "repo",
        "job",
        "run",
        "context",
        "NOW",
        "TODAY",
        "YESTERDAY",
        "LAST_7_DAYS",
        "LAST_30_DAYS",
        "WEEKDAY",
        "MONTH",
    ]
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)

Value = str | int | float | bool


class WrittenFloat(float):
    """A number that remembers how it was written, for `version: 1.10` means 1.10."""

    text: str

    def __new__(cls, text: str) -> Self:
        """Read a number and keep its text."""
        self = super().__new__(cls, text)
        self.text = text
        return self


def _as_written(variables: Any) -> Any:
    """Give back the text of a number that would print otherwise, and refuse what is no single value."""
    if not isinstance(variables, dict):
        return variables
    return {name: _plain(name, value) for name, value in variables.items()}


def _plain(name: Any, value: Any) -> Any:
    if isinstance(value, WrittenFloat):
        return float(value) if repr(float(value)) == value.text else value.text
    if not isinstance(value, Value):
        raise refuse(
            f"variable {str(name)[:64]!r} is not a single value", "write text, a number, true or false"
        )
    if isinstance(value, str) and len(value) > 5000:
        raise refuse(
            f"variable {str(name)[:64]!r} is longer than 5,000 characters",
            "put long text into a file: context",
        )
    return value


def _named_well(variables: dict[str, Value]) -> dict[str, Value]:
    for name in variables:
        if not _NAME.fullmatch(name):
            raise refuse(f"{name[:64]!r} is not a name for a variable", "letters, digits and _, at most 64")
        if name in RESERVED:
            raise refuse(
                f"{name!r} is a variable of Roundsman's own", f"give it another name, like my_{name.lower()}"
            )
    return variables


Variables = Annotated[
    dict[str, Any],
    BeforeValidator(_as_written),
    AfterValidator(_named_well),
    Field(max_length=50),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": 50,
            "propertyNames": {"pattern": r"^[A-Za-z_][A-Za-z0-9_]{0,63}$", "not": {"enum": sorted(RESERVED)}},
            "additionalProperties": {"type": ["string", "number", "boolean"], "maxLength": 5000},
        }
    ),
]
