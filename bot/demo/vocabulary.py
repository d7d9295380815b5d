"""Labels, milestones and assignees: what issues are described with."""

import re
from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Response

from bot.demo import deeds, shapes, shapes_issues, webhooks
from bot.demo import records as r
from bot.demo.call import Call, answer, done, enter
from bot.demo.core import Core, at_least
from bot.demo.ids import iso, parse_time
from bot.demo.paging import paged
from bot.demo.refusal import Refusal, invalid, not_found

router = APIRouter()
ROOT = "/repos/{owner}/{name}"


def find_label(core: Core, repo: r.Repo, name: str) -> r.Label | None:
    """A label by name in any case."""
    return core.tables.labels.one("name", (repo.id, name.casefold()))


def make_label(
    core: Core, repo: r.Repo, name: str, color: str = "ededed", description: str | None = None
) -> r.Label:
    """The label of this name, made if need be."""
    found = find_label(core, repo, name)
    if found is not None:
        return found
    row = r.Label(core.tables.next_id("label", 40_001), repo.id, name, color, description)
    return core.tables.labels.put(row)


def labels_named(call: Call, repo: r.Repo, names: list[str]) -> list[r.Label]:
    """The labels of these names; unknown ones are made, as GitHub does."""
    for name in names:
        if len(name) > 50:
            raise invalid("Label", "name", "custom", "name is too long (maximum is 50 characters)")
    return [make_label(call.core, repo, name) for name in names]


def assignable(call: Call, repo: r.Repo, logins: list[str]) -> list[str]:
    """Those of the logins who can be assigned; the others are left out without a word, as GitHub does."""
    return [x for x in logins if can_be_assigned(call.core, repo, x)]


def can_be_assigned(core: Core, repo: r.Repo, login: str) -> bool:
    """People with a role of their own in the repository."""
    known = core.user(login)
    if known is None or known.type == "Organization":
        return False
    role = core.role(repo, login)
    return at_least(role, "triage") or any(login.lower() == x.lower() for x in repo.collaborators)


def milestone_numbered(call: Call, repo: r.Repo, value: object) -> int | None:
    """A milestone's number from a body, None to take it away."""
    if value is None or value == "":
        return None
    number = int(value) if isinstance(value, int | str) and str(value).isdecimal() else -1
    if call.core.tables.milestones.one("number", (repo.id, number)) is None:
        raise invalid("Issue", "milestone")
    return number


@router.get(ROOT + "/labels")
async def list_labels(call: Call = Depends(enter)) -> Response:
    """A repository's labels."""
    repo = call.repo("issues:read", "pull_requests:read")
    return paged(call, call.core.tables.labels.under("repo", repo.id), lambda x: shapes.label(call.core, x))


@router.post(ROOT + "/labels")
async def create_label(call: Call = Depends(enter)) -> Response:
    """A new label."""
    repo = call.repo("issues:write", "pull_requests:write")
    call.require_role(repo, "triage")
    name = call.text("name", "Label")
    if find_label(call.core, repo, name) is not None:
        raise invalid("Label", "name", "already_exists")
    row = make_label(call.core, repo, name, _color(call.body.get("color")), call.body.get("description"))
    shape = shapes.label(call.core, row)
    webhooks.emit(call.core, "label", "created", call.actor, repo, label=shape)
    return answer(shape, 201, {"location": shape["url"]})


def _color(value: object) -> str:
    if value is None:
        return "ededed"
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-fA-F]{6}", value):
        raise invalid("Label", "color")
    return value.lower()


def _label_of(call: Call, repo: r.Repo) -> r.Label:
    row = find_label(call.core, repo, unquote(call.param("label")))
    if row is None:
        raise not_found()
    return row


@router.get(ROOT + "/labels/{label:path}")
async def get_label(call: Call = Depends(enter)) -> Response:
    """One label."""
    repo = call.repo("issues:read", "pull_requests:read")
    return answer(shapes.label(call.core, _label_of(call, repo)))


@router.patch(ROOT + "/labels/{label:path}")
async def edit_label(call: Call = Depends(enter)) -> Response:
    """Rename or recolour a label; the `updated_at` of issues that carry it stays."""
    repo = call.repo("issues:write", "pull_requests:write")
    call.require_role(repo, "triage")
    row, body = _label_of(call, repo), call.body
    row.name = body.get("new_name") or row.name
    row.color = _color(body["color"]) if "color" in body else row.color
    row.description = body.get("description", row.description)
    call.core.tables.labels.put(row)
    shape = shapes.label(call.core, row)
    webhooks.emit(call.core, "label", "edited", call.actor, repo, label=shape, changes={})
    return answer(shape)


@router.delete(ROOT + "/labels/{label:path}")
async def delete_label(call: Call = Depends(enter)) -> Response:
    """Delete a label everywhere."""
    repo = call.repo("issues:write", "pull_requests:write")
    call.require_role(repo, "triage")
    row = _label_of(call, repo)
    webhooks.emit(call.core, "label", "deleted", call.actor, repo, label=shapes.label(call.core, row))
    remove_label(call.core, repo, row)
    return done()


def remove_label(core: Core, repo: r.Repo, row: r.Label) -> None:
    """Take a label off every issue and forget it; `updated_at` stays."""
    for issue in core.tables.issues.under("repo", repo.id):
        if row.id in issue.labels:
            issue.labels.remove(row.id)
            core.tables.issues.put(issue)
    core.tables.labels.drop(row.id)


def _body_names(call: Call) -> list[str]:
    value = call.any_body
    names = value.get("labels", []) if isinstance(value, dict) else value
    if not isinstance(names, list):
        raise invalid("Issue", "labels")
    flat = [x.get("name") if isinstance(x, dict) else x for x in names]
    if not all(isinstance(x, str) and x for x in flat):
        raise invalid("Label", "name", "missing_field")
    return [str(x) for x in flat]


@router.get(ROOT + "/issues/{number:int}/labels")
async def issue_labels(call: Call = Depends(enter)) -> Response:
    """An issue's labels."""
    _, row = call.issue()
    return paged(call, shapes_issues.labels(call.core, row), lambda x: x)


@router.post(ROOT + "/issues/{number:int}/labels")
async def add_labels(call: Call = Depends(enter)) -> Response:
    """Add labels."""
    repo, row = call.issue("write")
    call.require_role(repo, "triage")
    have = [call.core.tables.labels.rows[i] for i in row.labels]
    deeds.set_labels(call.core, row, have + labels_named(call, repo, _body_names(call)), call.actor)
    return answer(shapes_issues.labels(call.core, row))


@router.put(ROOT + "/issues/{number:int}/labels")
async def replace_labels(call: Call = Depends(enter)) -> Response:
    """Replace the labels."""
    repo, row = call.issue("write")
    call.require_role(repo, "triage")
    deeds.set_labels(call.core, row, labels_named(call, repo, _body_names(call)), call.actor)
    return answer(shapes_issues.labels(call.core, row))


@router.delete(ROOT + "/issues/{number:int}/labels")
async def clear_labels(call: Call = Depends(enter)) -> Response:
    """Remove all labels."""
    repo, row = call.issue("write")
    call.require_role(repo, "triage")
    deeds.set_labels(call.core, row, [], call.actor)
    return done()


@router.delete(ROOT + "/issues/{number:int}/labels/{label:path}")
async def remove_one_label(call: Call = Depends(enter)) -> Response:
    """Remove one label; 404 when the issue does not carry it."""
    repo, row = call.issue("write")
    call.require_role(repo, "triage")
    found = find_label(call.core, repo, unquote(call.param("label")))
    if found is None or found.id not in row.labels:
        raise Refusal(404, "Label does not exist")
    rest = [call.core.tables.labels.rows[i] for i in row.labels if i != found.id]
    deeds.set_labels(call.core, row, rest, call.actor)
    return answer(shapes_issues.labels(call.core, row))


@router.get(ROOT + "/assignees")
async def list_assignees(call: Call = Depends(enter)) -> Response:
    """Who can be assigned."""
    repo = call.repo("issues:read", "pull_requests:read")
    rows = [x for x in call.core.tables.users if can_be_assigned(call.core, repo, x.login)]
    return paged(call, rows, lambda x: shapes.simple_user(call.core, x.login))


@router.get(ROOT + "/assignees/{login}")
async def check_assignee(call: Call = Depends(enter)) -> Response:
    """204 when the person can be assigned, else 404."""
    repo = call.repo("issues:read", "pull_requests:read")
    if not can_be_assigned(call.core, repo, call.param("login")):
        raise not_found()
    return done()


def _body_logins(call: Call) -> list[str]:
    value = call.body.get("assignees", [])
    return [value] if isinstance(value, str) else [x for x in value if isinstance(x, str)]


@router.post(ROOT + "/issues/{number:int}/assignees")
async def add_assignees(call: Call = Depends(enter)) -> Response:
    """Assign people."""
    repo, row = call.issue("write")
    call.require_role(repo, "triage")
    wanted = [*row.assignees, *assignable(call, repo, _body_logins(call))]
    deeds.set_assignees(call.core, row, list(dict.fromkeys(wanted)), call.actor)
    return answer(shapes_issues.issue(call.core, row, repo), 201)


@router.delete(ROOT + "/issues/{number:int}/assignees")
async def remove_assignees(call: Call = Depends(enter)) -> Response:
    """Unassign people."""
    repo, row = call.issue("write")
    call.require_role(repo, "triage")
    gone = {x.lower() for x in _body_logins(call)}
    deeds.set_assignees(call.core, row, [x for x in row.assignees if x.lower() not in gone], call.actor)
    return answer(shapes_issues.issue(call.core, row, repo))


def make_milestone(
    core: Core, repo: r.Repo, title: str, creator: str | None, *, description: str | None = None,
    due_on: str | None = None, at: str | None = None,
) -> r.Milestone:  # fmt: skip
    """A new milestone."""
    number = max((x.number for x in core.tables.milestones.under("repo", repo.id)), default=0) + 1
    at = at or core.now()
    return core.tables.milestones.put(
        r.Milestone(core.tables.next_id("milestone", 60_001), repo.id, number, title, description,
                    creator=creator, created_at=at, updated_at=at, due_on=due_on)
    )  # fmt: skip


@router.get(ROOT + "/milestones")
async def list_milestones(call: Call = Depends(enter)) -> Response:
    """Milestones, open ones unless asked otherwise."""
    repo = call.repo("issues:read", "pull_requests:read")
    state = call.choice("state", ("open", "closed", "all"), "open")
    rows = [x for x in call.core.tables.milestones.under("repo", repo.id) if state in ("all", x.state)]
    rows.sort(key=lambda x: (x.due_on or "9999", x.number), reverse=call.query("direction") == "desc")
    return paged(call, rows, lambda x: shapes.milestone(call.core, x))


def _milestone_of(call: Call, repo: r.Repo) -> r.Milestone:
    row = call.core.tables.milestones.one("number", (repo.id, call.number()))
    if row is None:
        raise not_found()
    return row


@router.get(ROOT + "/milestones/{number:int}")
async def get_milestone(call: Call = Depends(enter)) -> Response:
    """One milestone."""
    repo = call.repo("issues:read", "pull_requests:read")
    return answer(shapes.milestone(call.core, _milestone_of(call, repo)))


@router.post(ROOT + "/milestones")
async def create_milestone(call: Call = Depends(enter)) -> Response:
    """A new milestone."""
    repo = call.repo("issues:write", "pull_requests:write")
    call.require_role(repo, "write")
    title = call.text("title", "Milestone")
    if any(x.title == title for x in call.core.tables.milestones.under("repo", repo.id)):
        raise invalid("Milestone", "title", "already_exists")
    row = make_milestone(call.core, repo, title, call.actor.login, description=call.body.get("description"),
                         due_on=_due(call.body.get("due_on")))  # fmt: skip
    shape = shapes.milestone(call.core, row)
    webhooks.emit(call.core, "milestone", "created", call.actor, repo, milestone=shape)
    return answer(shape, 201, {"location": shape["url"]})


def _due(value: Any) -> str | None:
    if value is None:
        return None
    try:
        return iso(parse_time(str(value)))
    except ValueError as fault:
        raise invalid("Milestone", "due_on") from fault


@router.patch(ROOT + "/milestones/{number:int}")
async def edit_milestone(call: Call = Depends(enter)) -> Response:
    """Rename, close or reopen a milestone; the `updated_at` of its issues stays."""
    repo = call.repo("issues:write", "pull_requests:write")
    call.require_role(repo, "write")
    row, body = _milestone_of(call, repo), call.body
    if body.get("state") not in (None, "open", "closed"):
        raise invalid("Milestone", "state")
    row.title = body.get("title") or row.title
    row.description = body.get("description", row.description)
    row.due_on = _due(body["due_on"]) if "due_on" in body else row.due_on
    row.state = body.get("state") or row.state
    row.updated_at = call.core.now()
    row.closed_at = row.updated_at if row.state == "closed" else None
    call.core.tables.milestones.put(row)
    shape = shapes.milestone(call.core, row)
    webhooks.emit(call.core, "milestone", "edited", call.actor, repo, milestone=shape, changes={})
    return answer(shape)


@router.delete(ROOT + "/milestones/{number:int}")
async def delete_milestone(call: Call = Depends(enter)) -> Response:
    """Delete a milestone; its issues stay without one."""
    repo = call.repo("issues:write", "pull_requests:write")
    call.require_role(repo, "write")
    row = _milestone_of(call, repo)
    for issue in call.core.tables.issues.under("repo", repo.id):
        if issue.milestone == row.number:
            issue.milestone = None
            call.core.tables.issues.put(issue)
    call.core.tables.milestones.drop(row.id)
    return done()
