"""Installations and their repositories: they come, go, are renamed and moved; whatever goes keeps its history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.model.happening import Place
from bot.model.run import Frozen, Repository
from bot.store import jobs
from bot.store.repositories import ensure_installation, ensure_repository
from bot.store.sql import change, upsert
from bot.store.tables import Installations, Jobs, Repositories


class Installation(Frozen):
    """An account that installed the App."""

    id: int
    account: str
    account_type: str = "Organization"
    permissions: dict[str, Any] | None = None
    events: list[str] | None = None
    created_at: datetime
    suspended_at: datetime | None = None
    removed_at: datetime | None = None


def get(db: Session, installation_id: int) -> Installation | None:
    """One installation, gone or not."""
    row = db.get(Installations, installation_id, populate_existing=True)
    return Installation.model_validate(row) if row else None


def every(db: Session, *, gone: bool = False) -> list[Installation]:
    """All installations by account; with `gone` those removed, too."""
    wanted = select(Installations).order_by(sa.func.lower(col(Installations.account)))
    if not gone:
        wanted = wanted.where(col(Installations.removed_at).is_(None))
    return [Installation.model_validate(row) for row in db.exec(wanted)]


def came(
    db: Session, installation_id: int, account: str, now: datetime, *, account_type: str = "Organization",
    permissions: dict[str, str] | None = None, events: Sequence[str] = (), suspended: bool = False,
) -> None:  # fmt: skip
    """An installation is there, as told; one that had gone is back."""
    told = {
        "account": account, "account_type": account_type, "permissions": dict(permissions or {}), "events": list(events),
        "removed_at": None, "suspended_at": now if suspended else None,
    }  # fmt: skip
    upsert(db, Installations, {"id": installation_id, "created_at": now, **told}, ["id"], told)


def went(db: Session, installation_id: int, now: datetime) -> list[str]:
    """An installation was removed: its repositories go with their jobs; gives their names."""
    change(
        db,
        sa.update(Installations)
        .where(col(Installations.id) == installation_id, col(Installations.removed_at).is_(None))
        .values(removed_at=now),
    )
    return leave(db, of_installation(db, installation_id), now)


def suspended(db: Session, installation_id: int, now: datetime) -> list[str]:
    """An installation is suspended: nothing of it fires until it is back."""
    change(
        db, sa.update(Installations).where(col(Installations.id) == installation_id).values(suspended_at=now)
    )
    return leave(db, of_installation(db, installation_id), now)


def of_installation(db: Session, installation_id: int) -> list[Repository]:
    """The living repositories of an installation."""
    wanted = select(Repositories).where(
        Repositories.installation_id == installation_id, col(Repositories.archived_at).is_(None)
    )
    return [Repository.model_validate(row) for row in db.exec(wanted.order_by(col(Repositories.full_name)))]


def of_owner(db: Session, owner: str) -> list[Repository]:
    """The living repositories of an account."""
    wanted = select(Repositories).where(
        sa.func.lower(col(Repositories.owner)) == owner.lower(), col(Repositories.archived_at).is_(None)
    )
    return [Repository.model_validate(row) for row in db.exec(wanted)]


def join(db: Session, installation_id: int | None, place: Place, now: datetime) -> Repository:
    """A repository is ours to look after; one that had gone comes back with the jobs it had when it went."""
    if installation_id is not None:
        ensure_installation(db, installation_id, place.full_name.partition("/")[0], now)
    known = found(db, place)
    if known is not None and known.full_name.lower() != place.full_name.lower():
        return moved(db, known, place, installation_id, now)
    gone = _gone(db, place)
    if gone is not None and not _living_name(db, place.full_name):
        _revive(db, gone, place, installation_id, now)
    return ensure_repository(
        db, place.full_name, now, github_id=place.github_id, installation_id=installation_id,
        default_branch=place.default_branch, private=place.private,
    )  # fmt: skip


def _gone(db: Session, place: Place) -> Repositories | None:
    """The newest archived row of the same repository: by GitHub's id, which names keep changing around."""
    wanted = select(Repositories).where(col(Repositories.archived_at).is_not(None))
    if place.github_id is None:
        return None
    wanted = wanted.where(Repositories.github_id == place.github_id)
    return db.exec(wanted.order_by(col(Repositories.archived_at).desc())).first()


def _living_name(db: Session, full_name: str) -> bool:
    return (
        db.exec(
            select(Repositories.id).where(
                Repositories.full_name == full_name.lower(), col(Repositories.archived_at).is_(None)
            )
        ).first()
        is not None
    )


def _revive(db: Session, row: Repositories, place: Place, installation_id: int | None, now: datetime) -> None:
    went_at = row.archived_at
    owner, _, name = place.full_name.partition("/")
    values = {
        "archived_at": None, "owner": owner, "name": name, "full_name": place.full_name.lower(),
        "installation_id": installation_id, "config_sha": None,
    }  # fmt: skip
    change(db, sa.update(Repositories).where(col(Repositories.id) == row.id).values(**values))
    wanted = select(Jobs.id).where(Jobs.repository_id == row.id, Jobs.archived_at == went_at)
    for job_id in db.exec(wanted).all():
        try:
            jobs.restore(db, int(job_id or 0), now)
        except jobs.JobRefused:
            continue  # the name is taken by now; its history stays


def leave(db: Session, gone: Iterable[Repository], now: datetime) -> list[str]:
    """Repositories are no longer ours: their jobs stop at once and are archived with their history."""
    names = []
    for repository in gone:
        for job in jobs.jobs_of(db, repository.id):
            jobs.archive(db, job.id, now)
        change(
            db,
            sa.update(Repositories)
            .where(col(Repositories.id) == repository.id, col(Repositories.archived_at).is_(None))
            .values(archived_at=now),
        )
        names.append(repository.full_name)
    return names


def found(db: Session, place: Place) -> Repository | None:
    """The living repository of a payload: by GitHub's id, else by its name."""
    wanted = select(Repositories).where(col(Repositories.archived_at).is_(None))
    if place.github_id is not None:
        row = db.exec(wanted.where(Repositories.github_id == place.github_id)).first()
        if row is not None:
            return Repository.model_validate(row)
    row = db.exec(wanted.where(Repositories.full_name == place.full_name.lower())).first()
    return Repository.model_validate(row) if row else None


_FOUND = (
    sa.select(Repositories.id, Jobs.id, col(Jobs.spec)["on"])  # type: ignore[call-overload]
    .join(
        Jobs,
        sa.and_(col(Jobs.repository_id) == Repositories.id, col(Jobs.archived_at).is_(None)),
        isouter=True,
    )
    .where(col(Repositories.archived_at).is_(None))
)
_BY_ID = _FOUND.where(Repositories.github_id == sa.bindparam("told"))
_BY_NAME = _FOUND.where(Repositories.full_name == sa.bindparam("told"))


def triggers_of(db: Session, place: Place) -> tuple[int, list[Any]] | None:
    """A payload's living repository, and what fires its living jobs, as it is stored; one look, for every delivery."""
    rows: Sequence[Any] = ()
    if place.github_id is not None:
        rows = db.connection().execute(_BY_ID, {"told": place.github_id}).all()
    rows = rows or db.connection().execute(_BY_NAME, {"told": place.full_name.lower()}).all()
    return (int(rows[0][0]), [on for _, job, on in rows if job is not None]) if rows else None


def moved(
    db: Session, repository: Repository, place: Place, installation_id: int | None, now: datetime
) -> Repository:
    """A repository has another name or owner; a row that holds the name by mistake gives it up."""
    owner, _, name = place.full_name.partition("/")
    values: dict[str, Any] = {
        "owner": owner, "name": name, "full_name": place.full_name.lower(), "private": place.private,
    }  # fmt: skip
    if place.github_id is not None:
        values["github_id"] = place.github_id
    if place.default_branch:
        values["default_branch"] = place.default_branch
    if installation_id is not None:
        ensure_installation(db, installation_id, owner, now)
        values["installation_id"] = installation_id
    holder = select(Repositories).where(
        Repositories.full_name == place.full_name.lower(), col(Repositories.archived_at).is_(None),
        col(Repositories.id) != repository.id,
    )  # fmt: skip
    leave(db, [Repository.model_validate(row) for row in db.exec(holder).all()], now)
    change(db, sa.update(Repositories).where(col(Repositories.id) == repository.id).values(**values))
    row = db.get(Repositories, repository.id, populate_existing=True)
    return Repository.model_validate(row)


def account_renamed(
    db: Session, installation_id: int, before: str, account: str, now: datetime
) -> list[Repository]:
    """An account has another name; gives its repositories, which have moved with it."""
    change(
        db,
        sa.update(Installations).where(col(Installations.id) == installation_id).values(account=account),
    )
    held = [each for each in of_installation(db, installation_id) if each.owner.lower() == before.lower()]
    return [
        moved(db, each, Place(full_name=f"{account}/{each.name}", private=each.private), None, now)
        for each in held
    ]


def configured(
    db: Session, repository_id: int, version: str, error: dict[str, Any] | None, now: datetime
) -> None:
    """Keep which configuration was looked at, and what was wrong with it."""
    change(
        db,
        sa.update(Repositories)
        .where(col(Repositories.id) == repository_id)
        .values(config_sha=version, config_error=error, config_checked_at=now),
    )


def configuration_of(db: Session, repository_id: int) -> tuple[str | None, dict[str, Any] | None]:
    """Which configuration was looked at last, and what was wrong with it."""
    row = db.get(Repositories, repository_id, populate_existing=True)
    return (row.config_sha, row.config_error) if row else (None, None)


def faulty(db: Session) -> dict[str, list[str]]:
    """The living repositories whose configuration is faulty, with its faults in words."""
    wanted = select(Repositories).where(col(Repositories.archived_at).is_(None))
    rows = db.exec(wanted.order_by(col(Repositories.full_name)))
    return {f"{row.owner}/{row.name}": list(row.config_error["faults"]) for row in rows if row.config_error}


def github_id(db: Session, repository_id: int) -> int | None:
    """GitHub's own id of a repository."""
    row = db.get(Repositories, repository_id)
    return row.github_id if row else None
