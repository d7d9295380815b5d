"""Outgoing webhooks: who hears of what, recorded first and sent by `deliver`."""

import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import httpx

from bot.demo import ids, shapes
from bot.demo import records as r
from bot.demo.core import Actor, Core

ALWAYS = {
    "installation",
    "installation_repositories",
    "installation_target",
    "github_app_authorization",
    "ping",
    "meta",
}
REPOSITORY_EVENTS_NEED = {
    "issues": "issues", "issue_comment": "issues", "label": "issues", "milestone": "issues",
    "pull_request": "pull_requests", "pull_request_review": "pull_requests",
    "pull_request_review_comment": "pull_requests", "push": "contents", "create": "contents", "delete": "contents",
    "check_run": "checks", "check_suite": "checks", "status": "statuses", "repository": "metadata",
}  # fmt: skip


def sign(secret: str, body: bytes) -> str:
    """The value of `X-Hub-Signature-256`."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def emit(core: Core, event: str, action: str | None, actor: Actor, repo: r.Repo, **payload: Any) -> None:
    """Record a delivery for every App installed on the repository that listens to the event."""
    for installation in core.tables.installations.under("account", repo.owner.lower()):
        covered = installation.repositories is None or repo.id in installation.repositories
        if covered and installation.suspended_at is None and _hears(core, installation, event):
            body = {
                **({"action": action} if action else {}),
                **payload,
                "repository": shapes.repository(core, repo),
                **_organization(core, repo.owner),
                "sender": shapes.simple_user(core, actor.login),
                "installation": {"id": installation.id, "node_id": f"MDI_{installation.id}"},
            }
            record(core, installation, event, action, body, repo.id)


def emit_installation(
    core: Core, installation: r.Installation, event: str, action: str, actor: str, **payload: Any
) -> None:
    """Record an `installation` or `installation_repositories` delivery; every App hears of its own."""
    app = core.tables.apps.rows[installation.app_id]
    if app.webhook_url is None:
        return
    body = {
        "action": action,
        "installation": shapes.installation(core, installation),
        **payload,
        "sender": shapes.simple_user(core, actor),
    }
    record(core, installation, event, action, body, None)


def _hears(core: Core, installation: r.Installation, event: str) -> bool:
    app = core.tables.apps.rows[installation.app_id]
    if app.webhook_url is None:
        return False
    if event in ("check_run", "check_suite") and "checks" in installation.permissions:
        return True
    need = REPOSITORY_EVENTS_NEED.get(event)
    return event in installation.events and (
        need is None or need == "metadata" or need in installation.permissions
    )


def _organization(core: Core, owner: str) -> dict[str, Any]:
    account = core.user(owner)
    if account is None or account.type != "Organization":
        return {}
    full = shapes.organization(core, account)
    wanted = ("login", "id", "node_id", "url", "repos_url", "events_url", "hooks_url", "issues_url", "members_url",
              "public_members_url", "avatar_url", "description")  # fmt: skip
    return {"organization": {key: full[key] for key in wanted}}


def record(
    core: Core, installation: r.Installation, event: str, action: str | None, body: Any, repo_id: int | None
) -> None:
    """Put a delivery into the outbox; a delivery fault may lose, copy or delay it."""
    fault = core.faults.strike_delivery(event)
    number = core.tables.next_id("guid")
    due = core.clock() + timedelta(seconds=fault.late if fault else 0)
    for _ in range(fault.copies if fault else 1):
        core.tables.deliveries.put(
            r.Delivery(
                id=core.tables.next_id("delivery", 10_001),
                guid=ids.guid(core.salt, "delivery", number),
                app_id=installation.app_id,
                event=event,
                action=action,
                body=json.dumps(body, separators=(",", ":"), ensure_ascii=False),
                created_at=core.now(),
                due_at=ids.iso(due),
                state="lost" if fault and fault.lost else "waiting",
                installation_id=installation.id,
                repository_id=repo_id,
                **_lost(core) if fault and fault.lost else {},
            )
        )


def _lost(core: Core) -> dict[str, Any]:
    return {"delivered_at": core.now(), "status": "failed to connect to host", "status_code": 502}


def forget_old(core: Core) -> None:
    """Drop what was delivered more than four days ago; GitHub lists three."""
    oldest = ids.iso(core.clock() - timedelta(days=4))
    rows = core.tables.deliveries.rows
    while rows and (first := next(iter(rows.values()))).created_at < oldest and first.state != "waiting":
        core.tables.deliveries.drop(first.id)


def redeliver(core: Core, row: r.Delivery) -> r.Delivery:
    """Send a delivery again under the same guid, as a new attempt."""
    again = r.Delivery(
        id=core.tables.next_id("delivery", 10_001),
        guid=row.guid,
        app_id=row.app_id,
        event=row.event,
        action=row.action,
        body=row.body,
        created_at=core.now(),
        due_at=core.now(),
        redelivery=True,
        installation_id=row.installation_id,
        repository_id=row.repository_id,
    )
    return core.tables.deliveries.put(again)


def waiting(core: Core) -> list[r.Delivery]:
    """Deliveries that are due, oldest first."""
    now = core.now()
    return [x for x in core.tables.deliveries.under("state", "waiting") if x.due_at <= now]


def signed_request(core: Core, row: r.Delivery) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a delivery, exactly as they go out."""
    app = core.tables.apps.rows[row.app_id]
    body = row.body.encode()
    headers = {
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/demo",
        "x-github-delivery": row.guid,
        "x-github-event": row.event,
        "x-github-hook-id": str(app.id),
        "x-github-hook-installation-target-id": str(app.id),
        "x-github-hook-installation-target-type": "integration",
    }
    if app.webhook_secret:
        headers["x-hub-signature-256"] = sign(app.webhook_secret, body)
    return headers, body


async def deliver_one(core: Core, row: r.Delivery, client: httpx.AsyncClient) -> None:
    """Send one delivery once and record what came back; GitHub does not retry by itself."""
    app = core.tables.apps.get(row.app_id)
    if app is None or app.webhook_url is None:
        row.state = "lost"
        core.tables.deliveries.put(row)
        return
    headers, body = signed_request(core, row)
    row.state, row.request_headers, row.delivered_at = "sent", headers, core.now()
    began = time.perf_counter()
    try:
        answer = await client.post(app.webhook_url, content=body, headers=headers, timeout=10)
    except httpx.HTTPError as fault:
        row.status, row.status_code = "failed to connect to host", 502
        row.response_body = str(fault)
    else:
        row.status = "OK" if answer.is_success else f"Invalid HTTP Response: {answer.status_code}"
        row.status_code = answer.status_code
        row.response_headers = dict(answer.headers)
        row.response_body = answer.text[:10_000]
        row.duration = round(time.perf_counter() - began, 2)
    core.tables.deliveries.put(row)
    forget_old(core)
    core.save()
