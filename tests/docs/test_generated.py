"""What is generated is current, what people can set or call is documented, and the whole builds without a warning."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from ruamel.yaml import YAML

from bot.cli import app
from bot.model.job import JobSpec
from bot.settings import Settings
from commands.catalog import Catalog
from filters.qualifiers import ROWS
from tests.docs.pages import DOCS, FACETS, PAGES, leaves

ROOT = DOCS.parent


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_is_current(name: str) -> None:
    """After a change to a setting, key, command, qualifier or option: `make reference`."""
    page = DOCS / name
    assert page.read_text("utf-8") == PAGES[name](), f"docs/{name} is old; run: make reference"


def test_everything_people_can_set_or_call_is_documented() -> None:
    """Each setting, key of a job, qualifier, command and command line has its place on its page."""
    text = {name: (DOCS / name).read_text("utf-8") for name in PAGES}
    for setting in Settings.model_fields:
        assert f"| `ROUNDSMAN_{setting.upper()}` |" in text["settings.md"]
    for key in JobSpec.model_fields:
        assert f"| `{key}` |" in text["job-reference.md"]
    for row in ROWS:
        for name in (row.name, *row.aliases):
            assert f"`{name}:`" in text["qualifiers.md"]
        assert row.modifier or row.choice_facets or row.facets & set(FACETS), (
            f"say in FACETS what decides {row.name}:"
        )
    for command in Catalog().commands():
        assert f"\n## {command.name}\n" in text["commands.md"]
    for path, _ in leaves(typer.main.get_command(app), ("roundsman",)):
        assert f"\n## {' '.join(path)}\n" in text["cli.md"]


def test_every_page_is_in_the_navigation() -> None:
    """No page of docs/ can be missed by a reader."""
    told = str(YAML(typ="safe").load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"])
    for page in DOCS.glob("*.md"):
        assert f"'{page.name}'" in told, f"mkdocs.yml: put {page.name} into nav"


def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    """A dead link, a lost anchor or a page outside the navigation would be one."""
    pytest.importorskip("mkdocs", reason="the documentation group is not installed")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path / "site")],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (built.returncode, built.stderr.strip()) == (0, "")
    assert (tmp_path / "site/index.html").is_file()
