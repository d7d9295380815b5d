"""Node ids, secrets and times: everything that looks random is derived from a counter."""

import base64
import hashlib
from datetime import UTC, datetime

PREFIXES = {
    "user": "U", "bot": "BOT", "org": "O", "repo": "R", "issue": "I", "pull": "PR", "comment": "IC", "label": "LA",
    "milestone": "MI", "reaction": "REA", "review": "PRR", "review_comment": "PRRC", "event": "EV", "check_run": "CR",
    "suite": "CS", "status": "SC", "app": "A", "team": "T", "ref": "REF", "commit": "C", "tree": "TR", "blob": "B",
}  # fmt: skip
_KINDS = {prefix: kind for kind, prefix in PREFIXES.items()}


def node_id(kind: str, row_id: int | str) -> str:
    """GitHub's opaque global id of a record, the same in every run."""
    return f"{PREFIXES[kind]}_{base64.urlsafe_b64encode(str(row_id).encode()).decode().rstrip('=')}"


def read_node_id(text: str) -> tuple[str, int] | None:
    """The kind and row a node id stands for, or None if it is none of ours."""
    prefix, _, rest = text.partition("_")
    try:
        return _KINDS[prefix], int(base64.urlsafe_b64decode(rest + "=" * (-len(rest) % 4)))
    except (KeyError, ValueError):
        return None


def secret(prefix: str, *parts: object) -> str:
    """A token that is the same in every run of the same world."""
    digest = hashlib.sha256("/".join(map(str, (prefix, *parts))).encode()).hexdigest()
    return prefix + digest[:36]


def guid(*parts: object) -> str:
    """A delivery id in the shape of a UUID."""
    h = hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:32]}"


def iso(at: datetime) -> str:
    """`2026-01-02T03:04:05Z`, to the second as GitHub writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 time; one without a zone is UTC. Raises ValueError."""
    at = datetime.fromisoformat(text.replace(" ", "+") if text.count(" ") == 1 and "T" in text else text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
