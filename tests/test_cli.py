"""The command line as a process: how it ends when called wrongly."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli import COMMANDS
from bot.cli.jobs import COMMANDS as JOBS
from bot.cli.shelf import Place, Shelf

ROOT = Path(__file__).resolve().parents[1]


def call(*arguments: str) -> tuple[int, str, str]:
    """Run `python -m bot` with these arguments."""
    ended = subprocess.run(
        [sys.executable, "-m", "bot", *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nope"], "roundsman: No such command 'nope'; see roundsman --help"),
        (["cron", "next"], "roundsman: Missing argument 'EXPR'; see roundsman cron next --help"),
        (
            ["cron", "next", "@daily", "--nope"],
            "roundsman: No such option: --nope; see roundsman cron next --help",
        ),
    ],
)
def test_a_wrong_call_is_one_line(arguments: list[str], line: str) -> None:
    """On standard error, with exit code 2."""
    assert call(*arguments) == (2, "", line + "\n")


def test_without_arguments_it_helps() -> None:
    """The help names the program as people call it."""
    code, out, err = call()
    assert (code, err) == (2, "")
    assert "Usage: roundsman" in out


@pytest.mark.parametrize("places", [COMMANDS, JOBS])
def test_the_help_says_of_each_command_what_the_command_says(places: dict[str, Place]) -> None:
    """Its line stands beside its name, so that the list is shown without importing all commands."""
    said = {name: " ".join(command.help.split("\n\n")[0].split()) for name, command in Shelf(places).items()}
    assert {name: place.line for name, place in places.items()} == said


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("jobs", "--help"),
        ("filter", "check", "is:open"),
        ("filter", "plan", "is:open label:bug", "--repo", "rye-and-co/proofing"),
        ("cron", "next", "0 9 * * 1-5"),
        ("schema",),
        ("commands", "list"),
        ("jobs", "validate", "none.yml"),
    ],
)
def test_what_needs_neither_engine_nor_database_loads_neither(words: tuple[str, ...]) -> None:
    """A filter, a cron line, a file and a command are looked at without waiting for the rest of the program."""
    heavy = ("dbos", "sqlalchemy", "githubkit", "fastapi")
    asked = f"""
import sys
from bot.cli import app
try:
    app({list(words)!r}, standalone_mode=False)
except BaseException as ended:
    assert type(ended).__name__ in ("Exit", "SystemExit"), repr(ended)
print("loaded:", [name for name in {heavy!r} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", asked], check=False, capture_output=True, text=True, timeout=120, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1:] == ["loaded: []"], done.stderr


def test_the_file_of_serve_is_validated_as_serve_reads_it(tmp_path: Path) -> None:
    """The jobs of each repository, or every fault with its place."""
    file = tmp_path / "jobs.yml"
    good = """version: 1
repositories:
  acme/shop:
    jobs:
      triage:
        on: {schedule: "0 9 * * *"}
        prompt: "Triage #{{ item.number }}"
  acme/till:
    jobs:
      look: {on: {events: [issues.opened]}, prompt: Look}
"""
    file.write_text(good)
    code, out, err = call("jobs", "validate", str(file))
    assert (code, err) == (0, "")
    assert out.startswith(f"{file}: valid, 2 jobs\n  acme/shop: triage: next ")
    assert json.loads(call("jobs", "validate", str(file), "--json")[1])["jobs"] == [
        "acme/shop: triage",
        "acme/till: look",
    ]
    code, _, err = call("jobs", "validate", str(file), "--repo", "acme/shop")
    assert (code, err) == (2, f"roundsman: {file} names its repositories itself; leave out --repo\n")
    file.write_text(good.replace("prompt: Look", "promt: Look").replace("acme/shop:", "acme:"))
    code, out, err = call("jobs", "validate", str(file))
    assert (code, err) == (
        1,
        f"roundsman: {file} is invalid: 3 faults; mend what is listed and validate again\n",
    )
    assert f"{file}:3:3: repositories: 'acme' is no repository" in out
    assert f"{file}:10:45: " in out
