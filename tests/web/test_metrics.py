"""Monitoring: counts that hold, for those who see everything."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.model.run import RunStatus, Trigger, TriggerKind
from bot.store import runs
from bot.store.database import Database
from bot.store.metrics import counts
from bot.web.metrics import PROCESS, exposition, quantile
from tests.web.house import House


async def test_prometheus_reads_how_the_service_stands(house: House) -> None:
    """Jobs by status, runs that wait, and the lag of scheduled fires."""
    job = house.job()
    house.job("asleep", status="paused")
    now = house.clock.now()
    house.clock.move(seconds=2)
    trigger = Trigger(kind=TriggerKind.schedule, occasion="a", scheduled_for=now)
    house.database.write_now(runs.fire, job.id, trigger, house.clock.now())
    answer = await house.machine("see").get("/metrics")
    assert answer.status_code == 200
    told = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert told["roundsman_jobs", "active"] == told["roundsman_jobs", "paused"] == 1
    assert told["roundsman_runs", "pending"] == 1
    assert told["roundsman_fire_lag_seconds_24h", "0.99"] == 2.0
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
    told = exposition(
        house.database.read_now(counts, house.clock.now()), {("token", "core"): (5000, 4321)}
    ).decode()
    assert 'roundsman_run_duration_seconds_24h{quantile="0.5"} 42.0' in told
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
    from tests.clock import FakeClock

    told = database.read_now(counts, FakeClock().now())
    assert (told.jobs, told.cost, told.lags, told.stopped) == ({}, 0.0, [], False)


@pytest.mark.parametrize(("share", "value"), [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.0, 1.0)])
def test_a_quantile_is_one_of_the_values(share: float, value: float) -> None:
    """The nearest rank; of nothing it is nothing."""
    assert quantile([float(n) for n in range(100, 0, -1)], share) == value
    assert quantile([], share) == 0.0
