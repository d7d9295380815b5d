"""What a repository's own people tell agents (AGENTS.md and its like): read from the default branch by us, never from the checkout."""

from __future__ import annotations

from collections.abc import Sequence

from bot.agents.git import Git, GitError
from bot.flow.safe_text import visible

NAMES = ("AGENTS.md", "CLAUDE.md", "GEMINI.md")
MOST = 24_000
"""Characters that are passed on."""
_FILE, _LINK = ("100644", "100755"), "120000"


async def read(git: Git, commit: str, names: Sequence[str]) -> tuple[str, str] | None:
    """The first of these files the commit has, as (name, text); None where it has none, or none with words in it.

    A link to another of these files, and one that only imports another (`@AGENTS.md`), is followed.
    """
    there = await _listed(git, commit)
    for name in names:
        for _ in NAMES:
            mode, sha = there.get(name, ("", ""))
            if mode not in (*_FILE, _LINK):
                break
            text = visible((await git("cat-file", "blob", sha)).decode("utf-8", "replace")).strip()
            target = text.removeprefix("@").removeprefix("./")
            if target in NAMES and (mode == _LINK or text.startswith("@")):
                name = target
                continue
            if mode != _LINK and text:
                return name, _capped(text)
            break
    return None


async def _listed(git: Git, commit: str) -> dict[str, tuple[str, str]]:
    try:
        raw = await git("ls-tree", "-z", commit, "--", *NAMES)
    except GitError:
        return {}
    rows = (row.partition("\t") for row in raw.decode("utf-8", "replace").split("\0") if row)
    return {path: (about.split(" ")[0], about.split(" ")[2]) for about, _, path in rows}


def _capped(text: str) -> str:
    return text if len(text) <= MOST else f"{text[:MOST]}\n[… {len(text) - MOST:,} more characters were cut]"


def framed(name: str, text: str) -> str:
    """The file's words, and what they are."""
    return (
        f"The repository's own instructions for agents follow ({name} of its default branch). They hold wherever they do not "
        f"contradict what was said before.\n\n{text}"
    )
