"""Deliveries: kept once, in order per subject, given back when a process dies."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bot.model.happening import Actor, Delivery, ItemEvent, Place
from bot.store import deliveries
from bot.store.database import Database
from bot.store.recorder import Recorder
from tests.clock import FakeClock

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def delivery(guid: str, number: int = 1, ignored: str | None = None) -> Delivery:
    """An issue opened."""
    happening = ItemEvent(
        event="issues.opened", place=Place(full_name="acme/shop"), number=number, by=Actor(login="ada")
    )
    return Delivery(
        guid=guid, event="issues", action="opened", repository="acme/shop", subject=f"acme/shop#{number}",
        happenings=() if ignored else (happening,), ignored=ignored,
    )  # fmt: skip


def test_the_same_delivery_is_kept_once(database: Database) -> None:
    """Ten times the same id is one delivery."""
    for attempt in range(10):
        new = database.write_now(deliveries.record, [delivery("guid-1"), delivery("guid-1")], NOON)
        assert new == ({"guid-1": True} if attempt == 0 else {})
    assert database.read_now(deliveries.waiting) == 1
    assert database.read_now(deliveries.known, ["guid-1", "guid-2"]) == {"guid-1"}


def test_an_ignored_delivery_is_kept_as_handled(database: Database) -> None:
    """With its reason, and nothing to do."""
    database.write_now(deliveries.record, [delivery("guid-1", ignored="we do not listen to star")], NOON)
    assert database.read_now(deliveries.waiting) == 0
    (kept,) = database.read_now(deliveries.latest)
    assert kept.outcome == "ignored: we do not listen to star"


def test_what_asks_for_nothing_is_kept_as_handled(database: Database) -> None:
    """One look decides about the whole group; the others wait."""

    def settle(_db: object, group: Sequence[Delivery], _now: datetime) -> dict[str, str]:
        return {group[0].guid: f"no job listens, of {len(group)}"}

    group = [delivery("guid-1"), delivery("guid-2", 2), delivery("guid-3", ignored="a star")]
    new = database.write_now(deliveries.record, group, NOON, settle)
    assert new == {"guid-1": False, "guid-2": True, "guid-3": False}
    assert [kept.guid for kept in database.write_now(deliveries.claim, "one", 10)] == ["guid-2"]
    assert {kept.outcome for kept in database.read_now(deliveries.latest)} == {"no job listens, of 2", "ignored: a star", None}  # fmt: skip


def test_deliveries_of_one_subject_are_worked_on_in_order_by_one_process(database: Database) -> None:
    """What another process holds keeps later ones of the same subject back; other subjects go on."""
    database.write_now(deliveries.record, [delivery("guid-1"), delivery("guid-2", 2)], NOON)
    first = database.write_now(deliveries.claim, "one", 10)
    assert [(kept.guid, len(kept.happenings)) for kept in first] == [("guid-1", 1), ("guid-2", 1)]
    database.write_now(deliveries.record, [delivery("guid-3"), delivery("guid-4", 4)], NOON)
    assert [kept.guid for kept in database.write_now(deliveries.claim, "two", 10)] == ["guid-4"]
    database.write_now(deliveries.handled, first[0].seq, "fired", NOON)
    assert [kept.guid for kept in database.write_now(deliveries.claim, "two", 10)] == ["guid-3"]


def test_what_a_dead_process_held_is_given_back(database: Database) -> None:
    """What it had handled stays handled."""
    database.write_now(deliveries.record, [delivery("guid-1"), delivery("guid-2")], NOON)
    first, _ = database.write_now(deliveries.claim, "one", 10)
    database.write_now(deliveries.handled, first.seq, "fired", NOON)
    assert database.read_now(deliveries.holders) == ["one"]
    assert database.write_now(deliveries.release, ["one"]) == 1
    assert [kept.guid for kept in database.write_now(deliveries.claim, "two", 10)] == ["guid-2"]


def test_old_deliveries_are_forgotten(database: Database) -> None:
    """Those not handled yet stay, whatever their age."""
    database.write_now(deliveries.record, [delivery("guid-1"), delivery("guid-2")], NOON)
    first, _ = database.write_now(deliveries.claim, "one", 10)
    database.write_now(deliveries.handled, first.seq, "fired", NOON)
    assert database.write_now(deliveries.purge, NOON + timedelta(days=1)) == 1
    assert database.read_now(deliveries.waiting) == 1


async def test_many_at_once_are_durable_before_they_are_answered(database: Database) -> None:
    """Two hundred senders at once share a few commits; one of a doubled pair is told that it is known."""
    woken: list[int] = []
    recorder = Recorder(database, FakeClock(), lambda: woken.append(1))
    answers = await asyncio.gather(*(recorder.keep(delivery(f"guid-{n % 199}", n)) for n in range(200)))
    assert answers.count(True) == 199
    assert database.read_now(deliveries.waiting) == 199
    assert len(woken) < 20


async def test_a_delivery_that_cannot_be_kept_harms_no_other(database: Database) -> None:
    """Its sender hears of it; those that came with it are kept."""
    recorder = Recorder(database, FakeClock())
    broken = delivery("guid-1").model_copy(update={"event": None})
    alone, *others = await asyncio.gather(
        recorder.keep(broken), *(recorder.keep(delivery(f"guid-{n}")) for n in (2, 3)), return_exceptions=True
    )
    assert isinstance(alone, Exception)
    assert others == [True, True]
    assert await recorder.keep(delivery("guid-4"))
