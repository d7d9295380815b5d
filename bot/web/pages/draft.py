"""From a sent job form to the job it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from bot.flow.document import UnreadableError, read_document
from bot.flow.refusal import objections
from bot.flow.tree import plain_of
from bot.model.fault import Objection
from bot.model.job import JobSpec
from bot.web.pages.jobfields import DEFAULTS, MAYS, NUMBERS, PLACES, WORDS, dig

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


def drafted(form: Form, status: str = "active") -> Draft:
    """The job a form asks for. Keys left at their defaults are left out, so that the file stays short."""
    faults: list[Objection] = []
    given = _yaml(form, "more", faults)
    for name, path in (NUMBERS | WORDS).items():
        text = str(form.get(name) or "").strip()
        value = _number(text) if name in NUMBERS else text
        if (
            text
            and value != dig(DEFAULTS, path)
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


def _put(spec: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        spec = spec.setdefault(key, {})
    spec[path[-1]] = value
