"""A short rage on each database as rows of the table; `make chaos KILLS=1000` is the long one."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.table import Row
from tests.chaos.__main__ import raged

KILLS, SEED = 24, 11


def rows() -> Iterator[Row]:
    """Rage on SQLite, and with two workers on PostgreSQL."""
    for kind, name in (("sqlite", "SQLite"), ("postgres", "PostgreSQL, two workers")):
        report = raged(kind, KILLS, SEED)
        found = (
            f"{report.kills} kills, {report.inside_a_write} inside a write, {report.counts.comments} comments"
        )
        held = not report.wrong and report.inside_a_write * 3 >= report.kills
        note = "; ".join([found, *report.wrong[:3]])
        yield Row(
            f"kills: lost, doubled or done again, {name}",
            len(report.wrong),
            None,
            "",
            None,
            "0",
            held,
            "",
            note,
        )
