"""The dashboard: pages people read and the forms by which they act."""

from fastapi import FastAPI
from starlette.routing import Mount

from bot.web.pages.assets import Assets
from bot.web.pages.errors import error_page


def install(app: FastAPI) -> None:
    """Serve the static files, ahead of any repository called `static`, and draw errors as pages."""
    app.router.routes.insert(0, Mount("/static", Assets(), name="static"))
    app.state.error_page = error_page
