"""Contents, branches, commits, comparison, and git's own objects."""

import base64
import binascii
from typing import Any
from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, Response

from bot.demo import pulldeeds
from bot.demo import records as r
from bot.demo.call import Call, answer, done, enter
from bot.demo.commits import commits_between, log, one_commit, shape_commit, shape_git_commit
from bot.demo.diffs import changes
from bot.demo.gitstore import NO_COMMIT, BareRepo, GitFault, NewCommit, Person
from bot.demo.ids import iso, node_id, parse_time
from bot.demo.paging import paged
from bot.demo.pulls import shape_file
from bot.demo.refusal import Refusal, invalid, not_found

router = APIRouter()
ROOT = "/repos/{owner}/{name}"


def _git(call: Call, repo: r.Repo) -> BareRepo:
    return call.core.git.open(repo.id, repo.default_branch)


def _commit_of(call: Call, repo: r.Repo, name: str) -> str:
    sha = _git(call, repo).resolve(name or repo.default_branch)
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
    git, commit = _git(call, repo), _commit_of(call, repo, ref)
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
    sha = _git(call, repo).text("rev-parse", f"{commit}:{path}")
    item = _content_item(
        call, repo, body.get("branch") or repo.default_branch, path, "blob", sha, len(content)
    )
    shape = shape_git_commit(call.core, repo, one_commit(_git(call, repo), commit))
    return answer({"content": item, "commit": shape}, 200 if known else 201)


def _stale(call: Call, repo: r.Repo, path: str, body: dict[str, Any]) -> bool:
    """Whether the file is there; refuses a missing or outdated `sha`."""
    git, tip = _git(call, repo), _git(call, repo).resolve(body.get("branch") or repo.default_branch)
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
    shape = shape_git_commit(call.core, repo, one_commit(_git(call, repo), commit))
    return answer({"content": None, "commit": shape})


def _branch_shape(call: Call, repo: r.Repo, name: str, sha: str) -> dict[str, Any]:
    url = f"{call.core.api_url}/repos/{repo.full_name}/commits/{sha}"
    return {"name": name, "commit": {"sha": sha, "url": url}, "protected": name in repo.protected_branches}


@router.get(ROOT + "/branches")
async def list_branches(call: Call = Depends(enter)) -> Response:
    """Branches."""
    repo = call.repo("contents:read")
    rows = sorted(_git(call, repo).refs("refs/heads/").items())
    return paged(call, rows, lambda x: _branch_shape(call, repo, x[0].removeprefix("refs/heads/"), x[1]))


@router.get(ROOT + "/branches/{branch:path}")
async def get_branch(call: Call = Depends(enter)) -> Response:
    """One branch."""
    repo, name = call.repo("contents:read"), unquote(call.param("branch"))
    git = _git(call, repo)
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
    git = _git(call, repo)
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
    git, sha = _git(call, repo), _git(call, repo).resolve(unquote(call.param("sha")))
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
    git = _git(call, repo)
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
    sha = _git(call, repo).refs(ref).get(ref)
    if sha is None:
        raise not_found()
    return answer(_ref_shape(call, repo, ref, sha))


@router.get(ROOT + "/git/matching-refs/{ref:path}")
async def matching_refs(call: Call = Depends(enter)) -> Response:
    """Refs that begin so."""
    repo, prefix = call.repo("contents:read"), f"refs/{unquote(call.param('ref'))}"
    rows = [x for x in sorted(_git(call, repo).refs().items()) if x[0].startswith(prefix)]
    return paged(call, rows, lambda x: _ref_shape(call, repo, *x))


@router.post(ROOT + "/git/refs")
async def create_ref(call: Call = Depends(enter)) -> Response:
    """A new branch or tag."""
    repo, git = call.repo("contents:write"), None
    call.require_role(repo, "write")
    git = _git(call, repo)
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
    git = _git(call, repo)
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
    git, sha = _git(call, repo), call.text("sha", "Reference")
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
    before = _git(call, repo).refs(ref).get(ref)
    if before is None:
        raise Refusal(422, "Reference does not exist")
    _move(call, repo, ref, before, NO_COMMIT)
    return done()


@router.get(ROOT + "/git/commits/{sha}")
async def get_git_commit(call: Call = Depends(enter)) -> Response:
    """A commit object."""
    repo = call.repo("contents:read")
    git = _git(call, repo)
    if git.resolve(call.param("sha")) is None:
        raise not_found()
    return answer(shape_git_commit(call.core, repo, one_commit(git, call.param("sha"))))


@router.post(ROOT + "/git/commits")
async def create_git_commit(call: Call = Depends(enter)) -> Response:
    """A commit object from a tree and parents."""
    repo, body, actor = call.repo("contents:write"), call.body, call.actor
    call.require_role(repo, "write")
    git, tree = _git(call, repo), call.text("tree", "Commit")
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
    git, entries = _git(call, repo), []
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
    git = _git(call, repo)
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
    git, entries = _git(call, repo), body.get("tree")
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
        raw = _git(call, repo).run("cat-file", "blob", sha)
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
    sha = _git(call, repo).run("hash-object", "-w", "--stdin", stdin=raw).decode().strip()
    return answer({"sha": sha, "url": f"{call.core.api_url}/repos/{repo.full_name}/git/blobs/{sha}"}, 201)
