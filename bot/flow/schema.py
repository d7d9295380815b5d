"""The JSON Schema of `roundsman.yml` and the reference page, both made from `JobSpec`."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytz
from pydantic import TypeAdapter

from bot.flow.config import DEFAULT_KEYS
from bot.model.duration import format_duration
from bot.model.job import JobSpec
from bot.model.schedule import JOB_NAME

_CRON = r"^\s*(@[A-Za-z]+|[^\s@]\S*(\s+\S+){4})\s*$"
_INSTANT = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?$"
_DAY_OR_INSTANT = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$"

_SPAN = TypeAdapter(timedelta)

NOT_YET: tuple[tuple[str, str], ...] = ()
"""Keys that are accepted and checked but not acted on yet, each with what will act on it."""


def file_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) by which editors complete and check the file; tighter rules are ours."""
    job = _defaults_as_written(JobSpec.model_json_schema(ref_template="#/$defs/{model}", mode="validation"))
    parts: dict[str, Any] = job.pop("$defs")
    _narrow(job, parts)
    defaults = {key: job["properties"][key] for key in DEFAULT_KEYS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "roundsman.yml",
        "description": "The jobs of a repository.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "version": {"const": 1},
            "defaults": {"type": "object", "additionalProperties": False, "properties": defaults},
            "jobs": {
                "type": "object",
                "propertyNames": {"pattern": JOB_NAME.replace(r"\Z", "$")},
                "additionalProperties": {"$ref": "#/$defs/JobSpec"},
            },
        },
        "$defs": {"JobSpec": job, **dict(sorted(parts.items()))},
    }


def _defaults_as_written(node: Any, inside: bool = False) -> Any:
    """Write default lengths of time as people do: Pydantic says `PT5M`, we read `5m`."""
    match node:
        case dict():
            return {
                key: _defaults_as_written(value, inside or key == "default") for key, value in node.items()
            }
        case list():
            return [_defaults_as_written(value, inside) for value in node]
        case str() if inside and re.fullmatch(r"P(\d+D)?(T[0-9HMS.]+)?", node):
            return format_duration(_SPAN.validate_python(node))
        case _:
            return node


def _narrow(job: dict[str, Any], parts: dict[str, Any]) -> None:
    """Say in the schema what Python says in validators: zones, cron lines, instants, and keys that exclude another."""
    job["properties"]["timezone"]["enum"] = sorted(pytz.all_timezones)
    job["properties"]["expires"] = {
        "description": job["properties"]["expires"]["description"],
        "type": "string",
        "pattern": _DAY_OR_INSTANT,
    }
    parts["Cron"]["properties"]["schedule"]["pattern"] = _CRON
    at = parts["At"]["properties"]["at"]
    at.pop("format", None)
    at["pattern"] = _INSTANT
    job["oneOf"] = [{"required": ["command"]}, {"required": ["prompt"]}]
    without_items = {"properties": {"target": {"enum": ["codebase", "custom"]}}, "required": ["target"]}
    job["if"], job["then"] = without_items, {"properties": {"filter": False}}


def reference() -> str:
    """Return the reference page: every key, its default and what it means, from the model itself."""
    job = _defaults_as_written(JobSpec.model_json_schema(ref_template="{model}"))
    parts: dict[str, Any] = job.pop("$defs")
    lines = [
        "# Keys of a job",
        "",
        "Made from the program by `roundsman schema --reference`; a test keeps it current.",
        "",
        *_table(job, parts),
    ]
    for name, part in sorted(parts.items()):
        if part.get("type") == "object":
            lines += [
                "",
                f"## {name}",
                "",
                part.get("description", "").split("\n")[0],
                "",
                *_table(part, parts),
            ]
    return "\n".join([*lines, "", *_not_yet(), ""])


def _not_yet() -> Iterator[str]:
    yield "## Accepted, not acted on yet"
    yield ""
    if not NOT_YET:
        yield "None: every key above does what it says."
    for key, words in NOT_YET:
        yield f"* `{key}`: {words}"


def _table(part: dict[str, Any], parts: dict[str, Any]) -> Iterator[str]:
    required = part.get("required", [])
    yield "| key | value | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for key, info in part["properties"].items():
        default = "required" if key in required else _default(info.get("default"))
        meaning = " ".join(str(info.get("description", "")).split())
        yield f"| `{key}` | {_kind(info, parts)} | {default} | {meaning} |".replace("|  |", "| |").replace(
            "|  |", "| |"
        )


def _default(value: Any) -> str:
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, dict):
        return "see there"
    return f"`{'`, `'.join(str(each) for each in value)}`" if isinstance(value, list) else f"`{value}`"


def _kind(info: dict[str, Any], parts: dict[str, Any]) -> str:
    """Say in a few words what a value looks like."""
    choices = [
        option for key in ("anyOf", "oneOf") for option in info.get(key, []) if option.get("type") != "null"
    ]
    if choices:
        return " or ".join(dict.fromkeys(_kind(option, parts) for option in choices))
    if "allOf" in info:
        return _kind(info["allOf"][0], parts)
    if "$ref" in info:
        return (
            f"[{info['$ref']}](#{info['$ref'].lower()})"
            if parts.get(info["$ref"], {}).get("type") == "object"
            else _kind(parts[info["$ref"]], parts)
        )
    if "enum" in info:
        return ", ".join(f"`{each}`" for each in info["enum"][:40])
    if "const" in info:
        return f"`{info['const']}`"
    return _plain_kind(info, parts)


def _plain_kind(info: dict[str, Any], parts: dict[str, Any]) -> str:
    match info.get("type"):
        case "array":
            return f"list of {_kind(info.get('items', {}), parts)}"
        case "integer" | "number" as kind:
            low = info.get("minimum", info.get("exclusiveMinimum"))
            high = info.get("maximum")
            bounds = f" {low} to {high}" if low is not None and high is not None else ""
            return ("whole number" if kind == "integer" else "number") + bounds
        case "boolean":
            return "`true` or `false`"
        case "object":
            return "keys and values"
        case "string" if "maxLength" in info:
            return f"text, up to {info['maxLength']:,} characters"
        case _:
            return "text"
