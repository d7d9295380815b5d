"""Machine tokens: what lives, a form for a new one whose text is shown once, and the end of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError

from bot.ports import Viewer
from bot.store.tokens import SCOPES, MachineToken, Scope
from bot.web import machine
from bot.web.api.doors import Id
from bot.web.api.machine_tokens import NewToken
from bot.web.auth import Context, SignedInViewer, Visible
from bot.web.context import WebContext
from bot.web.pages.language import gettext as _
from bot.web.pages.language import ngettext
from bot.web.pages.render import Notice, back, page, reader_of
from bot.web.problems import Problem, faults_of

router = APIRouter(include_in_schema=False)
LIVES = (7, 30, 90, 365, 0)
"""The lives a new token may have, in days; 0 is no end."""
BLANK = {"name": "", "scope": "see", "days": "30", "which": "some", "repositories": ()}


@dataclass(frozen=True, slots=True)
class Fresh:
    """A token just made, with its text."""

    token: MachineToken
    text: str


@router.get("/tokens")
async def tokens_page(
    request: Request, context: Context, viewer: SignedInViewer, visible: Visible
) -> Response:
    """The tokens the viewer made (operators: everybody's), and the form for a new one."""
    return await _shown(request, context, viewer, visible, BLANK)


@router.post("/tokens")
async def make(request: Request, context: Context, viewer: SignedInViewer, visible: Visible) -> Response:
    """Make a token and show its text, in the answer to this form and nowhere else."""
    reader_of(request)
    form = await request.form()
    given: dict[str, Any] = {key: str(form.get(key, BLANK[key]))[:200] for key in BLANK}
    given["repositories"] = [str(name)[:201] for name in form.getlist("repositories")][:501]
    try:
        wanted = NewToken.model_validate(_asked(given))
        await _new_name(context, viewer, wanted.name)
        ends = context.now() + timedelta(days=int(given["days"])) if given["days"] != "0" else None
        made = await machine.make(context, viewer, wanted.name, wanted.scopes, wanted.repositories, ends)
    except ValidationError as error:
        fault = "; ".join(f"{one.pointer.strip('/')}: {one.message}" for one in faults_of(error))
        return await _shown(request, context, viewer, visible, given, fault=fault, status=422)
    except Problem as problem:
        return await _shown(
            request, context, viewer, visible, given, fault=problem.detail, status=problem.status
        )
    return await _shown(request, context, viewer, visible, BLANK, fresh=Fresh(*made))


@router.post("/tokens/{token_id}/revoke")
async def revoke(request: Request, context: Context, viewer: SignedInViewer, token_id: Id) -> Response:
    """End a token at once."""
    reader_of(request)
    token = await machine.end(context, viewer, token_id)
    words = _("%(name)s is revoked; whoever uses it is refused from now on.") % {"name": token.name}
    return back(request, "/tokens", Notice(words=words))


def _asked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The form as the API would be asked."""
    if given["days"] not in {str(days) for days in LIVES}:
        raise Problem(422, _("Choose how long it lives from the list."), code="invalid")
    names = None if given["which"] == "all" else given["repositories"]
    if names == []:
        raise Problem(422, _("Choose at least one repository."), code="invalid")
    return {"name": given["name"].strip(), "scopes": [given["scope"]], "repositories": names}


async def _new_name(context: WebContext, viewer: Viewer, name: str) -> None:
    """Refuse a name in use, so that a page loaded again makes no second token."""
    mine = [one.name for one in await machine.of(context, viewer) if one.created_by == viewer.login]
    if name in mine:
        words = _("You have a token named %(name)s; revoke it or choose another name.") % {"name": name}
        raise Problem(409, words, code="name-taken")


async def _shown(
    request: Request, context: WebContext, viewer: Viewer, visible: Sequence[Any], given: Mapping[str, Any], *,
    fresh: Fresh | None = None, fault: str = "", status: int = 200,
) -> Response:  # fmt: skip
    reader_of(request)
    everything = viewer.operator or viewer.kind == "local"
    values = {
        "tab": "", "tokens": await machine.of(context, viewer), "v": given, "fresh": fresh, "fault": fault, "everything": everything,
        "names": sorted(one.full_name for one in visible), "lives": [(str(days), _life(days)) for days in LIVES],
        "scopes": [(scope, *_scope(scope)) for scope in SCOPES if scope != "operate" or everything],
    }  # fmt: skip
    return await page(request, "tokens.html", values, status=status)


def _life(days: int) -> str:
    if not days:
        return _("never")
    return ngettext("after %(num)s day", "after %(num)s days", days) % {"num": days}


def _scope(scope: Scope) -> tuple[str, str]:
    """What a scope is called, and what it lets a program do."""
    return {
        "see": (_("See"), _("jobs, runs, sessions with their transcripts, statistics")),
        "run": (_("Run"), _("see, and run, pause and stop jobs")),
        "edit": (_("Edit"), _("run, and make, change and delete jobs")),
        "operate": (_("Operate"), _("edit, and with all repositories the global stop and the metrics")),
    }[scope]
