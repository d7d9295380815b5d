import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app

ROOT = Path(__file__).resolve().parents[2]


def call(*arguments: str) -> tuple[int, str, str]:
    """Run the command line in this process."""
    ended = CliRunner().invoke(app, ["cron", "next", *arguments])
    return ended.exit_code, ended.stdout, ended.stderr


def test_json_is_a_list_of_instants_with_the_zones_offsets() -> None:
    """The documented form, across the spring change."""
    code, out, err = call(
        "30 2 * * *", "--tz", "Europe/Zurich", "--from", "2026-03-28T00:00:00Z", "-n", "3", "--json"
    )
    assert (code, err) == (0, "")
    assert json.loads(out) == [
        "2026-03-28T02:30:00+01:00",
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]


def test_the_whole_program_does_the_same() -> None:
    """As a process: data alone on standard output."""
    ended = subprocess.run(
        [sys.executable, "-m", "bot", "cron", "next", "@hourly", "--from", "2026-11-23T08:59", "-n", "1", "--json"],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, '["2026-11-23T09:00:00+00:00"]\n', "")


def test_from_is_the_zones_wall_clock_and_left_out_itself() -> None:
    """Without an offset it is read in the zone; a fire at that very instant is past."""
    assert json.loads(
        call("0 9 * * *", "--tz", "Asia/Tokyo", "--from", "2026-11-23T09:00", "-n", "1", "--json")[1]
    ) == ["2026-11-24T09:00:00+09:00"]


def test_without_from_it_starts_now_and_gives_five() -> None:
    """Five instants in the future."""
    fires = [datetime.fromisoformat(fire) for fire in json.loads(call("* * * * *", "--json")[1])]
    assert len(fires) == 5
    assert fires == sorted(fires)


def test_for_people_it_says_the_line_in_words() -> None:
    """Words first, then the instants."""
    _, out, _ = call("0 9 * * 1-5", "--from", "2026-11-23T08:00", "-n", "1")
    assert out.splitlines() == ["At 09:00, Monday through Friday (UTC)", "  Mon 2026-11-23T09:00:00+00:00"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["61 * * * *"], "minute '61'"),
        (["0 0 31 2 *"], "can never fire"),
        ([""], "five fields"),
        (["0 9 * * *", "--tz", "Europe/Zurih"], "did you mean 'Europe/Zurich'"),
        (["0 9 * * *", "--tz", "europe/zurich"], "did you mean 'Europe/Zurich'"),
        (["0 9 * * *", "--from", "tomorrow"], "--from is no instant"),
        (["0 9 * * *", "--from", "0001-01-01T00:00"], "--from is no instant"),
        (["0 9 * * *\x00"], "plain text"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_two(arguments: list[str], words: str) -> None:
    """What is wrong and what to do; nothing on standard output."""
    code, out, err = call(*arguments, "--json")
    assert (code, out) == (2, "")
    assert words in err
    assert err.startswith("roundsman: ")
    assert err.count("\n") == 1


def test_the_end_of_time_is_an_empty_list() -> None:
    """A calendar that has run out names nothing more."""
    assert call("0 0 29 2 *", "--from", "9999-01-01T00:00Z", "--json")[:2] == (0, "[]\n")
    assert len(json.loads(call("0 0 29 2 *", "-n", "10000", "--from", "2026-01-01", "--json")[1])) < 2000
