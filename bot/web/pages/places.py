"""The addresses of pages, and the mark by which an open page tells how old it is."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Query

Mark = Annotated[str, Query(max_length=40)]


def mark_of(pulse: Any) -> str:
    """A short mark of a pulse, for the address of a page's stream."""
    return hashlib.sha256(repr(pulse).encode()).hexdigest()[:16]


def repository_url(repository: Any, tail: str = "") -> str:
    """`/owner/name`, or a page below it."""
    base = f"/{quote(repository.owner, safe='')}/{quote(repository.name, safe='')}"
    return f"{base}/{tail}" if tail else base


def job_url(repository: Any, name: str, tail: str = "") -> str:
    """A job's page, or an action on it."""
    return repository_url(repository, "jobs/" + quote(name, safe="") + (f"/{tail}" if tail else ""))


def run_url(repository: Any, run_id: int, tail: str = "") -> str:
    """A run's page, or an action on it."""
    return repository_url(repository, f"runs/{run_id}" + (f"/{tail}" if tail else ""))


def session_url(repository: Any, session_id: int, tail: str = "") -> str:
    """A session's page, or an action on it."""
    return repository_url(repository, f"sessions/{session_id}" + (f"/{tail}" if tail else ""))
