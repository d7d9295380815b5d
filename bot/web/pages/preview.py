"""What a draft will do, before it is kept: fires, filter in words, cost, prompt, YAML; and what matches now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from markupsafe import Markup, escape

import filters
from bot.flow.brief import prompt_of, variables_of
from bot.flow.written import as_yaml
from bot.model.item import Item
from bot.model.job import JobSpec
from bot.model.run import Job, Repository, Run, RunStatus, Session, SessionStatus, TriggerKind
from bot.ports import Gathered, Seat
from bot.store import indexed, jobs
from bot.web import look
from bot.web.auth import Context, SignedInViewer, at_repository
from bot.web.context import WebContext
from bot.web.pages.draft import Draft, drafted
from bot.web.pages.job import fires_ahead, in_words, most_of
from bot.web.pages.jobwords import schedule_in_words
from bot.web.pages.language import gettext as _
from bot.web.pages.render import fragment, reader_of
from bot.web.pages.repository import Seen
from bot.web.pages.sending import checked, sent
from bot.web.problems import Problem
from bot.web.surroundings import catalog_of
from commands.faults import CommandError
from commands.names import fields_of
from commands.template import inline
from commands.times import TIME_NAMES

router = APIRouter(include_in_schema=False)
WIDTH = 64
"""How much of a query is shown around a fault, in characters: what the form's column holds."""
Editable = Annotated[Repository, Depends(at_repository("edit"))]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault or warning of the filter, with the query drawn so that the eye finds the place."""

    shown: Markup
    message: str
    hint: str
    severity: str
    start: int
    end: int
    fix: str | None


def drawn(query: str) -> list[Fault]:
    """Every fault and warning of a query, each with its stretch marked and carets under it."""
    found = []
    for one in filters.check(query)[:8]:
        css = "R-warning" if one.severity == "warning" else ""
        shown = _under(query, one.start, max(one.end, one.start + 1), css)
        found.append(Fault(shown, one.message, one.hint, one.severity, one.start, one.end, one.fix))
    return found


def _under(query: str, start: int, end: int, css: str) -> Markup:
    """The part of a query around a fault, in two lines as a terminal shows it."""
    left = max(0, min(start - WIDTH // 3, len(query) - WIDTH))
    right = left + WIDTH
    line = "".join(c if c.isprintable() else "·" for c in query).ljust(end)
    before, marked, after = line[left:start], line[start : min(end, right)], line[end:right]
    mark = Markup('<mark class="{}">{}</mark>')
    carets = " " * len(before) + mark.format(css, "^" * len(marked))
    return escape(before) + mark.format(css, marked) + escape(after) + "\n" + carets


async def preview(
    context: WebContext, repository: Repository, name: str, draft: Draft, job: Job | None
) -> dict[str, Any]:
    """Everything the aside of the form says about a draft."""
    given, spec = draft.given, draft.spec
    query = str(given.get("filter") or "") if given.get("target", "issues") in ("issues", "prs") else ""
    told: dict[str, Any] = {
        "draft_faults": draft.faults, "query": query, "query_faults": drawn(query) if query else [], "query_words": in_words(query, str(given.get("target", "issues"))),
        "ahead": [], "schedule_words": "", "zone": given.get("timezone", "UTC"), "most": None, "day_most": None, "sheet": "", "items_most": 1,
        "command": None, "hints": _hints(str(given.get("target", "issues"))),
    }  # fmt: skip
    if given.get("command"):
        try:
            told["command"] = (await catalog_of(context, repository)).get(str(given["command"]))
        except CommandError:
            told["command"] = None
    if given.get("on"):
        told["sheet"] = as_yaml({name or "my-job": given})
    if spec is None:
        return told
    anchor = job.anchor_at if job else context.now()
    sessions = spec.max_items if spec.has_items else 1
    most = await most_of(context, repository, spec)
    return told | {
        "ahead": fires_ahead(spec, repository.full_name, name, anchor, context.now()),
        "schedule_words": schedule_in_words(spec.on, jobs.identity_of(repository.full_name, name)),
        "most": most, "day_most": min(spec.limits.budget.day, most and spec.limits.budget.day), "items_most": sessions,
    }  # fmt: skip


def _hints(target: str) -> list[tuple[str, str]]:
    """What a prompt may name for a target."""
    roots = ("item", "repo", "job", "run")
    found = [
        (f"{{{{ {field.path} }}}}", field.help)
        for root in roots
        for field in fields_of(root, target)  # type: ignore[arg-type]
    ]
    return found + [(f"{{{{ {name} }}}}", _("time, in the job's zone")) for name in TIME_NAMES]


@router.post("/{owner}/{repo}/check-job")
async def check_job(
    request: Request, context: Context, viewer: SignedInViewer, repository: Editable, job: Annotated[str, Query(max_length=200)] = ""
) -> Response:  # fmt: skip
    """The form's living parts, for what stands in it now."""
    reader_of(request)
    form = await sent(request)
    before = await context.database.read(jobs.by_name, repository.id, job) if job else None
    draft = await checked(context, repository, form, before)
    values = await preview(context, repository, str(form.get("name") or ""), draft, before)
    html = fragment(
        request, "job_preview.html", {**values, "repository": repository, "oob": True}, viewer=viewer
    )
    return HTMLResponse(html)


@router.post("/{owner}/{repo}/matches")
async def matches(
    request: Request, context: Context, viewer: SignedInViewer, repository: Editable, job: Annotated[str, Query(max_length=200)] = ""
) -> Response:  # fmt: skip
    """What matches right now, of which so many are new, with the reason for each that is not; and the prompt for the first."""
    reader_of(request)
    form = await sent(request)
    before = await context.database.read(jobs.by_name, repository.id, job) if job else None
    values = await matching(context, repository, drafted(form).spec, before)
    return HTMLResponse(
        fragment(request, "matches.html", {**values, "repository": repository}, viewer=viewer)
    )


async def matching(
    context: WebContext, repository: Repository, spec: JobSpec | None, before: Job | None
) -> dict[str, Any]:
    """What `matches.html` says of a draft."""
    values: dict[str, Any] = {"looked": None, "said": "", "prompt": "", "prompt_of": None}
    if spec is None:
        return values | {"said": _("Mend what is marked, then it is looked up.")}
    try:
        return values | await _looked(context, repository, spec, before)
    except Problem as problem:
        return values | {"said": problem.detail}


async def _looked(
    context: WebContext, repository: Repository, spec: JobSpec, job: Job | None
) -> dict[str, Any]:
    item: Item | None = None
    told: dict[str, Any] = {}
    if spec.has_items:
        seen = await look.look(context, repository, spec, job)
        chosen = seen.selection
        told["looked"] = seen
        candidates = [
            *(c.item for c in chosen.picked),
            *(v.item for v in (*chosen.deferred, *chosen.skipped)),
        ]
        item = candidates[0] if candidates else None
        if item is None:
            return told
    prompt = await rendered(context, repository, spec, item)
    return told | {"prompt": prompt, "prompt_of": item}


async def rendered(context: WebContext, repository: Repository, spec: JobSpec, item: Item | None) -> str:
    """The prompt the agent would get, but for data that is fetched only in a run; or why there is none."""
    now = context.now()
    nothing = {"id": 0, "job_id": 0, "repository_id": repository.id}
    run = Run.model_validate(
        nothing | {"trigger": TriggerKind.manual, "occasion": "preview", "status": RunStatus.pending, "spec": spec.model_dump(mode="json"), "created_at": now}
    )  # fmt: skip
    session = Session.model_validate(
        nothing
        | {
            "run_id": 0,
            "number": item.number if item else 0,
            "status": SessionStatus.queued,
            "queued_at": now,
        }
    )
    job = Job.model_validate(
        nothing | {"name": "preview", "spec": run.spec, "source": "api", "status": "active", "anchor_at": now, "created_at": now, "updated_at": now}
    )  # fmt: skip
    seat = Seat(run=run, job=job, repository=repository, session=session)
    try:
        command = (
            (await catalog_of(context, repository)).get(spec.command)
            if spec.command
            else inline(spec.prompt or "")
        )
        if command.is_script:
            return _("This command is a program: it needs no prompt and no model.")
        gathered = Gathered({})
        return prompt_of(command, variables_of(seat, item, gathered, now, "preview0"), gathered, "preview0")
    except CommandError as error:
        return str(error)


@router.get("/{owner}/{repo}/complete")
async def complete(
    context: Context, repository: Seen, q: Annotated[str, Query(max_length=20_000)] = "", at: Annotated[int, Query(ge=0, le=20_000)] = 0
) -> Response:  # fmt: skip
    """What may stand at the cursor of the filter, with the repository's own names."""
    names = await context.database.read(indexed.names_of, repository.id)
    offered = filters.complete(q, at, names)[:20]
    return JSONResponse(
        [{"start": one.start, "end": one.end, "text": one.text, "help": one.help} for one in offered]
    )
