"""Commands that are imported when they are called: a filter is checked without loading engine, web and database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup


class Shelf(MutableMapping[str, Any]):
    """Commands by name. `places` says where each is, as `module:name` of a function or of a `typer.Typer` with a group."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places, self._taken = dict(places), dict[str, Any]()

    def __getitem__(self, name: str) -> Any:
        if name not in self._taken:
            module, _, attribute = self._places[name].partition(":")
            self._taken[name] = _command(name, getattr(import_module(module), attribute))
        return self._taken[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._places[name], self._taken[name] = "", command

    def __delitem__(self, name: str) -> None:
        del self._places[name]
        self._taken.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def shelf(places: Mapping[str, str]) -> type[TyperGroup]:
    """The kind of group whose commands stand on a shelf: for `typer.Typer(cls=…)`."""

    class Shelved(TyperGroup):
        """A group that knows its commands by name alone until one is called, or all are listed."""

        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            self.commands = Shelf(places)

    return Shelved


def _command(name: str, found: Any) -> Any:
    if isinstance(found, typer.Typer):
        group = typer.main.get_group(found)
        group.name = name
        return group
    lone = typer.Typer(add_completion=False)
    lone.command(name)(found)
    return typer.main.get_command(lone)
