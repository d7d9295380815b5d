"""The page on architecture speaks of places that are there."""

import re

from tests.docs.fences import ROOT

PAGE = ROOT / "docs/architecture.md"


def test_each_place_on_the_page_is_in_the_house() -> None:
    """Every path in code marks is a file or a folder of the project."""
    named = set(re.findall(r"`((?:bot|filters|commands|tests)/[\w./-]*)`", PAGE.read_text("utf-8")))
    assert len(named) > 25
    assert sorted(name for name in named if not (ROOT / name).exists()) == []
