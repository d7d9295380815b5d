"""The values of a plan: calls, where their pages end, what is known beforehand, and the plan itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal as OneOf

from filters.nodes import Query
from filters.verdict import Facet, Item

Kind = OneOf["rest_list_issues", "rest_list_pulls", "rest_refresh", "search", "milestones"]
Target = OneOf["issues", "prs"]


@dataclass(frozen=True, slots=True)
class StopRule:
    """Paging may end at the first item past the bound: nothing behind it can match."""

    field: str
    direction: OneOf["asc", "desc"]
    bound: str

    def passed(self, item: Item) -> bool:
        """Whether this item and all after it are past the bound."""
        value = item.get(self.field)
        if not isinstance(value, str):
            return False
        return value < self.bound if self.direction == "desc" else value >= self.bound


@dataclass(frozen=True, slots=True)
class Call:
    """One request, or one list of pages of it."""

    kind: Kind
    path: str
    params: tuple[tuple[str, str], ...]
    paginate: bool = True
    stop: StopRule | None = None
    method: str = "GET"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before asking; every field may be left out.

    `milestones` maps titles to numbers; `labels` names to how many open items have them; `remaining` buckets to
    requests left; `indexed_at` is when a local index of all the repository's items was last made current.
    """

    open_items: int = 500
    all_items: int = 5_000
    labels: Mapping[str, int] = field(default_factory=dict)
    milestones: Mapping[str, int] | None = None
    remaining: Mapping[str, int] = field(
        default_factory=lambda: {"core": 5_000, "search": 30, "graphql": 5_000}
    )
    indexed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Make the calls, merge by number, keep what `residual` does not refuse, `enrich` what it cannot decide.

    `lookups`, where there are any, are worth making first: plan again with what they tell (`Known.milestones`).
    `in_order` says that the calls' results come in the query's own order, so that a limit may end paging early.
    `exact` says that the calls return the matches and nothing else. `source` is `index` where the local index,
    made current by the calls, is to be searched instead of what the calls return.
    """

    calls: tuple[Call, ...]
    residual: Query
    enrich: tuple[Facet, ...]
    estimate: Mapping[str, int]
    exact: bool
    why: tuple[str, ...]
    lookups: tuple[Call, ...] = ()
    in_order: bool = False
    source: OneOf["github", "index"] = "github"
