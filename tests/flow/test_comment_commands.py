"""Comment commands: found where they are meant, nowhere else."""

from __future__ import annotations

import pytest

from bot.flow.command import Commands, CommentCommand, news, read


@pytest.mark.parametrize(
    ("body", "commands"),
    [
        ("/roundsman run triage", [("run", "triage")]),
        ("  /Roundsman   RUN   Morning triage  ", [("run", "Morning triage")]),
        ('/roundsman run "my job"', [("run", "my job")]),
        ("/roundsman run `my_job_name`", [("run", "my_job_name")]),
        ("/roundsman run my_job_name", [("run", "my_job_name")]),
        ("Please look.\n/roundsman stop\nThanks", [("stop", "")]),
        ("/roundsman", [("help", "")]),
        ("/roundsman explain\n\n/roundsman status", [("explain", ""), ("status", "")]),
        ("- item\n\n/roundsman rerun", [("rerun", "")]),
    ],
)
def test_a_command_stands_on_a_line_of_its_own(body: str, commands: list[tuple[str, str]]) -> None:
    """In any case and spacing, among other text."""
    assert [(found.verb, found.argument) for found in read(body).commands] == commands


@pytest.mark.parametrize(
    "body",
    [
        "> /roundsman run triage",
        "> quoted\n/roundsman run lazily-continued",
        "```\n/roundsman run triage\n```",
        "~~~\n/roundsman run triage",
        "    /roundsman run triage",
        "Write `/roundsman run triage` to run it",
        "`a\n/roundsman run triage\nb`",
        "<!-- \n/roundsman run triage\n-->",
        "- /roundsman run triage",
        "| /roundsman run triage |",
        "# /roundsman run triage",
        "say /roundsman run triage",
        "/roundsmanrun triage",
        "https://x.test/roundsman run",
        "<details>\n/roundsman run triage\n</details>",
    ],
)
def test_what_is_quoted_or_shown_is_no_command(body: str) -> None:
    """Quotes, code of every kind, hidden text, lists, headings and the middle of a sentence."""
    assert read(body).commands == ()


def test_an_unknown_command_names_the_nearest() -> None:
    """With what is known where nothing is near."""
    (found,) = read("/roundsman explian").commands
    assert found.fault == "there is no command `explian`; did you mean `explain`?"
    (found,) = read("/roundsman <script>alert(1)").commands
    assert "<" not in (found.fault or "")
    assert "known: run, rerun" in (found.fault or "")
    (found,) = read("/roundsman run").commands
    assert "name a job" in (found.fault or "")


def test_an_edit_acts_only_where_the_command_changed() -> None:
    """A typo mended elsewhere in the comment runs nothing again."""
    assert news("/roundsman run a\nplease", "/roundsman run a\nplaese") == Commands()
    assert news("/roundsman run b", "/roundsman run a").commands == (CommentCommand("run", "b"),)
    assert news("/roundsman run a", None).commands == (CommentCommand("run", "a"),)
    assert news("/roundsman run a\n/roundsman stop", "/roundsman run a").commands == (CommentCommand("stop"),)


def test_a_comment_of_commands_alone_is_told_from_one_that_says_more() -> None:
    """Only the former is no news about the item."""
    assert read("/roundsman status").alone
    assert not read("It also happens on Linux.\n\n/roundsman rerun").alone
    assert not read("> quoted\n\n/roundsman rerun").alone
    assert not read("hello").alone


def test_no_more_than_five_commands_act() -> None:
    """A comment is no program."""
    assert len(read("\n".join(["/roundsman status"] * 50)).commands) == 5
