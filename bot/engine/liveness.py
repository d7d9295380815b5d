"""Who lives: each process holds a lock under its executor's name, which the system lets go when the process dies.

SQLite: a file lock per slot beside the database. PostgreSQL: an advisory lock on a connection of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Literal, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

SLOTS = 64
DOUBT = 12.0
"""Seconds; more than twice the heartbeat in which a living process takes a lost name again."""
GRACE = 3.0
"""Seconds a process waits for its own name: the server may not have noticed yet that its former life is over."""
Standing = Literal["held", "lost", "unknown"]


class Liveness(Protocol):
    """Holds this process's name and knows who else lives."""

    def hold(self, wanted: str | None) -> str:
        """Take a free name, `wanted` if given; raises LivenessError when it is held by another process."""
        ...

    def dead(self, executors: Iterable[str]) -> list[str]:
        """Of these names, those nobody holds."""
        ...

    def standing(self) -> Standing:
        """Whether our own name is still ours; takes it again after a lost connection where that is possible."""
        ...

    def let_go(self) -> None:
        """Free our name."""
        ...


class LivenessError(Exception):
    """The name is held by another living process; the message says so."""


class FileLiveness:
    """Slots as files: the first free one is ours, so a restarted process finds its own unfinished work."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[str] | None = None
        self._name = ""

    def hold(self, wanted: str | None) -> str:
        """Take the wanted slot, or the first free one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for name in [wanted] if wanted else [f"slot-{n}" for n in range(SLOTS)]:
            file = self._try(name)
            if file is not None:
                self._file, self._name = file, name
                file.seek(0)
                file.truncate()
                file.write(str(os.getpid()))
                file.flush()
                return name
        raise LivenessError(
            f"the slot {wanted} is held by another process; choose another ROUNDSMAN_SLOT or leave it unset"
            if wanted
            else f"all {SLOTS} slots are taken"
        )

    def _try(self, name: str) -> IO[str] | None:
        file = (self._folder / f"{_safe(name)}.lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return None
        return file

    def dead(self, executors: Iterable[str]) -> list[str]:
        """Slots whose lock is free."""
        gone = []
        for name in executors:
            if name == self._name:
                continue
            file = self._try(name)
            if file is not None:
                gone.append(name)
                file.close()
        return gone

    def standing(self) -> Standing:
        """A file lock is ours until we die."""
        return "held" if self._file is not None else "lost"

    def let_go(self) -> None:
        """Free the slot."""
        if self._file is not None:
            self._file.close()
            self._file = None


class AdvisoryLiveness:
    """Names as advisory locks of PostgreSQL, on one connection that does nothing else.

    Locks fall with their connection, so a restart of the server frees every name at once while all processes live.
    A name therefore counts as dead only when it has been free for `doubt` seconds, in which the living take theirs again.
    """

    def __init__(self, engine: sa.Engine, doubt: float = DOUBT) -> None:
        self._engine, self.doubt = engine, doubt
        self._free_since: dict[str, float] = {}
        self._connection: sa.Connection | None = None
        self._name = ""

    def hold(self, wanted: str | None) -> str:
        """Take the wanted name, or one of this host and process."""
        names = [wanted] if wanted else [f"{socket.gethostname()}-{n}" for n in range(SLOTS)]
        patience = time.monotonic() + (GRACE if wanted else 0)
        while True:
            for name in names:
                if self._lock(name):
                    self._name = name
                    return name
            if time.monotonic() >= patience:
                break
            time.sleep(0.1)
        raise LivenessError(
            f"the slot {wanted or 'of this host'} is held by another process; choose another ROUNDSMAN_SLOT"
        )

    def _lock(self, name: str) -> bool:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return bool(
            self._connection.execute(
                sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": _number(name)}
            ).scalar()
        )

    def dead(self, executors: Iterable[str]) -> list[str]:
        """Names nobody has held for a while."""
        names = [name for name in executors if name != self._name]
        if not names:
            return []
        with self._engine.connect() as connection:
            held = {
                (row.classid << 32) | row.objid
                for row in connection.execute(
                    sa.text(
                        "SELECT classid::bigint, objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
                    )
                )
            }
        now = time.monotonic()
        free = {name for name in names if _number(name) & 0xFFFFFFFFFFFFFFFF not in held}
        self._free_since = {name: self._free_since.get(name, now) for name in free}
        return sorted(name for name in free if now - self._free_since[name] >= self.doubt)

    def standing(self) -> Standing:
        """Ask over our connection; after a lost one, take the name again if nobody else has."""
        try:
            assert self._connection is not None
            self._connection.execute(sa.text("SELECT 1"))
        except (DBAPIError, AssertionError):
            self._drop()
            try:
                return "held" if self._lock(self._name) else "lost"
            except DBAPIError:
                self._drop()
                return "unknown"
        return "held"

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def let_go(self) -> None:
        """Free the name, then its connection."""
        if self._connection is not None:
            with contextlib.suppress(DBAPIError):
                self._connection.execute(sa.text("SELECT pg_advisory_unlock_all()"))
        self._drop()


def _number(name: str) -> int:
    """A signed 64-bit key of a name."""
    return int.from_bytes(
        hashlib.blake2b(f"roundsman:{name}".encode(), digest_size=8).digest(), "big", signed=True
    )


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)[:80]


def liveness_for(engine: sa.Engine, data_dir: Path) -> Liveness:
    """The kind that fits the database."""
    return (
        AdvisoryLiveness(engine) if engine.dialect.name == "postgresql" else FileLiveness(data_dir / "slots")
    )
