"""The look an idle process takes each second, on both databases: every kind of work shows in it, by one statement."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from bot.model.job import JobSpec
from bot.model.run import Trigger, TriggerKind
from bot.store import deliveries, jobs, repositories, runs, words
from bot.store.database import Database, Db, connect
from bot.store.glance import Glance, glance
from bot.store.tables import Deliveries, Outbox, Runs
from tests.store.test_deliveries import delivery
from tests.store.test_queue import queued

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
SPEC = JobSpec.model_validate({"on": {"schedule": "0 9 * * *"}, "prompt": "Look."})


def seen(database: Database) -> Glance:
    """One look."""
    return database.glimpse_now(glance, NOW)


def a_job(db: Db) -> int:
    """A job that is due tomorrow."""
    place = repositories.ensure_repository(db, "acme/shop", NOW)
    return jobs.save_job(db, place.id, "triage", SPEC, now=NOW).id


def test_every_kind_of_work_shows(database: Database) -> None:
    """Nothing at first; then each by itself, and what waits for a later hour not yet."""
    assert seen(database) == Glance()
    job = database.write_now(a_job)
    due = seen(database).next_due
    assert due == NOW + timedelta(days=1)
    kept = database.write_now(runs.fire, job, Trigger(kind=TriggerKind.manual, occasion="1"), NOW)
    assert kept is not None
    assert seen(database) == Glance(next_due=due, runs=True, newest_run=kept.id)
    database.write_now(_later, Runs, {"not_before": NOW + timedelta(seconds=1)})
    assert seen(database) == Glance(next_due=due, newest_run=kept.id)
    database.write_now(deliveries.record, [delivery("guid-1")], NOW)
    assert seen(database).deliveries
    database.write_now(deliveries.claim, "me", 10)
    assert (seen(database).deliveries, seen(database).held) == (False, True)
    database.write_now(_later, Deliveries, {"handled_at": NOW})
    assert not seen(database).held
    database.write_now(_message, NOW + timedelta(seconds=1))
    assert not seen(database).messages
    database.write_now(_later, Outbox, {"not_before": NOW})
    assert seen(database).messages


def test_nothing_begins_while_everything_is_stopped(database: Database) -> None:
    """Neither fires nor runs nor sessions; what GitHub says is still heard."""
    job = database.write_now(a_job)
    database.write_now(queued, job, 7)
    database.write_now(deliveries.record, [delivery("guid-1")], NOW)
    before = seen(database)
    assert (before.sessions, before.held, before.deliveries) == (True, True, True)
    database.write_now(words.put, words.STOP, {"by": "ada"}, NOW)
    after = seen(database)
    assert (after.next_due, after.runs, after.sessions, after.deliveries) == (None, False, False, True)


@pytest.mark.postgres
def test_a_lost_connection_is_made_again(postgres_url: str) -> None:
    """The kept connection is nobody's hold on the server: it falls, the next look has another."""
    database = Database(connect(postgres_url))
    try:
        assert seen(database) == Glance()
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        with database.engine.begin() as connection:
            assert len(connection.exec_driver_sql(others).all()) == 1
        assert seen(database) == Glance()
    finally:
        database.close()


def _later(db: Db, table: type, changes: dict[str, object]) -> None:
    db.execute(sa.update(table).values(**changes))


def _message(db: Db, at: datetime) -> None:
    db.add(Outbox(key="k", channel="slack", event="failed", body={}, tries=0, not_before=at))
