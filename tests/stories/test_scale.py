"""From one process to several on PostgreSQL: real processes, each with a disk of its own, one of them killed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.demo import DemoIssue, DemoRepo, GitHub
from bot.flow.clock import SystemClock
from bot.model.run import RunStatus, Trigger, TriggerKind
from bot.store import executors, jobs, repositories, runs, sessions
from bot.store.database import Database, connect
from tests.stories.processes import Processes, kill, served, until

WAITS = """import os, pathlib, time
folder = pathlib.Path({folder!r})
with (folder / "begun").open("a") as begun:
    begun.write("begun\\n")
while not (folder / "go").exists():
    time.sleep(0.1)
pathlib.Path(os.environ["ROUNDSMAN_OUTCOME"]).write_text('{{"version": 1, "summary": "Looked at it.", "actions": []}}')
"""
FILES = {
    ".github/roundsman.yml": 'version: 1\njobs:\n  look:\n    on: {schedule: "0 0 1 1 *"}\n    filter: "is:open"\n    command: slow/look\n',
    ".github/roundsman/commands/slow/look.md": "---\ntitle: Look\ntarget: issues\nengine: script\nscript: look.py\nmay: {comment: 1}\n---\nLooks.\n",
}
MOST_OF_ONE = 20
"""Connections of one process, as the documentation promises."""


@pytest.fixture
def github() -> Iterator[GitHub]:
    """An embedded GitHub at its address."""
    with served() as github:
        yield github


@pytest.fixture
def empty_postgres(postgres: str) -> Iterator[str]:
    """The URL of a database without a table."""
    admin = connect(postgres).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE IF EXISTS scale WITH (FORCE)")
        connection.exec_driver_sql("CREATE DATABASE scale")
    yield postgres.replace("/postgres?", "/scale?")
    with admin.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE IF EXISTS scale WITH (FORCE)")
    admin.dispose()


def slow_repo(github: GitHub, folder: Path) -> DemoRepo:
    """A repository whose job waits in its script until the story says go."""
    script = {".github/roundsman/commands/slow/look.py": WAITS.format(folder=str(folder))}
    return github.add_repo(
        "acme/shop", files={"README.md": "# Shop\n", **FILES, **script}, collaborators={"rounds": "write"}
    )


def ours(issue: DemoIssue) -> int:
    """How many comments of ours an issue has."""
    return sum("Looked at it." in comment.body for comment in issue.comments)


@pytest.mark.slow
@pytest.mark.postgres
def test_one_killed_and_one_stopped_worker_lose_and_double_nothing(
    empty_postgres: str, github: GitHub, tmp_path: Path
) -> None:
    """Three processes begin at once on an empty database, each holds a session; `serve` takes over from the other two.

    The killed one is told from the stopped one by its code alone: 0 after SIGTERM, also in the middle of a session.
    """
    shop = slow_repo(github, tmp_path)
    issues = [shop.issue(f"Crash {number}") for number in range(3)]
    group = Processes(
        tmp_path,
        {
            "database_url": empty_postgres, "secret_key": "k" * 32, "sandbox": "none", "poll_seconds": "0.2", "grace_seconds": "1",
            "github_api_url": github.url, "github_url": github.url, "github_token": github.personal_token("rounds"),
            "repositories": '["acme/shop"]', "max_sessions_per_worker": "1", "log_format": "json",
        },
    )  # fmt: skip
    try:
        group.start("serve", "--local", "--port", "0", home="one")
        workers = [group.start("worker", home=name) for name in ("two", "three")]
        database = _tables_of(empty_postgres, group)
        run = _fired(database, group)
        held = until(lambda: _held(database, 3), group.log)
        until(lambda: (tmp_path / "begun").exists() and _lines(tmp_path / "begun") == 3, group.log)
        assert set(held.values()) == {process.pid for process in group.living}
        assert _connections(database) <= 3 * MOST_OF_ONE, "three processes at work"
        kill(workers[0])
        workers[1].send_signal(signal.SIGTERM)
        assert workers[1].wait(60) == 0, group.log()
        until(lambda: _lines(tmp_path / "begun") == 5, group.log)
        (tmp_path / "go").touch()
        until(lambda: _ended(database, run), group.log)
        assert [ours(issue) for issue in issues] == [1, 1, 1]
        serve = group.living[0]
        serve.send_signal(signal.SIGTERM)
        assert serve.wait(60) == 0, group.log()
        assert "Traceback" not in group.log()
        database.close()
    finally:
        (tmp_path / "go").touch()
        group.end()


def _tables_of(url: str, group: Processes) -> Database:
    """The database, once all three have shown themselves in it."""
    database = Database(connect(url))

    def all_there() -> bool:
        assert all(process.poll() is None for process in group.living), group.log()
        there = sa.inspect(database.engine).has_table("executors")
        return there and len(database.read_now(executors.living)) == 3

    until(all_there, group.log)
    return database


def _fired(database: Database, group: Processes) -> int:
    """Fire the job once it has been read from the repository's file."""

    def job() -> int | None:
        here = database.read_now(repositories.by_name, "acme/shop")
        found = database.read_now(jobs.by_name, here.id, "look") if here else None
        return found.id if found else None

    trigger = Trigger(kind=TriggerKind.manual, occasion="story", by="ada")
    fired = database.write_now(runs.fire, until(job, group.log) or 0, trigger, SystemClock().now())
    assert fired is not None
    return fired.id


def _held(database: Database, many: int) -> dict[int, int]:
    """Sessions at work and the process ids of those that hold them, when there are so many."""
    living = {row["id"]: row["pid"] for row in database.read_now(executors.living)}
    held = {
        number: living[name] for name in living for number, _ in database.read_now(sessions.held_of, name)
    }
    return held if len(held) == many else {}


def _ended(database: Database, run_id: int) -> bool:
    run = database.read_now(runs.get, run_id)
    assert run is not None
    assert run.status in (RunStatus.running, RunStatus.completed)
    return run.status is RunStatus.completed


def _connections(database: Database) -> int:
    """How many connections others than this test hold open to the database."""
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with database.engine.connect() as connection:
        return int(connection.execute(sa.text(others)).scalar_one())


def _lines(file: Path) -> int:
    return len(file.read_text().splitlines())


def test_a_further_worker_is_refused_on_one_file(tmp_path: Path) -> None:
    """SQLite is for one machine: one clear line, exit code 2, nothing begun."""
    group = Processes(tmp_path, {})
    process = group.start("worker")
    try:
        assert process.wait(60) == 2
        (line,) = group.log().splitlines()
        assert line == (
            "roundsman: a further worker needs a database that machines can share; "
            "set ROUNDSMAN_DATABASE_URL to postgresql://…"
        )
        assert not (tmp_path / "data").exists()
    finally:
        group.end()
