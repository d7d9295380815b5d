"""GitHub's octicons as inline SVG."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from markupsafe import Markup, escape

_FILE = Path(__file__).parent.parent / "static" / "vendor" / "octicons.json"


@cache
def _paths() -> dict[str, str]:
    paths: dict[str, str] = json.loads(_FILE.read_text("utf-8"))
    return paths


@cache
def icon(name: str, css: str = "", label: str = "") -> Markup:
    """One octicon at 16 pixels; hidden from screen readers unless it has a label. KeyError for one we do not carry."""
    spoken = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return Markup(
        f'<svg class="octicon {escape(css)}" viewBox="0 0 16 16" width="16" height="16" fill="currentColor" {spoken}>'
        f"{_paths()[name]}</svg>"
    )
