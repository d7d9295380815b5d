"""What counts as changed: people's deeds do, ours never, whoever of us did them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flow.seen import changed, state_of
from bot.model.item import Item
from bot.model.run import Effect

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def item(minutes: int = 0, **payload: Any) -> Item:
    """Issue 1, last updated so many minutes past noon."""
    at = (NOON + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Item.of(
        {
            "number": 1,
            "title": "Crash",
            "body": "x",
            "state": "open",
            "comments": 0,
            "updated_at": at,
            **payload,
        }
    )


def effect(number: int, facet: str, before: Any, after: Any, minute: int = 1, **more: Any) -> Effect:
    """One of our deeds."""
    return Effect(
        id=number, key=str(number), job_id=1, repository_id=1, number=1, kind="x", facet=facet, before=before, after=after,
        at=NOON + timedelta(minutes=minute), done=True, target_id=more.pop("target_id", str(number)), **more,
    )  # fmt: skip


OURS_LABEL = [effect(1, "label:bug", "", "on")]
OURS_CLOSE = [effect(1, "state", "open", "closed")]
OURS_COMMENT = [effect(1, "comments", None, None)]


@pytest.mark.parametrize(
    ("then", "now", "effects", "is_news"),
    [
        (item(), item(5), [], False),
        (item(), item(5, title="Crash!"), [], True),
        (item(), item(5, comments=1), [], True),
        (item(comments=2), item(5, comments=1), [], False),
        (item(), item(5, labels=[{"name": "bug"}]), [], True),
        (item(), item(5, labels=[{"name": "bug"}]), OURS_LABEL, False),
        (item(), item(5, labels=[]), OURS_LABEL, True),
        (item(labels=["old"]), item(5, labels=["old", "bug"]), OURS_LABEL, False),
        (item(), item(5, state="closed"), OURS_CLOSE, False),
        (item(), item(5, state="open"), OURS_CLOSE, True),
        (item(), item(5, comments=1), OURS_COMMENT, False),
        (item(), item(5, comments=2), OURS_COMMENT, True),
        (item(), item(0, comments=0), OURS_COMMENT, False),
        (item(), item(5, milestone={"title": "v2"}), [effect(1, "milestone", "", "v2")], False),
        (item(), item(5, assignees=[{"login": "Ada"}]), [effect(1, "assignee:ada", "", "on")], False),
    ],
    ids=[
        "nothing happened", "title edited", "somebody commented", "a comment deleted", "somebody labelled", "we labelled",
        "somebody took our label off", "we labelled beside others", "we closed", "somebody reopened", "we commented",
        "we and somebody commented", "our comment is newer than the payload", "we set the milestone", "we assigned",
    ],
)  # fmt: skip
def test_what_is_news(then: Item, now: Item, effects: list[Effect], is_news: bool) -> None:
    """The table of what brings an item back."""
    assert changed(state_of(then), state_of(now, effects)) is is_news


def test_reopened_and_closed_by_us_again_is_no_news() -> None:
    """We close, somebody reopens, a session sees that and closes again: the state it saw still stands."""
    first = effect(1, "state", "open", "closed", 1)
    saw = state_of(item(5), [first])
    again = [first, effect(2, "state", "open", "closed", 10)]
    assert not changed(saw, state_of(item(10, state="closed"), again))
    assert changed(saw, state_of(item(20), again))


def test_an_undone_effect_no_longer_counts() -> None:
    """What was taken back is as if it had never been."""
    undone = [replace_undone(OURS_LABEL[0])]
    assert not changed(state_of(item()), state_of(item(5, labels=[]), undone))


def replace_undone(one: Effect) -> Effect:
    """The same effect, taken back."""
    return one.model_copy(update={"undone_at": NOON})


LABELS = st.sampled_from(["bug", "docs", "ui"])


@given(st.lists(st.tuples(LABELS, st.booleans()), max_size=12), st.sets(LABELS))
def test_nothing_we_ever_do_makes_an_item_updated(deeds: list[tuple[str, bool]], start: set[str]) -> None:
    """Whatever labels we put on and take off, in any order: the state reads as people left it."""
    labels, effects = set(start), []
    for number, (name, on) in enumerate(deeds, 1):
        before, after = ("on" if name in labels else ""), ("on" if on else "")
        if before != after:
            effects.append(effect(number, f"label:{name}", before, after, number))
        labels = labels | {name} if on else labels - {name}
    now = item(60, labels=[{"name": name} for name in sorted(labels)])
    assert state_of(now, effects) == state_of(item(labels=[{"name": name} for name in sorted(start)]))


def test_items_compare_by_value() -> None:
    """A copy of an item reads the same."""
    assert state_of(replace(item())) == state_of(item())
