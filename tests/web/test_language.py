"""Every word of the pages is said in every language, and the compiled catalogues are those of the sources."""

from __future__ import annotations

import gettext
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from bot.web.pages.language import LANGUAGES, chosen, speak
from bot.web.pages.reader import Reader

ROOT = Path(__file__).resolve().parents[2]
CATALOGUES = ROOT / "bot" / "web" / "locale"
OTHERS = [language for language in LANGUAGES if language != "en"]


@cache
def said() -> set[str | tuple[str, ...]]:
    """Every message of templates and pages."""
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2)}
    found = extract_from_dir(ROOT / "bot", methods_here(methods), options_here(options), keywords=keywords)
    return {message for _, _, message, _, _ in found if message}


def methods_here(methods: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The mapping as seen from `bot`."""
    return [(pattern.removeprefix("bot/"), method) for pattern, method in methods]


def options_here(options: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """The options as seen from `bot`."""
    return {pattern.removeprefix("bot/"): given for pattern, given in options.items()}


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated(language: str) -> None:
    """No page falls back to English in the middle of a sentence, and placeholders survive translation."""
    with (CATALOGUES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file)
    assert len(said()) > 400
    for message in said():
        first = message if isinstance(message, str) else message[0]
        entry = catalogue.get(first)
        assert entry is not None, f"{language}: {first!r}"
        forms = [entry.string] if isinstance(entry.string, str) else list(entry.string)
        assert all(forms), f"{language}: {first!r}"
        for form in forms:
            extra = set(re.findall(r"%\((\w+)\)s", form)) - set(re.findall(r"%\((\w+)\)s", str(entry.id)))
            assert not extra, f"{language}: {form!r} names {extra}"


@pytest.mark.parametrize("language", OTHERS)
def test_the_compiled_catalogue_is_that_of_the_source(language: str) -> None:
    """Whoever changes a translation compiles it too (`pybabel compile -d bot/web/locale`)."""
    compiled = gettext.translation("messages", CATALOGUES, [language])
    with (CATALOGUES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        for entry in read_po(file):
            if entry.id and isinstance(entry.id, str):
                assert compiled.gettext(entry.id) == entry.string


@pytest.mark.parametrize(
    ("wish", "accepts", "language"),
    [
        (None, "de-CH,de;q=0.9,en;q=0.8", "de"), (None, "fr,tr;q=0.5", "tr"), (None, "xx", "en"), (None, "", "en"), ("tr", "de", "tr"),
        ("klingon", "de", "de"), (None, "de;q=oops", "en"),
    ],
)  # fmt: skip
def test_the_reader_gets_the_language_they_ask_for(wish: str | None, accepts: str, language: str) -> None:
    """A chosen language wins, then the browser's best, then English."""
    assert chosen(wish, accepts) == language


def test_times_and_money_are_written_as_the_reader_writes_them() -> None:
    """The same instant on three clocks, the same sum in three hands."""
    instant = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    speak("de")
    german = Reader("de", "Europe/Zurich", instant)
    assert german.time(instant).endswith("09:00 CET")
    assert german.money(1234.5) == "1.234,50\xa0$"
    assert german.percent(0.5) == "50\xa0%"
    speak("tr")
    assert Reader("tr", "Europe/Istanbul", instant).time(instant).startswith("Pzt")
    speak("en")
    assert Reader("en", "UTC", instant).span(125_000) == "2 min 5 s"
