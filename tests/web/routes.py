"""The table of an app's routes, included routers and all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    dependencies: frozenset[Callable[..., Any]]

    @property
    def changes(self) -> bool:
        return self.method not in ("GET", "HEAD", "OPTIONS")

    @property
    def guards(self) -> set[str]:
        """What its doors let people do."""
        return {call.guards for call in self.dependencies if hasattr(call, "guards")}


def routes_of(app: FastAPI) -> list[Route]:
    """Every (method, path) an app answers, with all it depends on."""
    return [
        Route(method, context.path, frozenset(_calls(context)))
        for context in iter_route_contexts(app.router.routes)
        if getattr(context, "dependant", None) is not None
        for method in sorted(context.methods or ())
    ]


def _calls(context: Any) -> Iterator[Callable[..., Any]]:
    ahead = [context.dependant]
    while ahead:
        dependant = ahead.pop()
        if dependant.call is not None:
            yield dependant.call
        ahead += dependant.dependencies
