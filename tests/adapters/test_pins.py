"""The versions tests install are the versions engines are pinned to."""

import re
from pathlib import Path

from bot.agents.work import SPECS

ROOT = Path(__file__).parents[2]


def test_one_pin_a_program_everywhere() -> None:
    """The specs, the tests' installer and the image name the same versions."""
    pins = {spec.package: spec.pinned for spec in SPECS.values() if spec.package}
    for place in ("tests/install-tools.sh", "Dockerfile"):
        text = (ROOT / place).read_text()
        for package, version in pins.items():
            found = re.findall(rf"{re.escape(package)}@([\d.]+)", text)
            assert found == [version], (place, package, found)
