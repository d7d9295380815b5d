"""Which budgets a session stands under, in the order in which they are reserved."""

from __future__ import annotations

from datetime import datetime

import pytz

from bot.flow.ceilings import Ceilings
from bot.model.job import JobSpec
from bot.store import runs, sessions
from bot.store.budget import CENT, Reserved, Scope, reserve, spent
from bot.store.database import Db
from bot.store.tables import Sessions


class Purse:
    """Reserves a session's money at admission. `ceilings` may cap a repository's and an installation's day."""

    def __init__(self, zone: str, ceilings: Ceilings, default_engine: str) -> None:
        self._zone, self._default_engine, self._ceilings = pytz.timezone(zone), default_engine, ceilings

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
        owner = repository.installation_id or repository.owner
        caps = (
            ("repository", repository.id, repository.full_name, self._ceilings.repository_budget),
            ("installation", owner, "the installation", self._ceilings.installation_budget),
        )
        for kind, number, name, cap in caps:
            if cap is not None:
                scopes.append(Scope(f"{kind} {number} {day}", f"{name} on {day}", cap, day))
        return reserve(db, sessions.attempt_key(int(session.id or 0), session.attempt), scopes, amount, now)

    def _free(self, spec: JobSpec) -> bool:
        """Whether the work costs nothing: told from the job alone, before its command is read; scripts name themselves."""
        engine = spec.agent.engine
        return engine == "script" or (engine is None and spec.command in SCRIPTS)


SCRIPTS = frozenset({"issue/find-duplicates", "codebase/health-check"})
"""Commands of the library that need no model."""
