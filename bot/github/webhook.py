"""The webhook's door: bytes and headers -> a verified `Delivery`, or the status and words of a refusal. Pure.

Source: https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from pydantic_core import from_json

from bot.github import payload
from bot.github.news import news_of
from bot.model.happening import Delivery

MOST_BYTES = 25 * 1024 * 1024
"""GitHub sends no payload over 25 MB."""
_GUID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{7,99}")
_EVENT = re.compile(r"[a-z][a-z0-9_]{0,59}")


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a request is no delivery, and the HTTP status that says so."""

    status: int
    words: str


def sign(secret: str, body: bytes) -> str:
    """The signature of a body, as in `X-Hub-Signature-256`."""
    return "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()


def genuine(secrets: Sequence[str], body: bytes, signature: str) -> bool:
    """Whether one of the secrets made the signature; every secret is tried, each in constant time."""
    given = signature.encode("utf-8", "replace")
    matches = [hmac.compare_digest(sign(secret, body).encode(), given) for secret in secrets]
    return any(matches)


def receive(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> Delivery | Rejected:
    """Verify and read one request; `headers` have lower-case names."""
    if len(body) > MOST_BYTES:
        return Rejected(413, f"a payload has at most {MOST_BYTES} bytes")
    if not secrets:
        return Rejected(503, "no webhook secret is set; open /setup, or set ROUNDSMAN_GITHUB_WEBHOOK_SECRET")
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in ("application/json", "application/x-www-form-urlencoded"):
        return Rejected(415, "send application/json")
    if not genuine(secrets, body, headers.get("x-hub-signature-256", "")):
        return Rejected(401, "the signature does not match the webhook secret")
    guid, event = headers.get("x-github-delivery", ""), headers.get("x-github-event", "")
    if not _GUID.fullmatch(guid) or not _EVENT.fullmatch(event):
        return Rejected(400, "the X-GitHub-Delivery or X-GitHub-Event header is missing or malformed")
    read = _json(body, form=media != "application/json")
    return read if isinstance(read, Rejected) else deliver(guid, event, read)


def _json(body: bytes, *, form: bool) -> dict[str, Any] | Rejected:
    try:
        if form:
            body = parse_qs(body.decode(), strict_parsing=True, max_num_fields=10)["payload"][0].encode()
        value = _value(body)
    except (ValueError, KeyError, RecursionError):
        return Rejected(400, "the body is no JSON")
    return value if isinstance(value, dict) else Rejected(400, "the body is no JSON object")


def _value(body: bytes) -> Any:
    """What a body says; where the quick reader stumbles (half a surrogate pair, great depth) the patient one is asked."""
    try:
        return from_json(body)
    except ValueError:
        return json.loads(body)


def deliver(guid: str, event: str, body: Mapping[str, Any]) -> Delivery:
    """Read a verified payload; one we make nothing of is kept as ignored, with the reason."""
    found: tuple[Any, ...] = ()
    ignored: str | None = None
    if not payload.known(event):
        ignored = f"we do not listen to {event}"
    else:
        try:
            found = payload.happenings(event, body)
            ignored = None if found else "it means nothing to us"
        except ValueError as fault:
            ignored = f"it could not be read: {str(fault)[:200]}"
    return Delivery(
        guid=guid,
        event=event,
        action=payload.text(body, "action")[:60] or None,
        installation=payload.number(body, "installation", "id"),
        repository=payload.text(body, "repository", "full_name")[:200] or None,
        subject=_subject(body),
        happenings=found,
        ignored=ignored,
        news=news_of(event, body),
    )


def _subject(body: Mapping[str, Any]) -> str:
    """What the order of work is kept for: the item, else the repository, else the installation."""
    repository = payload.text(body, "repository", "full_name").lower()[:200]
    number = payload.number(body, "issue", "number") or payload.number(body, "pull_request", "number")
    if repository:
        return f"{repository}#{number}" if number else repository
    return f"installation:{payload.number(body, 'installation', 'id') or 0}"
