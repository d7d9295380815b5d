"""Files and folders of a repository: read, written and deleted by commits."""

import base64
import binascii
from typing import Any
from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, Response

from bot.demo import pulldeeds
from bot.demo import records as r
from bot.demo.call import Call, answer, enter
from bot.demo.commits import one_commit, shape_git_commit
from bot.demo.gitstore import BareRepo, NewCommit, Person
from bot.demo.history import bare_of
from bot.demo.refusal import Refusal, not_found

router = APIRouter()
ROOT = "/repos/{owner}/{name}"


def _commit_of(call: Call, repo: r.Repo, name: str) -> str:
    sha = bare_of(call, repo).resolve(name or repo.default_branch)
    if sha is None:
        raise Refusal(404, f"No commit found for the ref {name}")
    return sha


def _entry(git: BareRepo, commit: str, path: str) -> tuple[str, str, str] | None:
    """Mode, kind and SHA of a path."""
    if not path:
        return "040000", "tree", git.text("rev-parse", f"{commit}^{{tree}}")
    line = git.text("--literal-pathspecs", "ls-tree", "-z", commit, "--", path).rstrip("\0")
    if not line or "\t" not in line:
        return None
    mode, kind, sha = line.partition("\t")[0].split()
    return mode, kind, sha


def _content_item(
    call: Call, repo: r.Repo, ref: str, path: str, kind: str, sha: str, size: int
) -> dict[str, Any]:
    api, web = f"{call.core.api_url}/repos/{repo.full_name}", f"{call.core.url}/{repo.full_name}"
    here = f"{api}/contents/{quote(path)}?ref={quote(ref, safe='')}"
    git_url = f"{api}/git/{'trees' if kind == 'tree' else 'blobs'}/{sha}"
    page = f"{web}/{'tree' if kind == 'tree' else 'blob'}/{ref}/{quote(path)}"
    raw = None if kind == "tree" else f"{web}/raw/{ref}/{quote(path)}"
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "size": size,
        "url": here,
        "html_url": page,
        "git_url": git_url,
        "download_url": raw,
        "type": "dir" if kind == "tree" else "file",
        "_links": {"self": here, "git": git_url, "html": page},
    }


@router.get(ROOT + "/readme")
async def readme(call: Call = Depends(enter)) -> Response:
    """The README."""
    repo = call.repo("contents:read")
    return _contents(call, repo, "README.md", call.query("ref"))


@router.get(ROOT + "/contents")
@router.get(ROOT + "/contents/{path:path}")
async def get_contents(call: Call = Depends(enter)) -> Response:
    """A file (base64, or raw by media type) or a folder."""
    repo = call.repo("contents:read")
    path = unquote(str(call.request.path_params.get("path", ""))).strip("/")
    return _contents(call, repo, path, call.query("ref"))


def _contents(call: Call, repo: r.Repo, path: str, ref: str) -> Response:
    git, commit = bare_of(call, repo), _commit_of(call, repo, ref)
    found = _entry(git, commit, path)
    if found is None or ".." in path.split("/"):
        raise not_found()
    _, kind, sha = found
    where = ref or repo.default_branch
    if kind == "tree":
        return answer([_content_item(call, repo, where, *x) for x in _folder(git, sha, path)])
    raw = git.run("cat-file", "blob", sha)
    if ".raw" in call.accept:
        return Response(raw, media_type="application/vnd.github.raw; charset=utf-8")
    item = _content_item(call, repo, where, path, kind, sha, len(raw))
    too_big = len(raw) > 1_000_000  # GitHub gives files of 1 to 100 MB by the raw media type alone
    content = "" if too_big else base64.encodebytes(raw).decode()
    return answer({**item, "content": content, "encoding": "none" if too_big else "base64"})


def _folder(git: BareRepo, tree: str, path: str) -> list[tuple[str, str, str, int]]:
    rows = []
    for line in git.text("ls-tree", "-l", "-z", tree).split("\0"):
        if line:
            meta, _, name = line.partition("\t")
            _, kind, sha, size = meta.split()
            rows.append((f"{path}/{name}".strip("/"), kind, sha, 0 if size == "-" else int(size)))
    return rows


@router.put(ROOT + "/contents/{path:path}")
async def put_contents(call: Call = Depends(enter)) -> Response:
    """Create or update a file by one commit; a stale `sha` is 409."""
    repo, body = call.repo("contents:write"), call.body
    call.require_role(repo, "write")
    path = unquote(call.param("path"))
    try:
        content = base64.b64decode(str(body.get("content", "")))
    except (binascii.Error, ValueError) as fault:
        raise Refusal(422, "content is not valid Base64") from fault
    known = _stale(call, repo, path, body)
    commit = _write_file(call, repo, path, content)
    sha = bare_of(call, repo).text("rev-parse", f"{commit}:{path}")
    item = _content_item(
        call, repo, body.get("branch") or repo.default_branch, path, "blob", sha, len(content)
    )
    shape = shape_git_commit(call.core, repo, one_commit(bare_of(call, repo), commit))
    return answer({"content": item, "commit": shape}, 200 if known else 201)


def _stale(call: Call, repo: r.Repo, path: str, body: dict[str, Any]) -> bool:
    """Whether the file is there; refuses a missing or outdated `sha`."""
    git, tip = bare_of(call, repo), bare_of(call, repo).resolve(body.get("branch") or repo.default_branch)
    found = None if tip is None else _entry(git, tip, path)
    if found is None:
        return False
    if not body.get("sha"):
        raise Refusal(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
    if body["sha"] != found[2]:
        raise Refusal(409, f"{path} does not match {body['sha']}")
    return True


def _write_file(call: Call, repo: r.Repo, path: str, content: bytes | None) -> str:
    body, actor = call.body, call.actor
    message = str(body.get("message") or f"Update {path}")
    author = Person(actor.login, f"{actor.login}@users.noreply.github.com")
    new = NewCommit(author, call.core.clock(), message, {path: content})
    branch = str(body.get("branch") or repo.default_branch)
    return pulldeeds.commit_to_branch(call.core, repo, branch, [new], actor)


@router.delete(ROOT + "/contents/{path:path}")
async def delete_contents(call: Call = Depends(enter)) -> Response:
    """Delete a file by one commit."""
    repo = call.repo("contents:write")
    call.require_role(repo, "write")
    path = unquote(call.param("path"))
    if not _stale(call, repo, path, call.body):
        raise not_found()
    commit = _write_file(call, repo, path, None)
    shape = shape_git_commit(call.core, repo, one_commit(bare_of(call, repo), commit))
    return answer({"content": None, "commit": shape})
