"""What stands above the comment of a `roundsman run` without a job."""

from bot.cli.run import headline


def test_a_comment_is_headed_by_what_its_command_is_called() -> None:
    """The library's title; a repository's own command by its name in words; a prompt has neither."""
    assert headline({"command": "issue/find-duplicates"}) == "Find duplicates"
    assert headline({"command": "house/greet-people"}) == "Greet people"
    assert headline({"prompt": "Why?"}) == "An answer to a question"
