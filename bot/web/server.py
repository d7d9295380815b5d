"""The web process: guard, sign-in, API, pages and whatever doors others add."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from functools import cache

from fastapi import APIRouter, Depends, FastAPI
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

import bot
from bot.settings import SettingsError
from bot.web import api, metrics, problems, signin
from bot.web.auth import no_forgery
from bot.web.context import WebContext
from bot.web.cookies import Cookies
from bot.web.guard import LOOPBACK, Guard
from bot.web.hooks import Door
from bot.web.rate import Rates
from bot.web.roles import Roles

__all__ = ["WebContext", "create_app"]


class _Web(FastAPI):
    """FastAPI behind the webhook's door: an acknowledgement waits for no layer but its own."""

    door: Door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the door take what is its own."""
        if self.door.is_for(scope):
            await self.door(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(context: WebContext) -> FastAPI:
    """Build the app; raises SettingsError where the single-user mode would listen to the world."""
    settings = context.settings
    if settings.local and settings.host not in (*LOOPBACK, "::1"):
        raise SettingsError(
            f"ROUNDSMAN_LOCAL lets everybody in, so it listens on loopback only, not on {settings.host}; unset one of them"
        )
    app = _Web(
        title="Roundsman", version=bot.__version__, description="Makes the rounds of your repositories.",
        docs_url=None, redoc_url=None, openapi_url="/api/openapi.json", redirect_slashes=False,
        dependencies=[Depends(no_forgery)],  # for what is added later; the routes below bring it with them
    )  # fmt: skip
    app.state.context = context
    app.state.cookies = Cookies(settings)
    app.state.rates = Rates(settings.api_rate)
    app.state.roles = Roles(context.identity) if context.identity else None
    app.add_middleware(Guard, settings=settings)
    app.door = Door(context)
    problems.install(app)
    app.router.routes.extend(_routes())
    _pages_install(app)
    return app


@cache
def _routes() -> list[BaseRoute]:
    """Every route, its handler's signature read once for however many apps there are: that takes a third of a second."""
    whole = FastAPI(
        openapi_url=None, docs_url=None, redoc_url=None, dependencies=[Depends(no_forgery)]
    )  # fmt: skip
    for router in (*_doors(), signin.router):
        whole.include_router(router)
    api.install(whole)
    for router in (metrics.router, *_pages()):
        whole.include_router(router)
    return whole.router.routes


def _doors() -> list[APIRouter]:
    """The set-up wizard."""
    return [router for name in ("setup",) if (router := _router(f"bot.web.{name}"))]


def _pages() -> list[APIRouter]:
    """Every module of bot/web/pages that has a `router`."""
    if importlib.util.find_spec("bot.web.pages") is None:
        return []
    package = importlib.import_module("bot.web.pages")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [router for name in names if (router := _router(f"bot.web.pages.{name}"))]


def _pages_install(app: FastAPI) -> None:
    """Let bot/web/pages mount its static files and say how errors look (`install(app)`)."""
    if importlib.util.find_spec("bot.web.pages") is not None:
        install = getattr(importlib.import_module("bot.web.pages"), "install", None)
        if install is not None:
            install(app)


def _router(name: str) -> APIRouter | None:
    if importlib.util.find_spec(name) is None:
        return None
    found = getattr(importlib.import_module(name), "router", None)
    return found if isinstance(found, APIRouter) else None
