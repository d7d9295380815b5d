"""What an item looked like to people: our own effects are looked through, nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.flow.seen import changed, state_of
from bot.model.item import Item
from bot.model.run import Effect

NINE = datetime(2026, 6, 1, 9, tzinfo=UTC)


def item(*labels: str, comments: int = 0, at: datetime = NINE) -> Item:
    """An issue as GitHub shows it."""
    return Item.of(
        {"number": 1, "title": "Crash", "body": "", "state": "open", "labels": [{"name": name} for name in labels], "comments": comments,
         "html_url": "", "updated_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "created_at": "2026-05-01T00:00:00Z", "user": {"login": "ada"}}
    )  # fmt: skip


def label_of_ours(at: datetime, **more: Any) -> Effect:
    """We put `bug` on at this time."""
    given = {"before": "", "after": "on", "done": True} | more
    return Effect(
        id=7,
        key="k",
        job_id=1,
        repository_id=1,
        number=1,
        kind="labels.add",
        facet="label:bug",
        at=at,
        **given,
    )


def test_our_label_is_no_news_even_when_github_answered_a_second_later() -> None:
    """The answer's clock may be past the item's `updated_at`; the value we left tells that the payload carries it."""
    for late in (0, 1, 30):
        ours = [label_of_ours(NINE + timedelta(seconds=late))]
        assert not changed(state_of(item()), state_of(item("bug"), ours))


def test_a_payload_from_before_our_label_is_read_as_it_is() -> None:
    """The list was fetched, then we wrote: the old payload is not taken for somebody's removal."""
    ours = [label_of_ours(NINE + timedelta(minutes=1))]
    assert not changed(state_of(item()), state_of(item(), ours))


def test_a_label_taken_off_by_a_person_is_news() -> None:
    """The payload is newer than our label, and the label is gone."""
    ours = [label_of_ours(NINE)]
    assert changed(state_of(item()), state_of(item(at=NINE + timedelta(minutes=1)), ours))


def test_a_label_we_meant_to_put_on_and_did_not_is_the_person_s() -> None:
    """An effect that was never done explains nothing."""
    assert changed(state_of(item()), state_of(item("bug"), [label_of_ours(NINE, done=False)]))
