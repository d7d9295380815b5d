"""What people read on GitHub."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.flow import report
from bot.flow.report import EarlierRound, Footer, comment, duration, how_again, marker, state_note
from bot.model.outcome import Decision, Refused

KEY = b"k" * 32
AT = datetime(2026, 6, 1, 9, tzinfo=UTC)


def footer(**more: Any) -> Footer:
    """A footer of run 12."""
    given = {
        "job": "triage", "run": 12, "run_url": "https://bot.test/o/n/runs/12", "engine": "claude", "model": "sonnet",
        "duration_s": 71.0, "cost": 0.034, "again": how_again("o/n", steered=True),
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
        "- label `bug` added\n- not done (close): the job may not close items\n\n</details>\n\n---\n"
        '<sub>job <code>triage</code> · <a href="https://bot.test/o/n/runs/12">run 12</a> · claude sonnet · 1 min 11 s · $0.03 · '
        "<code>/roundsman rerun</code> to run again, <code>/roundsman ignore</code> to stop</sub>\n"
        + marker(KEY, "triage", 7)
    )


def test_the_small_print_offers_only_what_works() -> None:
    """Where no comment reaches us the terminal's command stands there; without an item, nothing; no cost, no money."""
    assert "/roundsman" not in said(footer=footer(again=how_again("o/n", steered=False)))
    assert "<code>roundsman run o/n</code>" in said(footer=footer(again=how_again("o/n", steered=False)))
    assert "again" not in said(footer=footer(again=None))
    assert "$" not in said(footer=footer(cost=None))
    assert "$" not in said(footer=footer(cost=0.0))


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
    [(0.84, "0.8 s"), (42, "42 s"), (59.9, "60 s"), (185, "3 min 5 s"), (3600, "60 min 0 s")],
)
def test_lengths_of_time(seconds: float, words: str) -> None:
    """As people say them."""
    assert duration(seconds) == words
