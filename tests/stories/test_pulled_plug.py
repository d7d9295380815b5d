"""Pulling the plug in the middle of a demo: after restarts, the same comments as in an undisturbed run."""

from __future__ import annotations

import contextlib
import json
import random
import re
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from bot.demo import GitHub
from bot.flow.clock import SystemClock
from bot.store.database import connect
from tests.stories.processes import Processes, kill, until

pytestmark = [pytest.mark.xdist_group("plug"), pytest.mark.slow]
KILLS = 3
ENDED = "SELECT count(*) FROM sessions WHERE status NOT IN ('queued', 'running')"
_PASSING = re.compile(
    r"<!--.*?-->|<a href=\"[^\"]*/runs/\d+\">run \d+</a>|\d+(\.\d+)? s\b|\d+ min|http://127\.0\.0\.1:\d+"
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[str]]:
    """What a demo says that nobody disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    group = Processes(folder, {})
    try:
        process = group.start("demo", "--once", "--json")
        assert process.wait(240) == 0, group.log()
    finally:
        group.end()
    said = comments(folder)
    assert len(said) > 1
    return said


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_the_same_comments_as_if_nothing_had_happened(
    kind: str, undisturbed: dict[int, list[str]], tmp_path: Path, request: Any
) -> None:
    """Each kill -9 hits the whole process group after a further session has ended; none is lost, none is doubled."""
    more = ["--database", request.getfixturevalue("postgres_url")] if kind == "postgres" else []
    url = more[1] if more else f"sqlite:///{tmp_path / 'data' / 'demo' / 'roundsman.db'}"
    chance = random.Random(f"plug {kind}")
    group, killed = Processes(tmp_path, {}), 0
    try:
        for many in sorted(chance.sample(range(7), KILLS)):
            process = group.start("demo", "--once", "--json", *more)
            until(partial(gone_on, process, url, many), group.log)
            for_a_moment(process, chance.uniform(0, 0.3))
            killed += process.poll() is None
            kill(process)
            assert process.returncode in (0, -9), group.log()
        process = group.start("demo", "--once", "--json", *more)
        assert process.wait(240) == 0, group.log()
    finally:
        group.end()
    assert killed > 0
    assert comments(tmp_path) == undisturbed


def gone_on(process: subprocess.Popen[str], url: str, many: int) -> bool:
    """Whether more sessions than these have ended, or all is over."""
    return process.poll() is not None or count(url, ENDED) > many


def for_a_moment(process: subprocess.Popen[str], seconds: float) -> None:
    """Let it go on."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def count(url: str, question: str) -> int:
    """A number out of the database of a living demo; 0 while it has no tables yet."""
    if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).exists():
        return 0
    engine = connect(url)
    try:
        with engine.connect().execution_options(reading=True) as connection:
            return int(connection.execute(sa.text(question)).scalar() or 0)
    except DBAPIError:
        return 0
    finally:
        engine.dispose()


def comments(folder: Path) -> dict[int, list[str]]:
    """Every comment of ours on the demo's GitHub by issue, without what differs from run to run."""
    home = folder / "data" / "demo"
    github = GitHub(clock=SystemClock().now, data_dir=home / "github")
    try:
        found = {
            issue.number: sorted(
                _PASSING.sub("", c.body) for c in issue.comments if "<!-- roundsman:" in c.body
            )
            for issue in github.repository(json.loads((home / "scene.json").read_text())["repository"]).issues
        }
    finally:
        github.close()
    return {number: said for number, said in found.items() if said}
