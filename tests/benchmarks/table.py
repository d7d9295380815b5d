"""A measured row, and the table of all of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One measure: ours beside a reference from the same run, their ratio, and the bar it is held to.

    `ratio` is ours over the reference; `held` is None for a row that is shown for comparison only. A measure that broke
    has no number of ours, and its note says why.
    """

    name: str
    ours: float | None
    reference: float | None
    reference_name: str
    ratio: float | None
    bar: str
    held: bool | None
    unit: str
    note: str = ""


def broken(name: str, fault: BaseException) -> Row:
    """A row for a module that could not measure: the reason in one line."""
    words = " ".join(str(fault).split())[:300]
    return Row(name, None, None, "", None, "measured", False, "", f"failed: {type(fault).__name__}: {words}")


def as_json(rows: Iterable[Row]) -> str:
    """The rows for machines."""
    return json.dumps([dataclasses.asdict(row) for row in rows], indent=1)


def show(rows: Iterable[Row]) -> None:
    """The rows for people."""
    table = Table(title="Benchmarks", title_justify="left")
    for column in ("what", "ours", "reference", "ratio", "bar", "held", "note"):
        table.add_column(column, justify="right" if column in ("ours", "reference", "ratio") else "left")
    for row in rows:
        reference = "" if row.reference is None else f"{row.reference:.4g} {row.unit} ({row.reference_name})"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        held = {True: "yes", False: "NO", None: ""}[row.held]
        ours = "" if row.ours is None else f"{row.ours:.4g} {row.unit}"
        table.add_row(row.name, ours, reference, ratio, row.bar, held, row.note)
    Console(width=160).print(table)
