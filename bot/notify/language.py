"""The operator's language: the words of notifications, from catalogues of their own."""

from __future__ import annotations

import gettext
from collections.abc import Callable
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

FOLDER = Path(__file__).with_name("locale")
DOMAIN = "notify"
Say = Callable[[str], str]
"""A message in a language."""


@cache
def tongue(language: str) -> gettext.NullTranslations:
    """The words of a language; English where there is no catalogue."""
    return gettext.translation(DOMAIN, FOLDER, [language], fallback=True)


@cache
def templates(language: str) -> Environment:
    """The templates of messages, which say their words in a language."""
    environment = Environment(
        loader=PackageLoader("bot.notify"), autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )  # fmt: skip
    words = tongue(language)
    environment.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]
    return environment
