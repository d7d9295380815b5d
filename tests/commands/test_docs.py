"""The command reference in docs/ is the library's own."""

from pathlib import Path

from commands.catalog import Catalog
from commands.docs import reference
from commands.template import check

PAGE = Path(__file__).resolve().parents[2] / "docs/commands.md"


def test_the_page_is_current() -> None:
    """After a change to a command: `python -m commands.docs > docs/commands.md`."""
    assert PAGE.read_text("utf-8") == reference()


def test_its_example_is_a_sound_command() -> None:
    """What the page shows as a command of one's own works as it stands."""
    example = PAGE.read_text("utf-8").partition("```markdown\n")[2].partition("```")[0]
    own = Catalog({"house/triage.md": example})
    assert own.faults() == {}
    assert check(own.get("house/triage")) == []
