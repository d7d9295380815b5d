"""The library's scripts at work in a real sandbox, asked as a session asks."""

import json
from pathlib import Path
from typing import Any

from bot.model.agent import AgentEnd
from commands.catalog import Catalog
from tests.adapters.sessions import Desk, Repository, desk, needs_bwrap
from tests.commands.test_find_duplicates import ISSUES

pytestmark = needs_bwrap


async def _ask(at: Desk, name: str, payload: dict[str, Any], **more: Any) -> AgentEnd:
    command = Catalog().get(name)
    program = f"{command.folder}/{command.script}"
    return await at.script(Catalog().script(command), name=program, payload=json.dumps(payload), **more)


async def test_find_duplicates_reads_its_issues_and_leaves_its_outcome(tmp_path: Path) -> None:
    """Confined, on the system's own Python: the second of two reports names the first."""
    at = desk(tmp_path)
    assert (await at.agents.probe()).confined
    payload = {"item": ISSUES[5], "repository": {}, "issues": ISSUES, "inputs": {}}
    end = await _ask(at, "issue/find-duplicates", payload)
    assert end.failure is None, end.failure
    assert end.outcome is not None
    assert end.outcome.summary.startswith("Like #1 ")


async def test_health_check_runs_the_checkouts_own_commands(tmp_path: Path) -> None:
    """Confined, in the checkout: a red Makefile is reported with what it said."""
    shop = Repository.made(
        tmp_path / "shop", {"Makefile": "test:\n\t@echo FAILED tests/test_cart.py::test_total; exit 1\n"}
    )
    at = desk(tmp_path)
    assert (await at.agents.probe()).confined
    end = await _ask(at, "codebase/health-check", {"inputs": {}}, checkout=shop.checkout())
    assert end.failure is None, end.failure
    assert end.outcome is not None
    (comment,) = end.outcome.actions
    assert comment.kind == "comment"
    assert "FAILED tests/test_cart.py::test_total" in comment.body
    assert end.patch is None or not end.patch.files
