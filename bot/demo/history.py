"""Branches, commits and comparison."""

from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Response

from bot.demo import records as r
from bot.demo.call import Call, answer, enter
from bot.demo.commits import commits_between, log, one_commit, shape_commit
from bot.demo.diffs import changes
from bot.demo.gitstore import BareRepo, GitFault
from bot.demo.ids import iso, parse_time
from bot.demo.paging import paged
from bot.demo.pulls import shape_file
from bot.demo.refusal import Refusal, not_found

router = APIRouter()
ROOT = "/repos/{owner}/{name}"


def bare_of(call: Call, repo: r.Repo) -> BareRepo:
    """The repository's git."""
    return call.core.git.open(repo.id, repo.default_branch)


def _branch_shape(call: Call, repo: r.Repo, name: str, sha: str) -> dict[str, Any]:
    url = f"{call.core.api_url}/repos/{repo.full_name}/commits/{sha}"
    return {"name": name, "commit": {"sha": sha, "url": url}, "protected": name in repo.protected_branches}


@router.get(ROOT + "/branches")
async def list_branches(call: Call = Depends(enter)) -> Response:
    """Branches."""
    repo = call.repo("contents:read")
    rows = sorted(bare_of(call, repo).refs("refs/heads/").items())
    return paged(call, rows, lambda x: _branch_shape(call, repo, x[0].removeprefix("refs/heads/"), x[1]))


@router.get(ROOT + "/branches/{branch:path}")
async def get_branch(call: Call = Depends(enter)) -> Response:
    """One branch."""
    repo, name = call.repo("contents:read"), unquote(call.param("branch"))
    git = bare_of(call, repo)
    sha = git.refs(f"refs/heads/{name}").get(f"refs/heads/{name}")
    if sha is None:
        raise Refusal(404, "Branch not found")
    url = f"{call.core.api_url}/repos/{repo.full_name}/branches/{name}"
    return answer(
        {
            **_branch_shape(call, repo, name, sha),
            "commit": shape_commit(call.core, repo, one_commit(git, sha)),
            "_links": {"self": url, "html": f"{call.core.url}/{repo.full_name}/tree/{name}"},
            "protection": {"enabled": False},
            "protection_url": f"{url}/protection",
        }
    )


@router.get(ROOT + "/commits")
async def list_commits(call: Call = Depends(enter)) -> Response:
    """History of a branch, newest first."""
    repo = call.repo("contents:read")
    git = bare_of(call, repo)
    start = git.resolve(call.query("sha") or repo.default_branch)
    if start is None:
        raise Refusal(409, "Git Repository is empty.")
    arguments = ["-n", "5000"]
    arguments += [f"--{x}={iso(parse_time(call.query(x)))}" for x in ("since", "until") if call.query(x)]
    if call.query("author"):
        arguments.append(f"--author={call.query('author')}")
    rows = log(git, *arguments, start, "--", *([call.query("path")] if call.query("path") else []))
    return paged(call, rows, lambda x: shape_commit(call.core, repo, x))


@router.get(ROOT + "/commits/{sha:path}")
async def get_commit(call: Call = Depends(enter)) -> Response:
    """One commit with its files; `.diff`, `.patch` and `.sha` by media type."""
    repo = call.repo("contents:read")
    git, sha = bare_of(call, repo), bare_of(call, repo).resolve(unquote(call.param("sha")))
    if sha is None:
        raise Refusal(422, f"No commit found for SHA: {call.param('sha')}")
    if ".sha" in call.accept:
        return Response(sha, media_type="application/vnd.github.sha; charset=utf-8")
    commit = one_commit(git, sha)
    base = commit.parents[0] if commit.parents else git.text("hash-object", "-t", "tree", "/dev/null")
    if ".diff" in call.accept:
        return Response(git.run("diff", base, sha), media_type="application/vnd.github.diff; charset=utf-8")
    files = changes(git, base, sha)
    plus, minus = sum(x.additions for x in files), sum(x.deletions for x in files)
    stats = {"additions": plus, "deletions": minus, "total": plus + minus}
    shape = shape_commit(call.core, repo, commit)
    return answer({**shape, "stats": stats, "files": [shape_file(call, repo, x, sha) for x in files]})


@router.get(ROOT + "/compare/{span:path}")
async def compare(call: Call = Depends(enter)) -> Response:
    """What a head has beyond a base."""
    repo, git = call.repo("contents:read"), None
    git = bare_of(call, repo)
    left, dots, right = unquote(call.param("span")).partition("...")
    base, head = git.resolve(left.rpartition(":")[2]), git.resolve(right.rpartition(":")[2])
    if not dots or base is None or head is None:
        raise not_found()
    try:
        fork = git.text("merge-base", base, head)
    except GitFault as fault:
        raise Refusal(404, "No common ancestor between these commits.") from fault
    if ".diff" in call.accept:
        return Response(git.run("diff", fork, head), media_type="application/vnd.github.diff; charset=utf-8")
    return answer(_comparison(call, repo, git, (base, head, fork)))


def _comparison(call: Call, repo: r.Repo, git: BareRepo, span: tuple[str, str, str]) -> dict[str, Any]:
    base, head, fork = span
    ahead, behind = commits_between(git, base, head), commits_between(git, head, base)
    status = (
        "identical" if base == head else "diverged" if ahead and behind else "ahead" if ahead else "behind"
    )
    web = f"{call.core.url}/{repo.full_name}/compare/{base}...{head}"
    return {
        "url": f"{call.core.api_url}/repos/{repo.full_name}/compare/{base}...{head}",
        "html_url": web,
        "permalink_url": web,
        "diff_url": f"{web}.diff",
        "patch_url": f"{web}.patch",
        "base_commit": shape_commit(call.core, repo, one_commit(git, base)),
        "merge_base_commit": shape_commit(call.core, repo, one_commit(git, fork)),
        "status": status,
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [shape_commit(call.core, repo, x) for x in ahead[:250]],
        "files": [shape_file(call, repo, x, head) for x in changes(git, fork, head)[:300]],
    }
