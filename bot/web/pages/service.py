"""The service itself: installations and set-up, the global stop, and the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from bot.store import executors, service
from bot.store import words as facts
from bot.store.views import Ids
from bot.web.auth import Context, SignedInViewer, Visible
from bot.web.context import WebContext
from bot.web.pages.language import gettext as _
from bot.web.pages.overview import visible_ids
from bot.web.pages.render import page, reader_of
from bot.web.pages.repository import Seen

router = APIRouter(include_in_schema=False)
Before = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
Text = Annotated[str, Query(max_length=100)]
ON_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be right, whether it is, and what to do if not."""

    name: str
    good: bool | None
    said: str


def checks(context: WebContext, workers: int) -> list[Check]:
    """How the service is set up."""
    settings = context.settings
    app = context.identity is not None or settings.github_app_id is not None
    by_token = settings.github_token is not None
    github = _("the GitHub App is set up") if app else _("a token is used, without an App") if by_token else _("open /setup with the secret printed in the service's log, or set ROUNDSMAN_GITHUB_TOKEN")  # fmt: skip
    sandbox = {
        "auto": (True, _("agents are confined, or refused where that is impossible")),
        "bwrap": (True, _("agents are confined by bubblewrap")),
        "none": (False, _("agents run unconfined; install bubblewrap and set ROUNDSMAN_SANDBOX=auto")),
    }[settings.sandbox]
    working = _("%(n)s at work") % {"n": workers} if workers else _("none has given a sign of life in the last minute; start “roundsman serve” or “roundsman worker”")  # fmt: skip
    channels = ", ".join(settings.notify) or _(
        "none; name channels in ROUNDSMAN_NOTIFY to be told of failures"
    )
    address = settings.public_url or (
        _("this machine alone; set ROUNDSMAN_PUBLIC_URL where others shall follow links") if settings.local
        else _("not set; set ROUNDSMAN_PUBLIC_URL so that links and webhooks work")
    )  # fmt: skip
    return [
        Check("GitHub", app or by_token, github),
        Check(_("Workers"), workers > 0, working),
        Check(_("Sandbox"), *sandbox),
        Check(_("Database"), True, "SQLite" if context.database.is_sqlite else "PostgreSQL"),
        Check(_("Address"), bool(settings.public_url) or settings.local, address),
        Check(_("Notifications"), True if settings.notify else None, channels),
    ]


@router.get("/installations")
async def installations_page(
    request: Request, context: Context, viewer: SignedInViewer, visible: Visible
) -> Response:
    """Installations and set-up; each viewer sees the repositories they may see."""
    reader_of(request)
    may_see = {repository.id for repository in visible}
    every = viewer.operator or viewer.kind == "local"
    found: list[Any] = []
    for one in await context.database.read(service.installations):
        seen = tuple(place for place in one.repositories if every or place[0].id in may_see)
        if seen or every:
            found.append((one, seen))
    alive = await context.database.read(executors.living)
    fresh = [one for one in alive if one["seen_at"] >= context.now() - timedelta(minutes=1)]
    values = {
        "tab": "installations", "installations": found, "checks": checks(context, len(fresh)), "workers": alive if every else [],
        "quotas": _allowances(context) if every else [], "channels": sorted(context.settings.notify) if every and context.tell else [],
        "stopped": await context.database.read(facts.stopped),
    }  # fmt: skip
    return await page(request, "installations.html", values)


def _allowances(context: WebContext) -> list[tuple[str, str, int, int]]:
    """What GitHub last told this process of each account and resource: the limit, and what is left of it."""
    told = context.parts.get("quotas")
    seen = told() if told else {}
    return [(account, resource, *counts) for (account, resource), counts in sorted(seen.items())]


async def _audit(context: WebContext, ids: Ids, before: int | None, actor: str, action: str) -> dict[str, Any]:  # fmt: skip
    entries = await context.database.read(
        service.audit_log, ids, limit=ON_A_PAGE, before=before, actor=actor or None, action=action or None
    )
    return {"entries": entries, "actor": actor, "action": action, "more": len(entries) == ON_A_PAGE}


@router.get("/audit")
async def audit_page(
    request: Request, context: Context, viewer: SignedInViewer, visible: Visible, before: Before = None, actor: Text = "", action: Text = "",
) -> Response:  # fmt: skip
    """Who did what, in all repositories of the viewer."""
    values = await _audit(context, visible_ids(viewer, visible), before, actor, action)
    return await page(request, "audit.html", values)


@router.get("/{owner}/{repo}/audit")
async def repository_audit(
    request: Request, context: Context, repository: Seen, before: Before = None, actor: Text = "", action: Text = "",
) -> Response:  # fmt: skip
    """Who did what in a repository."""
    values = await _audit(context, [repository.id], before, actor, action)
    return await page(request, "audit.html", values, repository=repository)
