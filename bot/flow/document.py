"""YAML 1.2 text as a tree in which every key and value knows its place.

Read from ruamel.yaml's events, so that hostile text (bombs, depth, tags, duplicate keys) is refused before anything is
built from it. Only the core schema counts: `on` and `no` are words, `12:30` is a word, `true` and `12` are not.
Source: https://yaml.org/spec/1.2.2/#103-core-schema
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from bot.flow.tree import Mapping, Node, Place, Scalar, Sequence
from bot.model.fault import Fault
from bot.model.variables import WrittenFloat

LARGEST = 256 * 1024
DEEPEST = 16
MOST_NODES = 20_000
MOST_EVENTS = 25_000
MOST_DUPLICATES = 50

_INT = re.compile(r"0|-?[1-9][0-9]{0,17}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,30}|[0-9]{1,30}(\.[0-9]{0,30})?)([eE][-+]?[0-9]{1,3})?", re.ASCII)
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


class UnreadableError(Exception):
    """The text is no document; `faults` says why."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(faults[0].message)
        self.faults = faults


def read_document(path: str, text: str | bytes) -> tuple[Mapping, tuple[Fault, ...]]:
    """Read a document whose top is a mapping, with the faults that leave it readable (duplicate keys).

    Raises UnreadableError for anything else.
    """
    words = _decoded(path, text)
    try:
        builder = _Builder(path, _bounded(path, YAML(typ="safe", pure=True).parse(words)))
        return builder.document(), tuple(builder.faults)
    except UnreadableError:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(path, mark.line + 1, mark.column + 1) if mark else Place(path, 1, 1)
        raise _refused(
            place, f"not YAML: {error.problem or error.context}", _yaml_hint(str(error.problem))
        ) from None
    except ReaderError as error:
        raise _refused(
            _place_of(path, words, error.position), "a character that YAML does not allow", "remove it"
        ) from None
    except Exception as error:  # hostile text finds other ways to upset a parser; none may get further
        raise _refused(
            Place(path, 1, 1), f"not YAML ({type(error).__name__})", "check it with a YAML editor"
        ) from None


def _bounded(path: str, events: Iterable[Event]) -> Iterator[Event]:
    """Pass events on, but only so many: reading them is what costs."""
    for count, event in enumerate(events):
        if count > MOST_EVENTS:
            place = Place(path, event.start_mark.line + 1, event.start_mark.column + 1)
            raise _refused(place, "too many keys and values", "write fewer jobs in one file")
        yield event


def _decoded(path: str, text: str | bytes) -> str:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "replace"))
    if size > LARGEST:
        raise _refused(
            Place(path, 1, 1),
            f"the file has {size // 1024} kB",
            "at most 256 kB; split it into several files",
        )
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise _refused(Place(path, line, 1), "the file is not UTF-8 text", "save it as UTF-8") from None


def _place_of(path: str, text: str, position: int) -> Place:
    before = text[:position]
    return Place(path, before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)


def _yaml_hint(problem: str) -> str:
    if "\\t" in problem or "'\\t'" in problem:
        return "indent with spaces, not tabs"
    if "mapping values are not allowed" in problem:
        return "put the value in quotes, or check the indentation"
    return "check quotes, brackets and indentation before this place"


def _refused(place: Place, message: str, hint: str) -> UnreadableError:
    return UnreadableError(Fault(place.path, place.line, place.column, "", message, hint))


@dataclass
class _Builder:
    path: str
    events: Iterator[Event]
    faults: list[Fault] = field(default_factory=list)
    anchors: dict[str, Node] = field(default_factory=dict)
    size: int = 0

    def document(self) -> Mapping:
        """Build the only document of the text."""
        top: Node | None = None
        for event in self.events:
            match event:
                case DocumentStartEvent() if top is not None:
                    raise _refused(self._place(event), "a second document", "remove the line `---`")
                case DocumentStartEvent(version=version) if version not in (None, (1, 2)):
                    raise _refused(self._place(event), "the file is YAML 1.2", "remove the %YAML line")
                case ScalarEvent() | AliasEvent() | SequenceStartEvent() | MappingStartEvent():
                    top = self._node(event, 1)
        if not isinstance(top, Mapping):
            empty = top is None or (isinstance(top, Scalar) and top.value is None)
            message = "the file is empty" if empty else "the file is not a mapping of keys"
            raise _refused(Place(self.path, 1, 1), message, "start with `version: 1` and `jobs:`")
        return top

    def _place(self, event: Event) -> Place:
        return Place(self.path, event.start_mark.line + 1, event.start_mark.column + 1)

    def _node(self, event: Event, depth: int) -> Node:
        place = self._place(event)
        if depth > DEEPEST:
            raise _refused(place, "nested too deeply", f"at most {DEEPEST} levels")
        if isinstance(event, AliasEvent):
            return self._counted(self._alias(event, place), place)
        if not isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent):
            raise _refused(place, "not YAML", "check the brackets before this place")
        if event.tag is not None:
            raise _refused(place, f"a tag: {str(event.tag)[:40]}", "write the value without `!`")
        node = self._built(event, place, depth)
        if event.anchor is not None:
            self.anchors[str(event.anchor)] = node
        return node

    def _built(
        self, event: ScalarEvent | SequenceStartEvent | MappingStartEvent, place: Place, depth: int
    ) -> Node:
        match event:
            case SequenceStartEvent():
                items = tuple(self._items(depth))
                return Sequence(items, place, 1 + sum(item.size for item in items))
            case MappingStartEvent():
                entries = self._entries(depth)
                return Mapping(entries, place, 1 + sum(value.size for _, value in entries.values()))
            case _:
                node = Scalar(event.value if event.style else _core(event.value), place)
                return self._counted(node, place)

    def _alias(self, event: AliasEvent, place: Place) -> Node:
        known = self.anchors.get(str(event.anchor))
        if known is None:
            raise _refused(
                place, f"*{str(event.anchor)[:40]} names nothing before it", "write the value itself"
            )
        return known

    def _counted(self, node: Node, place: Place) -> Node:
        """Count what a node stands for, so that aliases of aliases cannot grow beyond all bounds."""
        self.size += node.size
        if self.size > MOST_NODES:
            raise _refused(
                place,
                "too many values, or aliases that multiply",
                "write fewer jobs in one file, without aliases",
            )
        return node

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self.events), SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> dict[str, tuple[Place, Node]]:
        entries: dict[str, tuple[Place, Node]] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            place = self._place(event)
            if not isinstance(event, ScalarEvent):
                raise _refused(place, "a key that is not a word", "put it in quotes, or check the brackets")
            key = str(event.value)
            if event.anchor is not None or event.tag is not None:
                raise _refused(place, "an anchor or tag on a key", "write the key alone")
            value = self._node(next(self.events), depth + 1)
            if key in entries and len(self.faults) < MOST_DUPLICATES:
                first = entries[key][0].line
                self.faults.append(
                    Fault(
                        place.path,
                        place.line,
                        place.column,
                        "",
                        f"duplicate key {key[:60]!r}",
                        f"it stands in line {first} already",
                    )
                )
            if key not in entries:
                entries[key] = (place, value)
        return entries


def _core(text: str) -> Any:
    """Resolve a plain scalar by the core schema; a number written oddly (`007`, `+5`) stays the text it is."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and not re.fullmatch(r"[-+]?[0-9]+", text):
        return WrittenFloat(text)
    return text
