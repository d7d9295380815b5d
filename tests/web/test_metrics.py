"""Monitoring: counts that hold, for those who see everything."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from bot.model.job import JobSpec
from bot.model.run import RunStatus, Trigger, TriggerKind
from bot.store import jobs, repositories, runs, timings
from bot.store.database import Database
from bot.store.metrics import counts
from bot.store.tables import Runs
from bot.web.metrics import PROCESS, exposition
from tests.clock import FakeClock
from tests.web.house import House


async def test_prometheus_reads_how_the_service_stands(house: House) -> None:
    """Jobs by status, runs that wait, and the lag of scheduled fires."""
    job = house.job()
    house.job("asleep", status="paused")
    now = house.clock.now()
    house.clock.move(seconds=2)
    trigger = Trigger(kind=TriggerKind.schedule, occasion="a", scheduled_for=now)
    house.database.write_now(runs.fire, job.id, trigger, house.clock.now())
    house.clock.move(seconds=10)
    answer = await house.machine("see").get("/metrics")
    assert answer.status_code == 200
    told = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert told["roundsman_jobs", "active"] == told["roundsman_jobs", "paused"] == 1
    assert told["roundsman_runs", "pending"] == 1
    assert told["roundsman_fire_lag_seconds_sum",] == 2.0
    buckets = {
        bound: n for (name, *rest), n in told.items() if name.endswith("lag_seconds_bucket") for bound in rest
    }
    assert (buckets["1.0"], buckets["2.0"], buckets["+Inf"]) == (0, 1, 1)
    assert told["roundsman_workers",] == 0


async def test_durations_quota_and_webhooks_are_told(house: House) -> None:
    """What runs took comes from the database; the allowance and the webhooks' time are this process's own."""
    job = house.job()
    trigger = Trigger(kind=TriggerKind.manual, occasion="a")
    run = house.database.write_now(runs.fire, job.id, trigger, house.clock.now())
    assert run is not None
    house.database.write_now(runs.begin, run.id, "me", house.clock.now())
    house.clock.move(seconds=42)
    house.database.write_now(runs.end, run.id, RunStatus.completed, house.clock.now())
    house.clock.move(seconds=10)
    now = house.clock.now()
    spent = house.database.write_now(timings.fold, now)
    told = exposition(house.database.read_now(counts, now), {("token", "core"): (5000, 4321)}, spent).decode()
    assert 'roundsman_run_duration_seconds_bucket{le="30.0"} 0.0' in told
    assert 'roundsman_run_duration_seconds_bucket{le="60.0"} 1.0' in told
    assert "roundsman_run_duration_seconds_sum 42.0" in told
    assert 'roundsman_github_quota_remaining{account="token",resource="core"} 4321.0' in told
    before = PROCESS.get_sample_value("roundsman_webhook_seconds_count")
    await house.stranger().post("/webhooks/github", content=b"{}")
    assert PROCESS.get_sample_value("roundsman_webhook_seconds_count") == (before or 0) + 1
    assert "roundsman_webhook_seconds_bucket" in (await house.machine("see").get("/metrics")).text


async def test_metrics_are_not_for_those_who_see_a_part(house: House) -> None:
    """They count all repositories, so they are for those who see all."""
    assert (await house.stranger().get("/metrics")).status_code == 401
    ada = await house.person("ada", "admin")
    assert (await ada.get("/metrics")).status_code == 200
    house.repository("acme/other")
    assert (await ada.get("/metrics")).status_code == 403
    assert (await house.machine("see", repositories=["acme/shop"]).get("/metrics")).status_code == 403
    assert (await house.machine("see").get("/metrics")).status_code == 200


def test_the_counts_come_alike_from_both_databases(database: Database) -> None:
    """An empty service counts nothing and fails nowhere."""
    told = database.read_now(counts, FakeClock().now())
    assert (told.jobs, told.cost, told.stopped) == ({}, 0.0, False)


def test_histograms_only_grow(database: Database) -> None:
    """Each row counts once however often and by whom it is asked, and still does when retention has taken it."""
    start = FakeClock().now()
    place = database.write_now(repositories.ensure_repository, "acme/shop", start)
    spec = JobSpec.model_validate({"on": {"every": "1d"}, "prompt": "Look."})
    job = database.write_now(jobs.save_job, place.id, "look", spec, source="api", by="ada", now=start)

    def told(seconds: float) -> tuple[list[int], float]:
        lag = database.write_now(timings.fold, start + timedelta(seconds=seconds))["fire_lag"]
        return [n for n in lag.counts if n], lag.sum

    def fire(due: float, made: float) -> None:
        trigger = Trigger(
            kind=TriggerKind.schedule, occasion=str(due), scheduled_for=start + timedelta(seconds=due)
        )
        database.write_now(runs.fire, job.id, trigger, start + timedelta(seconds=made))

    fire(0, 2)
    assert told(5) == ([], 0)  # not settled yet
    assert told(12) == told(13) == ([1], 2)
    assert told(1) == ([1], 2)  # a clock set back
    fire(10, 5000)
    assert told(5010) == ([1, 1], 4992)
    database.write_now(lambda db: db.execute(sa.delete(Runs)) and None)  # type: ignore[func-returns-value]
    assert told(9000) == ([1, 1], 4992)
