"""What people read on GitHub."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.flow import report
from bot.flow.report import (
    EarlierRound,
    Footer,
    check_title,
    comment,
    duration,
    formal,
    headline,
    how_again,
    marker,
    origin,
    state_note,
)  # fmt: skip
from bot.model.outcome import Decision, Refused

KEY = b"k" * 32
AT = datetime(2026, 6, 1, 9, tzinfo=UTC)


def footer(**more: Any) -> Footer:
    """A footer of run 12."""
    given = {
        "job": "triage", "run": 12, "run_url": "https://bot.test/o/n/runs/12", "engine": "claude", "model": "sonnet",
        "duration_s": 71.0, "cost": 0.034, "again": how_again(31, steered=True),
    }  # fmt: skip
    return Footer(**{**given, **more})


def said(text: str = "It is the zone.", **more: Any) -> str:
    """A comment that says this."""
    given: dict[str, Any] = {
        "decision": Decision(),
        "done": (),
        "footer": footer(),
        "hidden": (marker(KEY, "triage", 7),),
    }
    return comment("Root-cause", text, **(given | more))


def test_a_comment_reads_from_headline_to_small_print() -> None:
    """Headline, summary, what was done and refused folded, job, run, model, time, money, how to run again; then the mark."""
    done = ("label `bug` added",)
    refused = Decision(refused=(Refused(kind="close", reason="the job may not close items"),))
    assert said(done=done, decision=refused) == (
        "### Root-cause\n\nIt is the zone.\n\n"
        "<details><summary>Actions: 1 done, 1 refused</summary>\n\n"
        "- Label `bug` added\n- Not done: closing, because the job may not close items\n\n</details>\n\n---\n"
        '<sub>job <code>triage</code> · <a href="https://bot.test/o/n/runs/12">run 12</a> · claude sonnet · 1 min 11 s · $0.03 · '
        "<code>/roundsman rerun</code> to run again, <code>/roundsman ignore</code> to stop</sub>\n"
        + marker(KEY, "triage", 7)
    )


def test_the_small_print_offers_only_what_works() -> None:
    """Where no comment reaches us the terminal's command stands there; without an item, nothing; no cost, no money."""
    assert "/roundsman" not in said(footer=footer(again=how_again(31, steered=False)))
    assert "<code>roundsman sessions rerun 31</code>" in said(
        footer=footer(again=how_again(31, steered=False))
    )
    assert "again" not in said(footer=footer(again=None))
    assert "$" not in said(footer=footer(cost=None))
    assert "$" not in said(footer=footer(cost=0.0))


def test_one_deed_is_told_without_folding_and_a_refusal_alone_counts_no_deed() -> None:
    """What a person wants to know at once is not hidden; nothing says "0 done"."""
    assert "\n\nLabel `bug` added.\n\n---\n" in said(done=("label `bug` added",))
    alone = said(
        decision=Decision(refused=(Refused(kind="labels.add", reason="the job may not add labels"),))
    )
    assert "<summary>Actions: 1 refused</summary>" in alone
    assert "- Not done: adding labels, because the job may not add labels" in alone


def test_the_headline_is_short() -> None:
    """A job's description where it is one, else its name in words."""
    assert headline("Is this issue\n here already?", "dup") == "Is this issue here already?"
    assert headline("word " * 40, "morning-triage") == headline(None, "morning-triage") == "Morning triage"


def test_a_review_and_a_check_run_have_the_small_print_too() -> None:
    """Whose they are, what they cost, and what was refused; a check run's title shows no Markdown."""
    refused = Decision(refused=(Refused(kind="close", reason="the job may not close items"),))
    told = formal("## All is well\n\nReally.", refused, (), footer())
    assert told.startswith("## All is well\n\nReally.\n\n<details><summary>Actions: 1 refused")
    assert told.endswith("to stop</sub>")
    assert "run 12</a> · claude sonnet" in told
    assert (
        check_title("\n## **All** is [well](https://x.test) in `cart_total`\n\nReally.")
        == "All is well in cart_total"
    )
    assert check_title("  ") == "Looked at"


def test_no_link_leads_to_an_address_nobody_can_follow() -> None:
    """Without an address of the service, the run is named and not linked."""
    told = said(footer=footer(run_url="/o/n/runs/12"))
    assert "<a " not in told
    assert "· run 12 ·" in told
    assert "<a " not in origin("triage", "/o/n/sessions/3", 7)


def test_earlier_rounds_fold_away_newest_first() -> None:
    """No more than five of them, and only whole ones that fit."""
    rounds = [EarlierRound(AT, 11 - place, f"Round {11 - place}.") for place in range(7)]
    told = said(earlier=rounds)
    assert "<summary>Earlier rounds (5)</summary>" in told
    assert told.index("**Run 11** · 2026-06-01 09:00 UTC\n\nRound 11.") < told.index("Round 10.")
    assert "Round 6." not in told
    fat = [EarlierRound(AT, 11, "x" * 60_000), EarlierRound(AT, 10, "Small.")]
    assert "Earlier rounds" not in said(earlier=fat)


@pytest.mark.parametrize("text", ["words " * 30_000, "```python\n" + "x = 1\n" * 30_000])
def test_a_long_text_is_cut_inside_github_s_limit(text: str) -> None:
    """Its code block is closed, the cut is said, small print and mark stay whole."""
    told = said(text, earlier=[EarlierRound(AT, 11, "Before.")])
    assert len(told) <= report.MOST
    assert "*… cut here; the run's page has the rest.*" in told
    assert told.count("```") % 2 == 0
    assert told.endswith(marker(KEY, "triage", 7))


@pytest.mark.parametrize("name", ["triage -->", "a--b", "x --> <script>"])
def test_a_job_s_name_cannot_end_the_mark(name: str) -> None:
    """What hides stays hidden, and no tag comes out of a name."""
    for hidden in (marker(KEY, name, 7), state_note(KEY, name, 7, 1, "abc", "def")):
        assert hidden.startswith("<!-- ")
        assert hidden.index("-->") == len(hidden) - 3
    assert "<script>" not in said(footer=footer(job=name))


def test_marks_differ_by_key_job_item_and_session() -> None:
    """Nobody without the key makes one, and one made for an item is none for another."""
    marks = {
        marker(KEY, "a", 1), marker(KEY, "a", 2), marker(KEY, "b", 1), marker(KEY, "a", 1, 3), marker(b"z" * 32, "a", 1),
    }  # fmt: skip
    assert len(marks) == 5


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.84, "0.8 s"), (42, "42 s"), (59.9, "60 s"), (185, "3 min 5 s"), (3600, "1 h 0 min")],
)
def test_lengths_of_time(seconds: float, words: str) -> None:
    """As people say them."""
    assert duration(seconds) == words
