"""Money is set aside before it is spent: threads cannot overspend a cap, what is reserved makes wait, what is spent refuses."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

from sqlmodel import select

from bot.store.budget import Reserved, Scope, open_attempts, reserve, reserved_for, settle, spent
from bot.store.database import Database
from bot.store.tables import Budgets

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
THREADS = 16
DAY = Scope("job 1 2026-06-01", "job triage on 2026-06-01", 5.0, "2026-06-01")


def scopes(run: int, cap: float = 5.0) -> list[Scope]:
    """A run's own cap, then the day's that all share: the fixed order."""
    return [Scope(f"run {run}", f"run {run}", cap), DAY]


def state(database: Database, name: str) -> tuple[float, float]:
    """What is reserved and settled in a scope."""
    row = database.read_now(lambda db: db.exec(select(Budgets).where(Budgets.scope == name)).one())
    return round(row.reserved, 6), round(row.settled, 6)


def test_sixteen_threads_cannot_overspend_a_cap(database: Database) -> None:
    """Five of sixteen get their dollar at once, in every scope or in none; the others wait for those."""
    gate = Barrier(THREADS)

    def ask(number: int) -> Reserved:
        gate.wait()
        return database.write_now(reserve, f"s{number}-1", scopes(number), 1.0, NOW)

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(ask, range(THREADS)))
    assert Counter(a.answer for a in answers) == {"yes": 5, "wait": 11}
    assert state(database, DAY.name) == (5.0, 0.0)
    for number, answer in enumerate(answers):
        held = database.read_now(reserved_for, f"s{number}-1")
        assert held == (1.0 if answer.answer == "yes" else None)


def test_sixteen_threads_that_spend_and_come_again_stay_under_the_cap(database: Database) -> None:
    """However reservations and settlements interleave, what is spent never passes the cap, and it is used up."""
    gate = Barrier(THREADS)

    def work(number: int) -> float:
        gate.wait()
        paid = 0.0
        for attempt in range(4):
            key = f"s{number}-{attempt}"
            if database.write_now(reserve, key, scopes(number), 0.5, NOW).answer == "yes":
                database.write_now(settle, key, 0.25)
                database.write_now(settle, key, 0.25)
                paid += 0.25
        return paid

    with ThreadPoolExecutor(THREADS) as pool:
        paid = sum(pool.map(work, range(THREADS)))
    reserved, settled = state(database, DAY.name)
    assert (reserved, settled) == (0.0, round(paid, 6))
    assert settled <= DAY.cap
    assert database.read_now(open_attempts) == []


def test_reserved_money_makes_wait_and_spent_money_refuses(database: Database) -> None:
    """Others may cost less than they set aside; what is gone is gone, and the words say whose budget it was."""
    first = database.write_now(reserve, "a-1", scopes(1), 4.5, NOW)
    assert (first.answer, first.amount) == ("yes", 4.5)
    assert database.write_now(reserve, "a-1", scopes(1), 4.5, NOW).answer == "yes"
    waits = database.write_now(reserve, "b-1", scopes(2), 1.0, NOW)
    assert waits.answer == "wait"
    assert "others have reserved in the budget of job triage" in waits.words
    database.write_now(settle, "a-1", 1.0)
    assert database.write_now(reserve, "b-1", scopes(2), 1.0, NOW).answer == "yes"
    database.write_now(settle, "b-1", 3.5)
    refused = database.write_now(reserve, "c-1", scopes(3), 1.0, NOW)
    assert refused.answer == "refused"
    assert "the budget of job triage on 2026-06-01 is $5: $4.50 is spent" in refused.words
    assert database.read_now(spent, "run 3") == 0.0


def test_an_attempt_that_cannot_have_all_has_nothing(database: Database) -> None:
    """The first scope gives back what the second refuses."""
    database.write_now(reserve, "a-1", scopes(1), 4.5, NOW)
    assert database.write_now(reserve, "b-1", scopes(2), 1.0, NOW).answer == "wait"
    assert database.read_now(reserved_for, "b-1") is None
    assert (
        database.read_now(lambda db: db.exec(select(Budgets).where(Budgets.scope == "run 2")).first()) is None
    )
