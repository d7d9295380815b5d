"""What a browser shows when something is not there, not allowed or broken: what, and what to do next."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from bot.ports import Viewer
from bot.web.pages.language import gettext as _
from bot.web.pages.render import fragment, reader_of
from bot.web.problems import Problem


def error_page(request: Request, problem: Problem) -> Response:
    """Draw a problem; a stranger is sent to sign in and comes back after."""
    if problem.status == 401 and request.method == "GET":
        return RedirectResponse(f"/sign-in?next={quote(_here(request), safe='')}", 303)
    reader_of(request)
    title, advice = _words(problem.status)
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    values = {
        "status": problem.status,
        "heading": title,
        "detail": problem.detail,
        "advice": advice,
        "tab": "",
    }
    return HTMLResponse(fragment(request, "error.html", values, viewer=viewer), problem.status)


def _here(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _words(status: int) -> tuple[str, str]:
    match status:
        case 401:
            return _("Sign in first"), _("Your session has ended. Sign in and try again.")
        case 403:
            return _("You may not do this"), _("Ask somebody who maintains the repository, or go back.")
        case 404:
            return _("There is nothing here"), _("It may have been deleted, or it is not yours to see.")
        case 409 | 422:
            return _("That does not fit"), _("Go back, mend it and send it again.")
        case 503:
            return _("Not right now"), _("Wait a minute, then load the page again.")
        case _ if status >= 500:
            return _("Something broke"), _(
                "It is written in the service's log. Load the page again in a moment."
            )
        case _:
            return _("That did not work"), _("Go back and try again.")
