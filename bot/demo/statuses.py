"""Commit statuses, and what they and check runs say together."""

from typing import Any

from fastapi import APIRouter, Depends, Response

from bot.demo import ids, shapes, webhooks
from bot.demo import records as r
from bot.demo.call import Call, answer, enter
from bot.demo.checks import latest_runs, sha_of
from bot.demo.core import Core
from bot.demo.paging import paged
from bot.demo.refusal import invalid

router = APIRouter()
ROOT = "/repos/{owner}/{name}"


def status_shape(core: Core, row: r.Status) -> dict[str, Any]:
    """`status`."""
    repo = core.tables.repos.rows[row.repo_id]
    return {
        "url": f"{core.api_url}/repos/{repo.full_name}/statuses/{row.sha}",
        "avatar_url": None,
        "id": row.id,
        "node_id": ids.node_id("status", row.id),
        "state": row.state,
        "description": row.description,
        "target_url": row.target_url,
        "context": row.context,
        "created_at": row.created_at,
        "updated_at": row.created_at,
    }


@router.post(ROOT + "/statuses/{sha}")
async def create_status(call: Call = Depends(enter)) -> Response:
    """Set a commit status."""
    repo, body = call.repo("statuses:write"), call.body
    sha = sha_of(call, repo, call.param("sha"))
    if body.get("state") not in ("error", "failure", "pending", "success"):
        raise invalid("Status", "state")
    row = call.core.tables.statuses.put(
        r.Status(call.core.tables.next_id("status", 300_001), repo.id, sha, body["state"],
                 body.get("context") or "default", body.get("description"), body.get("target_url"),
                 call.actor.login, call.core.now())
    )  # fmt: skip
    shape = {**status_shape(call.core, row), "creator": shapes.simple_user(call.core, row.creator)}
    webhooks.emit(call.core, "status", None, call.actor, repo, id=row.id, sha=sha, state=row.state,
                  context=row.context, description=row.description)  # fmt: skip
    return answer(shape, 201)


@router.get(ROOT + "/commits/{sha:path}/statuses")
async def statuses_of_commit(call: Call = Depends(enter)) -> Response:
    """All statuses of a commit, newest first."""
    repo = call.repo("statuses:read")
    rows = call.core.tables.statuses.under("commit", (repo.id, sha_of(call, repo, call.param("sha"))))[::-1]
    creator = [
        {**status_shape(call.core, x), "creator": shapes.simple_user(call.core, x.creator)} for x in rows
    ]
    return paged(call, creator, lambda x: x)


def combined_state(rows: list[r.Status]) -> str:
    """The state of the latest status of each context together."""
    states = {x.state for x in rows}
    if states & {"failure", "error"}:
        return "failure"
    return "pending" if not states or "pending" in states else "success"


def latest_statuses(core: Core, repo: r.Repo, sha: str) -> list[r.Status]:
    """The latest status of each context."""
    return list({x.context: x for x in core.tables.statuses.under("commit", (repo.id, sha))}.values())


@router.get(ROOT + "/commits/{sha:path}/status")
async def combined_status(call: Call = Depends(enter)) -> Response:
    """The combined status of a commit."""
    repo = call.repo("statuses:read")
    sha = sha_of(call, repo, call.param("sha"))
    rows, api = latest_statuses(call.core, repo, sha), f"{call.core.api_url}/repos/{repo.full_name}"
    return answer(
        {
            "state": combined_state(rows),
            "statuses": [status_shape(call.core, x) for x in rows],
            "sha": sha,
            "total_count": len(rows),
            "repository": shapes.repository(call.core, repo),
            "commit_url": f"{api}/commits/{sha}",
            "url": f"{api}/commits/{sha}/status",
        }
    )


def rollup(core: Core, repo: r.Repo, sha: str) -> str | None:
    """GraphQL's `statusCheckRollup.state`: statuses and check runs of a commit together."""
    states = {x.state.upper() for x in latest_statuses(core, repo, sha)}
    for run in latest_runs(core.tables.check_runs.under("commit", (repo.id, sha)), every=False):
        good = run.conclusion in ("success", "neutral", "skipped")
        states.add("PENDING" if run.status != "completed" else "SUCCESS" if good else "FAILURE")
    if not states:
        return None
    return next(x for x in ("FAILURE", "ERROR", "PENDING", "SUCCESS") if x in states)
