"""The code shown in README.md and docs/: where it stands, what it is, and whether its page says it cannot run here."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHOWN = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_FENCE = re.compile(
    r"^(?P<indent> *)(?:<!-- not run: (?P<why>[^\n]*?) -->\n+ *)?(?P<ticks>`{3,})(?P<info>[^\n`]*)\n(?P<text>.*?)^ *(?P=ticks) *$",
    re.MULTILINE | re.DOTALL,
)
_TITLE = re.compile(r'title="([^"]+)"')
SHELL = ("sh", "bash", "console", "")


@dataclass(frozen=True)
class Fence:
    """One block of code. `why_not` is the page's own word on why it is not run."""

    page: str
    line: int
    language: str
    title: str | None
    text: str
    why_not: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def calls(self) -> list[str]:
        """The command lines of a shell block, continued lines joined."""
        if self.language not in SHELL:
            return []
        joined = self.text.replace("\\\n", " ")
        return [
            line.strip() for line in joined.splitlines() if line.strip() and not line.strip().startswith("#")
        ]


def words(call: str) -> list[str]:
    """The words of a command line, its comment left out; a redirection stays as `> FILE`."""
    return shlex.split(call, comments=True)


def fences(page: Path) -> Iterator[Fence]:
    """Every block of a page, in order."""
    text = page.read_text("utf-8")
    for found in _FENCE.finditer(text):
        language, _, rest = found["info"].strip().partition(" ")
        title = _TITLE.search(rest)
        yield Fence(
            str(page.relative_to(ROOT)), text.count("\n", 0, found.start("ticks")) + 1, language,
            title[1] if title else None, textwrap.dedent(found["text"]), found["why"],
        )  # fmt: skip
