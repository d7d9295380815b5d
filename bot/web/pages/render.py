"""Templates to pages: the reader's language and zone, who looks, what was just done, and nothing unescaped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import bot
from bot.model.run import Repository
from bot.ports import Viewer, authorise
from bot.web.auth import cookies_of, csrf_token, viewer_of
from bot.web.context import context_of
from bot.web.pages import jobwords
from bot.web.pages.assets import asset
from bot.web.pages.icons import icon
from bot.web.pages.language import LANGUAGES, chosen, gettext, ngettext, speak, spoken
from bot.web.pages.markdown import markdown
from bot.web.pages.places import job_url, repository_url, run_url, session_url
from bot.web.pages.reader import Reader, zone_or_utc


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("bot.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(
        icon=icon, asset=asset, repository_url=repository_url, job_url=job_url, run_url=run_url, session_url=session_url,
        languages=LANGUAGES, version=bot.__version__, words=jobwords,
    )  # fmt: skip
    environment.filters["markdown"] = markdown
    return environment


TEMPLATES = _environment()


class Notice(BaseModel):
    """What the last action did, shown once on the next page; `undo` is a form's address that takes it back."""

    model_config = ConfigDict(frozen=True)
    words: str = Field(max_length=500)
    tone: str = Field("success", pattern=r"^(success|error|warn)$")
    undo: str | None = Field(None, pattern=r"^/[A-Za-z0-9._~%/-]*$", max_length=500)


def reader_of(request: Request) -> Reader:
    """Who reads, as far as language and zone go; whatever follows in this request is said in that language."""
    language = chosen(request.cookies.get("lang"), request.headers.get("accept-language", ""))
    speak(language)
    return Reader(language, zone_or_utc(request.cookies.get("zone")), context_of(request).now())


def can(viewer: Viewer | None, repository: Repository | None) -> dict[str, bool]:
    """What the viewer may do there: which buttons there are."""
    return {
        "see": repository is None or authorise(viewer, "see", repository) is None,
        "run": authorise(viewer, "run", repository) is None,
        "edit": authorise(viewer, "edit", repository) is None,
        "operate": authorise(viewer, "operate", None) is None,
    }


async def page(
    request: Request,
    template: str,
    values: Mapping[str, Any],
    *,
    repository: Repository | None = None,
    status: int = 200,
) -> Response:
    """A whole page."""
    viewer = await viewer_of(request)
    html = fragment(
        request, template, {**values, "repository": repository}, viewer=viewer, notice=_notice(request)
    )
    response = HTMLResponse(html, status, headers={"Cache-Control": "no-store", "Vary": "Cookie, HX-Request"})
    cookies = cookies_of(request)
    if cookies.notice_name in request.cookies:
        cookies.end(response, cookies.notice_name)
    return response


def fragment(
    request: Request,
    template: str,
    values: Mapping[str, Any],
    *,
    viewer: Viewer | None = None,
    notice: Notice | None = None,
) -> str:
    """A part of a page, or a page's whole text."""
    reader = reader_of(request)
    repository = values.get("repository")
    return TEMPLATES.get_template(template).render(
        {
            "repository": None, "crumbs": (), **values, "reader": reader, "language": spoken(), "viewer": viewer,
            "may": can(viewer, repository), "csrf": csrf_token(request), "notice": notice, "path": request.url.path,
            "settings": context_of(request).settings,
        }
    )  # fmt: skip


def back(request: Request, place: str, notice: Notice | None = None) -> Response:
    """Send the browser on after an action; the next page says what was done."""
    if request.headers.get("hx-request") == "true":
        response: Response = Response(status_code=204, headers={"HX-Redirect": place})
    else:
        response = RedirectResponse(place, 303)
    if notice:
        cookies_of(request).notice(response, notice)
    return response


def _notice(request: Request) -> Notice | None:
    cookies = cookies_of(request)
    told = cookies.noticed(request.cookies.get(cookies.notice_name))
    try:
        return Notice.model_validate(told) if told else None
    except ValidationError:
        return None
