"""The index of a process without a database: the same rules, gone with the process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from bot.flow.indexed import merged, older
from bot.model.index import Checked, IndexMark, KeptList, Row

ROWS = 4_000
"""Rows kept over all repositories: some 20 MB."""


@dataclass(slots=True)
class _Life:
    mark: IndexMark
    rows: dict[int, Row]


class Memory:
    """`IndexedItems` in memory; the repositories least used go first."""

    def __init__(self) -> None:
        self._lives: OrderedDict[str, _Life] = OrderedDict()

    async def mark(self, repository: str) -> IndexMark | None:
        """How fresh the repository's index is."""
        life = self._lives.get(repository.lower())
        return life.mark if life else None

    async def begin(self, repository: str, mark: IndexMark, rows: Sequence[Row]) -> None:
        """Begin anew with these rows."""
        self._lives[repository.lower()] = _Life(
            mark, {int(row["number"]): merged(None, row, "") for row in rows}
        )
        while sum(len(life.rows) for life in self._lives.values()) > ROWS:
            self._lives.popitem(last=False)

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
        """Put rows in where none is newer."""
        life = self._living(repository, generation)
        if life is None:
            return False
        for row in rows:
            old = life.rows.get(int(row["number"]))
            if not older(old, row):
                life.rows[int(row["number"])] = merged(old, row, unsure)
        held = tuple(dict.fromkeys((*life.mark.lists, *lists)))
        life.mark = life.mark.model_copy(update={"since": max(since or "", life.mark.since), "lists": held})
        return True

    async def confirm(self, repository: str, generation: str, check: Checked) -> None:
        """Keep that GitHub was asked."""
        if (life := self._living(repository, generation)) is not None:
            life.mark = life.mark.model_copy(update={"checked": check})

    async def rows(self, repository: str, generation: str, *, is_open: bool) -> list[Row] | None:
        """Copies of the rows."""
        life = self._living(repository, generation)
        if life is None:
            return None
        self._lives.move_to_end(repository.lower())
        return [dict(row) for row in life.rows.values() if not is_open or row.get("state") == "open"]

    async def drop(self, repository: str, number: int) -> None:
        """Take out an item that is no more."""
        if (life := self._lives.get(repository.lower())) is not None:
            life.rows.pop(number, None)

    def _living(self, repository: str, generation: str) -> _Life | None:
        life = self._lives.get(repository.lower())
        return life if life is not None and life.mark.generation == generation else None
