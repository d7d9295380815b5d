"""The requests that fetch a superset of the matches most cheaply, and what is left to check on what comes back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from filters.calls import Call, Known, Plan, StopRule, Target
from filters.context import Context
from filters.nodes import Query
from filters.planner import Planner
from filters.syntax import parse

__all__ = ["Call", "Known", "Plan", "StopRule", "Target", "plan"]


def plan(
    query: Query | str,
    *,
    repository: str,
    now: datetime,
    me: str | None = None,
    target: Target | None = None,
    known: Known | None = None,
    teams: Mapping[str, Collection[str]] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Plan:
    """Plan the requests for a query on one repository (`owner/name`); `facts` is its REST object, where known."""
    query = parse(query) if isinstance(query, str) else query
    context = Context.of(now, me, teams, {**(facts or {}), "full_name": repository})
    planner = Planner(query, repository, context, target, known or Known())
    return planner.plan()
