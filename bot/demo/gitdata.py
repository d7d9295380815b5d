"""git's own objects: refs, commits, trees, blobs."""

import base64
import binascii
from typing import Any
from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, Response

from bot.demo import pulldeeds
from bot.demo import records as r
from bot.demo.call import Call, answer, done, enter
from bot.demo.commits import one_commit, shape_git_commit
from bot.demo.gitstore import NO_COMMIT, BareRepo, GitFault
from bot.demo.history import bare_of
from bot.demo.ids import node_id, parse_time
from bot.demo.paging import paged
from bot.demo.refusal import Refusal, invalid, not_found

router = APIRouter()
ROOT = "/repos/{owner}/{name}"


def _ref_shape(call: Call, repo: r.Repo, ref: str, sha: str) -> dict[str, Any]:
    api = f"{call.core.api_url}/repos/{repo.full_name}/git"
    return {
        "ref": ref,
        "node_id": node_id("ref", ref),
        "url": f"{api}/{quote(ref)}",
        "object": {"type": "commit", "sha": sha, "url": f"{api}/commits/{sha}"},
    }


@router.get(ROOT + "/git/ref/{ref:path}")
async def get_ref(call: Call = Depends(enter)) -> Response:
    """One ref (`heads/main`)."""
    repo, ref = call.repo("contents:read"), f"refs/{unquote(call.param('ref'))}"
    sha = bare_of(call, repo).refs(ref).get(ref)
    if sha is None:
        raise not_found()
    return answer(_ref_shape(call, repo, ref, sha))


@router.get(ROOT + "/git/matching-refs/{ref:path}")
async def matching_refs(call: Call = Depends(enter)) -> Response:
    """Refs that begin so."""
    repo, prefix = call.repo("contents:read"), f"refs/{unquote(call.param('ref'))}"
    rows = [x for x in sorted(bare_of(call, repo).refs().items()) if x[0].startswith(prefix)]
    return paged(call, rows, lambda x: _ref_shape(call, repo, *x))


@router.post(ROOT + "/git/refs")
async def create_ref(call: Call = Depends(enter)) -> Response:
    """A new branch or tag."""
    repo, git = call.repo("contents:write"), None
    call.require_role(repo, "write")
    git = bare_of(call, repo)
    ref, sha = call.text("ref", "Reference"), call.text("sha", "Reference")
    if not ref.startswith("refs/") or ref.count("/") < 2:
        raise Refusal(422, "Reference name must start with 'refs' and have at least two slashes.")
    if git.resolve(sha) != sha:
        raise Refusal(422, "Object does not exist")
    if ref in git.refs(ref):
        raise Refusal(422, "Reference already exists")
    _move(call, repo, ref, NO_COMMIT, sha)
    return answer(_ref_shape(call, repo, ref, sha), 201)


def _move(call: Call, repo: r.Repo, ref: str, before: str, sha: str) -> None:
    git = bare_of(call, repo)
    try:
        git.set_ref(ref, sha) if sha != NO_COMMIT else git.run("update-ref", "-d", ref)
    except GitFault as fault:
        raise Refusal(422, "Reference update failed") from fault
    if ref.startswith("refs/heads/"):
        pulldeeds.pushed(call.core, repo, ref.removeprefix("refs/heads/"), before, sha, call.actor)


@router.patch(ROOT + "/git/refs/{ref:path}")
async def update_ref(call: Call = Depends(enter)) -> Response:
    """Move a branch; not backwards without `force`."""
    repo, ref = call.repo("contents:write"), f"refs/{unquote(call.param('ref'))}"
    call.require_role(repo, "write")
    git, sha = bare_of(call, repo), call.text("sha", "Reference")
    before = git.refs(ref).get(ref)
    if before is None:
        raise Refusal(422, "Reference does not exist")
    if git.resolve(sha) != sha:
        raise Refusal(422, "Object does not exist")
    if not call.body.get("force") and git.text("rev-list", "--count", f"{sha}..{before}") != "0":
        raise Refusal(422, "Update is not a fast forward")
    _move(call, repo, ref, before, sha)
    return answer(_ref_shape(call, repo, ref, sha))


@router.delete(ROOT + "/git/refs/{ref:path}")
async def delete_ref(call: Call = Depends(enter)) -> Response:
    """Delete a branch or tag."""
    repo, ref = call.repo("contents:write"), f"refs/{unquote(call.param('ref'))}"
    call.require_role(repo, "write")
    before = bare_of(call, repo).refs(ref).get(ref)
    if before is None:
        raise Refusal(422, "Reference does not exist")
    _move(call, repo, ref, before, NO_COMMIT)
    return done()


@router.get(ROOT + "/git/commits/{sha}")
async def get_git_commit(call: Call = Depends(enter)) -> Response:
    """A commit object."""
    repo = call.repo("contents:read")
    git = bare_of(call, repo)
    if git.resolve(call.param("sha")) is None:
        raise not_found()
    return answer(shape_git_commit(call.core, repo, one_commit(git, call.param("sha"))))


@router.post(ROOT + "/git/commits")
async def create_git_commit(call: Call = Depends(enter)) -> Response:
    """A commit object from a tree and parents."""
    repo, body, actor = call.repo("contents:write"), call.body, call.actor
    call.require_role(repo, "write")
    git, tree = bare_of(call, repo), call.text("tree", "Commit")
    author = body.get("author") or {}
    name = author.get("name") or actor.login
    email = author.get("email") or f"{actor.login}@users.noreply.github.com"
    at = parse_time(author["date"]) if author.get("date") else call.core.clock()
    who = f"{name} <{email}> {int(at.timestamp())} +0000"
    parents = "".join(f"parent {x}\n" for x in body.get("parents") or [])
    raw = f"tree {tree}\n{parents}author {who}\ncommitter {who}\n\n{call.text('message', 'Commit')}\n"
    try:
        sha = git.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw.encode()).decode().strip()
        one = one_commit(git, sha)
    except GitFault as fault:
        raise Refusal(422, "Tree SHA does not exist") from fault
    return answer(shape_git_commit(call.core, repo, one), 201)


def _tree_shape(call: Call, repo: r.Repo, sha: str, *, recursive: bool) -> dict[str, Any]:
    api = f"{call.core.api_url}/repos/{repo.full_name}/git"
    git, entries = bare_of(call, repo), []
    text = git.text("ls-tree", "-l", "-z", *(["-r", "-t"] if recursive else []), sha)
    for line in filter(None, text.split("\0")):
        meta, _, path = line.partition("\t")
        mode, kind, item, size = meta.split()
        entry: dict[str, Any] = {"path": path, "mode": mode, "type": kind, "sha": item}
        if kind == "blob":
            entry["size"] = int(size)
        entries.append(entry | {"url": f"{api}/{'trees' if kind == 'tree' else 'blobs'}/{item}"})
    return {"sha": sha, "url": f"{api}/trees/{sha}", "tree": entries, "truncated": False}


@router.get(ROOT + "/git/trees/{sha:path}")
async def get_tree(call: Call = Depends(enter)) -> Response:
    """A tree, whole with `recursive`."""
    repo, name = call.repo("contents:read"), unquote(call.param("sha"))
    git = bare_of(call, repo)
    commit = git.resolve(name)
    try:
        sha = git.text("rev-parse", "--verify", "--end-of-options", f"{commit or name}^{{tree}}")
    except GitFault as fault:
        raise not_found() from fault
    return answer(_tree_shape(call, repo, sha, recursive=bool(call.query("recursive"))))


@router.post(ROOT + "/git/trees")
async def create_tree(call: Call = Depends(enter)) -> Response:
    """A tree from entries on top of `base_tree`."""
    repo, body = call.repo("contents:write"), call.body
    call.require_role(repo, "write")
    git, entries = bare_of(call, repo), body.get("tree")
    if not isinstance(entries, list) or not entries:
        raise invalid("Tree", "tree", "missing_field")
    index = git.path / f"index-{call.core.tables.next_id('index')}"
    try:
        sha = _build_tree(git, index.name, body.get("base_tree"), entries)
    except (GitFault, KeyError, TypeError) as fault:
        raise Refusal(422, "tree.sha is not a valid blob or the entry is malformed") from fault
    finally:
        index.unlink(missing_ok=True)
    return answer(_tree_shape(call, repo, sha, recursive=False), 201)


def _build_tree(git: BareRepo, index: str, base: str | None, entries: list[dict[str, Any]]) -> str:
    git.with_index(index, "read-tree", base if base else "--empty")
    lines = []
    for entry in entries:
        if "content" in entry:
            raw = str(entry["content"]).encode()
            sha = git.run("hash-object", "-w", "--stdin", stdin=raw).decode().strip()
        else:
            sha = entry["sha"]
        mode = "0" if sha is None else str(entry.get("mode") or "100644")
        lines.append(f"{mode} {sha or NO_COMMIT}\t{entry['path']}\0")
    git.with_index(index, "update-index", "-z", "--index-info", stdin="".join(lines).encode())
    return git.with_index(index, "write-tree").decode().strip()


@router.get(ROOT + "/git/blobs/{sha}")
async def get_blob(call: Call = Depends(enter)) -> Response:
    """A blob, base64 or raw by media type."""
    repo, sha = call.repo("contents:read"), call.param("sha")
    try:
        raw = bare_of(call, repo).run("cat-file", "blob", sha)
    except GitFault as fault:
        raise not_found() from fault
    if ".raw" in call.accept:
        return Response(raw, media_type="application/vnd.github.raw")
    return answer(
        {
            "sha": sha,
            "node_id": node_id("blob", sha),
            "size": len(raw),
            "url": f"{call.core.api_url}/repos/{repo.full_name}/git/blobs/{sha}",
            "content": base64.encodebytes(raw).decode(),
            "encoding": "base64",
        }
    )


@router.post(ROOT + "/git/blobs")
async def create_blob(call: Call = Depends(enter)) -> Response:
    """A blob from text or base64."""
    repo, body = call.repo("contents:write"), call.body
    call.require_role(repo, "write")
    content = body.get("content")
    if not isinstance(content, str):
        raise invalid("Blob", "content", "missing_field")
    try:
        raw = base64.b64decode(content) if body.get("encoding") == "base64" else content.encode()
    except (binascii.Error, ValueError) as fault:
        raise invalid("Blob", "content") from fault
    sha = bare_of(call, repo).run("hash-object", "-w", "--stdin", stdin=raw).decode().strip()
    return answer({"sha": sha, "url": f"{call.core.api_url}/repos/{repo.full_name}/git/blobs/{sha}"}, 201)
