"""The rules of the incremental index. Plain decisions: which lists can be kept, when one serves another, what is news.

A list once read whole stays a superset of what it would give now, once every item updated since is put in as well:
an item that enters a list was updated to do so. So an index needs no reading of a whole repository: it holds the lists
that fires have read, and whatever was updated since. Labels, milestones and users that are renamed update no item, nor
do items deleted or transferred tell of it: an index ages, and word of such an event ends it.

Webhooks put items in as they are told. They never move the watermark: the next question to GitHub begins where the last
one ended, and brings whatever was not told, or told wrongly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import filters
from bot.model.index import IndexMark, KeptList, Row

OLD = timedelta(hours=24)
"""After so long every list is read anew: renamed users, lost words of deletions."""
UNASKED = timedelta(minutes=15)
"""The longest that fires go by what webhooks tell: a delivery GitHub lost and does not list is found after so long."""
SETTLED = timedelta(seconds=5)
"""Times have whole seconds: what was updated so shortly before we looked may have changed again in the same second."""
SECONDS = "%Y-%m-%dT%H:%M:%SZ"
_TELLING = ("title", "body", "state", "labels", "assignees", "milestone", "draft", "locked")
_ALSO = ("comments", "requested_reviewers", "requested_teams")
_SILENT = ("reactions", "interactions")
_ORDER = frozenset({"since", "sort", "direction", "per_page", "page"})


def kept_lists(query: filters.Query, calls: Iterable[filters.Call]) -> tuple[KeptList, ...] | None:
    """The lists of a plan, as they can be kept; None where one cannot.

    Who is mentioned cannot be seen in a row, and a reaction updates no item: such lists are read anew.
    """
    kept = tuple(_kept(call) for call in calls if call.kind.startswith("rest_list"))
    if not kept or len(kept) != sum(1 for _ in calls) or _silent(query):
        return None
    return None if any(name == "mentioned" for each in kept for name, _ in each.conditions) else kept


def _silent(query: filters.Query) -> bool:
    names = {leaf.name for leaf in filters.leaves(query.root) if isinstance(leaf, filters.Term)}
    return bool(names & set(_SILENT)) or "sort:reactions" in query.text or "sort:interactions" in query.text


def _kept(call: filters.Call) -> KeptList:
    params = dict(call.params)
    conditions = {
        (name, value.casefold()) for name, value in params.items() if name not in (*_ORDER, "labels")
    }
    conditions |= {("label", name.casefold()) for name in params.get("labels", "").split(",") if name}
    conditions.discard(("state", "all"))
    stop = call.stop
    return KeptList(
        pulls=call.kind == "rest_list_pulls",
        conditions=tuple(sorted(conditions)),
        since=params.get("since"),
        stop_field=stop.field if stop else None,
        stop_direction=stop.direction if stop else "desc",
        stop_bound=stop.bound if stop else "",
    )


def serves(held: KeptList, wanted: KeptList) -> bool:
    """Whether everything of the wanted list is in the one held: it asks for no less, and reaches no further."""
    if held.pulls != wanted.pulls or not set(held.conditions) <= set(wanted.conditions):
        return False
    if held.since is not None and (wanted.since is None or wanted.since < held.since):
        return False
    if held.stop_field is None:
        return True
    if (held.stop_field, held.stop_direction) != (wanted.stop_field, wanted.stop_direction):
        return False
    if held.stop_direction == "desc":
        return wanted.stop_bound >= held.stop_bound
    return wanted.stop_bound <= held.stop_bound


def holds(mark: IndexMark, wanted: Iterable[KeptList]) -> bool:
    """Whether an index holds all the lists wanted."""
    return all(any(serves(held, each) for held in mark.lists) for each in wanted)


def is_current(mark: IndexMark, now: datetime, shuffled: datetime | None) -> bool:
    """Whether an index is young enough, and nothing happened since it began that updates no item."""
    return now - mark.begun_at <= OLD and (shuffled is None or shuffled < mark.begun_at)


def is_told(mark: IndexMark, hearing: str | None, now: datetime) -> bool:
    """Whether webhooks have told everything since GitHub was last asked, so that it need not be asked again.

    Silence proves nothing, so something must have been heard since; and every loss ends with the next question, which
    begins where the last one ended and not where a webhook did, and is never further off than `UNASKED`.
    """
    last = mark.checked
    return (
        last is not None
        and hearing is not None
        and last.hearing == hearing
        and last.doubts == mark.doubts
        and last.told < mark.told
        and timedelta() <= now - last.at <= UNASKED
    )


def is_told_of(query: filters.Query) -> bool:
    """Whether webhooks tell of all that a query looks at: an item's last update moves with things that send none."""
    names = {leaf.name for leaf in filters.leaves(query.root) if isinstance(leaf, filters.Term)}
    return "updated" not in names and "sort:updated" not in query.text


def watermark(looked: datetime) -> str:
    """From when on updates are news to somebody who looked then, by GitHub's clock."""
    return (looked - SETTLED).strftime(SECONDS)


def onward(since: str, changed: Iterable[Row], looked: datetime) -> str:
    """The next watermark: the newest update seen, or the second after it once that has settled."""
    newest = max((str(row.get("updated_at") or "") for row in changed), default="")
    if newest < since:
        return since
    after = datetime.fromisoformat(newest.replace("Z", "+00:00")) + timedelta(seconds=1)
    return after.strftime(SECONDS) if after <= looked - SETTLED else newest


def merged(old: Mapping[str, Any] | None, new: Row, unsure: str) -> Row:
    """The new row; with what was learnt of an item that is as it was, where its second is over for certain."""
    new = {key: value for key, value in new.items() if not key.startswith("_")}
    if old is None or old.get("updated_at") != new.get("updated_at"):
        return new
    if str(new.get("updated_at") or "") >= unsure and "head" not in new:
        return new
    return {**old, **new} if _same(old, new) else new


def _same(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return all(old.get(key) == new.get(key) for key in _TELLING if key in old and key in new)


def _differ(old: Mapping[str, Any], new: Row) -> bool:
    also = any(old.get(key) != new.get(key) for key in _ALSO if key in old and key in new)
    heads = [(row.get("head") or {}).get("sha") for row in (old, new)]
    return also or not _same(old, new) or (None not in heads and heads[0] != heads[1])


def older(old: Mapping[str, Any] | None, new: Row) -> bool:
    """Whether what we have is newer than what has just come: another process was quicker."""
    return old is not None and str(old.get("updated_at") or "") > str(new.get("updated_at") or "")


def heard(known: Mapping[int, Row], told: Iterable[Row], since: str) -> tuple[dict[int, Row], bool]:
    """What webhooks change in the rows known, and whether GitHub must be asked before they are believed.

    What was updated before the watermark is known better by who asked: then only newer rows of items that are held count.
    Two states of one second cannot be ordered: the later to come stands in, until GitHub is asked.
    """
    changed: dict[int, Row] = {}
    doubt = False
    for row in told:
        number = int(row["number"])
        old, at = changed.get(number) or known.get(number), str(row["updated_at"])
        new = merged(old, row, "")
        if older(old, row) or new == old or (at < since and (old is None or old["updated_at"] == at)):
            continue
        doubt = doubt or (old is not None and old["updated_at"] == at and _differ(old, row))
        changed[number] = new
    return changed, doubt


def told_by(row: Mapping[str, Any], lists: Iterable[KeptList]) -> bool:
    """Whether a row has the shape these lists give: only rows of theirs, or updated since, can be in them."""
    pulls = all(each.pulls for each in lists)
    return ("pull_request" in row or "head" in row) if pulls else ("comments" in row)
