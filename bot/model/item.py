"""What a session works on: an issue, a pull request, the codebase or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Target = Literal["issues", "prs", "codebase", "custom"]


@dataclass(frozen=True, slots=True)
class RepositoryRef:
    """One repository as GitHub names it; `installation` is the App installation's id, absent with a plain token."""

    owner: str
    name: str
    installation: int | None = None
    default_branch: str = "main"

    @property
    def full_name(self) -> str:
        """`owner/name`, as in every GitHub URL."""
        return f"{self.owner}/{self.name}"

    @classmethod
    def of(cls, full_name: str, **more: Any) -> RepositoryRef:
        """Parse `owner/name`; raises ValueError that says how it should look."""
        owner, slash, name = full_name.strip().removesuffix(".git").partition("/")
        if not (owner and slash and name) or "/" in name:
            raise ValueError(f"{full_name!r} is no repository; write OWNER/NAME")
        return cls(owner, name, **more)


@dataclass(frozen=True, slots=True)
class Item:
    """An issue or pull request as GitHub's REST API gives it; `payload` is what filters and templates read.

    Source: https://docs.github.com/rest/issues/issues#list-repository-issues
    """

    number: int
    title: str
    url: str
    author: str
    is_pull: bool
    state: str
    updated_at: str
    head_sha: str | None
    payload: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Item:
        """Read one REST row, tolerant of absent keys; raises ValueError without a number."""
        number = payload.get("number")
        if not isinstance(number, int):
            raise ValueError("an item without a number; GitHub's answer is not an issue")
        user = payload.get("user") or {}
        head = payload.get("head") or {}
        return cls(
            number=number,
            title=str(payload.get("title") or ""),
            url=str(payload.get("html_url") or ""),
            author=str(user.get("login") or "ghost"),
            is_pull="pull_request" in payload or "head" in payload,
            state=str(payload.get("state") or "open"),
            updated_at=str(payload.get("updated_at") or ""),
            head_sha=head.get("sha"),
            payload=payload,
        )
