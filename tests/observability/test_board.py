"""The Grafana board and the alert rules speak of metrics that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from bot.store.metrics import Counts
from bot.store.timings import Timing
from bot.web.metrics import PROCESS, TIMES, exposition

DOCS = Path(__file__).parents[2] / "docs"
ONE = {"active": 1, "completed": 1}


def told() -> set[str]:
    """Every sample's name in an exposition that has something of each."""
    counts = Counts(
        ONE,
        ONE,
        ONE,
        ONE,
        ONE,
        1.0,
        1.0,
        1,
        1,
        1,
        False,
        {("prompt", "quiet"): 1},
        ONE,
        ONE,
    )
    spent = {name: Timing(bounds=(1.0,), counts=[1, 0]) for name in TIMES}
    text = exposition(counts, {("token", "core"): (1, 1)}, spent) + generate_latest(PROCESS)
    return {s.name for family in text_string_to_metric_families(text.decode()) for s in family.samples}


def expressions() -> Iterator[str]:
    """Every expression of the board and of the rules."""
    board: dict[str, Any] = json.loads((DOCS / "grafana.json").read_text())
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    rules = YAML(typ="safe").load((DOCS / "alerts.yml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"]["description"]
            yield rule["expr"]


def test_every_expression_names_metrics_we_tell() -> None:
    """No panel stays empty because a name has changed; each balances its brackets."""
    known, asked = told(), set()
    for expression in expressions():
        asked |= set(re.findall(r"roundsman_[a-z0-9_]+", expression))
        assert expression.count("(") == expression.count(")")
    assert asked - known == set()


def test_every_metric_has_its_place_on_the_board() -> None:
    """What is told is shown, the program's version apart."""
    asked = {name for expression in expressions() for name in re.findall(r"roundsman_[a-z0-9_]+", expression)}
    shown = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in asked}
    missing = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in told()} - shown
    assert missing == {"roundsman_info"}
