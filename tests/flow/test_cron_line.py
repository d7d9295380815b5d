import re
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
import pytz
from croniter import croniter

from bot.flow.schedule import cron_fires
from bot.model.cron import CronError, parse_cron

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "real_crons.txt"
START = datetime(2026, 11, 23, tzinfo=UTC)


def fires(line: str, n: int = 5, identity: str = "", after: datetime = START) -> list[str]:
    """The next fires in UTC, written short."""
    return [
        f"{fire:%Y-%m-%d %H:%M}" for fire in islice(cron_fires(parse_cron(line, identity), "UTC", after), n)
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("@daily", ["2026-11-24 00:00", "2026-11-25 00:00"]),
        ("@midnight", ["2026-11-24 00:00", "2026-11-25 00:00"]),
        ("@Hourly", ["2026-11-23 01:00", "2026-11-23 02:00"]),
        ("@weekly", ["2026-11-29 00:00", "2026-12-06 00:00"]),
        ("@monthly", ["2026-12-01 00:00", "2027-01-01 00:00"]),
        ("@yearly", ["2027-01-01 00:00", "2028-01-01 00:00"]),
        ("0 9 L * *", ["2026-11-30 09:00", "2026-12-31 09:00"]),
        ("0 9 15,L 2 *", ["2027-02-15 09:00", "2027-02-28 09:00", "2028-02-15 09:00", "2028-02-29 09:00"]),
        ("0 9 * * L5", ["2026-11-27 09:00", "2026-12-25 09:00"]),
        ("0 9 * * 5L", ["2026-11-27 09:00", "2026-12-25 09:00"]),
        ("0 9 * * LFRI", ["2026-11-27 09:00", "2026-12-25 09:00"]),
        ("0 9 * * L7", ["2026-11-29 09:00", "2026-12-27 09:00"]),
        ("0 9 * * 1#2", ["2026-12-14 09:00", "2027-01-11 09:00"]),
        ("0 9 * * mon#5", ["2026-11-30 09:00", "2027-03-29 09:00"]),
        ("0 9 * 2 1#5", ["2044-02-29 09:00"]),
        ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("0 0 13 * 5", ["2026-11-27 00:00", "2026-12-04 00:00", "2026-12-11 00:00", "2026-12-13 00:00"]),
        ("0 0 1 * 1#1", ["2026-12-01 00:00", "2026-12-07 00:00", "2027-01-01 00:00", "2027-01-04 00:00"]),
        ("0 0 31 2 1", ["2027-02-01 00:00", "2027-02-08 00:00"]),
        ("0 9-9 * * *", ["2026-11-23 09:00", "2026-11-24 09:00"]),
        ("0 0 * jan-jan mon-mon", ["2027-01-04 00:00", "2027-01-11 00:00"]),
        ("0 22-1 * * *", ["2026-11-23 01:00", "2026-11-23 22:00", "2026-11-23 23:00", "2026-11-24 00:00"]),
        ("0 0 * * fri-mon", ["2026-11-27 00:00", "2026-11-28 00:00", "2026-11-29 00:00", "2026-11-30 00:00"]),
        ("0 0 * * 7", ["2026-11-29 00:00", "2026-12-06 00:00"]),
        ("0 3/8 * * *", ["2026-11-23 03:00", "2026-11-23 11:00", "2026-11-23 19:00", "2026-11-24 03:00"]),
        ("59/15 * * * *", ["2026-11-23 00:59", "2026-11-23 01:59"]),
        ("0 9 ? * 1", ["2026-11-23 09:00", "2026-11-30 09:00"]),
        ("\t0  9 * * * ", ["2026-11-23 09:00", "2026-11-24 09:00"]),
    ],
)
def test_what_a_line_names(line: str, expected: list[str]) -> None:
    """Names, L, #, wrapped ranges, steps and both day fields."""
    assert fires(line, len(expected)) == expected


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "five fields"),
        ("* * * *", "five fields, this has 4"),
        ("0 0 0 * * *", "five fields, this has 6"),
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 32 * *", "day of month"),
        ("* * 0 * *", "day of month"),
        ("* * * 13 *", "month"),
        ("* * * * 8", "day of week"),
        ("* * * * 1#6", "day of week"),
        ("* * * * L", "day of week"),
        ("* * * * LXYZ", "not known"),
        ("*/0 * * * *", "minute"),
        ("-5 * * * *", "minute"),
        ("5- * * * *", "minute"),
        ("1,,2 * * * *", "minute"),
        ("a b c d e", "minute"),
        ("0 0 31 2 *", "never fire"),
        ("0 0 30 feb *", "never fire"),
        ("0 0 31 4,6,9,11 *", "never fire"),
        ("@reboot", "unknown name"),
        ("@every 4h", "unknown name"),
        ("CRON_TZ=UTC 0 0 * * *", "zone"),
        ("0 0 15W * *", "W and R"),
        ("R 0 * * *", "W and R"),
        ("H(9-3) * * * *", "out of range"),
        ("H(0-99) * * * *", "out of range"),
        ("H/0 * * * *", "a step is"),
        ("0 9 * * *\n0 10 * * *", "plain text"),
        ("0 9 * * *\0", "plain text"),
        ("０ 9 * * *", "plain text"),
        ("0\u00a09 * * *", "plain text"),
        ("9" * 190 + " * * * *", "minute"),
    ],
)
def test_what_is_no_line(line: str, words: str) -> None:
    """The fault names the field and says what to do."""
    with pytest.raises(CronError) as caught:
        parse_cron(line)
    assert words in caught.value.message
    assert caught.value.hint


def test_h_is_a_stable_spread() -> None:
    """The same job keeps its minute; many jobs share the hour out."""
    minutes = [parse_cron("H 3 * * *", f"acme/shop:job {n}").times[0].minute for n in range(600)]
    assert parse_cron("H 3 * * *", "acme/shop:job 7").times[0].minute == minutes[7]
    assert len(set(minutes)) == 60
    assert max(minutes.count(minute) for minute in range(60)) < 30


def test_h_keeps_to_its_range_and_step() -> None:
    """`H(9-17)` stays within, `H/15` fires every quarter, a day by H exists in every month."""
    for n in range(200):
        assert 9 <= parse_cron("0 H(9-17) * * *", str(n)).times[0].hour <= 17
        quarter = [at.minute for at in parse_cron("H/15 3 * * *", str(n)).times]
        assert len(quarter) == 4
        assert {minute - quarter[0] for minute in quarter} == {0, 15, 30, 45}
        [day] = parse_cron("0 0 H * *", str(n)).days or ()
        assert 1 <= day <= 28


def _croniter_fires(line: str, n: int) -> list[str]:
    clock = croniter(line, START)
    return [f"{clock.get_next(datetime):%Y-%m-%d %H:%M}" for _ in range(n)]


@pytest.mark.skipif(not REAL.exists(), reason="the shared data is not beside this checkout")
def test_real_schedules_fire_as_croniter_says_where_no_clock_is_set() -> None:
    """Every cron line people really use is understood, and in UTC agrees with the library."""
    rows = [row.split("\t") for row in REAL.read_text().splitlines() if row and not row.startswith("#")]
    lines = {
        row[0]
        for row in rows
        if len(row[0].split()) == 5 and row[0][0] in "0123456789*" and " every" not in row[0]
    }
    assert len(lines) > 250
    never = {"0 0 30 2 *", "0 0 31 2 *"}  # written by people who mean "never"; we refuse it
    assert fires("17 23-23/24 * * *", 1) == ["2026-11-23 23:17"]
    misread = {
        line for line in lines if re.search(r"\b(\d+)-\1/", line)
    }  # croniter takes 23-23 for all hours
    for line in sorted(lines - never - misread):
        assert fires(line, 20) == _croniter_fires(line, 20), line
    for row in rows:
        assert row[1] == "-" or row[1] in pytz.all_timezones_set
