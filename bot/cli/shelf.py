"""Commands that are imported when they are called: a filter is checked without loading engine, web and database."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup


class Place(NamedTuple):
    """Where a command is, as `module:name` of a function or of a `typer.Typer` with a group, and its line of the help."""

    module: str
    line: str


class Shelf(MutableMapping[str, Any]):
    """Commands by name, each imported when it is first asked for."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._places, self._taken = dict(places), dict[str, Any]()

    def __getitem__(self, name: str) -> Any:
        if name not in self._taken:
            module, _, attribute = self._places[name].module.partition(":")
            with _no_collection():
                self._taken[name] = _command(name, getattr(import_module(module), attribute))
        return self._taken[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._places[name], self._taken[name] = Place("", ""), command

    def __delitem__(self, name: str) -> None:
        del self._places[name]
        self._taken.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def shelf(places: Mapping[str, Place]) -> type[TyperGroup]:
    """The kind of group whose commands stand on a shelf: for `typer.Typer(cls=…)`."""

    class Shelved(TyperGroup):
        """A group that knows its commands by their lines alone until one is called."""

        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            self.commands = Shelf(places)

        def format_help(self, *given: Any) -> None:
            """List the commands without importing one."""
            whole = self.commands
            self.commands = {name: TyperCommand(name, help=place.line) for name, place in places.items()}
            try:
                super().format_help(*given)
            finally:
                self.commands = whole

    return Shelved


@contextmanager
def _no_collection() -> Iterator[None]:
    """Look for no garbage while modules load: they stay, and a sixth of the time of loading them went there."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was:
            gc.enable()


def _command(name: str, found: Any) -> Any:
    if isinstance(found, typer.Typer):
        group = typer.main.get_group(found)
        group.name = name
        return group
    lone = typer.Typer(add_completion=False)
    lone.command(name)(found)
    return typer.main.get_command(lone)
