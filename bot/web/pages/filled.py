"""From a stored spec to the values of the job form."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from bot.model.job import JobSpec
from bot.web.pages.jobfields import DEFAULTS, MAYS, NUMBERS, WORDS, dig


def filled(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the form for a spec; what no field shows stands in `more` as YAML."""
    values: dict[str, Any] = {"name": name, "events": [], "may": [], "may_labels": "", "may_comment": "1"}
    rest = dict(spec)
    for place, path in (NUMBERS | WORDS).items():
        value = dig(spec, path)
        values[place] = "" if value is None else _text(value)
        rest = _without(rest, path)
    for place in ("overlap", "priority", "session", "catch_up"):
        if values[place] == dig(DEFAULTS, WORDS[place]):
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
