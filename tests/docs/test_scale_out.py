"""The example of several machines: its settings are taken by the program, its key is one, its commands exist."""

from __future__ import annotations

from typing import Any

import typer
from ruamel.yaml import YAML

from bot.cli import app
from bot.settings import Settings
from tests.docs.fences import ROOT, fences


def services() -> dict[str, dict[str, Any]]:
    """Our services of the shown docker-compose.yml."""
    (shown,) = [f for f in fences(ROOT / "docs" / "scale-out.md") if f.title == "docker-compose.yml"]
    found: dict[str, Any] = YAML(typ="safe").load(shown.text)["services"]
    return {name: service for name, service in found.items() if service["image"] == "roundsman"}


def test_each_process_of_the_example_has_settings_the_program_takes() -> None:
    """Names and values are valid, all share key, database and caps, each has a disk and a name of its own."""
    read = []
    for service in services().values():
        given = {
            name.removeprefix("ROUNDSMAN_").lower(): value for name, value in service["environment"].items()
        }
        read.append(Settings.model_validate(given))
        assert set(given) <= set(Settings.model_fields)
        assert service["command"][0] in typer.main.get_command(app).commands  # type: ignore[attr-defined]
        assert int(service["stop_grace_period"].removesuffix("s")) > read[-1].grace_seconds
    shared = {(s.database_url, s.key(), s.max_sessions, s.max_sessions_per_repo) for s in read}
    assert len(shared) == 1
    assert len(read) == len({s.slot for s in read}) == 3
    assert len({service["volumes"][0] for service in services().values()}) == 3
