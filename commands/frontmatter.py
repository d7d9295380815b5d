"""A command file's text -> its front matter, checked key by key with places, and its body."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from commands.faults import CommandError, Fault, nearest
from commands.names import Target

FILE_CAP = 64_000
"""Characters of one command file."""

_EDGE = re.compile(r"---[ \t]*(?:\n|\Z)")
_CLOSING = re.compile(r"^---[ \t]*$", re.MULTILINE)

MayKey = Literal[
    "comment",
    "labels",
    "labels.add",
    "labels.remove",
    "assign",
    "milestone",
    "close",
    "reopen",
    "review",
    "check",
    "issue",
    "pull_request",
]


class Input(BaseModel):
    """A value a job may set under `variables:`; templates read it as `inputs.name`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = Field(min_length=1, max_length=300)
    default: JsonValue = None
    required: bool = False
    choices: list[str] | None = None

    @model_validator(mode="after")
    def _has_a_value(self) -> "Input":
        if self.required and self.default is not None:
            raise ValueError("an input is required or has a default, not both")
        if self.choices and self.default is not None and self.default not in self.choices:
            raise ValueError(f"the default is none of the choices: {', '.join(self.choices)}")
        return self


class FrontMatter(BaseModel):
    """The keys between the two `---` lines; every other key is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(default="", max_length=120)
    description: str = Field(default="", max_length=1_000)
    target: Target | None = None
    engine: Literal["claude", "codex", "gemini", "opencode", "script"] | None = None
    model: str | None = Field(default=None, max_length=120)
    max_turns: int | None = Field(default=None, ge=1, le=500)
    permission_mode: Literal["default", "plan", "acceptEdits", "dontAsk", "bypassPermissions"] | None = None
    allowed_tools: list[str] | None = None
    may: dict[MayKey, JsonValue] | None = None
    inputs: dict[str, Input] = Field(default_factory=dict)
    extends: str | None = Field(default=None, max_length=200)
    script: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*\.py$")

    @model_validator(mode="after")
    def _fits_together(self) -> "FrontMatter":
        if self.script and self.engine not in (None, "script"):
            raise ValueError("a command with `script` runs on `engine: script`")
        return self


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command file taken apart; `body_line` is the line the body starts on."""

    head: FrontMatter
    body: str
    body_line: int


def parse(name: str, text: str) -> Parsed:
    """Take the command file `name` apart; raises CommandError with every fault and its line."""
    if len(text) > FILE_CAP:
        raise CommandError(name, [Fault("too-long", f"a command file has at most {FILE_CAP:,} characters")])
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    head, body, body_line = _split(name, text)
    return Parsed(_front_matter(name, head), body, body_line)


def _split(name: str, text: str) -> tuple[str, str, int]:
    opening = _EDGE.match(text)
    if not opening:
        hint = "start the file with a line `---`, the keys, and a line `---`"
        raise CommandError(name, [Fault("no-front-matter", "the front matter is missing", 1, 1, hint)])
    closing = _CLOSING.search(text, opening.end())
    if not closing:
        hint = "end it with a line `---`"
        raise CommandError(name, [Fault("open-front-matter", "the front matter has no end", 1, 1, hint)])
    body_line = text.count("\n", 0, closing.end()) + 2
    return text[opening.end() : closing.start()], text[closing.end() :].removeprefix("\n"), body_line


def _front_matter(name: str, text: str) -> FrontMatter:
    node, values = _load(name, text)
    try:
        return FrontMatter.model_validate(values)
    except ValidationError as error:
        faults = [_fault(problem, node) for problem in error.errors()]
        raise CommandError(name, faults) from None


def _load(name: str, text: str) -> tuple[Node | None, dict[str, Any]]:
    try:
        for event in _yaml().parse(text):
            if isinstance(event, AliasEvent):
                line = event.start_mark.line + 2
                raise CommandError(name, [Fault("alias", "front matter takes no YAML aliases", line)])
        node = _yaml().compose(text)
        values = _yaml().load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 2, mark.column + 1) if mark else (1, 0)
        message = str(error.problem or "unreadable YAML").splitlines()[0]
        raise CommandError(name, [Fault("yaml", message, line, column)]) from None
    except (YAMLError, ValueError, RecursionError) as error:
        message = (str(error) or "unreadable YAML").splitlines()[0]
        raise CommandError(name, [Fault("yaml", message, 1)]) from None
    if values is None:
        return None, {}
    if not isinstance(values, dict):
        raise CommandError(name, [Fault("yaml", "the front matter is not a mapping of keys", 2)])
    return node, values


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    return yaml


def _fault(problem: Any, node: Node | None) -> Fault:
    path: tuple[str | int, ...] = problem["loc"]
    line, column = _place(node, path)
    key = str(path[-1]) if path else ""
    where = ".".join(str(part) for part in path if part != "[key]")
    match problem["type"]:
        case "extra_forbidden":
            known = FrontMatter.model_fields if len(path) == 1 else Input.model_fields
            return Fault("unknown-key", f"unknown key {key!r}", line, column, nearest(key, known))
        case "literal_error" if path[-1] == "[key]":
            known_kinds = MayKey.__args__  # type: ignore[attr-defined]
            kind = str(problem["input"])
            hint = nearest(kind, known_kinds) or f"one of {', '.join(known_kinds)}"
            return Fault("unknown-action", f"`may` knows no {kind!r}", line, column, hint)
        case "missing":
            return Fault("missing", f"{where}: missing", line, column)
        case _:
            message = str(problem["msg"]).removeprefix("Value error, ")
            return Fault("value", f"{where}: {message}" if where else message, line, column)


def _place(node: Node | None, path: tuple[str | int, ...]) -> tuple[int, int]:
    """Line and column, in the file, of the deepest part of `path` the YAML holds."""
    line, column = 0, 0
    for step in path:
        if isinstance(node, MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            if found is None:
                break
            mark, node = found[0].start_mark, found[1]
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            mark = node.start_mark
        else:
            break
        line, column = mark.line + 2, mark.column + 1
    return line, column
