"""Notifications are said in the operator's language, whole sentences of them."""

from __future__ import annotations

import gettext
import re
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

import bot.notify
from bot.model.run import RunStatus
from bot.notify.language import DOMAIN, FOLDER
from bot.store.database import Database
from tests.adapters.contexts.little_server import Little
from tests.notify.test_post import Office

HOME = Path(bot.notify.__file__).parent
OTHERS = ["tr", "de"]


@cache
def said() -> set[str]:
    """Every message of templates and program."""
    with (HOME / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    return {str(found[2]) for found in extract_from_dir(HOME, methods, options) if found[2]}


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated_and_compiled(language: str) -> None:
    """No word stays English, each keeps its placeholders, and the compiled catalogue is that of the source."""
    compiled = gettext.translation(DOMAIN, FOLDER, [language])
    with (FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        catalogue = read_po(file)
    assert len(said()) > 30
    assert {str(entry.id) for entry in catalogue if entry.id} == said()
    for message in said():
        entry = catalogue.get(message)
        assert entry is not None
        assert entry.string, message
        assert set(re.findall(r"%\((\w+)\)s", message)) == set(re.findall(r"%\((\w+)\)s", str(entry.string)))
        assert compiled.gettext(message) == entry.string, "compile it: pybabel compile -D notify"


WORDS = {
    "en": ("nightly failed", "Why: no model answered", "When: At 09:00, Monday through Friday (UTC)", "Took: 42 s", "Cost: $1.25"),
    "de": ("nightly fehlgeschlagen", "Grund: no model answered", "Wann: Um 09:00", "Dauer: 42 s", "Kosten: 1,25\xa0$"),
    "tr": ("nightly başarısız", "Neden: no model answered", "Zaman: ", "Süre: 42 s", "Maliyet: $1,25"),
}  # fmt: skip


@pytest.mark.parametrize("language", WORDS)
async def test_one_message_in_the_operators_language(
    language: str, sqlite: Database, service: Little
) -> None:
    """Title, facts, times and money; the reason is told as the program or the agent said it."""
    office = Office(sqlite, service, language=language)
    office.ends(office.job("nightly"), error="no model answered", cost=1.25)
    await office.later(seconds=11)
    (message,) = office.said
    told = f"{message['title']}\n{message['message']}"
    for words in WORDS[language]:
        assert words in told


async def test_a_bad_night_and_the_test_button_in_the_operators_language(
    sqlite: Database, service: Little
) -> None:
    """What is gathered is counted in words of the language, and so is the test."""
    office = Office(sqlite, service, language="de")
    for number in range(30):
        office.ends(office.job(f"nightly-{number}"), RunStatus.failed, error="no model answered")
    await office.later(seconds=11)
    (message,) = office.said
    assert message["title"] == "Roundsman: 30 fehlgeschlagen"
    assert "weitere: https://rounds.test" in message["message"]
    assert await office.post.test("chat") is None
    assert office.said[-1]["title"] == "Roundsman: ein Test"
