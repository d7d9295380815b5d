"""Pull requests: list, get (JSON, diff, patch), create, edit, files, commits, reviewers."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Response

from bot.demo import deeds, pulldeeds, shapes_issues
from bot.demo import records as r
from bot.demo.call import Call, answer, done, enter
from bot.demo.commits import commits_between, shape_commit
from bot.demo.diffs import Change, diff_of_pull, pull_base
from bot.demo.gitstore import BareRepo, GitFault
from bot.demo.paging import paged
from bot.demo.refusal import Refusal, invalid, not_found
from bot.demo.shapes import simple_user

router = APIRouter()
ROOT = "/repos/{owner}/{name}"


def pull_of(call: Call, grade: str = "read") -> tuple[r.Repo, r.Issue]:
    """The pull request of the path."""
    repo = call.repo(f"pull_requests:{grade}")
    row = call.core.issue(repo, call.number())
    if row is None or not row.is_pull:
        raise not_found()
    return repo, row


def full(call: Call, repo: r.Repo, row: r.Issue) -> dict[str, Any]:
    """The single pull request."""
    pull = call.core.tables.pulls.rows[row.id]
    size = {
        "additions": pull.additions or 0,
        "deletions": pull.deletions or 0,
        "changed_files": pull.changed_files or 0,
        "commits": pull.commits or 0,
    }
    return shapes_issues.pull_full(call.core, row, repo, size)


_SORTS: dict[str, Callable[[r.Issue], Any]] = {
    "created": lambda x: (x.created_at, x.number),
    "updated": lambda x: (x.updated_at, x.number),
    "popularity": lambda x: (x.comments, x.number),
    "long-running": lambda x: (x.created_at, x.number),
}


@router.get(ROOT + "/pulls")
async def list_pulls(call: Call = Depends(enter)) -> Response:
    """Pull requests, open ones unless asked otherwise."""
    repo, core = call.repo("pull_requests:read"), call.core
    state = call.choice("state", ("open", "closed", "all"), "open")
    sort = call.choice("sort", tuple(_SORTS), "created")
    direction = call.choice("direction", ("asc", "desc"), "desc" if sort == "created" else "asc")
    head, base = call.query("head"), call.query("base")
    rows = [
        x
        for x in core.tables.issues.under("repo", repo.id)
        if x.is_pull and state in ("all", x.state) and _fits(repo, core.tables.pulls.rows[x.id], head, base)
    ]
    rows.sort(key=_SORTS[sort], reverse=direction == "desc")
    return paged(call, rows, lambda x: shapes_issues.pull_simple(core, x, repo))


def _fits(repo: r.Repo, pull: r.Pull, head: str, base: str) -> bool:
    if base and pull.base_ref != base:
        return False
    # GitHub ignores a head without an owner.
    if not head or ":" not in head:
        return True
    owner, _, branch = head.partition(":")
    source = (pull.head_repo or repo.full_name).partition("/")[0]
    return source.lower() == owner.lower() and pull.head_ref == branch


@router.get(ROOT + "/pulls/{number:int}")
async def get_pull(call: Call = Depends(enter)) -> Response:
    """One pull request; `application/vnd.github.diff` and `.patch` give text."""
    repo, row = pull_of(call)
    if ".diff" in call.accept or ".patch" in call.accept:
        return text_of(call, row, patch=".patch" in call.accept)
    return answer(full(call, repo, row))


def text_of(call: Call, row: r.Issue, *, patch: bool) -> Response:
    """The diff or the mailbox of a pull request."""
    found = pull_base(call.core, row)
    if found is None:
        raise not_found()
    git, base, head = found
    raw = git.run("format-patch", "--stdout", f"{base}..{head}") if patch else git.run("diff", base, head)
    kind = "patch" if patch else "diff"
    return Response(raw, media_type=f"application/vnd.github.{kind}; charset=utf-8")


def _source(call: Call, repo: r.Repo, head: str) -> str:
    """The branch a new pull request comes from; `owner:branch` is accepted for the repository's own owner."""
    owner, _, branch = head.rpartition(":")
    if owner and owner.lower() != repo.owner.lower():
        raise invalid("PullRequest", "head")
    return branch


@router.post(ROOT + "/pulls")
async def create_pull(call: Call = Depends(enter)) -> Response:
    """A new pull request from a branch that is ahead of its base."""
    repo, core, body = call.repo("pull_requests:write"), call.core, call.body
    title, base = call.text("title", "PullRequest"), call.text("base", "PullRequest")
    head = _source(call, repo, call.text("head", "PullRequest"))
    git = pulldeeds.bare(core, repo)
    tips = git.refs("refs/heads/")
    for field, branch in (("head", head), ("base", base)):
        if f"refs/heads/{branch}" not in tips:
            raise invalid("PullRequest", field)
    if tips[f"refs/heads/{head}"] == tips[f"refs/heads/{base}"] or _nothing_new(git, base, head):
        raise invalid("PullRequest", "head", "custom", f"No commits between {base} and {head}")
    if any(_same(core.tables.pulls.rows[x.id], head, base) for x in _open_pulls(call, repo)):
        raise invalid(
            "PullRequest", "head", "custom", f"A pull request already exists for {repo.owner}:{head}."
        )
    row = pulldeeds.open_pull(
        core, repo, call.actor, title, body.get("body"), branch=head, base=base, draft=bool(body.get("draft"))
    )
    shape = full(call, repo, row)
    return answer(shape, 201, {"location": shape["url"]})


def _nothing_new(git: BareRepo, base: str, head: str) -> bool:
    try:
        return git.text("rev-list", "--count", f"refs/heads/{base}..refs/heads/{head}") == "0"
    except GitFault:
        return False


def _open_pulls(call: Call, repo: r.Repo) -> list[r.Issue]:
    return [x for x in call.core.tables.issues.under("repo", repo.id) if x.is_pull and x.state == "open"]


def _same(pull: r.Pull, head: str, base: str) -> bool:
    return pull.head_ref == head and pull.base_ref == base and pull.head_repo is None


@router.patch(ROOT + "/pulls/{number:int}")
async def edit_pull(call: Call = Depends(enter)) -> Response:
    """Title, body, state, base."""
    repo, row = pull_of(call, "write")
    body, actor, core = call.body, call.actor, call.core
    if row.author is None or row.author.lower() != actor.login.lower():
        call.require_role(repo, "triage")
    if body.get("state") not in (None, "open", "closed"):
        raise invalid("PullRequest", "state")
    if "title" in body:
        deeds.rename(core, row, call.text("title", "PullRequest"), actor)
    if "body" in body:
        deeds.rewrite(core, row, body["body"], actor)
    if body.get("base"):
        pull = core.tables.pulls.rows[row.id]
        pull.base_ref = str(body["base"])
        core.tables.pulls.put(pull)
        deeds.touch(core, row)
    if body.get("state") == "closed":
        deeds.close(core, row, actor)
    elif body.get("state") == "open":
        deeds.reopen(core, row, actor)
    return answer(full(call, repo, row))


def shape_file(call: Call, repo: r.Repo, change: Change, ref: str) -> dict[str, Any]:
    """`diff-entry`."""
    web, api = f"{call.core.url}/{repo.full_name}", f"{call.core.api_url}/repos/{repo.full_name}"
    shape: dict[str, Any] = {
        "sha": change.sha,
        "filename": change.path,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": f"{web}/blob/{ref}/{change.path}",
        "raw_url": f"{web}/raw/{ref}/{change.path}",
        "contents_url": f"{api}/contents/{change.path}?ref={ref}",
    }
    if change.patch is not None:
        shape["patch"] = change.patch
    if change.before is not None:
        shape["previous_filename"] = change.before
    return shape


@router.get(ROOT + "/pulls/{number:int}/files")
async def pull_files(call: Call = Depends(enter)) -> Response:
    """Changed files, at most 3,000."""
    repo, row = pull_of(call)
    head = call.core.tables.pulls.rows[row.id].head_sha
    return paged(call, diff_of_pull(call.core, row)[:3000], lambda x: shape_file(call, repo, x, head))


@router.get(ROOT + "/pulls/{number:int}/commits")
async def pull_commits(call: Call = Depends(enter)) -> Response:
    """Commits, oldest first, at most 250."""
    repo, row = pull_of(call)
    found = pull_base(call.core, row)
    rows = [] if found is None else commits_between(found[0], found[1], found[2])[:250]
    return paged(call, rows, lambda x: shape_commit(call.core, repo, x))


@router.get(ROOT + "/pulls/{number:int}/merge")
async def is_merged(call: Call = Depends(enter)) -> Response:
    """204 once merged."""
    _, row = pull_of(call)
    if call.core.tables.pulls.rows[row.id].merged_at is None:
        raise not_found()
    return done()


@router.put(ROOT + "/pulls/{number:int}/merge")
async def merge_pull(call: Call = Depends(enter)) -> Response:
    """Merge with a merge commit."""
    repo, row = pull_of(call, "write")
    call.repo("contents:write")
    if row.state == "closed":
        raise Refusal(405, "Pull Request is not mergeable")
    call.require_role(repo, "write")
    pulldeeds.merge(call.core, row, call.actor)
    sha = call.core.tables.pulls.rows[row.id].merge_commit_sha
    return answer({"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def _reviewers(call: Call) -> tuple[list[str], list[str]]:
    body = call.body
    people = [x for x in body.get("reviewers") or [] if isinstance(x, str)]
    return people, [x for x in body.get("team_reviewers") or [] if isinstance(x, str)]


@router.get(ROOT + "/pulls/{number:int}/requested_reviewers")
async def requested_reviewers(call: Call = Depends(enter)) -> Response:
    """Who is asked for a review."""
    repo, row = pull_of(call)
    pull, core = call.core.tables.pulls.rows[row.id], call.core
    teams = [x for x in (shapes_issues.find_team(core, repo, s) for s in pull.team_reviewers) if x]
    return answer(
        {
            "users": [simple_user(core, x) for x in pull.reviewers],
            "teams": [shapes_issues.team(core, x) for x in teams],
        }
    )


@router.post(ROOT + "/pulls/{number:int}/requested_reviewers")
async def request_reviewers(call: Call = Depends(enter)) -> Response:
    """Ask for reviews; the author cannot be asked."""
    repo, row = pull_of(call, "write")
    call.require_role(repo, "triage")
    people, teams = _reviewers(call)
    if row.author in people:
        raise Refusal(422, "Review cannot be requested from pull request author.")
    if any(call.core.user(x) is None for x in people):
        raise Refusal(422, "Reviews may only be requested from collaborators.")
    pulldeeds.request_reviewers(call.core, row, people, teams, call.actor)
    return answer(shapes_issues.pull_simple(call.core, row, repo), 201)


@router.delete(ROOT + "/pulls/{number:int}/requested_reviewers")
async def unrequest_reviewers(call: Call = Depends(enter)) -> Response:
    """Ask no longer."""
    repo, row = pull_of(call, "write")
    call.require_role(repo, "triage")
    pulldeeds.drop_reviewers(call.core, row, *_reviewers(call), call.actor)
    return answer(shapes_issues.pull_simple(call.core, row, repo))


@router.get(ROOT + "/commits/{sha}/pulls")
async def pulls_of_commit(call: Call = Depends(enter)) -> Response:
    """Pull requests that contain a commit."""
    repo, sha = call.repo("pull_requests:read"), call.param("sha").lower()
    rows = [
        x for x in call.core.tables.issues.under("repo", repo.id) if x.is_pull and _contains(call, x, sha)
    ]
    return paged(call, rows, lambda x: shapes_issues.pull_simple(call.core, x, repo))


def _contains(call: Call, row: r.Issue, sha: str) -> bool:
    if call.core.tables.pulls.rows[row.id].head_sha.startswith(sha):
        return True
    found = pull_base(call.core, row)
    return found is not None and any(
        x.sha.startswith(sha) for x in commits_between(found[0], found[1], found[2])
    )
