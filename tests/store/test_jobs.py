"""Jobs are saved, listed, paused, renamed and archived alike on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.model.job import JobSpec
from bot.model.run import Job, Repository, RunStatus, Trigger, TriggerKind
from bot.store import jobs, repositories, runs
from bot.store.configuration import FileJob, apply_configuration
from bot.store.database import Database

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def spec(**more: Any) -> JobSpec:
    """A weekday job, with changes."""
    return JobSpec.model_validate({"on": {"schedule": "0 9 * * 1-5"}, "prompt": "Look.", **more})


@pytest.fixture
def shop(database: Database) -> Repository:
    """A repository."""
    return database.write_now(repositories.ensure_repository, "Acme/Shop", MONDAY, private=True)


def save(database: Database, shop: Repository, name: str = "triage", **more: Any) -> Job:
    """Save a job as the API would."""
    how = {"now": MONDAY, "expected": "either"} | {k: more.pop(k) for k in ("now", "expected") if k in more}
    return database.write_now(jobs.save_job, shop.id, name, spec(**more), **how)


def test_a_repository_is_made_once_and_kept_up_to_date(database: Database, shop: Repository) -> None:
    """The same name in another case is the same repository, and what is not told stays as it was."""
    again = database.write_now(
        repositories.ensure_repository, "acme/shop", MONDAY, default_branch="trunk", github_id=7
    )
    assert (again.id, again.full_name, again.private, again.default_branch) == (
        shop.id,
        "Acme/Shop",
        True,
        "trunk",
    )
    assert [r.id for r in database.read_now(repositories.every)] == [shop.id]
    assert database.read_now(repositories.by_name, "ACME/SHOP") == again


def test_a_new_job_knows_when_it_fires_next(database: Database, shop: Repository) -> None:
    """The next fire stands in the row from the first moment, with the spec as people wrote it."""
    job = save(database, shop)
    assert job.next_run_at == MONDAY + timedelta(hours=1)
    assert job.spec == {"on": [{"schedule": "0 9 * * 1-5"}], "prompt": "Look."}
    assert (job.status, job.run_count, job.last_run_status) == ("active", 0, None)


def test_a_name_is_taken_once_in_a_repository(database: Database, shop: Repository) -> None:
    """A second job of the name is refused, in another repository it is welcome."""
    save(database, shop, expected="new")
    with pytest.raises(jobs.NameTaken, match="choose another name"):
        save(database, shop, expected="new")
    other = database.write_now(repositories.ensure_repository, "acme/other", MONDAY)
    save(database, other, expected="new")
    with pytest.raises(jobs.NoSuchJob):
        save(database, other, "nothing", expected="existing")
    with pytest.raises(jobs.JobRefused, match="no name for a job"):
        save(database, shop, "../etc")


def test_editing_recomputes_the_next_fire_and_a_period_keeps_its_anchor(
    database: Database, shop: Repository
) -> None:
    """`every: 4h` counts from when the job was made, however often it is edited."""
    first = save(database, shop, on={"every": "4h"})
    assert first.next_run_at == MONDAY + timedelta(hours=4)
    later = MONDAY + timedelta(hours=5)
    edited = save(database, shop, on={"every": "4h"}, max_items=3, now=later)
    assert edited.next_run_at == MONDAY + timedelta(hours=8)
    assert edited.anchor_at == first.anchor_at
    assert edited.updated_at == later


def test_an_instant_in_the_past_is_refused_but_a_fired_one_can_be_edited(
    database: Database, shop: Repository
) -> None:
    """What never fires is no schedule; what has fired is history."""
    with pytest.raises(jobs.NeverFires, match="future"):
        save(database, shop, on={"at": "2026-11-23T07:00"})
    save(database, shop, on={"at": "2026-11-23T09:00"})
    edited = save(database, shop, on={"at": "2026-11-23T09:00"}, max_items=2, now=MONDAY + timedelta(days=1))
    assert edited.next_run_at is None


def test_pausing_disabling_and_resuming_move_the_next_fire(database: Database, shop: Repository) -> None:
    """Paused and disabled jobs have no next fire; resumed ones have the next after now, and a clean slate."""
    job = save(database, shop)
    paused = database.write_now(jobs.pause, job.id, MONDAY, "while we move")
    assert (paused.status, paused.next_run_at, paused.pause_reason) == ("paused", None, "while we move")
    assert paused.spec["status"] == "paused"
    resumed = database.write_now(jobs.resume, job.id, MONDAY + timedelta(hours=3))
    assert (resumed.status, resumed.next_run_at) == ("active", MONDAY + timedelta(days=1, hours=1))
    assert resumed.pause_reason is None
    disabled = database.write_now(jobs.disable, job.id, MONDAY)
    assert (disabled.status, disabled.next_run_at) == ("disabled", None)
    assert database.write_now(jobs.enable, job.id, MONDAY).next_run_at == MONDAY + timedelta(hours=1)


def test_a_deleted_job_can_be_had_back_until_its_name_is_taken(database: Database, shop: Repository) -> None:
    """Deleting cancels what lives, keeps the history, and frees the name."""
    job = save(database, shop)
    run = database.write_now(runs.fire, job.id, Trigger(kind=TriggerKind.manual, occasion="a"), MONDAY)
    assert run is not None
    database.write_now(jobs.archive, job.id, MONDAY)
    assert database.read_now(jobs.jobs_of, shop.id) == []
    assert [j.name for j in database.read_now(jobs.jobs_of, shop.id, archived=True)] == ["triage"]
    ended = database.read_now(runs.get, run.id)
    assert ended is not None
    assert ended.status is RunStatus.cancelled
    back = database.write_now(jobs.restore, job.id, MONDAY)
    assert (back.archived_at, back.next_run_at) == (None, MONDAY + timedelta(hours=1))
    database.write_now(jobs.archive, job.id, MONDAY)
    save(database, shop)
    with pytest.raises(jobs.NameTaken):
        database.write_now(jobs.restore, job.id, MONDAY)


def test_renaming_keeps_the_history_and_copying_starts_paused(database: Database, shop: Repository) -> None:
    """A rename is the same job; a duplicate is another one that fires only when somebody says so."""
    job = save(database, shop)
    renamed = database.write_now(jobs.rename, job.id, "morning", MONDAY)
    assert (renamed.id, renamed.name) == (job.id, "morning")
    copy = database.write_now(jobs.duplicate, job.id, "evening", by="ada", now=MONDAY)
    assert (copy.status, copy.next_run_at) == ("paused", None)
    with pytest.raises(jobs.NameTaken):
        database.write_now(jobs.rename, copy.id, "morning", MONDAY)


def test_a_list_is_paged_counted_and_searched(database: Database, shop: Repository) -> None:
    """Pages follow each other in the order of repository and name."""
    for number in range(7):
        save(database, shop, f"job {number}")
    other = database.write_now(repositories.ensure_repository, "acme/aardvark", MONDAY)
    save(database, other, "snake_case")
    page, total = database.read_now(jobs.list_jobs, page=2, limit=3)
    assert ([job.name for job in page], total) == (["job 2", "job 3", "job 4"], 8)
    found, total = database.read_now(jobs.list_jobs, search="E_C", limit=3)
    assert ([job.name for job in found], total) == (["snake_case"], 1)


def test_the_last_runs_of_many_jobs_come_in_one_query(database: Database, shop: Repository) -> None:
    """Each job has its newest runs, newest first."""
    ids = [save(database, shop, f"job {number}").id for number in range(3)]
    for number in range(7):
        for job_id in ids[:2]:
            database.write_now(
                runs.fire, job_id, Trigger(kind=TriggerKind.manual, occasion=str(number)), MONDAY
            )
    found = database.read_now(jobs.last_runs, ids, 5)
    assert [run.occasion for run in found[ids[0]]] == ["6", "5", "4", "3", "2"]
    assert ids[2] not in found


def test_a_file_makes_its_jobs_be_exactly_those_it_names(database: Database, shop: Repository) -> None:
    """New ones are made, changed ones changed, gone ones archived; jobs made elsewhere are left alone."""
    save(database, shop, "by hand")
    first = [
        FileJob("a", spec(), ".github/roundsman.yml", 4),
        FileJob("b", spec()),
        FileJob("by hand", spec()),
    ]
    applied = database.write_now(apply_configuration, shop.id, first, MONDAY)
    assert (applied.created, applied.clashes, applied.archived) == (("a", "b"), ("by hand",), ())
    second = [FileJob("a", spec(), ".github/roundsman.yml", 9), FileJob("c", spec(max_items=2))]
    applied = database.write_now(apply_configuration, shop.id, second, MONDAY)
    assert (applied.created, applied.unchanged, applied.archived) == (("c",), ("a",), ("b",))
    living = {job.name: job for job in database.read_now(jobs.jobs_of, shop.id)}
    assert set(living) == {"a", "by hand", "c"}
    assert living["a"].source_line == 9


def test_a_file_job_paused_by_hand_stays_paused_until_its_text_says_otherwise(
    database: Database, shop: Repository
) -> None:
    """A push that changes something else does not wake a job somebody has put to sleep."""
    database.write_now(apply_configuration, shop.id, [FileJob("a", spec())], MONDAY)
    [job] = database.read_now(jobs.jobs_of, shop.id)
    database.write_now(jobs.pause, job.id, MONDAY)
    database.write_now(apply_configuration, shop.id, [FileJob("a", spec(max_items=3))], MONDAY)
    assert database.read_now(jobs.jobs_of, shop.id)[0].status == "paused"
    database.write_now(apply_configuration, shop.id, [FileJob("a", spec(status="disabled"))], MONDAY)
    assert database.read_now(jobs.jobs_of, shop.id)[0].status == "disabled"
    database.write_now(apply_configuration, shop.id, [FileJob("a", spec())], MONDAY)
    assert database.read_now(jobs.jobs_of, shop.id)[0].status == "active"
