"""A sent form as a draft, with everything that keeps it from working in its repository."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import Request

from bot.flow.review import review
from bot.model.run import Job, Repository
from bot.web.context import WebContext
from bot.web.pages.draft import Draft, drafted
from bot.web.surroundings import surroundings_of

LISTS = ("events", "may")
LONGEST = 20_000


async def sent(request: Request) -> dict[str, Any]:
    """The form that was sent: texts, and lists for the fields of which several may be ticked."""
    form = await request.form()
    values: dict[str, Any] = {key: str(form[key])[:LONGEST] for key in form if key != "csrf"}
    return values | {key: [str(one)[:100] for one in form.getlist(key)] for key in LISTS}


async def checked(
    context: WebContext, repository: Repository, form: Mapping[str, Any], before: Job | None
) -> Draft:
    """The draft with everything that keeps it from working here, warnings too."""
    draft = drafted(form, before.status if before else "active")
    if draft.spec is None:
        return draft
    around = await surroundings_of(context, repository)
    if before is not None and before.spec.get("on") == draft.given.get("on"):
        around = replace(around, now=None)
    return replace(draft, faults=(*draft.faults, *review(draft.spec, around)))
