"""Issues: list with GitHub's filters, get, create, edit, lock; their events and timeline."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Response

from bot.demo import deeds, shapes_issues
from bot.demo import records as r
from bot.demo.call import Call, answer, done, enter
from bot.demo.ids import iso, parse_time
from bot.demo.paging import paged
from bot.demo.refusal import Refusal, invalid, not_found
from bot.demo.vocabulary import assignable, labels_named, milestone_numbered

router = APIRouter()
ROOT = "/repos/{owner}/{name}"
Test = Callable[[r.Issue], bool]


def since_of(call: Call) -> str | None:
    """The parameter `since` in our form, or None; what is no time is refused."""
    text = call.query("since")
    if not text:
        return None
    try:
        return iso(parse_time(text))
    except ValueError as fault:
        raise invalid("Issue", "since") from fault


def _milestone_test(call: Call, repo: r.Repo) -> Test | None:
    wanted = call.query("milestone")
    if not wanted:
        return None
    if wanted == "none":
        return lambda x: x.milestone is None
    if wanted == "*":
        return lambda x: x.milestone is not None
    if not wanted.isdecimal() or call.core.tables.milestones.one("number", (repo.id, int(wanted))) is None:
        raise invalid("Issue", "milestone")
    number = int(wanted)
    return lambda x: x.milestone == number


def _assignee_test(wanted: str) -> Test | None:
    if not wanted:
        return None
    if wanted == "none":
        return lambda x: not x.assignees
    if wanted == "*":
        return lambda x: bool(x.assignees)
    low = wanted.lower()
    return lambda x: any(low == login.lower() for login in x.assignees)


def _label_tests(call: Call, repo: r.Repo) -> list[Test]:
    """Every name must be there: the list endpoint's comma is AND."""
    tests: list[Test] = []
    for name in filter(None, (x.strip() for x in call.query("labels").split(","))):
        found = call.core.tables.labels.one("name", (repo.id, name.casefold()))
        label_id = -1 if found is None else found.id
        tests.append(lambda x, label_id=label_id: label_id in x.labels)  # type: ignore[misc]
    return tests


def _type_test(wanted: str) -> Test | None:
    if not wanted:
        return None
    if wanted == "none":
        return lambda x: x.type is None
    if wanted == "*":
        return lambda x: x.type is not None
    return lambda x: x.type is not None and x.type.lower() == wanted.lower()


def _tests(call: Call, repo: r.Repo) -> list[Test]:
    creator, mentioned = call.query("creator").lower(), call.query("mentioned").lower()
    since = since_of(call)
    optional: list[Test | None] = [
        (lambda x: x.updated_at >= since) if since else None,
        _assignee_test(call.query("assignee")),
        (lambda x: (x.author or "").lower() == creator) if creator else None,
        (lambda x: mentioned in x.mentions) if mentioned else None,
        _milestone_test(call, repo),
        _type_test(call.query("type")),
    ]
    return [x for x in optional if x is not None] + _label_tests(call, repo)


_SORTS: dict[str, Callable[[r.Issue], Any]] = {
    "created": lambda x: (x.created_at, x.number),
    "updated": lambda x: (x.updated_at, x.number),
    "comments": lambda x: (x.comments, x.number),
}


def ordered(call: Call, rows: list[r.Issue]) -> list[r.Issue]:
    """By `sort` and `direction`; newest first when nothing is said."""
    sort = call.choice("sort", ("created", "updated", "comments"), "created")
    direction = call.choice("direction", ("asc", "desc"), "desc")
    return sorted(rows, key=_SORTS[sort], reverse=direction == "desc")


@router.get(ROOT + "/issues")
async def list_issues(call: Call = Depends(enter)) -> Response:
    """Issues and pull requests in one list."""
    repo = call.repo("issues:read", "pull_requests:read")
    state = call.choice("state", ("open", "closed", "all"), "open")
    tests = _tests(call, repo)
    table = call.core.tables.issues
    shelf = table.under("repo", repo.id) if state == "all" else table.under("state", (repo.id, state))
    rows = [x for x in shelf if all(test(x) for test in tests)]
    return paged(call, ordered(call, rows), lambda x: shapes_issues.issue(call.core, x, repo))


def one_issue(call: Call, repo: r.Repo, row: r.Issue) -> dict[str, Any]:
    """The single issue."""
    return {**shapes_issues.issue(call.core, row, repo), **shapes_issues.closed_by(call.core, row)}


@router.get(ROOT + "/issues/{number:int}")
async def get_issue(call: Call = Depends(enter)) -> Response:
    """One issue or pull request."""
    repo, row = call.issue()
    return answer(one_issue(call, repo, row))


@router.post(ROOT + "/issues")
async def create_issue(call: Call = Depends(enter)) -> Response:
    """A new issue; labels, assignees and milestone count only from those who may triage."""
    repo = call.repo("issues:write")
    actor, title, body = call.actor, call.text("title"), call.body
    may = call.has_role(repo, "triage")
    labels = labels_named(call, repo, _names(body.get("labels"))) if may else []
    row = deeds.open_issue(
        call.core,
        repo,
        actor,
        title,
        _text_or_none(body.get("body")),
        labels=labels,
        assignees=assignable(call, repo, _strings(body.get("assignees"), "assignees")) if may else [],
        milestone=milestone_numbered(call, repo, body.get("milestone")) if may else None,
    )
    shape = one_issue(call, repo, row)
    return answer(shape, 201, {"location": shape["url"]})


def _text_or_none(value: object) -> str | None:
    if value is None or isinstance(value, str):
        if value is not None and len(value) > 65_536:
            raise invalid("Issue", "body", "custom", "body is too long (maximum is 65536 characters)")
        return value
    raise invalid("Issue", "body")


def _strings(value: object, field: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(x, str) for x in value):
        raise invalid("Issue", field)
    return value


def _names(value: object) -> list[str]:
    """Label names, given as strings or as objects."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid("Issue", "labels")
    names = [x.get("name") if isinstance(x, dict) else x for x in value]
    if not all(isinstance(x, str) and x for x in names):
        raise invalid("Issue", "labels")
    return [str(x) for x in names]


@router.patch(ROOT + "/issues/{number:int}")
async def edit_issue(call: Call = Depends(enter)) -> Response:
    """Title, body, state, labels, assignees, milestone; the author or those who may triage."""
    repo, row = call.issue("write")
    body, actor, core = call.body, call.actor, call.core
    is_author = row.author is not None and row.author.lower() == actor.login.lower()
    if not is_author:
        call.require_role(repo, "triage")
    _check_state(body)
    if "title" in body:
        deeds.rename(core, row, call.text("title"), actor)
    if "body" in body:
        deeds.rewrite(core, row, _text_or_none(body["body"]), actor)
    if call.has_role(repo, "triage"):
        if "labels" in body:
            deeds.set_labels(core, row, labels_named(call, repo, _names(body["labels"])), actor)
        if "assignees" in body:
            deeds.set_assignees(
                core, row, assignable(call, repo, _strings(body["assignees"], "assignees")), actor
            )
        if "milestone" in body:
            deeds.set_milestone(core, row, milestone_numbered(call, repo, body["milestone"]), actor)
    if body.get("state") == "closed":
        deeds.close(core, row, actor, body.get("state_reason"))
    elif body.get("state") == "open":
        deeds.reopen(core, row, actor)
    return answer(one_issue(call, repo, row))


def _check_state(body: dict[str, Any]) -> None:
    if body.get("state") not in (None, "open", "closed"):
        raise invalid("Issue", "state")
    if body.get("state_reason") not in (None, "completed", "not_planned", "duplicate", "reopened"):
        raise invalid("Issue", "state_reason")


@router.put(ROOT + "/issues/{number:int}/lock")
async def lock_issue(call: Call = Depends(enter)) -> Response:
    """Lock the conversation."""
    repo, row = call.issue("write")
    call.require_role(repo, "triage")
    reason = call.body.get("lock_reason")
    if reason not in (None, "off-topic", "too heated", "resolved", "spam"):
        raise invalid("Issue", "lock_reason")
    deeds.lock(call.core, row, call.actor, locked=True, reason=reason)
    return done()


@router.delete(ROOT + "/issues/{number:int}/lock")
async def unlock_issue(call: Call = Depends(enter)) -> Response:
    """Unlock the conversation."""
    repo, row = call.issue("write")
    call.require_role(repo, "triage")
    deeds.lock(call.core, row, call.actor, locked=False)
    return done()


@router.get(ROOT + "/issues/{number:int}/events")
async def issue_events(call: Call = Depends(enter)) -> Response:
    """What happened to an issue."""
    _, row = call.issue()
    rows = call.core.tables.events.under("issue", row.id)
    return paged(call, rows, lambda x: shapes_issues.event(call.core, x))


@router.get(ROOT + "/issues/events")
async def repository_events(call: Call = Depends(enter)) -> Response:
    """What happened to the issues of a repository, newest first."""
    repo = call.repo("issues:read", "pull_requests:read")
    rows = call.core.tables.events.under("repo", repo.id)[::-1]
    return paged(call, rows, lambda x: _event_with_issue(call, x, repo))


@router.get(ROOT + "/issues/events/{number:int}")
async def one_event(call: Call = Depends(enter)) -> Response:
    """One event."""
    repo = call.repo("issues:read", "pull_requests:read")
    row = call.core.tables.events.get(call.number())
    if row is None or row.repo_id != repo.id:
        raise not_found()
    return answer(_event_with_issue(call, row, repo))


def _event_with_issue(call: Call, row: r.Event, repo: r.Repo) -> dict[str, Any]:
    parent = call.core.tables.issues.rows[row.issue_id]
    return {**shapes_issues.event(call.core, row), "issue": shapes_issues.issue(call.core, parent, repo)}


@router.get(ROOT + "/issues/{number:int}/timeline")
async def timeline(call: Call = Depends(enter)) -> Response:
    """Events and comments in one order."""
    _, row = call.issue()
    core = call.core
    events = [
        (x.created_at, x.id, shapes_issues.event(core, x)) for x in core.tables.events.under("issue", row.id)
    ]
    comments = [
        (x.created_at, x.id, _commented(call, x)) for x in core.tables.comments.under("issue", row.id)
    ]
    ordered_rows = sorted(events + comments, key=lambda x: x[:2])
    return paged(call, ordered_rows, lambda x: x[2])


def _commented(call: Call, row: r.Comment) -> dict[str, Any]:
    shape = shapes_issues.comment(call.core, row)
    return {**shape, "event": "commented", "actor": shape["user"]}


@router.get("/issues")
async def my_issues(call: Call = Depends(enter)) -> Response:
    """Issues assigned to the person who asks."""
    if call.caller.kind not in ("user", "personal"):
        raise Refusal(404, "Not Found")
    login = (call.caller.login or "").lower()
    state = call.choice("state", ("open", "closed", "all"), "open")
    rows = [
        x
        for x in call.core.tables.issues
        if (state in ("all", x.state)) and any(login == a.lower() for a in x.assignees)
    ]
    repos = call.core.tables.repos.rows
    return paged(call, ordered(call, rows), lambda x: shapes_issues.issue(call.core, x, repos[x.repo_id]))
