"""Who lives: each process holds a lock under its executor's name, which the system lets go when the process dies.

SQLite: a file lock per slot beside the database. PostgreSQL: an advisory lock on a connection of its own.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

SLOTS = 64


class Liveness(Protocol):
    """Holds this process's name and knows who else lives."""

    def hold(self, wanted: str | None) -> str:
        """Take a free name, `wanted` if given; raises LivenessError when it is held by another process."""
        ...

    def dead(self, executors: Iterable[str]) -> list[str]:
        """Of these names, those nobody holds."""
        ...

    def still_held(self) -> bool:
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

    def still_held(self) -> bool:
        """A file lock is ours until we die."""
        return self._file is not None

    def let_go(self) -> None:
        """Free the slot."""
        if self._file is not None:
            self._file.close()
            self._file = None


class AdvisoryLiveness:
    """Names as advisory locks of PostgreSQL, on one connection that does nothing else."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: sa.Connection | None = None
        self._name = ""

    def hold(self, wanted: str | None) -> str:
        """Take the wanted name, or one of this host and process."""
        names = [wanted] if wanted else [f"{socket.gethostname()}-{n}" for n in range(SLOTS)]
        for name in names:
            if self._lock(name):
                self._name = name
                return name
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
        """Names nobody holds."""
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
        return [name for name in names if _number(name) & 0xFFFFFFFFFFFFFFFF not in held]

    def still_held(self) -> bool:
        """Ask over our connection; after a lost one, take the name again if nobody else has."""
        try:
            assert self._connection is not None
            self._connection.execute(sa.text("SELECT 1"))
        except (DBAPIError, AssertionError):
            if self._connection is not None:
                self._connection.invalidate()
                self._connection.close()
                self._connection = None
            try:
                return self._lock(self._name)
            except DBAPIError:
                return False
        return True

    def let_go(self) -> None:
        """Free the name with its connection."""
        if self._connection is not None:
            self._connection.execute(sa.text("SELECT pg_advisory_unlock_all()"))
            self._connection.close()
            self._connection = None


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
