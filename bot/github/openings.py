"""New issues, and pull requests from a patch we computed ourselves; each opened once."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from bot.github import ours
from bot.github.client import Client, moment
from bot.model.agent import Patch, PatchFile
from bot.model.item import RepositoryRef
from bot.model.outcome import NewIssue, NewPullRequest
from bot.ports import Refusal, Written

DASHBOARD = ours.mark_of("dashboard-").removesuffix(" -->")
"""How the mark of a dashboard issue begins: its key goes on with a number and a digest."""
MODES = frozenset({"100644", "100755", "120000"})


async def open_issue(
    client: Client, repository: RepositoryRef, issue: NewIssue, key: str, origin: str = ""
) -> Written | Refusal:
    """Open an issue, or find the one an earlier try opened. `target_id` is its number."""
    me = await client.me()
    if isinstance(me, Refusal):
        return me
    mark = ours.mark_of(ours.name_of(key, issue))
    there = await ours.first(
        client, repository, "issues", mark, most=10, state="all", **({"creator": me} if me else {})
    )
    if isinstance(there, Refusal):
        return there
    if there is not None:
        return _written(client, there, found=True)
    said = _said(issue.body, origin, mark)
    body = {"title": issue.title, "body": said, "labels": list(issue.labels)}
    answer = await client.write(repository, "POST", "issues", json=body)
    return answer if isinstance(answer, Refusal) else _written(client, answer.object)


async def open_pull(
    client: Client,
    repository: RepositoryRef,
    number: int,
    pull: NewPullRequest,
    key: str,
    patch: Patch | None,
    head: str | None,
    origin: str = "",
) -> Written | Refusal:
    """Open a pull request with the patch as one commit on a branch of ours. `target_id` is its number."""
    wrong = _unfit(patch)
    if wrong or patch is None:
        return Refusal(kind="invalid", words=wrong or "there is no change to propose")
    branch = "roundsman/" + re.sub(r"[^A-Za-z0-9._-]+", "-", ours.name_of(key, pull, patch)).strip("-.")
    there = await _there(client, repository, branch)
    if there is not None:
        return there
    base = await _base(client, repository, number if head else 0)
    if isinstance(base, Refusal):
        return base
    made = await _branch(client, repository, branch, pull.title, patch)
    if made is not None:
        return made
    body = {
        "title": pull.title,
        "body": _said(pull.body, origin),
        "head": branch,
        "base": base,
        "draft": pull.draft,
        "maintainer_can_modify": True,
    }
    answer = await client.write(repository, "POST", "pulls", need="code", json=body)
    return answer if isinstance(answer, Refusal) else _written(client, answer.object)


def _said(*parts: str) -> str:
    return "\n\n".join(part for part in (part.strip() for part in parts) if part)


def _unfit(patch: Patch | None) -> str | None:
    if patch is None or (not patch.files and not patch.refused):
        return "there is no change to propose"
    if patch.refused:
        return f"the change cannot be proposed: {patch.refused}"
    odd = [file.path for file in patch.files if file.status != "deleted" and file.mode not in MODES]
    missing = [file.path for file in patch.files if file.status != "deleted" and file.content is None]
    if odd:
        return f"the change cannot be proposed: {odd[0]} is neither a file nor a link"
    return f"the change cannot be proposed: {missing[0]} is too large" if missing else None


async def _there(client: Client, repository: RepositoryRef, branch: str) -> Written | Refusal | None:
    me = await client.me()
    if isinstance(me, Refusal):
        return me
    rows = await client.rows(
        repository, "pulls", params={"head": f"{repository.owner}:{branch}", "state": "all"}
    )
    if isinstance(rows, Refusal):
        return rows
    mine = [
        row for row in rows if ours.by(row, me) and (row.get("head") or {}).get("ref") == branch
    ]  # GitHub answers everything where it does not understand `head`
    return _written(client, mine[0], found=True) if mine else None


async def _base(client: Client, repository: RepositoryRef, number: int) -> str | Refusal:
    """Where it shall be merged: the pull request's own branch when the work was on one of this repository."""
    if number:
        row = await client.get(repository, f"pulls/{number}")
        if isinstance(row, Refusal):
            return row
        head = row.object.get("head") or {}
        if str((head.get("repo") or {}).get("full_name")).lower() == repository.full_name.lower():
            return str(head.get("ref"))
    return repository.default_branch


async def _branch(
    client: Client, repository: RepositoryRef, branch: str, title: str, patch: Patch
) -> Refusal | None:
    """Make commit and branch by the git data API; the branch comes last, so what is there is whole."""
    there = await client.get(repository, f"git/ref/heads/{quote(branch)}", need="code")
    if not isinstance(there, Refusal):
        return None
    if there.kind != "gone":
        return there
    commit = await client.get(repository, f"git/commits/{patch.base}", need="code")
    if isinstance(commit, Refusal):
        return commit
    entries = await _entries(client, repository, patch)
    if isinstance(entries, Refusal):
        return entries
    tree = await client.write(
        repository,
        "POST",
        "git/trees",
        need="code",
        json={"base_tree": (commit.object.get("tree") or {}).get("sha"), "tree": entries},
    )
    if isinstance(tree, Refusal):
        return tree
    made = await client.write(
        repository,
        "POST",
        "git/commits",
        need="code",
        json={"message": title, "tree": tree.object.get("sha"), "parents": [patch.base]},
    )
    if isinstance(made, Refusal):
        return made
    ref = {"ref": f"refs/heads/{branch}", "sha": made.object.get("sha")}
    put = await client.write(repository, "POST", "git/refs", need="code", json=ref)
    if isinstance(put, Refusal) and not (put.status == 422 and "already exists" in put.words):
        return put
    return None


async def _entries(client: Client, repository: RepositoryRef, patch: Patch) -> list[dict[str, Any]] | Refusal:
    entries: list[dict[str, Any]] = []
    for file in patch.files:
        if file.status == "renamed" and file.old_path and file.old_path != file.path:
            entries.append(_without(file.old_path, file))
        if file.status == "deleted":
            entries.append(_without(file.path, file))
            continue
        content = await _content(client, repository, file)
        if isinstance(content, Refusal):
            return content
        entries.append({"path": file.path, "mode": file.mode, "type": "blob", **content})
    return entries


def _without(path: str, file: PatchFile) -> dict[str, Any]:
    return {"path": path, "mode": file.old_mode or "100644", "type": "blob", "sha": None}


async def _content(client: Client, repository: RepositoryRef, file: PatchFile) -> Mapping[str, str] | Refusal:
    """Text rides in the tree itself; what is no UTF-8 becomes a blob first."""
    try:
        raw = base64.b64decode(file.content or "", validate=True)
    except binascii.Error:
        return Refusal(kind="invalid", words=f"the content of {file.path} is no base64")
    try:
        return {"content": raw.decode()}
    except UnicodeDecodeError:
        blob = {"content": file.content or "", "encoding": "base64"}
        answer = await client.write(repository, "POST", "git/blobs", need="code", json=blob)
        return answer if isinstance(answer, Refusal) else {"sha": str(answer.object.get("sha"))}


def _written(client: Client, row: dict[str, Any], *, found: bool = False) -> Written:
    at = moment(row.get("created_at"), client.clock.now())
    url = str(row.get("html_url") or "")
    return Written(target_id=str(row.get("number")), url=url, at=at, found=found)


async def withdraw_issue(client: Client, repository: RepositoryRef, number: str) -> Refusal | None:
    """Issues cannot be deleted by an App: it is closed as not planned."""
    change = {"state": "closed", "state_reason": "not_planned"}
    answer = await client.write(repository, "PATCH", f"issues/{number}", json=change)
    return answer if isinstance(answer, Refusal) and answer.kind != "gone" else None


async def withdraw_pull(client: Client, repository: RepositoryRef, number: str) -> Refusal | None:
    """Close the pull request and delete our branch."""
    row = await client.get(repository, f"pulls/{number}", need="code")
    if isinstance(row, Refusal):
        return None if row.kind == "gone" else row
    shut = await client.write(repository, "PATCH", f"pulls/{number}", need="code", json={"state": "closed"})
    if isinstance(shut, Refusal):
        return shut
    branch = str((row.object.get("head") or {}).get("ref"))
    if not branch.startswith("roundsman/"):
        return None
    gone = await client.write(repository, "DELETE", f"git/refs/heads/{quote(branch)}", need="code")
    return gone if isinstance(gone, Refusal) and gone.kind not in ("gone", "invalid") else None
