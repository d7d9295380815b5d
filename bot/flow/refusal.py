"""Pydantic's refusals in our words: which key, what is wrong, and what to do."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.model.context import CONTEXT_KEYS
from bot.model.fault import Objection, Where
from bot.model.job import JobSpec
from bot.model.schedule import TRIGGER_KEYS

_TAGS = frozenset((*TRIGGER_KEYS, *CONTEXT_KEYS, "word", "part"))
_MOVED = {
    "cron": "write it as on: {schedule: …}",
    "schedule": "write it as on: {schedule: …}",
    "every": "write it as on: {every: …}",
    "events": "write it as on: {events: […]}",
    "query": "the key is `filter`",
    "search": "the key is `filter`",
    "engine": "it belongs under `agent`",
    "model": "it belongs under `agent`",
    "max_turns": "it belongs under `agent`",
    "permission_mode": "it belongs under `agent`",
    "allowed_tools": "it belongs under `agent`",
    "mcp": "it belongs under `agent`",
    "setup": "it belongs under `agent`",
    "timeout": "it belongs under `limits`",
    "retries": "it belongs under `limits`",
    "attempts": "it belongs under `limits`",
    "concurrency": "it belongs under `limits`",
    "give_up": "it belongs under `limits`",
    "budget": "it belongs under `limits`",
    "tz": "the key is `timezone`",
    "enabled": "write status: active, paused or disabled",
    "<<": "share keys by `defaults:`",
}


def objections(error: ValidationError, model: type[BaseModel] = JobSpec) -> tuple[Objection, ...]:
    """Say every refusal of a model's in our words, the path of keys cleaned of what Pydantic puts between them."""
    return tuple(_objection(detail, model) for detail in error.errors(include_url=False))


def where_of(loc: tuple[int | str, ...], given: Any) -> Where:
    """Leave out of a location what is no key of what was given: the tags of unions, the place in a list not written."""
    where: list[str | int] = []
    for place, part in enumerate(loc):
        last = place == len(loc) - 1
        if isinstance(given, dict):
            if part in given:
                where.append(part)
                given = given[part]
            elif last and isinstance(part, str) and part not in _TAGS:
                where.append(part)
        elif isinstance(given, list | tuple) and isinstance(part, int) and part < len(given):
            where.append(part)
            given = given[part]
    return tuple(where)


def _objection(detail: ErrorDetails, model: type[BaseModel]) -> Objection:
    context: dict[str, Any] = detail.get("ctx", {})
    message, hint = _words(detail, context, model)
    return Objection(tuple(detail["loc"]), message, hint)


def _words(detail: ErrorDetails, context: dict[str, Any], model: type[BaseModel]) -> tuple[str, str]:
    given, key = detail["input"], str(detail["loc"][-1]) if detail["loc"] else ""
    match detail["type"]:
        case "refused" | "disagreement":
            return context["message"], context.get("hint", "")
        case "extra_forbidden":
            return f"unknown key {key[:60]!r}", _nearest_key(key, known_keys(model, detail["loc"][:-1]))
        case "missing":
            return f"the key {key!r} is missing", "add it"
        case "one_trigger" | "one_source":
            return _kind_of(given, str(context["message"]))
        case "literal_error":
            return _choice(given, re.findall(r"'([^']*)'", str(context.get("expected", ""))))
        case "greater_than_equal" | "greater_than":
            least = context.get("ge", context.get("gt"))
            return (
                f"{given!r} is too small",
                f"at least {least}" if "ge" in context else f"more than {least:g}",
            )
        case "less_than_equal":
            return f"{given!r} is too large", f"at most {context['le']:g}"
        case "string_too_long" | "too_long":
            return "too long", f"at most {context['max_length']:,}"
        case "string_too_short" | "too_short":
            return "empty", "write at least one, or remove the key"
        case "string_pattern_mismatch":
            return f"{_shown(given)} is not allowed here", f"it must look like {context['pattern']}"
        case kind if given is None and kind.endswith("_type"):
            return "no value", "write one, or remove the key"
        case kind if kind in _TYPES:
            return f"{_shown(given)} is not {_TYPES[kind]}", f"write {_TYPES[kind]}"
        case _:
            return detail["msg"][:1].lower() + detail["msg"][1:], ""


_TYPES = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text (put it in quotes)",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of keys",
    "model_type": "a mapping of keys",
    "datetime_parsing": "an instant like 2026-12-01T09:00",
    "datetime_from_date_parsing": "an instant like 2026-12-01T09:00",
}


def _shown(given: Any) -> str:
    if isinstance(given, list | tuple):
        return "a list"
    if isinstance(given, dict):
        return "a mapping"
    if isinstance(given, bool):
        return "yes or no (true, false)"
    text = repr(given)
    return text if len(text) <= 60 else text[:57] + "..."


def _choice(given: Any, choices: list[str]) -> tuple[str, str]:
    near = get_close_matches(given, choices, n=1, cutoff=0.6) if isinstance(given, str) else []
    if near:
        return f"{_shown(given)} is not known here", f"did you mean {near[0]!r}?"
    listed = ", ".join(choices[:12]) + (", …" if len(choices) > 12 else "")
    return f"{_shown(given)} is not known here", f"choose one of {listed}"


def _kind_of(given: Any, message: str) -> tuple[str, str]:
    """Help a trigger or source that is none or several: the nearest name of those it could be."""
    names = message.rpartition(" of ")[2].split(", ")
    if isinstance(given, str) and "schedule" in names:
        return (
            f"{_shown(given)} is no trigger",
            'write {schedule: "0 9 * * 1-5"}, {every: 4h} or {after: other-job}',
        )
    if not isinstance(given, dict):
        return (
            f"{_shown(given)} is not a mapping",
            f"write one of {message.rpartition(' of ')[2]} and its value",
        )
    several = [name for name in names if name in given]
    if several:
        return f"{' and '.join(several)} in one", "write a list with one of them each"
    for key in given:
        near = get_close_matches(str(key), names, n=1, cutoff=0.6)
        if near:
            return f"unknown key {str(key)[:60]!r}", f"did you mean {near[0]!r}?"
    return message, ""


def _nearest_key(key: str, known: list[str]) -> str:
    if key in _MOVED and "on" in known:
        return _MOVED[key]
    near = get_close_matches(key.casefold().replace("-", "_"), known, n=1, cutoff=0.65)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known here: {', '.join(known)}" if len(known) <= 14 else "`roundsman schema` lists the keys"


def known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that may stand at a location of a model, in the order they are declared."""
    here: set[type[BaseModel]] = {model}
    for part in loc:
        deeper = {
            found
            for each in here
            if part in each.model_fields
            for found in _models(each.model_fields[str(part)].annotation)
        }
        narrowed = {each for each in here if part in _TAGS and part in each.model_fields}
        here = deeper or narrowed or here
    return list(dict.fromkeys(_key_names(here)))


def _key_names(models: set[type[BaseModel]]) -> Iterator[str]:
    for model in sorted(models, key=lambda each: each.__name__):
        for name, info in model.model_fields.items():
            yield info.alias or name


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models an annotation holds, however deep in unions, lists and annotations."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
