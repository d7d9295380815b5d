"""Which language a reader gets, and the words in it: gettext catalogues compiled in `bot/web/locale`."""

from __future__ import annotations

import gettext as catalogues
from collections.abc import Sequence
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from babel import Locale, negotiate_locale

FOLDER = Path(__file__).parent.parent / "locale"
LANGUAGES: dict[str, str] = {"en": "English", "tr": "Türkçe", "de": "Deutsch"}

_spoken: ContextVar[str] = ContextVar("language", default="en")


@cache
def _catalogue(language: str) -> catalogues.NullTranslations:
    return catalogues.translation("messages", FOLDER, [language], fallback=True)


def speak(language: str) -> None:
    """Say everything that follows, in this request, in a language."""
    _spoken.set(language)


def spoken() -> str:
    """The language of this request."""
    return _spoken.get()


def gettext(message: str) -> str:
    """A message in the reader's language."""
    return _catalogue(spoken()).gettext(message)


def ngettext(one: str, many: str, n: int) -> str:
    """A message that counts, in the reader's language."""
    return _catalogue(spoken()).ngettext(one, many, n)


_ = gettext


def chosen(wish: str | None, accepts: str) -> str:
    """The language wished for (a cookie), else the best of an Accept-Language header, else English."""
    if wish in LANGUAGES:
        return wish
    return negotiate_locale(_accepted(accepts), list(LANGUAGES), sep="-") or "en"


def _accepted(header: str) -> Sequence[str]:
    """The languages of an Accept-Language header, the most wanted first, each with its bare form after it."""
    weighed = []
    for place, part in enumerate(header[:500].split(",")):
        name, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), place, name))
        except ValueError:
            continue
    names = [name for _, _, name in sorted(weighed) if name and name != "*"]
    return [form for name in names for form in dict.fromkeys((name.lower(), name.split("-")[0].lower()))]


def locale_of(language: str) -> Locale:
    """What Babel formats by."""
    return Locale.parse(language)
