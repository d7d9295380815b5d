"""The page of errors speaks of errors the program really gives."""

import re

from tests.docs.fences import ROOT

PAGE = ROOT / "docs/troubleshooting.md"


def test_each_error_on_the_page_is_in_the_program() -> None:
    """Every quoted piece of an error's text stands in the source as it is quoted."""
    sources = (
        path.read_text("utf-8")
        for name in ("bot", "commands", "filters")
        for path in sorted((ROOT / name).rglob("*.py"))
    )
    source = re.sub(r"\s+", " ", " ".join(sources))
    quoted = {
        piece.strip(" ;:…")
        for row in PAGE.read_text("utf-8").splitlines()
        if row.startswith("| ")
        for piece in re.findall(r"`([^`]+)`", row.split(" | ")[0])
        if not piece.startswith(("ROUNDSMAN_GITHUB", "ROUNDSMAN_…", "/", ":"))
    }
    assert len(quoted) > 40
    missing = sorted(piece for piece in quoted if piece not in source)
    assert missing == []
