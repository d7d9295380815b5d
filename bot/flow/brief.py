"""Item + command -> what the templates may name. Text of strangers goes in marked as such."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytz

from bot.model.item import Item
from bot.ports import Gathered, Seat
from commands.catalog import Catalog
from commands.fence import Untrusted, fence
from commands.template import Command, inline, render, resolve_variables
from commands.times import time_variables


def command_of(seat: Seat, own: Mapping[str, str]) -> Command:
    """The job's command with what it inherits, or its inline prompt; raises CommandError where it is no more."""
    spec = seat.spec
    return Catalog(own).get(spec.command) if spec.command else inline(spec.prompt or "")


def nonce_of(seat: Seat, key: bytes) -> str:
    """A fence's nonce nobody outside can know; the same on a replay."""
    return hashlib.blake2s(
        f"fence {seat.session.id} {seat.session.attempt}".encode(), key=key[:32], digest_size=12
    ).hexdigest()


def variables_of(
    seat: Seat, item: Item | None, gathered: Gathered, now: datetime, nonce: str
) -> dict[str, Any]:
    """Everything a template may name, for this session."""
    spec, repository, run = seat.spec, seat.repository, seat.run
    times = time_variables(now, pytz.timezone(spec.timezone))
    web = item.url.partition(f"/{repository.full_name}/")[0] if item else ""
    repo = {
        "full_name": repository.full_name, "owner": repository.owner, "name": repository.name,
        "default_branch": repository.default_branch, "url": f"{web}/{repository.full_name}" if web else "", "private": repository.private,
        "labels": gathered.fields.get("repo.labels", []),
    }  # fmt: skip
    return {
        **times,
        "item": item_variables(item, gathered, nonce) if item else {},
        "repo": repo,
        "job": {
            "name": seat.job.name,
            "description": spec.description,
            "target": spec.target,
            "may": spec.may.model_dump() if spec.may else {},
        },
        "run": {
            "id": run.id,
            "trigger": run.trigger.value,
            "scheduled_for": run.scheduled_for.isoformat() if run.scheduled_for else "",
        },
        "variables": resolve_variables(dict(spec.variables), times),
    }


def item_variables(item: Item, gathered: Gathered, nonce: str) -> dict[str, Any]:
    """What templates may name of an item; text of strangers marked as such, costly fields where they were gathered."""
    payload = item.payload
    kind = "pull request" if item.is_pull else "issue"

    def strange(name: str, text: object) -> Untrusted:
        return Untrusted(str(text or ""), f"{name} of {kind} {item.number}", nonce)

    known: dict[str, Any] = {
        "number": item.number, "kind": kind, "title": strange("title", item.title), "body": strange("body", payload.get("body")),
        "author": item.author, "author_association": payload.get("author_association") or "NONE",
        "labels": [label if isinstance(label, str) else label.get("name", "") for label in payload.get("labels") or ()],
        "assignees": [user.get("login", "") for user in payload.get("assignees") or ()],
        "milestone": (payload.get("milestone") or {}).get("title"), "state": item.state, "url": item.url,
        "created_at": payload.get("created_at") or "", "updated_at": item.updated_at, "comment_count": payload.get("comments") or 0,
    }  # fmt: skip
    if item.is_pull:
        head, base = payload.get("head") or {}, payload.get("base") or {}
        known |= {
            "draft": bool(payload.get("draft")), "head_sha": item.head_sha or "", "base_sha": base.get("sha") or "",
            "base_ref": base.get("ref") or "", "head_ref": strange("head branch", head.get("ref")),
        }  # fmt: skip
    for path, value in gathered.fields.items():
        root, _, name = path.partition(".")
        if root == "item":
            known[name] = strange(name, value) if isinstance(value, str) else value
    return known


def prompt_of(command: Command, variables: Mapping[str, Any], gathered: Gathered, nonce: str) -> str:
    """The whole prompt: the command's text, then the job's context, each source fenced and named."""
    inputs = command.values(variables["variables"])
    text = render(command, {**variables, "inputs": inputs})
    for data in gathered.data:
        text += f"\n{fence(data.text, data.name, nonce, data.cap)}\n"
    return text + "".join(f"\n(Note: {note})\n" for note in gathered.notes)
