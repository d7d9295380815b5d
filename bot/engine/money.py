"""Which budgets a session stands under, in the order in which they are reserved."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytz

from bot.model.job import JobSpec
from bot.store import runs, sessions
from bot.store.budget import CENT, Reserved, Scope, reserve, spent
from bot.store.database import Db
from bot.store.tables import Sessions


class Purse:
    """Reserves a session's money at admission. `ceilings` may cap a repository's and an installation's day."""

    def __init__(self, zone: str, ceilings: Mapping[str, Any], default_engine: str) -> None:
        self._zone, self._default_engine = pytz.timezone(zone), default_engine
        budget = ceilings.get("budget") or {}
        self._caps = {
            name: float(budget[name]) for name in ("repository_day", "installation_day") if name in budget
        }

    def reserve(self, db: Db, session: Sessions, now: datetime) -> Reserved:
        """Set aside what this attempt may need; a script needs nothing."""
        found = runs.place_of(db, session.run_id)
        if found is None:
            return Reserved("refused", words="its run is gone")
        run, job, repository = found
        spec = JobSpec.model_validate(run.spec)
        if self._free(spec):
            return Reserved("yes")
        own = f"session {session.id}"
        amount = spec.limits.budget.session - spent(db, own)
        if amount < CENT:
            return Reserved(
                "refused",
                words=f"the budget of this session is ${spec.limits.budget.session:g} and it is spent",
            )
        day = now.astimezone(self._zone).strftime("%Y-%m-%d")
        scopes = [
            Scope(own, "this session", spec.limits.budget.session),
            Scope(f"run {run.id}", f"run {run.id}", spec.limits.budget.run),
            Scope(f"job {job.id} {day}", f"job {job.name} on {day}", spec.limits.budget.day, day),
        ]
        if "repository_day" in self._caps:
            scopes.append(
                Scope(
                    f"repository {repository.id} {day}",
                    f"{repository.full_name} on {day}",
                    self._caps["repository_day"],
                    day,
                )
            )
        if "installation_day" in self._caps:
            owner = repository.installation_id or repository.owner
            scopes.append(
                Scope(
                    f"installation {owner} {day}",
                    f"the installation on {day}",
                    self._caps["installation_day"],
                    day,
                )
            )
        return reserve(db, sessions.attempt_key(int(session.id or 0), session.attempt), scopes, amount, now)

    def _free(self, spec: JobSpec) -> bool:
        """Whether the work costs nothing: told from the job alone, before its command is read; scripts name themselves."""
        engine = spec.agent.engine
        return engine == "script" or (engine is None and spec.command in SCRIPTS)


SCRIPTS = frozenset({"issue/find-duplicates", "codebase/health-check"})
"""Commands of the library that need no model."""
