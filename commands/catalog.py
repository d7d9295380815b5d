"""Finds commands by name: a repository's own first, then the library's."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from commands.faults import CommandError, Fault, nearest
from commands.names import Target
from commands.template import Command, check, parse_command

_DEPTH = 5
_INHERITED = (
    "target", "engine", "model", "max_turns", "permission_mode", "allowed_tools", "may", "script", "title", "description"
)  # fmt: skip


class Catalog:
    """The commands of one repository.

    `own` maps the paths below its commands folder (`house/triage.md`, `house/count.py`) to their texts; a name of
    the library in it takes the library's place, and may extend it by that same name.
    """

    def __init__(self, own: Mapping[str, str] | None = None) -> None:
        self._own = {_plain(path): text for path, text in (own or {}).items()}

    def get(self, name: str) -> Command:
        """The command `name` with what it inherits; raises CommandError for an unknown or broken one."""
        return self._resolved(name, self._own, ())

    def names(self, target: Target | None = None) -> list[str]:
        """The names of usable commands, sorted; with `target`, those that work on it or name no target."""
        return [
            command.name for command in self.commands() if target is None or command.target in (None, target)
        ]

    def commands(self) -> Iterator[Command]:
        """Every usable command by name; `faults` tells about the others."""
        for name in self._all_names():
            try:
                yield self.get(name)
            except CommandError:
                continue

    def faults(self) -> dict[str, list[Fault]]:
        """What is wrong with each of the repository's own commands; empty where nothing is."""
        found = {name: self._faults_of(name) for name in self._all_names() if name in self._own}
        return {name: faults for name, faults in found.items() if faults}

    def script(self, command: Command) -> str:
        """The text of a script command's program; raises CommandError where there is none."""
        path = f"{command.folder}/{command.script}".lstrip("/")
        # A library command runs the library's program, whatever a repository put at the same path.
        texts = _library() if command.source == "library" else {**_library(), **self._own}
        if path in texts:
            return texts[path]
        raise CommandError(command.name, [Fault("no-script", f"there is no {path} beside it")])

    def _faults_of(self, name: str) -> list[Fault]:
        try:
            command = self.get(name)
            if command.is_script:
                self.script(command)
            return check(command)
        except CommandError as error:
            return list(error.faults)

    def _all_names(self) -> list[str]:
        return sorted(path for path in {**_library(), **self._own} if not path.endswith(".py"))

    def _resolved(self, name: str, own: Mapping[str, str], children: tuple[str, ...]) -> Command:
        source = "repository" if name in own else "library"
        text = own.get(name) or _library().get(name)
        if text is None or name.endswith(".py"):
            known = self._all_names()
            hint = (
                nearest(name, known) or _same_leaf(name, known) or "`roundsman commands list` shows them all"
            )
            raise CommandError(
                children[-1] if children else name, [Fault("unknown", f"unknown command {name!r}", hint=hint)]
            )
        command = parse_command(name, text, source)
        if command.extends is None:
            return command
        seen = (*children, name)
        if len(seen) > _DEPTH or (
            command.extends in seen and (command.extends != name or source == "library")
        ):
            raise CommandError(
                name, [Fault("extends", f"it extends itself: {' → '.join((*seen, command.extends))}")]
            )
        rest = {path: text for path, text in own.items() if path != name} if command.extends == name else own
        return _heir(command, self._resolved(command.extends, rest, seen))


def _heir(child: Command, parent: Command) -> Command:
    """`child` with what it leaves open taken from `parent`; inputs of both, bodies of both."""
    taken: dict[str, Any] = {
        key: getattr(parent, key)
        for key in _INHERITED
        if key not in child.model_fields_set and key in parent.model_fields_set
    }
    if "script" in taken:
        taken["folder"] = parent.folder
    taken["inputs"] = {**parent.inputs, **child.inputs}
    taken["bodies"] = (*child.bodies, *parent.bodies)
    return child.model_copy(update=taken)


def _plain(path: str) -> str:
    return path.removesuffix(".md")


def _same_leaf(name: str, known: list[str]) -> str:
    leaf = name.rpartition("/")[2]
    return next((f"did you mean {other!r}?" for other in known if other.rpartition("/")[2] == leaf), "")


@cache
def _library() -> dict[str, str]:
    root = resources.files("commands") / "library"
    return {
        _plain(f"{folder.name}/{file.name}"): file.read_text("utf-8")
        for folder in _sorted(root)
        if folder.is_dir()
        for file in _sorted(folder)
        if file.name.endswith((".md", ".py"))
    }


def _sorted(folder: Traversable) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda entry: entry.name)
