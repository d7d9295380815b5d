"""What GitHub answered, as a value, and what an answer that is no success means for us."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from bot.ports import Refusal

SECONDARY_WAIT = 60.0
SERVER_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A success (2xx) or 304. `at` is GitHub's own clock; `json` is None where there is no body."""

    status: int
    json: Any
    at: datetime
    etag: str | None = None
    next: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    text: str = field(default="", repr=False)
    """The body where it is no JSON: a diff, a raw file."""

    @property
    def unchanged(self) -> bool:
        """Whether GitHub says that what we have still holds (304)."""
        return self.status == 304

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The objects of a list answer, whatever else stands between them."""
        return [row for row in self.json if isinstance(row, dict)] if isinstance(self.json, list) else []

    @property
    def object(self) -> dict[str, Any]:
        """The object answered, empty where it is none."""
        return self.json if isinstance(self.json, dict) else {}


def date_of(headers: Mapping[str, str], now: datetime) -> datetime:
    """GitHub's clock from the Date header; ours where it says none."""
    try:
        return parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return now


def next_link(headers: Mapping[str, str]) -> str | None:
    """The URL of the next page (RFC 8288)."""
    for part in headers.get("link", "").split(","):
        found = re.match(r'\s*<([^>]+)>\s*;.*\brel="?next"?', part)
        if found:
            return found[1]
    return None


def wait_asked(status: int, headers: Mapping[str, str], message: str, now: datetime) -> float | None:
    """Seconds GitHub asks us to wait when it says we are too fast; None where it says something else.

    Source: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
    """
    if status not in (403, 429):
        return None
    after = headers.get("retry-after", "")
    if after:
        return _seconds(after, now)
    if headers.get("x-ratelimit-remaining") == "0":
        return _until(headers.get("x-ratelimit-reset", ""), now)
    limited = "rate limit" in message.lower() or "abuse detection" in message.lower()
    return SECONDARY_WAIT if limited or status == 429 else None


def _seconds(after: str, now: datetime) -> float:
    if after.isdecimal() and len(after) < 8:
        return max(1.0, float(after))
    try:
        return max(1.0, (parsedate_to_datetime(after) - now).total_seconds())
    except (TypeError, ValueError):
        return SECONDARY_WAIT


def _until(reset: str, now: datetime) -> float:
    if not reset.isdecimal() or len(reset) > 12:
        return SECONDARY_WAIT
    return max(1.0, (datetime.fromtimestamp(int(reset), UTC) - now) / timedelta(seconds=1) + 1.0)


def refusal_of(
    status: int, headers: Mapping[str, str], body: Any, now: datetime, what: str
) -> Refusal:  # fmt: skip
    """Say what an unsuccessful answer to `what` (method and path) means."""
    return _meaning(status, headers, body, now, what).model_copy(update={"status": status})


def _meaning(status: int, headers: Mapping[str, str], body: Any, now: datetime, what: str) -> Refusal:
    message = message_of(body)
    wait = wait_asked(status, headers, message, now)
    if wait is not None:
        return Refusal(
            kind="busy", words=f"GitHub asks us to wait {wait:.0f} s before {what}", retry_after=wait
        )
    said = f"GitHub answered {status} to {what}" + (f": {message}" if message else "")
    match status:
        case 404 | 410 | 451:
            return Refusal(kind="gone", words=said)
        case 401:
            return Refusal(kind="forbidden", words=f"{said}; check the App's id and key, or the token")
        case 403:
            return Refusal(kind="forbidden", words=said + _what_it_takes(headers))
        case _ if status >= 500 or status == 408:
            return Refusal(kind="busy", words=said, retry_after=SERVER_WAIT)
        case _:
            return Refusal(kind="invalid", words=said)


def _what_it_takes(headers: Mapping[str, str]) -> str:
    accepted = headers.get("x-accepted-github-permissions", "")
    return f"; grant the App one of: {accepted}" if accepted else ""


def message_of(body: Any) -> str:
    """GitHub's own words of an error, with the fields it complains of, shortened."""
    if not isinstance(body, dict):
        return ""
    said = str(body.get("message") or "")
    errors = body.get("errors")
    details = [_detail(error) for error in errors] if isinstance(errors, list) else []
    return (said + (f" ({'; '.join(d for d in details if d)})" if any(details) else ""))[:500]


def _detail(error: Any) -> str:
    if isinstance(error, str):
        return error
    if not isinstance(error, dict):
        return ""
    if error.get("message"):
        return str(error["message"])
    return " ".join(str(error[key]) for key in ("resource", "field", "code") if error.get(key))


def graphql_refusal(errors: Any) -> Refusal:
    """GraphQL's first error as a refusal."""
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    words = f"GitHub's GraphQL answered: {str(first.get('message') or 'nothing')[:300]}"
    match first.get("type"):
        case "NOT_FOUND":
            return Refusal(kind="gone", words=words)
        case "FORBIDDEN" | "INSUFFICIENT_SCOPES":
            return Refusal(kind="forbidden", words=words)
        case "RATE_LIMITED":
            return Refusal(kind="busy", words=words, retry_after=60)
        case _:
            return Refusal(kind="invalid", words=words)
