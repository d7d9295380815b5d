"""Which part of the history numbers are of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from bot.store.tables import Runs, Sessions
from bot.store.views import Ids


@dataclass(frozen=True, slots=True)
class Where:
    """Which part of the history: the repositories a viewer may see, one job or all, a stretch of time."""

    ids: Ids
    since: datetime
    until: datetime
    job_id: int | None = None

    def of_sessions(self) -> Any:
        """The condition on sessions, by when they ended."""
        return self.over(Sessions, col(Sessions.completed_at))

    def of_runs(self) -> Any:
        """The condition on runs, by when they were recorded."""
        return self.over(Runs, col(Runs.created_at))

    def over(self, table: Any, at: Any) -> Any:
        """The condition on a table whose rows belong to the moment `at`."""
        parts = [at >= self.since, at < self.until]
        if self.ids is not None:
            parts.append(col(table.repository_id).in_(self.ids))
        if self.job_id is not None:
            parts.append(col(table.job_id) == self.job_id)
        return sa.and_(*parts)
