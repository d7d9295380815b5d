"""Every command line, YAML and JSON that README.md and docs/ show is run or checked; what cannot run says so on its page."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import uvicorn
from ruamel.yaml import YAML
from typer.testing import CliRunner

from bot.cli import app
from bot.demo import GitHub
from bot.demo.seed import seed
from bot.flow.clock import SystemClock
from tests.docs.fences import ROOT, SHOWN, Fence, fences, words

EVERY = [fence for page in SHOWN for fence in fences(page)]
PAGES = sorted({fence.page for fence in EVERY})
FIXED = {"ROUNDSMAN_GITHUB_API_URL", "ROUNDSMAN_GITHUB_URL", "ROUNDSMAN_GITHUB_TOKEN"}
FREE_OF_US = {"docker", "npm", "make", "pip", "git", "export", "curl", "source", "python", "kubectl", "sqlite3", "systemctl"}  # fmt: skip
OURS = "roundsman"
WORKING = {"run", "demo", "tick"}
"""Commands that work on items: they get a process of their own."""


@pytest.fixture(scope="module")
def github() -> Iterator[dict[str, str]]:
    """The embedded GitHub as the demo runs it; gives the settings that lead to it."""
    world = GitHub(clock=SystemClock().now)
    seed(world)
    server = uvicorn.Server(uvicorn.Config(world.app, "127.0.0.1", 0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    world.url = url
    yield {"ROUNDSMAN_GITHUB_API_URL": url, "ROUNDSMAN_GITHUB_URL": url,
           "ROUNDSMAN_GITHUB_TOKEN": world.personal_token("marta-oliveira")}  # fmt: skip
    server.should_exit = True
    thread.join(10)


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_work_in_the_order_shown(
    page: str, github: dict[str, str], tmp_path: Path
) -> None:
    """With the files the page shows, before the embedded GitHub; each ends with 0."""
    _files(tmp_path)
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "ROUNDSMAN_DATA_DIR": str(tmp_path / "data"),
        "COLUMNS": "120", **github,
    }  # fmt: skip
    for fence in (each for each in EVERY if each.page == page):
        if fence.title:
            (tmp_path / fence.title).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / fence.title).write_text(fence.text, "utf-8")
        for call in fence.calls if fence.why_not is None else ():
            _call(fence, call, environment, tmp_path)


def _call(fence: Fence, call: str, environment: dict[str, str], folder: Path) -> None:
    found = words(call)
    if found[0] == "export":
        given = (each.partition("=") for each in found[1:])
        environment |= {name: value for name, _, value in given if name not in FIXED}
        return
    assert found[0] == OURS, (
        f"{fence}: run it or say why not, by <!-- not run: … --> before the block: {call}"
    )
    target = found.pop() if found[-2:-1] == [">"] else ""
    found = found[:-1] if target else found
    code, out, err = (
        _outside(found[1:], environment, folder)
        if found[1] in WORKING
        else _inside(found[1:], environment, folder)
    )
    wanted = 1 if call.endswith("exit code 1") else 0
    assert code == wanted, f"{fence}: {call}\n{out[-500:]}{err}"
    if target:
        (folder / target).write_text(out, "utf-8")


def _outside(arguments: list[str], environment: dict[str, str], folder: Path) -> tuple[int, str, str]:
    ended = subprocess.run(
        [sys.executable, "-m", "bot", *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stdout, ended.stderr


def _inside(arguments: list[str], environment: dict[str, str], folder: Path) -> tuple[int, str, str]:
    """In this process, which spares the start of one."""
    with contextlib.chdir(folder):
        ended = CliRunner().invoke(app, arguments, env=environment)
    return ended.exit_code, ended.stdout, ended.stderr


def _files(folder: Path) -> None:
    """The files that pages speak of without showing them."""
    issue: dict[str, Any] = {
        "number": 12, "title": "Crash on an empty cart", "body": "It says `IndexError`.", "state": "open", "locked": False,
        "labels": [{"name": "bug"}], "assignees": [], "milestone": None, "comments": 0, "user": {"login": "ada", "type": "User"},
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z", "closed_at": None, "author_association": "NONE",
        "repository_url": "https://api.github.com/repos/octo-org/shop", "html_url": "https://github.com/octo-org/shop/issues/12",
    }  # fmt: skip
    (folder / "issue.json").write_text(json.dumps(issue))
    (folder / "issues.json").write_text(json.dumps([issue]))
    own = folder / ".github/roundsman/commands/house"
    own.mkdir(parents=True)
    (own / "greet.md").write_text("---\ntitle: Greet\ntarget: issues\n---\nGreet {{ item.author }}.\n")


@pytest.mark.parametrize("fence", EVERY, ids=str)
def test_a_command_line_is_one_the_program_knows(fence: Fence) -> None:
    """Also where it is not run: the command is there and takes these options."""
    for call in fence.calls:
        found = words(call)
        if found[:1] == [OURS] and len(found) > 1:
            _parse(found[1 : found.index(">") if ">" in found else None], str(fence))
        elif fence.language:
            assert found[0] in {OURS, *FREE_OF_US}, f"{fence}: what is {found[0]}?"


def _parse(found: list[str], where: str) -> None:
    command: Any = typer.main.get_command(app)
    rest = list(found)
    while getattr(command, "commands", None) and rest:
        assert rest[0] in command.commands, f"{where}: there is no command {rest[0]!r}"
        command = command.commands[rest.pop(0)]
    if "--help" not in rest and not (set(rest) & {"…"}):
        command.make_context(found[0], rest, resilient_parsing=False)


@pytest.mark.parametrize("fence", [f for f in EVERY if f.language in ("yaml", "yml")], ids=str)
def test_yaml_that_is_shown_is_valid(fence: Fence, tmp_path: Path) -> None:
    """A file of jobs passes `jobs validate`; any other YAML can at least be read."""
    found = YAML(typ="safe").load(fence.text)
    assert found is not None
    if "jobs" in found and "runs-on" not in fence.text:
        file = tmp_path / "roundsman.yml"
        file.write_text(fence.text, "utf-8")
        from bot.cli.jobs import read_files

        read = read_files([file], None)
        assert read.ok, [str(fault) for fault in read.faults]
        assert not read.warnings, [str(fault) for fault in read.warnings]


@pytest.mark.parametrize("fence", [f for f in EVERY if f.language == "json"], ids=str)
def test_json_that_is_shown_can_be_read(fence: Fence) -> None:
    """It is whole."""
    assert json.loads(fence.text) is not None


def test_settings_that_are_named_exist() -> None:
    """Each ROUNDSMAN_… word of README.md and docs/ is a setting, or one of the two words agents are given."""
    from bot.settings import Settings

    known = {f"ROUNDSMAN_{name.upper()}" for name in Settings.model_fields} | {
        "ROUNDSMAN_OUTCOME",
        "ROUNDSMAN_INPUT",
    }
    import re

    for page in SHOWN:
        text = page.read_text("utf-8")
        for name in set(re.findall(r"ROUNDSMAN_[A-Z0-9_]*[A-Z0-9]\b", text)):
            assert name in known or any(each.startswith(f"{name}_") for each in known), f"{page.name}: {name}"
