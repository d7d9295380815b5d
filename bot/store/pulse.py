"""What changes whenever something happens, for pages that are open."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlmodel import Session as Db
from sqlmodel import col

from bot.store.sql import lives
from bot.store.tables import Jobs, Runs, Sessions
from bot.store.views import LIVE_RUNS, LIVE_SESSIONS, Ids, within


def pulse(db: Db, ids: Ids, run_id: int | None = None) -> tuple[Any, ...]:
    """What changes whenever something happens: cheap to ask for each second, so that pages are drawn only then."""
    which = within(col(Runs.repository_id), ids)
    mine = col(Runs.id) == run_id if run_id is not None else sa.true()
    working = db.execute(
        sa.select(col(Runs.id), col(Runs.status), col(Runs.cancel_requested_at), col(Runs.reason))
        .where(which, mine, lives(col(Runs.status), LIVE_RUNS))
        .order_by(col(Runs.id))
    ).all()
    sessions = db.execute(
        sa.select(col(Sessions.id), col(Sessions.status), col(Sessions.cancel_requested_at))
        .where(
            lives(col(Sessions.status), LIVE_SESSIONS),
            col(Sessions.run_id).in_([row[0] for row in working]),
        )
        .order_by(col(Sessions.id))
    ).all()
    last = db.execute(sa.select(sa.func.max(Runs.id)).where(which)).scalar()
    touched = db.execute(
        sa.select(sa.func.max(Jobs.updated_at), sa.func.min(Jobs.next_run_at)).where(
            within(col(Jobs.repository_id), ids)
        )
    ).one()
    return tuple(map(tuple, working)), tuple(map(tuple, sessions)), last, tuple(touched)
