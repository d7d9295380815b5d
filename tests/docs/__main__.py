"""Writes the generated pages of docs/: `python -m tests.docs` (`make reference`)."""

from tests.docs.pages import DOCS, PAGES

for name, page in PAGES.items():
    (DOCS / name).write_text(page(), "utf-8")
