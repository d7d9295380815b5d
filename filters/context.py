"""What a query is answered with, beside the item: the time, the viewer, the teams, the repository."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Context:
    """`me` is a REST login (`octocat`, `roundsman[bot]`) or None; `teams` maps folded `org/team` to folded logins."""

    now: datetime
    me: str | None = None
    teams: Mapping[str, frozenset[str]] = field(default_factory=dict)
    repository: Mapping[str, Any] | None = None

    @classmethod
    def of(
        cls,
        now: datetime,
        me: str | None,
        teams: Mapping[str, Collection[str]] | None,
        repository: Mapping[str, Any] | None,
    ) -> Context:
        """Fold the names once; raises ValueError for a `now` without a zone."""
        if now.tzinfo is None:
            raise ValueError("now has no time zone; pass an aware datetime")
        folded = {
            team.casefold().removeprefix("@"): frozenset(login.casefold() for login in members)
            for team, members in (teams or {}).items()
        }
        return cls(now, _viewer(me) if me else None, folded, repository)


def _viewer(login: str) -> str:
    folded = login.casefold().removeprefix("@")
    return f"{folded[4:]}[bot]" if folded.startswith("app/") else folded
