"""What a run did is taken back once, newest first, and what cannot be is told."""

from __future__ import annotations

from typing import Any

from bot.engine.undo import undo_run
from bot.model.item import RepositoryRef
from bot.model.job import JobSpec
from bot.model.run import Effect, Trigger, TriggerKind
from bot.ports import Refusal
from bot.store import effects, jobs, repositories, runs
from bot.store.database import Database
from tests.clock import FakeClock


class Hands:
    """Takes effects back; those of `stuck` kinds not, those of `gone` kinds are not there any more."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.answers: dict[str, Refusal] = {}

    async def undo(self, repository: RepositoryRef, effect: Effect) -> Refusal | None:
        self.taken.append(effect.key)
        return self.answers.get(effect.kind)


async def test_a_run_is_taken_back(database: Database) -> None:
    """What GitHub refuses is left for the next try; what is gone, or was never done, needs none."""
    clock, hands = FakeClock(), Hands()
    now = clock.now()
    shop = database.write_now(repositories.ensure_repository, "acme/shop", now)
    spec = JobSpec.model_validate({"on": {"every": "4h"}, "prompt": "x"})
    job = database.write_now(jobs.save_job, shop.id, "triage", spec, now=now)
    run = database.write_now(runs.fire, job.id, Trigger(kind=TriggerKind.manual, occasion="a"), now)
    assert run is not None
    about: dict[str, Any] = {"run_id": run.id, "job_id": job.id, "repository_id": shop.id, "number": 7}
    for key, kind in (("one", "comment"), ("two", "labels.add"), ("three", "check"), ("never", "comment")):
        database.write_now(effects.intend, key, kind=kind, **about)
        if key != "never":
            database.write_now(effects.did, key, at=now, target_id=key, url="")
    hands.answers = {
        "labels.add": Refusal(kind="forbidden", words="no permission"),
        "check": Refusal(kind="gone", words="404"),
    }
    assert await undo_run(database, hands, clock, run.id) == ["labels.add on #7: no permission"]
    assert hands.taken == ["three", "two", "one"]
    hands.answers = {}
    assert await undo_run(database, hands, clock, run.id) == []
    assert hands.taken == ["three", "two", "one", "two"]
    assert await undo_run(database, hands, clock, 999) == ["there is no run 999"]
