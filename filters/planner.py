"""Weighing the ways to fetch: lists of issues or pulls, one list a branch of an OR, the search, a local index."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil
from typing import Literal as OneOf

from filters.calls import Call, Kind, Known, Plan, StopRule, Target
from filters.context import Context
from filters.narrow import NOTHING, Narrow, exact, implied, instant_of
from filters.nodes import Query, Term
from filters.normal import (
    FALSE,
    Conjunction,
    Disjunction,
    Literal,
    Normal,
    conjuncts,
    facets_of,
    literals,
    normal,
    written,
)
from filters.order import DEFAULT, sort_of
from filters.search import search_text
from filters.syntax import parse
from filters.values import SortKey
from filters.verdict import RIDES_ALONG, Facet

PAGE = 100
EXHAUSTED = 1_000.0  # what a request costs of which none is left: only where there is no other way
OVERLAP = timedelta(minutes=5)


class Planner:
    """Weighs the ways to fetch one query's matches from one repository."""

    def __init__(
        self, query: Query, repository: str, context: Context, target: Target | None, known: Known
    ) -> None:
        self.query, self.repository, self.context, self.known = query, repository, context, known
        self.tree = normal(query, context)
        self.sort = sort_of(query)
        self.target = target
        wanted = NOTHING if target is None else Narrow(kind="issue" if target == "issues" else "pr")
        self.wanted = wanted
        self.narrow = implied(self.tree, context).both(wanted)

    def plan(self) -> Plan:
        """The cheapest of the ways there are."""
        if self.tree == FALSE or self.narrow.never:
            return self.nothing("no item of this repository can match")
        if self.unknown_milestone():
            return self.nothing("the repository has no such milestone")
        options = []  # of two that cost the same the first is taken
        if self.narrow.kind == "pr" and not self.lost_in_pulls():
            options.append(self.listed(pulls=True))
        options.append(self.listed(pulls=False))
        if (divided := self.divided()) is not None:
            options.append(divided)
        if (searched := self.searched()) is not None:
            options.append(searched)
        if self.known.indexed_at is not None and self.narrow.mentioned is None:
            options.append(self.refreshed(self.known.indexed_at))
        return min(options, key=self.cost)

    def cost(self, option: Plan) -> float:
        """The share of each bucket a plan takes, and a little for each request's time."""
        total = 0.0
        for bucket, requests in option.estimate.items():
            left = self.known.remaining.get(bucket, 0)
            total += requests * (1 / left + 0.001 if left > 0 else EXHAUSTED)
        return total

    def nothing(self, why: str) -> Plan:
        """No request at all."""
        return Plan((), self.query, (), {"core": 0, "search": 0, "graphql": 0}, True, (why,), in_order=True)

    def unknown_milestone(self) -> bool:
        """Whether the milestones are known, and the one asked for is not among them."""
        title, known = self.narrow.milestone, self.known.milestones
        return bool(
            title and title[0] == "=" and known is not None and self.milestone_number(title[1:]) is None
        )

    def milestone_number(self, title: str) -> int | None:
        """The number of a title, where one milestone alone has it."""
        known = self.known.milestones or {}
        numbers = [number for name, number in known.items() if name.casefold() == title.casefold()]
        return numbers[0] if len(numbers) == 1 else None

    def lost_in_pulls(self) -> bool:
        """Whether the query asks for something the pull list does not tell."""
        asked = {each.leaf.name for each in literals(self.tree) if isinstance(each.leaf, Term)}
        fields = {
            value.text.casefold() for each in literals(self.tree) if isinstance(each.leaf, Term) and each.leaf.name in ("no", "has")
            for value in each.leaf.values
        }  # fmt: skip
        lacking = {"comments", "reactions", "interactions"}
        sorted_by = self.sort.key.partition("-")[0] if self.sort else ""
        return bool((asked | fields | {sorted_by}) & lacking) or self.narrow.mentioned is not None

    # --- the ways to fetch

    def listed(self, pulls: bool) -> Plan:
        """One list, of issues or of pulls."""
        call, why = self.list_call(self.narrow, pulls)
        pushed = self.pushed(pulls)
        residual = self.residual(pushed)
        listed = Facet.PULL if pulls else Facet.ITEM
        enrich = self.enrichment(residual, listed)
        items = self.size(self.narrow, pulls)
        estimate = {"core": max(1, ceil(items / PAGE)), "search": 0, "graphql": self.points(enrich, items)}
        lookups = self.lookups()
        is_exact = all(exact(part, pushed, self.context) for part in conjuncts(self.tree))
        kind_checked = self.narrow.kind is None or pulls
        return Plan(
            (call,),
            self.with_kind(residual, kind_checked),
            enrich,
            estimate,
            is_exact and kind_checked,
            why,
            lookups,
            self.in_order(call),
        )

    def with_kind(self, residual: Query, checked: bool) -> Query:
        """The issue list holds pull requests too: what is wanted of them is checked."""
        if checked or self.narrow.kind is None or f"is:{self.narrow.kind}" in residual.text.split():
            return residual
        return parse(f"is:{self.narrow.kind} {residual.text}".strip())

    def list_call(self, narrow: Narrow, pulls: bool) -> tuple[Call, tuple[str, ...]]:
        """The call of a list narrowed so, and why it is made so."""
        params: list[tuple[str, str]] = [("state", narrow.state or "all")]
        why = [
            f"state={narrow.state or 'all'}" + ("" if narrow.state else ", because the query names no state")
        ]
        if pulls:
            if narrow.base:
                params.append(("base", narrow.base))
        else:
            params += self.issue_params(narrow)
        key, direction, stop = self.paging(narrow, pulls)
        params += [("sort", key), ("direction", direction), ("per_page", str(PAGE))]
        if stop:
            why.append(f"paging ends where {stop.field} passes {stop.bound}")
        kind: Kind = "rest_list_pulls" if pulls else "rest_list_issues"
        name = "pulls" if pulls else "issues"
        why.insert(
            0,
            "the pull list tells branches and reviewers"
            if pulls
            else "one list request narrowed by what every match has",
        )
        return Call(kind, f"/repos/{self.repository}/{name}", tuple(params), True, stop), tuple(why)

    def issue_params(self, narrow: Narrow) -> list[tuple[str, str]]:
        """What only the issue list can be asked."""
        params = []
        if narrow.labels:
            params.append(("labels", ",".join(sorted(narrow.labels))))
        for name in ("assignee", "creator", "mentioned", "type"):
            value = getattr(narrow, name)
            if value is not None:
                params.append((name, value))
        milestone = self.milestone_param(narrow)
        if milestone is not None:
            params.append(("milestone", milestone))
        if narrow.since is not None:
            params.append(("since", instant_of(narrow.since)))
        return params

    def milestone_param(self, narrow: Narrow) -> str | None:
        """The milestone as the list takes it: a number, `*` or `none`."""
        if narrow.milestone is None or narrow.milestone[0] != "=":
            return narrow.milestone
        number = self.milestone_number(narrow.milestone[1:])
        return None if number is None else str(number)

    def lookups(self) -> tuple[Call, ...]:
        """The milestones, where a title is asked for whose number is not known."""
        if self.narrow.milestone and self.narrow.milestone[0] == "=" and self.known.milestones is None:
            path = f"/repos/{self.repository}/milestones"
            return (Call("milestones", path, (("state", "all"), ("per_page", str(PAGE)))),)
        return ()

    def paging(self, narrow: Narrow, pulls: bool) -> tuple[str, OneOf["asc", "desc"], StopRule | None]:
        """The order of the pages, and where they may end."""
        sort = self.sort
        if sort is not None and sort.key in ("created", "updated"):
            direction: OneOf["asc", "desc"] = "desc" if sort.descending else "asc"
            return sort.key, direction, _stop(narrow, sort.key, direction, pulls)
        if sort is not None and sort.key == "comments":
            return "popularity" if pulls else "comments", "desc" if sort.descending else "asc", None
        tries: tuple[tuple[str, OneOf["asc", "desc"]], ...] = (
            ("created", "desc"),
            ("updated", "asc"),
            ("created", "asc"),
        )
        if pulls:
            tries = (("created", "desc"), ("updated", "desc"), ("updated", "asc"), ("created", "asc"))
        for key, direction in tries:
            if (stop := _stop(narrow, key, direction, pulls)) is not None:
                return key, direction, stop
        return "created", "desc", None

    def in_order(self, call: Call) -> bool:
        """Whether the call's results come in the query's own order."""
        given = dict(call.params)
        wanted = self.sort or DEFAULT
        key = {"popularity": "comments"}.get(given["sort"], given["sort"])
        return (key, given["direction"]) == (_plain(wanted), "desc" if wanted.descending else "asc")

    def divided(self) -> Plan | None:
        """One list a branch of an OR, where the branches together are fewer than all."""
        branches = max((_branches(part) for part in conjuncts(self.tree)), key=len, default=())
        if not 2 <= len(branches) <= 5:
            return None
        narrows = [self.narrow.both(implied(branch, self.context)) for branch in branches]
        narrows = [narrow for narrow in narrows if not narrow.never]
        sizes = [self.size(narrow, False) for narrow in narrows]
        if not narrows or any(narrow == self.narrow for narrow in narrows):
            return None
        calls = tuple(dict.fromkeys(self.list_call(narrow, False)[0] for narrow in narrows))
        residual = self.residual(NOTHING)
        enrich = self.enrichment(residual, Facet.ITEM)
        estimate = {
            "core": sum(max(1, ceil(size / PAGE)) for size in sizes),
            "search": 0,
            "graphql": self.points(enrich, sum(sizes)),
        }
        why = (f"{len(calls)} lists, one for each branch of the OR, are smaller than one list of everything",)
        return Plan(
            calls,
            self.with_kind(residual, self.narrow.kind is None),
            enrich,
            estimate,
            False,
            why,
            self.lookups(),
        )

    def searched(self) -> Plan | None:
        """GitHub's search, where the query asks for what no list tells."""
        if not facets_of(self.tree) & set(RIDES_ALONG) or self.narrow.mentioned is not None:
            return None
        text = search_text(self.tree, self.repository, self.context, self.narrow.kind)
        if text is None:
            return None
        params = [("q", text), ("advanced_search", "true")]
        key = self.sort.key if self.sort else "created"
        if key != "relevance":
            params += [("sort", key), ("order", "asc" if self.sort and not self.sort.descending else "desc")]
        params.append(("per_page", str(PAGE)))
        hits = min(1_000, self.size(self.narrow, False) * 0.2)
        residual = self.residual(NOTHING)
        enrich = self.enrichment(residual, Facet.ITEM)
        estimate = {"core": 0, "search": max(1, ceil(hits / PAGE)), "graphql": self.points(enrich, hits)}
        why = (
            "the search index holds what no list tells",
            "its results are checked again: it stems words and lags behind",
        )
        call = Call("search", "/search/issues", tuple(params))
        return Plan(
            (call,),
            self.with_kind(residual, self.narrow.kind is None),
            enrich,
            estimate,
            False,
            why,
            in_order=True,
        )

    def refreshed(self, indexed_at: datetime) -> Plan:
        """The local index, made current by what changed since."""
        params = (
            ("state", "all"), ("since", instant_of(indexed_at - OVERLAP)), ("sort", "updated"),
            ("direction", "asc"), ("per_page", str(PAGE)),
        )  # fmt: skip
        call = Call("rest_refresh", f"/repos/{self.repository}/issues", params)
        residual = self.with_kind(self.residual(NOTHING), self.narrow.kind is None)
        enrich = self.enrichment(residual, Facet.ITEM)
        points = self.points(enrich, self.size(self.narrow, False))
        why = ("the index has every item; only what changed since is fetched",)
        return Plan(
            (call,), residual, enrich, {"core": 1, "search": 0, "graphql": points}, False, why, source="index"
        )

    # --- what is left to do, and what it costs

    def pushed(self, pulls: bool) -> Narrow:
        """The conditions the list request really carries."""
        narrow = self.narrow.without("created", "updated", "since")
        if pulls:
            return Narrow(kind="pr", state=narrow.state, base=narrow.base)
        if self.milestone_param(narrow) is None:
            narrow = narrow.without("milestone")
        return narrow.without("kind", "base", "head")

    def residual(self, pushed: Narrow) -> Query:
        """What the parameters pushed do not decide, as a query."""
        left = tuple(part for part in conjuncts(self.tree) if not exact(part, pushed, self.context))
        text = written(Conjunction(left), self.query.text)
        if self.sort is not None:
            text += f" sort:{_spelled(self.sort)}"
        return parse(text.strip())

    def enrichment(self, residual: Query, listed: Facet) -> tuple[Facet, ...]:
        """What survivors may still lack, given which list they come from."""
        known = {Facet.ITEM, Facet.REPOSITORY, Facet.VIEWER, listed}
        return tuple(facet for facet in Facet if facet in facets_of(normal(residual, self.context)) - known)

    def points(self, enrich: tuple[Facet, ...], items: float) -> int:
        """What enriching so many items costs in GraphQL points."""
        asked = [facet for facet in enrich if facet is not Facet.TEAMS]
        return ceil(items / PAGE) * len(asked) if asked else 0

    def size(self, narrow: Narrow, pulls: bool) -> float:
        """A guess at how many items the list holds."""
        known = self.known
        size = float(
            {"open": known.open_items, "closed": max(known.all_items - known.open_items, 0)}.get(
                narrow.state or "", known.all_items
            )
        )
        if pulls:
            size *= 0.5 * (0.8 if narrow.base else 1)
        else:
            for label in narrow.labels:
                size = min(size, known.labels.get(label.casefold(), known.labels.get(label, size * 0.1)))
            size *= {None: 1.0, "none": 0.6, "*": 0.4}.get(narrow.assignee, 0.1)
            size *= (
                (0.05 if narrow.creator else 1)
                * (0.02 if narrow.mentioned else 1)
                * (0.3 if narrow.type else 1)
            )
            size *= 0.1 if self.milestone_param(narrow) else 1
        bound = narrow.since
        if bound is not None:
            size *= min(1.0, max((self.context.now - bound).days, 1) / 365)
        return size


def _stop(narrow: Narrow, key: str, direction: OneOf["asc", "desc"], pulls: bool) -> StopRule | None:
    window = narrow.created if key == "created" else narrow.updated
    low = window.low
    if key == "updated" and pulls:  # the pull list knows no `since`; whatever matches was updated after it
        low = narrow.since if low is None or (narrow.since and narrow.since > low) else low
    bound = low if direction == "desc" else window.high
    if bound is None:
        return None
    # A second's grace on either side: timestamps have whole seconds.
    moment = bound - timedelta(seconds=1) if direction == "desc" and bound.year > 1 else bound
    if direction == "asc":
        moment = bound + timedelta(seconds=1) if bound.year < 9999 else bound
    text = moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")
    return StopRule(f"{key}_at", direction, text)


def _branches(part: Normal) -> tuple[Normal, ...]:
    """The branches of an OR, a list of values among them."""
    if isinstance(part, Disjunction):
        return part.parts
    if (
        isinstance(part, Literal)
        and part.positive
        and isinstance(part.leaf, Term)
        and len(part.leaf.values) > 1
    ):
        return tuple(
            Literal(part.leaf._replace(values=(value,)), True, None, part.facets)
            for value in part.leaf.values
        )
    return ()


def _plain(sort: SortKey) -> str:
    return "created" if sort.key == "relevance" else sort.key


def _spelled(sort: SortKey) -> str:
    return f"{sort.key}-{'desc' if sort.descending else 'asc'}"
