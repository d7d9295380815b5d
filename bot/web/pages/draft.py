"""A job between form and spec: what a stored spec fills in, and what a sent form asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML

from bot.flow.document import UnreadableError, read_document
from bot.flow.refusal import objections
from bot.flow.tree import plain_of
from bot.model.fault import Objection
from bot.model.job import JobSpec

NUMBERS = {
    "max_items": ("max_items",), "timeout": ("limits", "timeout"), "retries": ("limits", "retries"), "attempts": ("limits", "attempts"),
    "concurrency": ("limits", "concurrency"), "give_up": ("limits", "give_up"), "budget_session": ("limits", "budget", "session"),
    "budget_run": ("limits", "budget", "run"), "budget_day": ("limits", "budget", "day"), "max_turns": ("agent", "max_turns"),
}  # fmt: skip
"""Fields of the form that stand for one key each, by its path."""
WORDS = {
    "description": ("description",), "timezone": ("timezone",), "target": ("target",), "filter": ("filter",), "overlap": ("overlap",),
    "priority": ("priority",), "session": ("session",), "when": ("when",), "jitter": ("jitter",), "engine": ("agent", "engine"),
    "model": ("agent", "model"), "catch_up": ("catch_up", "mode"), "window": ("catch_up", "window"),
}  # fmt: skip
MAYS = ("close", "reopen", "assign", "milestone", "review", "check", "issue", "pull_request")
PLACES = {path: name for name, path in (NUMBERS | WORDS).items()} | {
    ("on",): "when_kind", ("command",): "command", ("prompt",): "prompt", ("variables",): "variables", ("again",): "again",
    ("may",): "may_kind", ("report",): "report", ("name",): "name",
}  # fmt: skip
_DEFAULTS = JobSpec.model_validate({"on": {"every": "1d"}, "prompt": "x"}).model_dump(mode="json")

Form = Mapping[str, Any]
"""A sent form: texts, and lists of texts for `events` and `may`."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a form makes: the spec as JSON, the spec itself where it is one, and what is wrong with it."""

    given: dict[str, Any]
    spec: JobSpec | None = None
    faults: tuple[Objection, ...] = field(default_factory=tuple)

    def by_field(self) -> dict[str, list[Objection]]:
        """The faults beside the fields they speak of; those of no field under `more`."""
        found: dict[str, list[Objection]] = {}
        for fault in self.faults:
            keys = tuple(str(part) for part in fault.where)
            name = next((PLACES[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in PLACES), "more")
            found.setdefault(name, []).append(fault)
        return found


def _dig(spec: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = spec
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _put(spec: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        spec = spec.setdefault(key, {})
    spec[path[-1]] = value


def _without(spec: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The spec without one key; a mapping that becomes empty goes too."""
    if len(path) == 1:
        return {key: value for key, value in spec.items() if key != path[0]}
    inner = spec.get(path[0])
    if not isinstance(inner, Mapping):
        return dict(spec)
    left = _without(inner, path[1:])
    rest = {key: value for key, value in spec.items() if key != path[0]}
    return rest | ({path[0]: left} if left else {})


# ── from a spec to the form ──────────────────────────────────────────────────────────────────────


def filled(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the form for a spec; what no field shows stands in `more` as YAML."""
    values: dict[str, Any] = {"name": name, "events": [], "may": [], "may_labels": "", "may_comment": "1"}
    rest = dict(spec)
    for place, path in (NUMBERS | WORDS).items():
        value = _dig(spec, path)
        values[place] = "" if value is None else _text(value)
        rest = _without(rest, path)
    for place in ("overlap", "priority", "session", "catch_up"):
        if values[place] == _dig(_DEFAULTS, WORDS[place]):
            values[place] = ""
    values["timezone"] = values["timezone"] or "UTC"
    values["target"] = values["target"] or "issues"
    rest = _triggers(values, rest)
    values["source"] = "prompt" if spec.get("prompt") else "command"
    values["command"], values["prompt"] = rest.pop("command", None) or "", rest.pop("prompt", None) or ""
    values["variables"] = yaml_of(rest.pop("variables", None) or {})
    again = rest.pop("again", None)
    values["again"] = "after" if isinstance(again, Mapping) else again or ""
    values["again_after"] = _text(again["after"]) if isinstance(again, Mapping) else ""
    report = rest.pop("report", None)
    values["report"] = "issue" if isinstance(report, Mapping) else report or "sticky"
    values["report_issue"] = str(report["issue"]) if isinstance(report, Mapping) else ""
    rest = _may(values, rest)
    rest.pop("status", None)
    return values | {"more": yaml_of(rest)}


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _triggers(values: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    given = rest.get("on") or []
    triggers = given if isinstance(given, list) else [given]
    values |= {
        "when_kind": "cron",
        "cron": "0 9 * * 1-5",
        "every_n": "4",
        "every_unit": "h",
        "at": "",
        "after_job": "",
    }
    first = (
        triggers[0]
        if len(triggers) == 1 and isinstance(triggers[0], Mapping) and len(triggers[0]) == 1
        else None
    )
    match first:
        case {"schedule": str(line)}:
            values["cron"] = line
        case {"every": period}:
            values["when_kind"] = "every"
            values["every_n"], values["every_unit"] = _period(str(period))
        case {"at": instant}:
            values |= {"when_kind": "at", "at": str(instant)[:16]}
        case {"events": [*events]}:
            values |= {"when_kind": "events", "events": list(events)}
        case {"after": after} if isinstance(after, str) or (
            set(after) <= {"job", "on"} and list(after.get("on", ("completed",))) == ["completed"]
        ):
            values |= {"when_kind": "after", "after_job": after if isinstance(after, str) else after["job"]}
        case _:
            if triggers:
                values["when_kind"] = "more"
                return rest | {"on": triggers}
    return {key: value for key, value in rest.items() if key != "on"}


def _period(text: str) -> tuple[str, str]:
    spec = JobSpec.model_validate({"on": {"every": text}, "target": "custom", "prompt": "x"})
    minutes = int(spec.on[0].every.total_seconds()) // 60  # type: ignore[union-attr]
    for unit, size in (("w", 10080), ("d", 1440), ("h", 60)):
        if minutes % size == 0:
            return str(minutes // size), unit
    return str(minutes), "m"


def _may(values: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    may = rest.get("may")
    others = {key: value for key, value in rest.items() if key != "may"}
    if may is None:
        values["may_kind"] = "command"
        return others
    plain = {key: value for key, value in may.items() if value is not None and _most(value)}
    simple = set(plain) <= {"comment", "labels", *MAYS} and all(_plain(key, plain[key]) for key in plain)
    if not simple:
        values["may_kind"] = "more"
        return rest
    values |= {
        "may_kind": "these", "may_comment": str(_most(may.get("comment", 1))), "may": [key for key in MAYS if key in plain],
        "may_labels": ", ".join(_values(plain["labels"]) or ("*",)) if "labels" in plain else "",
    }  # fmt: skip
    return others


def _most(allowance: Any) -> int:
    if isinstance(allowance, Mapping):
        return int(allowance.get("max", 1))
    return int(allowance) if isinstance(allowance, bool | int) else 1 if allowance else 0


def _values(allowance: Any) -> tuple[str, ...]:
    given = allowance.get("values") if isinstance(allowance, Mapping) else allowance
    return tuple(given) if isinstance(given, list | tuple) else (given,) if isinstance(given, str) else ()


def _plain(key: str, allowance: Any) -> bool:
    """Whether a checkbox says all there is to say of it."""
    if key in ("labels", "comment"):
        return True
    return _values(allowance) in ((), ("COMMENT",) if key == "review" else ()) and _most(allowance) in (
        1,
        10,
        True,
    )


def yaml_of(values: Mapping[str, Any]) -> str:
    """Some keys as YAML; nothing for none."""
    if not values:
        return ""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = StringIO()
    yaml.dump(dict(values), text)
    return text.getvalue()


# ── from the form to a spec ──────────────────────────────────────────────────────────────────────


def drafted(form: Form, status: str = "active") -> Draft:
    """The job a form asks for. Keys left at their defaults are left out, so that the file stays short."""
    faults: list[Objection] = []
    given = _yaml(form, "more", faults)
    for name, path in (NUMBERS | WORDS).items():
        text = str(form.get(name) or "").strip()
        value = _number(text) if name in NUMBERS else text
        if (
            text
            and value != _dig(_DEFAULTS, path)
            and not (path[0] == "catch_up" and name == "window" and text in ("1h", "PT1H"))
        ):
            _put(given, path, value)
    if given.get("target") in ("codebase", "custom"):
        given.pop("filter", None)
    _put_trigger(given, form, faults)
    _put_work(given, form, faults)
    _put_may(given, form)
    if status != "active":
        given["status"] = status
    try:
        spec = JobSpec.model_validate(given)
    except ValidationError as error:
        return Draft(given, None, (*faults, *objections(error)))
    return Draft(given, spec, tuple(faults))


def _number(text: str) -> Any:
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value.is_integer() and "." not in text else value


def _yaml(form: Form, name: str, faults: list[Objection]) -> dict[str, Any]:
    text = str(form.get(name) or "").strip()
    if not text:
        return {}
    try:
        tree, found = read_document(name, text)
    except UnreadableError as error:
        faults += [Objection((name,), f"line {f.line}: {f.message}", f.hint) for f in error.faults]
        return {}
    faults += [Objection((name,), f"line {f.line}: {f.message}", f.hint) for f in found]
    return plain_of(tree)


def _put_trigger(given: dict[str, Any], form: Form, faults: list[Objection]) -> None:
    match form.get("when_kind"):
        case "every":
            given["on"] = [
                {"every": f"{str(form.get('every_n') or '').strip()}{form.get('every_unit') or 'h'}"}
            ]
        case "at":
            given["on"] = [{"at": str(form.get("at") or "")}]
        case "events":
            given["on"] = [{"events": list(form.get("events") or ())}]
        case "after":
            given["on"] = [{"after": str(form.get("after_job") or "")}]
        case "more":
            if "on" not in given:
                faults.append(
                    Objection(("on",), "no trigger", "write `on:` under further keys, or choose another kind")
                )
                given["on"] = [{"every": "1d"}]
        case _:
            given["on"] = [{"schedule": str(form.get("cron") or "").strip()}]


def _put_work(given: dict[str, Any], form: Form, faults: list[Objection]) -> None:
    if form.get("source") == "prompt":
        given["prompt"] = str(form.get("prompt") or "").replace("\r\n", "\n").strip()
    else:
        given["command"] = str(form.get("command") or "")
    variables = _yaml(form, "variables", faults)
    if variables:
        given["variables"] = variables
    match str(form.get("again") or ""):
        case "":
            pass
        case "after":
            given["again"] = {"after": str(form.get("again_after") or "")}
        case word:
            given["again"] = word
    match str(form.get("report") or "sticky"):
        case "sticky":
            pass
        case "issue":
            number = str(form.get("report_issue") or "").strip().lstrip("#")
            given["report"] = {"issue": int(number) if number.isascii() and number.isdigit() else 0}
        case word:
            given["report"] = word


def _put_may(given: dict[str, Any], form: Form) -> None:
    if form.get("may_kind") != "these":
        return
    labels = [name.strip() for name in str(form.get("may_labels") or "").split(",") if name.strip()]
    may: dict[str, Any] = {"comment": _number(str(form.get("may_comment") or "0"))}
    if labels:
        may["labels"] = labels
    given["may"] = may | {key: True for key in MAYS if key in (form.get("may") or ())}
