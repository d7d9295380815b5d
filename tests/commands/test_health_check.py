"""`codebase/health-check` finds and runs a repository's own commands."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from commands.library.codebase.health_check import found_commands
from tests.commands.words import LIBRARY

PYTHON = Path(sys.executable).name
TABLES = [
    ({"pyproject.toml": "[tool.pytest.ini_options]\n[tool.ruff]\n[tool.mypy]\nfiles = ['x']"},
     [f"{PYTHON} -m pytest -q", "ruff check .", f"{PYTHON} -m mypy"]),
    ({"pyproject.toml": "[project]\n", "tests/test_x.py": ""}, [f"{PYTHON} -m pytest -q"]),
    ({"pyproject.toml": "not toml ["}, []),
    ({"tox.ini": "[tox]"}, ["tox -q"]),
    ({"Makefile": "CC := gcc\ntest: setup\n\tpytest\nlint:\n\truff\n", "pyproject.toml": "[tool.pytest]\n[tool.ruff]"},
     ["make test", "make lint"]),
    ({"Makefile": "all:\n\techo\n", "go.mod": "module x"}, ["go test ./...", "go vet ./..."]),
    ({"Makefile": "test:\n\tcargo test\n", "Cargo.toml": ""}, ["make test", "cargo clippy --quiet"]),
    ({"package.json": json.dumps({"scripts": {"test": "jest", "lint": "eslint ."}})}, ["npm test --silent", "npm run --silent lint"]),
    ({"package.json": json.dumps({"scripts": {"test": 'echo "Error: no test specified" && exit 1'}})}, []),
    ({"package.json": "[]", "README.md": "x"}, []),
]  # fmt: skip


@pytest.mark.parametrize(("files", "commands"), TABLES)
def test_the_repositorys_own_commands_are_found(
    files: dict[str, str], commands: list[str], tmp_path: Path
) -> None:
    """Each kind of project has its tests before its linters; a Makefile's targets come first."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert found_commands(tmp_path) == commands


def check(folder: Path, **inputs: Any) -> dict[str, Any]:
    """Run the program as a session does, in a checkout."""
    program = folder.parent / "program.py"
    program.write_text(LIBRARY.script(LIBRARY.get("codebase/health-check")))
    done = subprocess.run(
        [sys.executable, str(program)],
        input=json.dumps({"inputs": inputs}),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small project with one failing test."""
    folder = tmp_path / "checkout"
    (folder / "tests").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (folder / "tests/test_sum.py").write_text("def test_sum():\n    assert 1 + 1 == 3\n")
    return folder


def test_a_failing_test_is_reported_with_its_reason(checkout: Path) -> None:
    """The comment has a row per command and the lines that tell."""
    said = check(checkout, commands=f"{sys.executable} -m pytest -q -p no:cacheprovider\ntrue")
    assert said["summary"] == "1 of 2 commands failed."
    body = said["actions"][0]["body"]
    assert "FAILED tests/test_sum.py::test_sum" in body
    assert "✅ passed | `true`" in body


def test_all_green_is_quiet_unless_wanted(checkout: Path) -> None:
    """Nobody is told every night that all is well, but may ask to be."""
    assert check(checkout, commands="true")["status"] == "nothing"
    assert check(checkout, commands="true", when_green=True)["actions"][0]["kind"] == "comment"


def test_a_tool_that_is_not_there_is_no_failure(checkout: Path) -> None:
    """A missing program is named, not counted as red."""
    said = check(checkout, commands="no-such-linter .")
    assert said["status"] == "nothing"
    assert "not installed here: no-such-linter ." in said["summary"]


def test_time_is_up_for_all_of_them_together(checkout: Path) -> None:
    """A command that hangs is ended with everything it started, and says what it last said."""
    started = time.monotonic()
    said = check(checkout, commands="echo waiting; sleep 60 & sleep 60", minutes=0.01)
    assert time.monotonic() - started < 10
    assert "stopped when the time was up" in said["actions"][0]["body"]
    assert "waiting" in said["actions"][0]["body"]


def test_output_cannot_write_our_comment(checkout: Path) -> None:
    """Backticks and escapes in a command's output stay inside the block."""
    (checkout / "out").write_text("\x1b[31mE   red\x1b[0m\n````\n@everyone\n")
    body = check(checkout, commands="cat out; exit 1")["actions"][0]["body"]
    assert "\x1b" not in body
    assert body.endswith("\nE   red\n```") or "\n`````\n" in body


def test_a_folder_without_commands_says_what_to_do(tmp_path: Path) -> None:
    """The summary names the variable that helps."""
    (tmp_path / "empty").mkdir()
    assert "variable `commands`" in check(tmp_path / "empty")["summary"]
