"""One database: SQLite in WAL by default, PostgreSQL by URL; short transactions, off the event loop.

A transaction is a plain function of a `Session`; it may be run twice, so it writes by key or under a condition.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session

Db = Session
"""One transaction, as functions of the store take it."""
P = ParamSpec("P")
R = TypeVar("R")
TRIES = 8
PASSING = frozenset(
    {"40001", "40P01", "57P01", "57P02", "57P03", "08006", "08003", "08001", "53100", "53300"}
)
"""Source: https://www.postgresql.org/docs/current/errcodes-appendix.html"""
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "cache_size=-16000")


class DatabaseError(Exception):
    """The database cannot be used; the message says which and what to do."""


def normal_url(url: str) -> str:
    """Accept the spellings people use and name the drivers we carry."""
    for short in ("postgres://", "postgresql://"):
        if url.startswith(short):
            return "postgresql+psycopg://" + url[len(short) :]
    return url


def connect(url: str) -> sa.Engine:
    """Make the engine; raises DatabaseError where the place for a SQLite file does not exist."""
    try:
        parsed = make_url(normal_url(url))
    except sa.exc.ArgumentError as error:
        raise DatabaseError(
            f"ROUNDSMAN_DATABASE_URL {url!r} is no database URL; write sqlite:///FILE or postgresql://…"
        ) from error
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    if parsed.get_backend_name() != "postgresql":
        raise DatabaseError(
            f"no support for {parsed.get_backend_name()}; use sqlite:///FILE or postgresql://…"
        )
    return sa.create_engine(parsed, pool_size=5, max_overflow=5, pool_pre_ping=True, pool_recycle=1800)


def connect_journal(url: str) -> sa.Engine:
    """Make the engine for the durable journal, which lives in the same database and begins its transactions itself."""
    parsed = make_url(normal_url(url))
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_size=4, max_overflow=6, pool_pre_ping=True, pool_recycle=1800)
    engine = sa.create_engine(parsed, connect_args={"timeout": 30, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        connection.isolation_level = "IMMEDIATE"

    return engine


def _sqlite(url: sa.URL) -> sa.Engine:
    if url.database and url.database != ":memory:":
        folder = Path(url.database).expanduser().resolve().parent
        if not folder.is_dir():
            raise DatabaseError(
                f"the folder {folder} for the database does not exist; make it or set ROUNDSMAN_DATABASE_URL"
            )
    engine = sa.create_engine(
        url, connect_args={"timeout": 30, "check_same_thread": False}, pool_size=5, max_overflow=10
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we send BEGIN ourselves, so that a writer takes its lock at once
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        told = connection.get_execution_options()
        if not told.get("alone", False):
            connection.exec_driver_sql("BEGIN" if told.get("reading", False) else "BEGIN IMMEDIATE")

    return engine


class Database:
    """The door to the tables; `read` and `write` run a function of a Session, in a thread when awaited."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._reading = engine.execution_options(reading=True)
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="store")
        self._kept: sa.Connection | None = None
        self._one_looks = Lock()

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def session(self, *, reading: bool = False) -> Iterator[Session]:
        """One transaction; commits at the end, rolls back on any error."""
        bind = self._reading if reading else self.engine
        with Session(bind, expire_on_commit=False) as session, session.begin():
            yield session

    def write_now(self, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a writing transaction here and now; waits out locks and lost connections for some seconds."""
        return _patiently(lambda: self._within(False, work, *args, **kwargs))

    def read_now(self, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a reading transaction here and now."""
        return _patiently(lambda: self._within(True, work, *args, **kwargs))

    async def write(self, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a writing transaction off the event loop."""
        return await self._away(lambda: self.write_now(work, *args, **kwargs))

    async def read(self, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a reading transaction off the event loop."""
        return await self._away(lambda: self.read_now(work, *args, **kwargs))

    async def glimpse(
        self, work: Callable[Concatenate[sa.Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a reading statement off the event loop, over a connection kept for what is asked all the time.

        It is a transaction by itself: nothing is opened, begun, ended or given back around it.
        """
        return await self._away(lambda: self.glimpse_now(work, *args, **kwargs))

    def glimpse_now(
        self, work: Callable[Concatenate[sa.Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a reading statement here and now, over the connection kept for that."""

        def look() -> R:
            with self._one_looks, self._looking() as connection:
                return work(connection, *args, **kwargs)

        return _patiently(look)

    @contextmanager
    def _looking(self) -> Iterator[sa.Connection]:
        if self._kept is None:
            how = {"alone": True} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
            self._kept = self.engine.connect().execution_options(**how)
            self._kept.detach()  # for good: the pool keeps its places for transactions
        try:
            yield self._kept
            self._kept.rollback()
        except BaseException:
            self._let_go()
            raise

    def _let_go(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            with suppress(DBAPIError):
                kept.close()

    async def _away(self, work: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _within(
        self, reading: bool, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        with self.session(reading=reading) as session:
            return work(session, *args, **kwargs)

    def close(self) -> None:
        """Let go of threads and connections."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._let_go()
        self.engine.dispose()


def _patiently(work: Callable[[], R]) -> R:
    """Wait out locks and lost connections for some seconds."""
    for tries_left in reversed(range(TRIES)):
        try:
            return work()
        except (OperationalError, DBAPIError) as error:
            if not tries_left or not _passing(error):
                raise
            time.sleep(0.05 * 2 ** (TRIES - 1 - tries_left))
    raise AssertionError("unreachable")


def _passing(error: DBAPIError) -> bool:
    """Whether the same transaction may do better in a moment: locked, deadlock, connection lost or none free, disk full."""
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in PASSING
    words = str(error.orig).lower()
    return any(each in words for each in ("locked", "connection", "disk is full"))
