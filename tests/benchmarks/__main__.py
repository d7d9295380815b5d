"""`python -m tests.benchmarks [--json] [NAME …]`: collect `rows()` of every module here and print one table.

A module without `rows` is left out; one that breaks is a row that says why, and the others go on. Exit code 1 when a
bar is not held or a measure broke, 2 for a name that is none.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import tests.benchmarks
from tests.benchmarks.table import Row, as_json, broken, show


def known() -> list[str]:
    """The modules that may measure."""
    names = (module.name for module in pkgutil.iter_modules(tests.benchmarks.__path__))
    return [name for name in names if name not in ("__main__", "table")]


def collect(names: list[str]) -> list[Row]:
    """The rows of these modules; what breaks ends in a row of its own."""
    rows: list[Row] = []
    for name in names:
        try:
            measure = getattr(importlib.import_module(f"tests.benchmarks.{name}"), "rows", None)
            if measure is not None:
                print(f"measuring {name} …", file=sys.stderr, flush=True)
                rows.extend(measure())
        except (Exception, SystemExit) as fault:
            rows.append(broken(name, fault))
    return rows


def main(arguments: list[str]) -> int:
    """Print the table; say by the exit code whether every bar is held."""
    names = [word for word in arguments if not word.startswith("-")]
    strange = [name for name in names if name not in known()]
    if strange:
        print(f"benchmarks: there is no {strange[0]}; there are {', '.join(known())}", file=sys.stderr)
        return 2
    rows = collect(names or known())
    if "--json" in arguments:
        print(as_json(rows))
    else:
        show(rows)
    return 1 if any(row.held is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
