"""Signing in with GitHub, the local start link, signing out."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from bot.ports import Refusal
from bot.web.auth import Context, SignedInViewer, cookies_of, end_session
from bot.web.context import WebContext
from bot.web.cookies import challenge, onward
from bot.web.problems import Problem

router = APIRouter(include_in_schema=False)
NO_APP = "no GitHub App is set up yet; an operator opens /setup first"
CALLBACK = "/sign-in/github/callback"

Place = Annotated[str, Query(max_length=2000, alias="next")]


@router.get("/sign-in/github")
async def to_github(request: Request, context: Context, place: Place = "/") -> Response:
    """Send the browser to GitHub, with state and PKCE in a signed cookie."""
    if context.identity is None:
        raise Problem(503, NO_APP, code="no-app")
    response = RedirectResponse("/", 303)
    underway = cookies_of(request).depart(response, onward(place), context.now())
    address = context.identity.authorise_url(underway.state, challenge(underway.verifier), _callback(context))
    if isinstance(address, Refusal):
        raise Problem(503, NO_APP, code="no-app")
    response.headers["location"] = address
    return response


@router.get(CALLBACK)
async def from_github(
    request: Request, context: Context, code: Annotated[str, Query(max_length=500)] = "", state: Annotated[str, Query(max_length=500)] = "",
) -> Response:  # fmt: skip
    """Take the browser back from GitHub; whoever did not leave from here is not let in."""
    cookies = cookies_of(request)
    underway = cookies.underway(request.cookies.get(cookies.state_name), context.now())
    same = underway is not None and secrets.compare_digest(
        underway.state.encode(), state.encode("utf-8", "replace")
    )
    if underway is None or not same or not code or context.identity is None:
        raise Problem(
            400, "this sign-in is too old or was not begun here; begin again at /sign-in", code="state"
        )
    account = await context.identity.exchange(code, underway.verifier, _callback(context))
    if isinstance(account, Refusal):
        raise Problem(
            503 if account.kind == "busy" else 400,
            f"GitHub did not sign you in: {account.words}",
            code="github",
        )
    response = RedirectResponse(underway.onward, 303)
    cookies.end(response, cookies.state_name)
    cookies.start(response, account, context.now())
    return response


@router.get("/start/{token}")
async def start(request: Request, context: Context, token: str) -> Response:
    """Sign the local single user in by the link printed at start."""
    expected = context.start_token
    given = secrets.compare_digest((expected or "").encode(), token.encode("utf-8", "replace"))
    if not context.settings.local or not expected or not given:
        raise Problem(404, "this start link is not valid; use the one printed when Roundsman started")
    response = RedirectResponse("/", 303)
    cookies_of(request).start(response, None, context.now())
    return response


@router.post("/sign-out")
async def sign_out(request: Request, context: Context, viewer: SignedInViewer) -> Response:
    """End this session, copies of its cookie included."""
    cookies = cookies_of(request)
    if request.state.session is None:
        raise Problem(400, f"{viewer.login} has no session to end; revoke the token instead")
    await end_session(context, request.state.session, context.now())
    response = RedirectResponse("/sign-in", 303)
    cookies.end(response, cookies.session_name)
    response.headers["Clear-Site-Data"] = '"cookies", "storage"'
    return response


def _callback(context: WebContext) -> str:
    return context.settings.base_url + CALLBACK
