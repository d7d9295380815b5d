"""The outgoing webhook: `job.completed` as JSON, signed like GitHub's own, to each URL the operator names."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from bot import __version__
from bot.notify.channels import Fault
from bot.notify.words import link
from bot.store.outbox import Ended

PATIENCE = 10.0


def signature(secret: str, body: bytes) -> str:
    """`sha256=` and the hexadecimal HMAC-SHA256 of the body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def payload(ended: Ended, key: str, base_url: str, now: datetime) -> bytes:
    """The body: what the API tells of the run, its job and repository. `id` is the same on every try."""
    run = ended.run
    told: dict[str, Any] = {
        "event": "job.completed", "id": key, "sent_at": now.isoformat(), "repository": ended.repository.full_name, "job": ended.job.name,
        "run": {
            "id": run.id, "status": run.status.value, "trigger": run.trigger.value, "by": run.by, "dry_run": run.dry_run,
            "scheduled_for": _iso(run.scheduled_for), "started_at": _iso(run.started_at), "completed_at": _iso(run.completed_at),
            "duration_ms": run.duration_ms, "items_found": run.items_found, "items_processed": run.items_processed,
            "items_skipped": run.items_skipped, "items_deferred": run.items_deferred, "items_failed": run.items_failed,
            "cost": run.cost, "error": run.error, "reason": run.reason, "url": link(ended, base_url),
        },
    }  # fmt: skip
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


async def deliver(url: str, secret: str, body: bytes, key: str) -> Fault | None:
    """POST once; any 2xx is delivered. Redirects are not followed, for a signature is meant for one receiver."""
    headers = {
        "content-type": "application/json", "user-agent": f"roundsman/{__version__}", "x-roundsman-event": "job.completed",
        "x-roundsman-delivery": key, "x-roundsman-signature-256": signature(secret, body),
    }  # fmt: skip
    try:
        async with httpx.AsyncClient(timeout=PATIENCE, follow_redirects=False) as client:
            answer = await client.post(url, content=body, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Fault(f"no answer ({type(error).__name__})")
    return None if answer.is_success else Fault(f"it answered {answer.status_code}")


def place_of(url: str) -> str:
    """A short name for a URL that tells nothing of it."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def undelivered(urls: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, str]:
    """The receivers that have not got a word yet, with their secrets."""
    reached = set(body.get("reached") or ())
    return {url: secret for url, secret in urls.items() if place_of(url) not in reached}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
