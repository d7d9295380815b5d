"""Who is picked, in which order, and the reason for every no."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.flow.seen import fingerprint, state_of
from bot.flow.selection import Rules, select
from bot.model.item import Item
from bot.model.job import AfterTime
from bot.model.run import LedgerEntry
from bot.model.selection import Candidate

NOW = datetime(2026, 6, 10, 9, tzinfo=UTC)


def candidate(number: int, entry: dict[str, Any] | None = None, **more: Any) -> Candidate:
    """A matching item, opened on the day of its number."""
    item = Item.of({"number": number, "title": "t", "created_at": f"2026-05-{number:02}T00:00:00Z"})
    state = state_of(item) | more.pop("state", {})
    known = LedgerEntry(job_id=1, number=number, **entry) if entry is not None else None
    return Candidate(item, state, known, **more)


DONE = {"saw": candidate(1).state, "run_id": 12, "done_at": NOW - timedelta(days=2)}
RULES = Rules(again="on-update", max_items=10, attempts=3)


@pytest.mark.parametrize(
    ("one", "rules", "reason"),
    [
        (candidate(1), RULES, None),
        (candidate(1, DONE), RULES, "already done by run 12, unchanged since"),
        (candidate(1, DONE, state={"title": "new"}), RULES, None),
        (candidate(1, DONE, state={"title": "new"}), Rules("never", 10, 3), "already done by run 12"),
        (candidate(1, DONE), Rules("always", 10, 3), None),
        (candidate(1, DONE), Rules("on-push", 10, 3), "already done by run 12, no push since"),
        (candidate(1, DONE, state={"head": "abc"}), Rules("on-push", 10, 3), None),
        (candidate(1, DONE), Rules(AfterTime(after=timedelta(days=1)), 10, 3), None),
        (candidate(1, DONE), Rules(AfterTime(after=timedelta(days=3)), 10, 3), "already done by run 12, due again 2026-06-11 09:00 UTC"),
        (candidate(1, {"parked": "ignored by ada"}), RULES, "parked: ignored by ada"),
        (candidate(1, {"parked": "ignored by ada"}), Rules("always", 10, 3, insist=True), "parked: ignored by ada"),
        (candidate(1, DONE), Rules("on-update", 10, 3, insist=True), None),
        (candidate(1, claimed_by=14), RULES, "claimed by run 14"),
        (candidate(1, home=True), Rules("always", 10, 3, insist=True), "it is Roundsman's own dashboard issue"),
        (candidate(1, writing=True), RULES, "our own write to it is not finished"),
        (candidate(1, {"attempts": 3, "attempts_on": fingerprint(candidate(1).state)}), RULES, "parked: 3 sessions failed on it as it is; a change or a run by hand tries again"),
        (candidate(1, {"attempts": 3, "attempts_on": "another state"}), RULES, None),
    ],
)  # fmt: skip
def test_every_no_has_a_reason(one: Candidate, rules: Rules, reason: str | None) -> None:
    """The table of reasons."""
    selection = select([one], rules, NOW)
    assert [v.reason for v in selection.skipped] == ([] if reason is None else [reason])
    assert len(selection.picked) == (reason is None)


def test_the_deferred_come_first_then_the_new_then_the_oldest() -> None:
    """Nobody starves, and new items go before those that were done."""
    waited = {"deferred_at": NOW - timedelta(days=1)}
    longer = {"deferred_at": NOW - timedelta(days=2)}
    done = DONE | {"saw": {}}
    found = [candidate(9, done), candidate(8), candidate(3, waited), candidate(2), candidate(5, longer)]
    selection = select(found, Rules("always", 4, 3), NOW)
    assert [c.item.number for c in selection.picked] == [5, 3, 2, 8]
    assert [(v.item.number, v.reason) for v in selection.deferred] == [
        (9, "deferred: this run takes 4 at most")
    ]


def test_the_filter_s_own_order_wins() -> None:
    """`sort:` says who goes first."""
    found = [candidate(9), candidate(3, {"deferred_at": NOW}), candidate(5)]
    selection = select(found, Rules("always", 2, 3, sorted_by_filter=True), NOW)
    assert [c.item.number for c in selection.picked] == [9, 3]
