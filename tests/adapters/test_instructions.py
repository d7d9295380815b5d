"""Which words of a repository's people reach an agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.agents.git import Git
from bot.agents.instructions import MOST, read
from bot.agents.means import SPECS
from tests.adapters.sessions import Repository

BOTH = ("CLAUDE.md", "AGENTS.md")


@pytest.mark.parametrize(
    ("files", "links", "found"),
    [
        ({"AGENTS.md": "a"}, {}, ("AGENTS.md", "a")),
        ({"AGENTS.md": "a", "CLAUDE.md": "c"}, {}, ("CLAUDE.md", "c")),
        ({"AGENTS.md": "a", "CLAUDE.md": "@AGENTS.md\n"}, {}, ("AGENTS.md", "a")),
        ({"AGENTS.md": "a"}, {"CLAUDE.md": "AGENTS.md"}, ("AGENTS.md", "a")),
        ({"AGENTS.md": "a", "CLAUDE.md": "  \n"}, {}, ("AGENTS.md", "a")),
        ({"AGENTS.md": "hid\u200bden"}, {}, ("AGENTS.md", "hidden")),
        ({"docs/AGENTS.md": "a"}, {}, None),
        ({"README.md": "r"}, {"AGENTS.md": "/etc/passwd"}, None),
        ({"README.md": "r"}, {"AGENTS.md": "CLAUDE.md", "CLAUDE.md": "AGENTS.md"}, None),
        ({"CLAUDE.md/x": "a folder"}, {}, None),
    ],
)
async def test_the_first_file_with_words_counts(
    files: dict[str, str], links: dict[str, str], found: tuple[str, str] | None, tmp_path: Path
) -> None:
    """Of the root alone; links and imports among these files are followed, others are not."""
    shop = Repository.made(tmp_path / "shop", {"cart.py": "1\n"})
    for name, target in links.items():
        (shop.path / name).symlink_to(target)
    commit = shop.commit(files)
    assert await read(Git(shop.path / ".git"), commit, BOTH) == found


async def test_a_long_file_is_cut_and_says_so(tmp_path: Path) -> None:
    """It would cost in every session."""
    shop = Repository.made(tmp_path / "shop", {"AGENTS.md": "x" * (MOST + 1234)})
    found = await read(Git(shop.path / ".git"), shop.head, ("AGENTS.md",))
    assert found is not None
    assert found[1].endswith("[… 1,234 more characters were cut]")


def test_every_engine_with_a_model_has_its_files() -> None:
    """Programs that read such a file by themselves are given the same one by us."""
    assert {name for name, spec in SPECS.items() if not spec.instructions} == {"script"}
