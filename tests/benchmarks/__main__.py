"""`python -m tests.benchmarks [--json] [NAME …]`: collect `rows()` of every module here and print one table.

A module without `rows` is left out. Exit code 1 when a bar is not held.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import tests.benchmarks
from tests.benchmarks.table import Row, as_json, show


def collect(names: list[str]) -> list[Row]:
    """The rows of the modules named, or of all."""
    rows: list[Row] = []
    for module in pkgutil.iter_modules(tests.benchmarks.__path__):
        if module.name in ("__main__", "table") or (names and module.name not in names):
            continue
        measure = getattr(importlib.import_module(f"tests.benchmarks.{module.name}"), "rows", None)
        if measure is not None:
            print(f"measuring {module.name} …", file=sys.stderr, flush=True)
            rows.extend(measure())
    return rows


def main(arguments: list[str]) -> int:
    """Print the table; say by the exit code whether every bar is held."""
    rows = collect([word for word in arguments if not word.startswith("-")])
    if "--json" in arguments:
        print(as_json(rows))
    else:
        show(rows)
    return 1 if any(row.held is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
