"""Check runs and check suites."""

from typing import Any

from fastapi import APIRouter, Depends, Response

from bot.demo import ids, pulldeeds, shapes, webhooks
from bot.demo import records as r
from bot.demo.call import Call, answer, enter
from bot.demo.core import Core
from bot.demo.paging import counted, paged
from bot.demo.refusal import Refusal, invalid, not_found

router = APIRouter()
ROOT = "/repos/{owner}/{name}"

STATUSES = ("queued", "in_progress", "completed", "waiting", "requested", "pending")
CONCLUSIONS = (
    "action_required",
    "cancelled",
    "failure",
    "neutral",
    "success",
    "skipped",
    "stale",
    "timed_out",
)


def sha_of(call: Call, repo: r.Repo, name: str) -> str:
    """The commit a path names; 422 when there is none."""
    sha = call.core.git.open(repo.id, repo.default_branch).resolve(name)
    if sha is not None:
        return sha
    if any(x.head_sha == name for x in call.core.tables.pulls):
        return name
    raise Refusal(422, f"No commit found for SHA: {name}")


def run_shape(core: Core, row: r.CheckRun) -> dict[str, Any]:
    """`check-run`."""
    repo = core.repo_of(row)
    api = f"{core.api_url}/repos/{repo.full_name}/check-runs/{row.id}"
    return {
        "id": row.id,
        "name": row.name,
        "node_id": ids.node_id("check_run", row.id),
        "head_sha": row.head_sha,
        "external_id": row.external_id or "",
        "url": api,
        "html_url": f"{core.url}/{repo.full_name}/runs/{row.id}",
        "details_url": row.details_url or f"{core.url}/{repo.full_name}/runs/{row.id}",
        "status": row.status,
        "conclusion": row.conclusion,
        "started_at": row.started_at,
        "completed_at": row.completed_at,
        "output": {
            "title": row.title,
            "summary": row.summary,
            "text": row.text,
            "annotations_count": len(row.annotations),
            "annotations_url": f"{api}/annotations",
        },
        "check_suite": {"id": row.suite_id},
        "app": shapes.app_by_id(core, row.app_id),
        "pull_requests": [_minimal_pull(core, repo, x) for x in _pulls_at(core, repo, row.head_sha)],
    }


def _pulls_at(core: Core, repo: r.Repo, sha: str) -> list[r.Issue]:
    rows = core.tables.issues.under("repo", repo.id)
    return [
        x for x in rows if x.is_pull and x.state == "open" and core.tables.pulls.rows[x.id].head_sha == sha
    ]


def _minimal_pull(core: Core, repo: r.Repo, row: r.Issue) -> dict[str, Any]:
    pull = core.tables.pulls.rows[row.id]
    api = f"{core.api_url}/repos/{repo.full_name}"
    where = {"id": repo.id, "url": api, "name": repo.name}
    return {
        "id": pull.pull_id,
        "number": row.number,
        "url": f"{api}/pulls/{row.number}",
        "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": where},
        "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": where},
    }


def _app_id(call: Call) -> int:
    if call.caller.kind != "installation" or call.caller.app_id is None:
        raise Refusal(403, "You must authenticate via a GitHub App.")
    return call.caller.app_id


def _fill(call: Call, row: r.CheckRun, body: dict[str, Any]) -> None:
    """Take over what a body says; a conclusion completes."""
    status, conclusion = body.get("status"), body.get("conclusion")
    if status is not None and status not in STATUSES:
        raise invalid("CheckRun", "status")
    if conclusion is not None and conclusion not in CONCLUSIONS:
        raise invalid("CheckRun", "conclusion")
    if status == "completed" and not conclusion:
        raise invalid("CheckRun", "conclusion", "missing_field")
    row.name = body.get("name") or row.name
    row.status = "completed" if conclusion else status or row.status
    row.conclusion = conclusion or (None if status else row.conclusion)
    row.external_id = body.get("external_id", row.external_id)
    row.details_url = body.get("details_url", row.details_url)
    row.started_at = body.get("started_at") or row.started_at or call.core.now()
    row.completed_at = body.get("completed_at") or (call.core.now() if row.conclusion else None)
    _fill_output(row, body.get("output"))


def _fill_output(row: r.CheckRun, output: Any) -> None:
    if output is None:
        return
    if not isinstance(output, dict) or not isinstance(output.get("summary", ""), str):
        raise invalid("CheckRun", "output")
    notes = output.get("annotations") or []
    if len(notes) > 50:
        raise Refusal(422, "Invalid request.\n\nNo more than 50 items are allowed; 51 were supplied.")
    for note in notes:
        wanted = ("path", "start_line", "end_line", "annotation_level", "message")
        if any(key not in note for key in wanted) or note["annotation_level"] not in (
            "notice",
            "warning",
            "failure",
        ):
            raise invalid("CheckRun", "annotations")
    row.title, row.summary = output.get("title", row.title), output.get("summary", row.summary)
    row.text = output.get("text", row.text)
    row.annotations = row.annotations + notes


@router.post(ROOT + "/check-runs")
async def create_run(call: Call = Depends(enter)) -> Response:
    """A new check run of the App."""
    repo, app_id = call.repo("checks:write"), _app_id(call)
    name, sha = call.text("name", "CheckRun"), sha_of(call, repo, call.text("head_sha", "CheckRun"))
    suite = pulldeeds.ensure_suite(call.core, repo, app_id, sha, None)
    row = r.CheckRun(call.core.tables.next_id("check_run", 850_001), repo.id, suite.id, app_id, name, sha)
    _fill(call, row, call.body)
    call.core.tables.check_runs.put(row)
    return answer(_announced(call, repo, row, "created"), 201)


def _announced(call: Call, repo: r.Repo, row: r.CheckRun, action: str) -> dict[str, Any]:
    shape = run_shape(call.core, row)
    webhooks.emit(call.core, "check_run", action, call.actor, repo, check_run=shape)
    if row.conclusion:
        webhooks.emit(call.core, "check_run", "completed", call.actor, repo, check_run=shape)
    return shape


def _run_of(call: Call, grade: str = "read") -> tuple[r.Repo, r.CheckRun]:
    repo = call.repo(f"checks:{grade}")
    row = call.core.tables.check_runs.get(call.number("run"))
    if row is None or row.repo_id != repo.id:
        raise not_found()
    return repo, row


@router.get(ROOT + "/check-runs/{run}")
async def get_run(call: Call = Depends(enter)) -> Response:
    """One check run."""
    return answer(run_shape(call.core, _run_of(call)[1]))


@router.patch(ROOT + "/check-runs/{run}")
async def edit_run(call: Call = Depends(enter)) -> Response:
    """Update the App's own check run."""
    repo, row = _run_of(call, "write")
    if row.app_id != _app_id(call):
        raise Refusal(
            403,
            "Invalid app_id `"
            + str(call.caller.app_id)
            + "` - check run can only be modified by the GitHub App that created it.",
        )
    _fill(call, row, call.body)
    call.core.tables.check_runs.put(row)
    shape = run_shape(call.core, row)
    if row.conclusion:
        webhooks.emit(call.core, "check_run", "completed", call.actor, repo, check_run=shape)
    return answer(shape)


@router.get(ROOT + "/check-runs/{run}/annotations")
async def annotations(call: Call = Depends(enter)) -> Response:
    """A check run's annotations."""
    _, row = _run_of(call)
    return paged(call, row.annotations, lambda x: _annotation(call, row, x))


def _annotation(call: Call, row: r.CheckRun, note: dict[str, Any]) -> dict[str, Any]:
    repo = call.core.repo_of(row)
    empty = {"start_column": None, "end_column": None, "title": None, "raw_details": None}
    blob = f"{call.core.url}/{repo.full_name}/blob/{row.head_sha}/{note['path']}"
    return {**empty, **note, "blob_href": blob}


def latest_runs(rows: list[r.CheckRun], *, every: bool) -> list[r.CheckRun]:
    """The latest run of each App and name, unless all are wanted."""
    newest = {(x.app_id, x.name): x for x in rows}
    return rows if every else list(newest.values())


def _listed(call: Call, rows: list[r.CheckRun]) -> Response:
    name, status = call.query("check_name"), call.query("status")
    app_id = call.query("app_id")
    kept = [
        x
        for x in latest_runs(rows, every=call.query("filter") == "all")
        if (not name or x.name == name)
        and (not status or x.status == status)
        and (not app_id or str(x.app_id) == app_id)
    ]
    return counted(call, "check_runs", kept, lambda x: run_shape(call.core, x))


@router.get(ROOT + "/commits/{sha:path}/check-runs")
async def runs_of_commit(call: Call = Depends(enter)) -> Response:
    """Check runs on a commit."""
    repo = call.repo("checks:read")
    return _listed(
        call, call.core.tables.check_runs.under("commit", (repo.id, sha_of(call, repo, call.param("sha"))))
    )


@router.get(ROOT + "/check-suites/{suite}/check-runs")
async def runs_of_suite(call: Call = Depends(enter)) -> Response:
    """Check runs of a suite."""
    call.repo("checks:read")
    return _listed(call, call.core.tables.check_runs.under("suite", call.number("suite")))


def suite_state(core: Core, row: r.CheckSuite) -> tuple[str, str | None]:
    """Status and conclusion of a suite, from its runs."""
    runs = core.tables.check_runs.under("suite", row.id)
    if not runs:
        return "queued", None
    if any(x.status != "completed" for x in runs):
        return "in_progress", None
    conclusions = {x.conclusion for x in runs}
    bad = next(
        (x for x in ("failure", "timed_out", "cancelled", "action_required") if x in conclusions), None
    )
    return "completed", bad or "success"


def suite_shape(core: Core, row: r.CheckSuite) -> dict[str, Any]:
    """`check-suite`."""
    repo = core.tables.repos.rows[row.repo_id]
    api = f"{core.api_url}/repos/{repo.full_name}"
    status, conclusion = suite_state(core, row)
    who = {"name": "GitHub", "email": "noreply@github.com"}
    return {
        "id": row.id,
        "node_id": ids.node_id("suite", row.id),
        "head_branch": row.head_branch,
        "head_sha": row.head_sha,
        "status": status,
        "conclusion": conclusion,
        "url": f"{api}/check-suites/{row.id}",
        "before": None,
        "after": row.head_sha,
        "pull_requests": [_minimal_pull(core, repo, x) for x in _pulls_at(core, repo, row.head_sha)],
        "app": shapes.app_by_id(core, row.app_id),
        "repository": shapes.repository(core, repo),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "head_commit": {
            "id": row.head_sha,
            "tree_id": row.head_sha,
            "message": "",
            "timestamp": row.created_at,
            "author": who,
            "committer": who,
        },
        "latest_check_runs_count": core.tables.check_runs.count("suite", row.id),
        "check_runs_url": f"{api}/check-suites/{row.id}/check-runs",
    }


@router.get(ROOT + "/commits/{sha:path}/check-suites")
async def suites_of_commit(call: Call = Depends(enter)) -> Response:
    """Check suites on a commit."""
    repo = call.repo("checks:read")
    sha, app_id = sha_of(call, repo, call.param("sha")), call.query("app_id")
    rows = [
        x
        for x in call.core.tables.suites.under("commit", (repo.id, sha))
        if not app_id or str(x.app_id) == app_id
    ]
    return counted(call, "check_suites", rows, lambda x: suite_shape(call.core, x))


@router.get(ROOT + "/check-suites/{suite}")
async def get_suite(call: Call = Depends(enter)) -> Response:
    """One check suite."""
    repo = call.repo("checks:read")
    row = call.core.tables.suites.get(call.number("suite"))
    if row is None or row.repo_id != repo.id:
        raise not_found()
    return answer(suite_shape(call.core, row))


@router.post(ROOT + "/check-suites")
async def create_suite(call: Call = Depends(enter)) -> Response:
    """The App's suite on a commit."""
    repo, app_id = call.repo("checks:write"), _app_id(call)
    sha = sha_of(call, repo, call.text("head_sha", "CheckSuite"))
    known = call.core.tables.suites.one("app", (repo.id, sha, app_id))
    row = known or pulldeeds.ensure_suite(call.core, repo, app_id, sha, None)
    return answer(suite_shape(call.core, row), 200 if known else 201)


@router.post(ROOT + "/check-suites/{suite}/rerequest")
async def rerequest_suite(call: Call = Depends(enter)) -> Response:
    """Ask the App to check again."""
    repo = call.repo("checks:write")
    row = call.core.tables.suites.get(call.number("suite"))
    if row is None or row.repo_id != repo.id:
        raise not_found()
    webhooks.emit(
        call.core, "check_suite", "rerequested", call.actor, repo, check_suite=suite_shape(call.core, row)
    )
    return answer({}, 201)
