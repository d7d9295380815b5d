"""The ASGI application: all routers behind the door."""

from functools import cache

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from bot.demo import (
    accounts,
    apps,
    checks,
    comments,
    contents,
    git,
    gitdata,
    graphql,
    history,
    issues,
    oauth,
    pages,
    pulls,
    reviews,
    search,
    statuses,
    vocabulary,
)  # fmt: skip
from bot.demo.core import Core
from bot.demo.door import ASGIApp, Door
from bot.demo.refusal import Refusal

# Pages come last: `/{owner}/{name}` would take nearly every path. Checks and pulls stand before commits by any name.
ROUTERS = [
    accounts.router, apps.router, comments.router, issues.router, vocabulary.router, reviews.router, pulls.router,
    checks.router, statuses.router, contents.router, history.router, gitdata.router, search.router, graphql.router, oauth.router,
    git.router, pages.router,
]  # fmt: skip


def build(core: Core) -> ASGIApp:
    """Put everything together."""
    inner = FastAPI(title="GitHub", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    inner.state.core = core
    inner.add_exception_handler(Refusal, _refused)
    inner.add_exception_handler(HTTPException, _unknown)
    inner.router.routes.extend(_routes())
    return Door(core, inner)


@cache
def _routes() -> list[BaseRoute]:
    """Every route, its handler's signature read once for however many GitHubs there are: that takes a third of a second."""
    whole = FastAPI()
    for router in ROUTERS:
        whole.include_router(router)
    return whole.router.routes


async def _refused(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, Refusal)
    return fault.answer()


async def _unknown(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    return Refusal(404 if fault.status_code == 405 else fault.status_code, "Not Found").answer()


__all__ = ["ASGIApp", "build"]
