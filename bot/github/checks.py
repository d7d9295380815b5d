"""Check runs: one per external id, with annotations in portions of fifty."""

from __future__ import annotations

from typing import Any

from bot.github import ours
from bot.github.answers import Answer
from bot.github.client import Client, moment
from bot.model.item import RepositoryRef
from bot.model.outcome import Annotation, Check
from bot.ports import Refusal, Written

PORTION = 50


async def report(
    client: Client, repository: RepositoryRef, check: Check, key: str, head: str | None
) -> Written | Refusal:
    """Report a finished check run on commit `head`, once; missing annotations of an earlier try are added."""
    if head is None:
        return Refusal(kind="invalid", words="a check run needs a commit, and this item has none")
    external = ours.name_of(key, check, head)
    there = await _there(client, repository, check.name, external, head)
    if isinstance(there, Refusal):
        return there
    row = there
    if row is None:
        answer = await _create(client, repository, check, external, head)
        if isinstance(answer, Refusal):
            return answer
        row = answer.object
    have = int((row.get("output") or {}).get("annotations_count") or 0)
    for start in range(max(have, min(PORTION, len(check.annotations))), len(check.annotations), PORTION):
        part = check.annotations[start : start + PORTION]
        more = await client.write(
            repository,
            "PATCH",
            f"check-runs/{row['id']}",
            need="check",
            json={"output": _output(check, part)},
        )
        if isinstance(more, Refusal):
            return more
    at = moment(row.get("completed_at"), client.clock.now())
    return Written(
        target_id=str(row.get("id")), url=str(row.get("html_url") or ""), at=at, found=there is not None
    )


async def _there(
    client: Client, repository: RepositoryRef, name: str, external: str, head: str
) -> dict[str, Any] | Refusal | None:
    """Our run of this external id; another App's run with the same id is not ours."""
    params: dict[str, Any] = {"check_name": name, "filter": "all"}
    if client.credentials.app_id is not None:
        params["app_id"] = client.credentials.app_id
    rows = await client.rows(repository, f"commits/{head}/check-runs", params=params, within="check_runs")
    if isinstance(rows, Refusal):
        return rows
    return next((row for row in rows if row.get("external_id") == external and _ours(client, row)), None)


def _ours(client: Client, row: dict[str, Any]) -> bool:
    mine = client.credentials.app_id
    return mine is None or (row.get("app") or {}).get("id") == mine


async def _create(
    client: Client, repository: RepositoryRef, check: Check, external: str, head: str
) -> Answer | Refusal:
    body = {
        "name": check.name,
        "head_sha": head,
        "status": "completed",
        "conclusion": check.conclusion,
        "external_id": external,
        "output": _output(check, check.annotations[:PORTION]),
    }
    return await client.write(repository, "POST", "check-runs", need="check", json=body)


def _output(check: Check, annotations: tuple[Annotation, ...]) -> dict[str, Any]:
    return {
        "title": check.title,
        "summary": check.summary or check.title,
        "annotations": [_annotation(note) for note in annotations],
    }


def _annotation(note: Annotation) -> dict[str, Any]:
    said: dict[str, Any] = {
        "path": note.path, "start_line": note.start_line, "end_line": note.end_line or note.start_line,
        "annotation_level": note.level, "message": note.message,
    }  # fmt: skip
    return said | ({"title": note.title} if note.title else {})


async def withdraw(client: Client, repository: RepositoryRef, run_id: str) -> Refusal | None:
    """Check runs cannot be deleted: it is made neutral and says that it was taken back."""
    change = {"conclusion": "neutral", "output": {"title": "Taken back", "summary": "Taken back."}}
    answer = await client.write(repository, "PATCH", f"check-runs/{run_id}", need="check", json=change)
    return answer if isinstance(answer, Refusal) and answer.kind != "gone" else None
