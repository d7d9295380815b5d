"""The incremental index of repositories' items, shared by all processes and kept over restarts."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from bot.flow.indexed import OLD as OLD
from bot.flow.indexed import heard, merged, older
from bot.model.happening import News, Place
from bot.model.index import Checked, IndexMark, KeptList, Row
from bot.store import words
from bot.store.database import Database
from bot.store.repositories import by_name
from bot.store.sql import change, one_at_a_time, put_all, upsert
from bot.store.tables import IndexedItems, IndexState, Repositories

CACHED = 4_000
"""Rows of all repositories that stay parsed in memory: some 20 MB."""
LOCK_INDEX = 0x696E6478  # "indx"


class KeptItems:
    """`IndexedItems` in the database; rows read lately stay parsed until they change."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._parsed: OrderedDict[tuple[str, bool], tuple[str, int, list[Row]]] = OrderedDict()

    async def mark(self, repository: str) -> IndexMark | None:
        """How fresh the repository's index is."""
        return await self._database.read(mark, repository)

    async def begin(self, repository: str, mark: IndexMark, rows: Sequence[Row]) -> None:
        """Begin anew with these rows; a repository we do not know keeps nothing."""
        await self._database.write(begin, repository, mark, rows)

    async def add(
        self,
        repository: str,
        generation: str,
        rows: Sequence[Row],
        *,
        unsure: str,
        since: str | None = None,
        lists: Sequence[KeptList] = (),
    ) -> bool:
        """Put rows in where none is newer, in one transaction with the watermark."""
        return await self._database.write(add, repository, generation, rows, unsure, since, lists)

    async def confirm(self, repository: str, generation: str, check: Checked) -> None:
        """Keep that GitHub was asked, and how much had been heard before."""
        await self._database.write(confirm, repository, generation, check)

    async def rows(self, repository: str, generation: str, *, is_open: bool) -> list[Row] | None:
        """The rows, from memory where nothing was written since."""
        now = await self._database.read(mark, repository)
        if now is None or now.generation != generation:
            return None
        key = (repository.lower(), is_open)
        held = self._parsed.get(key)
        if held is None or held[:2] != (now.generation, now.version):
            found = await self._database.read(rows, repository, generation, is_open=is_open)
            if found is None:
                return None
            self._keep(key, (now.generation, now.version, found))
            return [dict(row) for row in found]
        self._parsed.move_to_end(key)
        return [dict(row) for row in held[2]]

    def _keep(self, key: tuple[str, bool], held: tuple[str, int, list[Row]]) -> None:
        self._parsed[key] = held
        self._parsed.move_to_end(key)
        while sum(len(each[2]) for each in self._parsed.values()) > CACHED:
            self._parsed.popitem(last=False)

    async def drop(self, repository: str, number: int) -> None:
        """Take out an item that is no more."""
        await self._database.write(drop, repository, number)


def mark(db: Session, repository: str) -> IndexMark | None:
    """How fresh a repository's index is."""
    here = by_name(db, repository)
    state = db.get(IndexState, here.id) if here else None
    return _mark(state) if state else None


def _mark(state: IndexState) -> IndexMark:
    return IndexMark(
        generation=state.generation, version=state.version, begun_at=state.begun_at, since=state.since,
        lists=tuple(KeptList.model_validate(each) for each in state.lists), told=state.told, doubts=state.doubts,
        checked=Checked.model_validate(state.checked) if state.checked else None,
    )  # fmt: skip


def begin(db: Session, repository: str, mark: IndexMark, rows: Sequence[Row]) -> None:
    """Forget what is held, and begin anew."""
    here = by_name(db, repository)
    if here is None:
        return
    one_at_a_time(db, LOCK_INDEX)
    change(db, sa.delete(IndexedItems).where(col(IndexedItems.repository_id) == here.id))
    state = {
        "generation": mark.generation, "version": 0, "begun_at": mark.begun_at, "since": mark.since,
        "lists": [each.model_dump() for each in mark.lists], "told": 0, "doubts": 0, "checked": None,
    }  # fmt: skip
    upsert(db, IndexState, {"repository_id": here.id, **state}, ["repository_id"], state)
    values = {int(row["number"]): _values(here.id, merged(None, row, "")) for row in rows}
    if values:
        db.execute(sa.insert(IndexedItems), list(values.values()))


def add(
    db: Session, repository: str, generation: str, rows: Sequence[Row], unsure: str, since: str | None, lists: Sequence[KeptList]
) -> bool:  # fmt: skip
    """Put rows in where none is newer; nothing is written where nothing changes."""
    here = by_name(db, repository)
    one_at_a_time(db, LOCK_INDEX)
    state = db.get(IndexState, here.id) if here else None
    if here is None or state is None or state.generation != generation:
        return False
    changed = _changed(_known(db, here.id, [int(row["number"]) for row in rows]), rows, unsure)
    _put(db, here.id, changed)
    held = list(dict.fromkeys((*_mark(state).lists, *lists)))
    if changed:
        state.version += 1
    if len(held) > len(state.lists):
        state.lists = [each.model_dump() for each in held]
    if since is not None and since > state.since:
        state.since = since
    db.add(state)
    return True


def confirm(db: Session, repository: str, generation: str, check: Checked) -> None:
    """Keep that GitHub was asked."""
    here = by_name(db, repository)
    if here is not None:
        which = (col(IndexState.repository_id) == here.id, col(IndexState.generation) == generation)
        change(db, sa.update(IndexState).where(*which).values(checked=check.model_dump(mode="json")))


def hear(db: Session, place: Place, told: Sequence[News], now: datetime) -> None:
    """Put in what webhooks tell of a repository's items; nothing where it has no index. Late and repeated ones change nothing."""
    here = _here(db, place)
    if here is None:
        return
    repository, full_name = here
    if any(each.shuffled for each in told):
        words.put(db, f"shuffled:{full_name}", "webhook", now)
    one_at_a_time(db, LOCK_INDEX)
    state = db.get(IndexState, repository, populate_existing=True)
    rows = [each.row for each in told if each.row is not None]
    if state is None or all(each.shuffled for each in told):
        return
    changed, doubt = heard(_known(db, repository, [int(row["number"]) for row in rows]), rows, state.since)
    _put(db, repository, list(changed.values()))
    state.version += bool(changed)
    state.told += len(rows)
    state.doubts += doubt + sum(1 for each in told if each.row is None and not each.shuffled)
    db.add(state)


def _here(db: Session, place: Place) -> tuple[int, str] | None:
    """The id and name of a payload's repository, where it has an index."""
    for found, told in ((_BY_ID, place.github_id), (_BY_NAME, place.full_name.lower())):
        row = db.connection().execute(found, {"told": told}).first() if told is not None else None
        if row is not None:
            return (int(row[0]), str(row[1])) if row[2] is not None else None
    return None


_FED = (
    sa.select(Repositories.id, Repositories.full_name, IndexState.generation)  # type: ignore[call-overload]
    .join(IndexState, col(IndexState.repository_id) == Repositories.id, isouter=True)
    .where(col(Repositories.archived_at).is_(None))
)
_BY_ID = _FED.where(Repositories.github_id == sa.bindparam("told"))
_BY_NAME = _FED.where(Repositories.full_name == sa.bindparam("told"))


def _put(db: Session, repository_id: int, rows: Sequence[Row]) -> None:
    put_all(db, IndexedItems, [_values(repository_id, row) for row in rows], ["repository_id", "number"])


def _known(db: Session, repository_id: int, numbers: Sequence[int]) -> dict[int, Row]:
    found: dict[int, Row] = {}
    for start in range(0, len(numbers), 500):
        some = col(IndexedItems.number).in_(numbers[start : start + 500])
        wanted = select(IndexedItems).where(col(IndexedItems.repository_id) == repository_id, some)
        found |= {each.number: each.row for each in db.exec(wanted)}
    return found


def _changed(known: dict[int, Row], rows: Sequence[Row], unsure: str) -> list[Row]:
    changed: dict[int, Row] = {}
    for row in rows:
        number = int(row["number"])
        old = known.get(number)
        new = merged(old, row, unsure)
        if not older(old, row) and new != old:
            changed[number] = new
    return list(changed.values())


def _values(repository_id: int, row: Row) -> dict[str, Any]:
    return {
        "repository_id": repository_id, "number": int(row["number"]), "state": str(row.get("state") or "open"),
        "is_pull": "pull_request" in row or "head" in row, "updated_at": str(row.get("updated_at") or ""), "row": row,
    }  # fmt: skip


def rows(db: Session, repository: str, generation: str, *, is_open: bool) -> list[Row] | None:
    """All rows, or the open ones; None where the index has begun anew."""
    here = by_name(db, repository)
    state = db.get(IndexState, here.id) if here else None
    if here is None or state is None or state.generation != generation:
        return None
    wanted = select(IndexedItems.row).where(col(IndexedItems.repository_id) == here.id)
    if is_open:
        wanted = wanted.where(col(IndexedItems.state) == "open")
    return [dict(row) for row in db.exec(wanted)]


def drop(db: Session, repository: str, number: int) -> None:
    """Take out an item that is no more."""
    here = by_name(db, repository)
    if here is None:
        return
    gone = sa.delete(IndexedItems).where(
        col(IndexedItems.repository_id) == here.id, col(IndexedItems.number) == number
    )
    if change(db, gone):
        bump = sa.update(IndexState).where(col(IndexState.repository_id) == here.id)
        change(db, bump.values(version=IndexState.version + 1))


def purge(db: Session, before: datetime) -> int:
    """Forget the indexes nobody has begun anew since then: no job of theirs fires any more."""
    stale = select(IndexState.repository_id).where(col(IndexState.begun_at) < before)
    change(db, sa.delete(IndexedItems).where(col(IndexedItems.repository_id).in_(stale)))
    return change(db, sa.delete(IndexState).where(col(IndexState.begun_at) < before))


def names_of(db: Session, repository_id: int, most: int = 500) -> dict[str, list[str]]:
    """Labels, milestones and authors of a repository's newest indexed items, the most frequent first."""
    counts: dict[str, Counter[str]] = {"label": Counter(), "milestone": Counter(), "author": Counter()}
    wanted = select(IndexedItems.row).where(IndexedItems.repository_id == repository_id)
    for row in db.exec(wanted.order_by(col(IndexedItems.number).desc()).limit(most)):
        counts["label"].update(
            label if isinstance(label, str) else str(label.get("name", ""))
            for label in row.get("labels") or ()
        )
        counts["milestone"].update([(row.get("milestone") or {}).get("title") or ""])
        counts["author"].update([(row.get("user") or {}).get("login") or ""])
    return {kind: [name for name, _ in found.most_common(100) if name] for kind, found in counts.items()}
