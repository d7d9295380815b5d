"""The page where people sign in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from bot.web.auth import Context, MaybeViewer
from bot.web.cookies import onward
from bot.web.pages.render import page

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
async def sign_in(
    request: Request, context: Context, viewer: MaybeViewer, place: Annotated[str, Query(max_length=2000, alias="next")] = "/"
) -> Response:  # fmt: skip
    """Offer the way in there is: GitHub, the local start link, or what an operator does first."""
    if viewer is not None:
        return RedirectResponse(onward(place), 303)
    values = {
        "tab": "",
        "next": onward(place),
        "github": context.identity is not None,
        "local": context.settings.local,
    }
    return await page(request, "sign_in.html", values)
