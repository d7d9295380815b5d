"""The job form: from a template to a saved job, with everything it will do shown before it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_args

import pytz
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from bot.model.agent import EngineName
from bot.model.job import JobSpec
from bot.model.run import Job, Repository
from bot.model.schedule import EVENT_NAMES
from bot.store import jobs
from bot.store.database import Db
from bot.store.jobs import JobRefused
from bot.web.api import deeds
from bot.web.api.doors import Name
from bot.web.auth import Context, SignedInViewer, Visible, at_repository
from bot.web.context import WebContext
from bot.web.pages.draft import Draft
from bot.web.pages.filled import filled
from bot.web.pages.jobtemplates import SCRATCH, STARTS, start_named
from bot.web.pages.language import gettext as _
from bot.web.pages.places import job_url
from bot.web.pages.preview import matching, preview
from bot.web.pages.render import Notice, back, can, page, reader_of
from bot.web.pages.sending import checked, sent
from bot.web.problems import Problem
from bot.web.surroundings import catalog_of

router = APIRouter(include_in_schema=False)
Editable = Annotated[Repository, Depends(at_repository("edit"))]


@router.get("/new")
async def choose_repository(request: Request, viewer: SignedInViewer, visible: Visible) -> Response:
    """Which repository the job is for."""
    mine = [repository for repository in visible if can(viewer, repository)["edit"]]
    if len(mine) == 1:
        return back(request, f"/{mine[0].full_name}/new-job")
    return await page(request, "new.html", {"tab": "", "mine": mine})


@router.get("/{owner}/{repo}/new-job")
async def new_job(
    request: Request, context: Context, repository: Editable, template: Annotated[str, Query(max_length=100)] = ""
) -> Response:  # fmt: skip
    """Templates to start from, or the form one of them fills in."""
    reader = reader_of(request)
    start = start_named(template)
    if start is None and template != "scratch":
        return await page(request, "templates.html", {"starts": STARTS, "tab": "jobs"}, repository=repository)
    taken = {job.name for job in await context.database.read(jobs.jobs_of, repository.id)}
    spec = (start.spec if start else SCRATCH) | {"timezone": reader.zone}
    values = filled(_free(start.name, taken) if start else "", spec)
    return await _form(request, context, repository, values, None, Draft({}), 200)


def _free(name: str, taken: set[str]) -> str:
    return next(n for n in (name, *(f"{name}-{i}" for i in range(2, 1000))) if n not in taken)


@router.post("/{owner}/{repo}/new-job")
async def create(
    request: Request, context: Context, viewer: SignedInViewer, repository: Editable
) -> Response:
    """Keep the job, or show the form again with what is wrong beside each field."""
    reader_of(request)
    form = await sent(request)
    draft = await checked(context, repository, form, None)
    if form.get("look"):
        return await _form(request, context, repository, form, None, draft, 200)
    name = str(form.get("name") or "").strip()
    fault = ""
    if draft.spec is not None and not _bad(draft):
        try:
            await context.database.write(
                deeds.make, repository, name, draft.spec, viewer.login, context.now()
            )
        except JobRefused as refused:
            fault = str(refused)
        else:
            words = _("%(name)s is made. Run it now, or wait for its first fire.") % {"name": name}
            return back(request, job_url(repository, name), Notice(words=words))
    return await _form(request, context, repository, form, None, draft, 422, fault)


def _bad(draft: Draft) -> bool:
    return any(fault.severity == "error" for fault in draft.faults)


@router.get("/{owner}/{repo}/jobs/{name}/edit")
async def edit(request: Request, context: Context, repository: Editable, name: Name) -> Response:
    """The form for a job there is."""
    job = await context.database.read(deeds.job_named, repository, name)
    if job.source != "api":
        raise Problem(
            409, _("This job stands in a file of the repository; change it there."), code="file-job"
        )
    return await _form(request, context, repository, filled(job.name, job.spec), job, Draft({}), 200)


@router.post("/{owner}/{repo}/jobs/{name}/edit")
async def save(
    request: Request, context: Context, viewer: SignedInViewer, repository: Editable, name: Name
) -> Response:
    """Change the job; a new name keeps its history."""
    reader_of(request)
    form = await sent(request)
    before = await context.database.read(deeds.job_named, repository, name)
    draft = await checked(context, repository, form, before)
    if form.get("look"):
        return await _form(request, context, repository, form, before, draft, 200)
    wish = str(form.get("name") or "").strip()
    fault = ""
    if draft.spec is not None and not _bad(draft):
        try:
            await context.database.write(_change, repository, name, wish, draft.spec, viewer.login, context)
        except (JobRefused, Problem) as refused:
            fault = str(refused)
        else:
            return back(request, job_url(repository, wish), Notice(words=_("%(name)s is saved.") % {"name": wish}))  # fmt: skip
    return await _form(request, context, repository, form, before, draft, 422, fault)


def _change(
    db: Db, repository: Repository, name: str, wish: str, spec: JobSpec, by: str, context: WebContext
) -> Job:
    patch = {"name": wish} if wish != name else {}
    return deeds.edit(db, repository, name, patch, lambda _job: spec, by, context.now())


async def _form(
    request: Request, context: WebContext, repository: Repository, values: Mapping[str, Any], job: Job | None, draft: Draft, status: int,
    fault: str = "",
) -> Response:  # fmt: skip
    reader_of(request)
    catalog = await catalog_of(context, repository)
    first = draft if draft.given else await checked(context, repository, values, job)
    shown = await preview(context, repository, str(values.get("name") or ""), first, job)
    if values.get("look"):  # asked for by a browser that runs no script
        shown |= await matching(context, repository, first.spec, job)
    given = {
        "v": {"every_n": "", "every_unit": "h", "when_kind": "cron", "source": "command", "may_kind": "command", **_BLANK, **values}, "job": job,
        "faults": draft.by_field(), "fault": fault, "commands": list(catalog.commands()), "events": EVENT_NAMES, "zones": pytz.common_timezones,
        "engine_options": [(name, name) for name in get_args(EngineName)], "tab": "jobs", **shown, "others": await context.database.read(jobs.jobs_of, repository.id),
        "crumbs": ((job.name if job else _("New job"), ""),),
    }  # fmt: skip
    return await page(request, "job_form.html", given, repository=repository, status=status)


_BLANK = filled("", {"on": [{"schedule": ""}]})
