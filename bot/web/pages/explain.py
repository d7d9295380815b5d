"""Why an item was or was not picked: by every job, term by term, with all that happened to it before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

import filters
from bot.flow.selection import why_not
from bot.model.item import Item
from bot.ports import Refusal
from bot.store.candidates import candidates_of
from bot.store.history import Seen as SeenByJob
from bot.store.history import history
from bot.web import look
from bot.web.auth import Context
from bot.web.context import WebContext
from bot.web.pages.jobwords import spec_of
from bot.web.pages.language import gettext as _
from bot.web.pages.places import repository_url
from bot.web.pages.render import page, reader_of
from bot.web.pages.repository import Seen

router = APIRouter(include_in_schema=False)
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@dataclass(frozen=True, slots=True)
class Told:
    """What one job would do with the item now: its terms, and why not, if not."""

    seen: SeenByJob
    terms: tuple[Any, ...] = ()
    now: str = ""
    picked: bool | None = None


@router.get("/{owner}/{repo}/explain")
async def ask(
    request: Request, repository: Seen, number: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """Ask for a number."""
    digits = number.strip().lstrip("#")
    if digits.isascii() and digits.isdigit() and 0 < int(digits) < 2**31:
        return RedirectResponse(repository_url(repository, f"explain/{int(digits)}"), 303)
    values: dict[str, Any] = {"number": None, "wrong": bool(number), "told": [], "item": None, "fault": ""}
    return await page(request, "explain.html", values, repository=repository)


@router.get("/{owner}/{repo}/explain/{number}")
async def explain(request: Request, context: Context, repository: Seen, number: Number) -> Response:
    """Explain one item, by every job."""
    reader_of(request)
    known = await context.database.read(history, repository.id, number)
    item, fault = await _item(context, repository, number)
    told = [
        await _told(context, repository.id, seen, item) for seen in known if seen.job.spec.get("target", "issues") in ("issues", "prs")
    ]  # fmt: skip
    values = {"number": number, "wrong": False, "told": told, "item": item, "fault": fault}
    return await page(
        request, "explain.html", values | {"crumbs": ((f"#{number}", ""),)}, repository=repository
    )


async def _item(context: WebContext, repository: Seen, number: int) -> tuple[Item | None, str]:
    if context.tracker is None:
        return None, _("GitHub cannot be asked from here, so only what is recorded is shown.")
    found = await context.tracker.item(look.ref_of(repository), number)
    return (None, found.words) if isinstance(found, Refusal) else (found, "")


async def _told(context: WebContext, repository_id: int, seen: SeenByJob, item: Item | None) -> Told:
    spec = spec_of(seen.job)
    if item is None or spec is None or seen.job.archived_at is not None:
        return Told(seen)
    if item.is_pull != (spec.target == "prs"):
        wants = _("it is a pull request, and this job works on issues") if item.is_pull else _("it is an issue, and this job works on pull requests")  # fmt: skip
        return Told(seen, now=wants, picked=False)
    try:
        matcher = filters.compile(spec.query or "is:open", now=context.now())
    except filters.QueryError as error:
        return Told(seen, now=str(error), picked=False)
    told = filters.explain(matcher, item.payload)
    if told.verdict is not filters.Verdict.YES:
        return Told(
            seen, told.reasons, str(told), picked=False if told.verdict is filters.Verdict.NO else None
        )
    [candidate] = await context.database.read(candidates_of, repository_id, seen.job.id, [item])
    reason = why_not(candidate, look.rules_of(spec), context.now())
    return Told(seen, told.reasons, reason or "", picked=reason is None)
