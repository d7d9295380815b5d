"""The page on setting up GitHub names what the manifest asks for."""

from pathlib import Path

from bot.github.manifest import events, permissions

PAGE = Path(__file__).resolve().parents[2] / "docs" / "github.md"
CALLED = {"statuses": "commit statuses"}
"""What GitHub's form calls a permission otherwise than its API."""


def test_who_registers_the_app_by_hand_reads_of_every_permission_and_event() -> None:
    """And of none besides."""
    told = PAGE.read_text().partition("## An App, by settings")[2].partition("```")[0]
    grants, heard = told.partition("subscribed to")[::2]
    named = {name.lower() for name in grants.split("*")[1::2]}
    assert named == {CALLED.get(name, name.replace("_", " ")) for name in permissions()}
    assert {name.lower().replace(" ", "_") for name in heard.split("*")[1::2]} == set(events())
