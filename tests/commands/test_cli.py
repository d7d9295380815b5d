"""`roundsman commands` lists, shows, checks and renders."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ISSUE = {"number": 7, "title": "Crash <!-- hidden -->", "body": "It crashes.", "user": {"login": "ada"}, "labels": [{"name": "bug"}],
         "repository_url": "https://api.github.com/repos/acme/shop", "state": "open"}  # fmt: skip


def call(*arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command line as people do."""
    return subprocess.run(
        [sys.executable, "-m", "bot", "commands", *arguments], cwd=cwd, input=stdin, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one own command that is sound and one that is not."""
    own = tmp_path / ".github/roundsman/commands/house"
    own.mkdir(parents=True)
    (own / "greet.md").write_text(
        "---\ntitle: Greet\ntarget: issues\ninputs: {who: {description: whom, default: all}}\n---\nHello {{ inputs.who }}, #{{ item.number }}.\n{{ item.title }}\n"
    )
    (own / "bad.md").write_text("---\ntitel: x\n---\nHi")
    return tmp_path


def test_list_shows_the_library_and_ones_own(checkout: Path) -> None:
    """Sound commands on standard output, broken ones told on standard error."""
    said = call("list", cwd=checkout)
    assert said.returncode == 0
    assert "issue/root-cause" in said.stdout
    assert "house/greet" in said.stdout
    assert "house/bad: unknown key 'titel' (line 2, column 1); did you mean 'title'?" in said.stderr
    rows = {row["name"]: row for row in json.loads(call("list", "--json", cwd=checkout).stdout)}
    assert rows["house/greet"]["source"] == "repository"
    assert rows["house/bad"]["faults"][0]["line"] == 2
    only = json.loads(call("list", "--target", "prs", "--json", cwd=checkout).stdout)
    assert {row["target"] for row in only} == {"prs"}


def test_show_tells_keys_inputs_and_text(checkout: Path) -> None:
    """People and machines see the same; a script shows its program."""
    said = call("show", "issue/needs-info", cwd=checkout)
    assert "input label" in said.stdout
    assert "You are the first person" in said.stdout
    whole: dict[str, Any] = json.loads(call("show", "issue/find-duplicates", "--json", cwd=checkout).stdout)
    assert whole["script"]
    assert "import sqlite3" in whole["text"]


def test_render_prints_the_prompt_for_an_item(checkout: Path) -> None:
    """With the item's repository, the job's variables and the strangers' text cleaned and fenced."""
    said = call(
        "render", "house/greet", "--item", "-", "--var", "who=Ada", cwd=checkout, stdin=json.dumps(ISSUE)
    )
    assert "Hello Ada, #7." in said.stdout
    assert "hidden" not in said.stdout
    assert "<<<BEGIN UNTRUSTED title of issue 7 " in said.stdout
    root = call(
        "render", "issue/root-cause", "--item", "-", "--json", cwd=checkout, stdin=json.dumps([ISSUE])
    )
    assert "issue #7 of acme/shop" in json.loads(root.stdout)["prompt"]
    assert "acme/shop" in call("render", "codebase/weekly-digest", "--repo", "acme/shop", cwd=checkout).stdout


WRONG = [
    (["render", "issue/root-cuase", "--item", "-"], "", 2, "did you mean 'issue/root-cause'?"),
    (["render", "issue/root-cause"], "", 2, "give --item FILE"),
    (["render", "issue/root-cause", "--item", "-"], json.dumps([ISSUE, ISSUE]), 2, "choose one by --number"),
    (["render", "issue/root-cause", "--item", "-", "--number", "8"], json.dumps(ISSUE), 2, "has no item 8"),
    (["render", "pr/summary", "--item", "-"], json.dumps(ISSUE), 2, "works on prs"),
    (["render", "issue/find-duplicates", "--item", "-"], json.dumps(ISSUE), 2, "has no prompt"),
    (["render", "issue/root-cause", "--item", "-", "--var", "depth=deep"], json.dumps(ISSUE), 1, "one of quick, thorough"),
    (["render", "issue/root-cause", "--item", "-", "--var", "depth"], json.dumps(ISSUE), 2, "write NAME=VALUE"),
    (["render", "issue/root-cause", "--item", "-", "--tz", "Mars/Base"], json.dumps(ISSUE), 2, "knows no 'Mars/Base'"),
    (["render", "issue/root-cause", "--item", "-"], '{"title": 3}', 2, "holds no REST issue"),
    (["list", "--target", "pulls"], "", 2, "write one of issues"),
    (["show", "house/bad"], "", 2, "did you mean 'title'?"),
    (["check", "--own", "nowhere"], "", 2, "there is no folder nowhere"),
    (["check"], "", 1, "1 commands have faults"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "stdin", "code", "words"), WRONG)
def test_what_goes_wrong_is_one_line(
    arguments: list[str], stdin: str, code: int, words: str, checkout: Path
) -> None:
    """What and what to do, on standard error, with the right exit code and no traceback."""
    said = call(*arguments, cwd=checkout, stdin=stdin)
    assert said.returncode == code, said.stderr
    assert len(said.stderr.strip().splitlines()) == 1
    assert words in said.stderr
