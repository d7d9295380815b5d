"""Data from outside GitHub that a job puts before its prompt: web addresses, Linear, databases."""

from __future__ import annotations

from typing import assert_never

from bot.contexts.databases import Databases
from bot.contexts.linear import Linear
from bot.contexts.net import Resolve, resolve
from bot.contexts.web import Web
from bot.model.context import DatabaseContext, HttpContext, LinearContext
from bot.ports import Clock, Refusal
from bot.settings import Settings


class Contexts:
    """Reads each kind by what the operator allowed; what cannot be had is a refusal in words, never an exception."""

    def __init__(self, settings: Settings, clock: Clock, *, resolve: Resolve = resolve) -> None:
        self._web = Web(settings.http_context, resolve)
        key = settings.linear_api_key
        self._linear = Linear(settings.linear_url, key.get_secret_value() if key else None)
        urls = {name: url.get_secret_value() for name, url in settings.database_contexts.items()}
        self._databases = Databases(urls)
        self._clock = clock

    async def read(self, context: HttpContext | LinearContext | DatabaseContext) -> str | Refusal:
        """The text of one context, no longer than it may be."""
        match context:
            case HttpContext():
                return await self._web.read(context)
            case LinearContext():
                return await self._linear.read(context, self._clock.now())
            case DatabaseContext():
                return await self._databases.read(context)
            case _:
                assert_never(context)
