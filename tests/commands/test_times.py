"""Time variables read as SPEC §4 says, in the job's zone."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
import pytz

from commands.times import TIME_NAMES, time_variables


def test_every_name_has_its_form() -> None:
    """ISO instants and days, spans with `to`, English names."""
    now = dt.datetime(2026, 11, 20, 12, 30, 15, 987, tzinfo=dt.UTC)
    assert time_variables(now, dt.UTC) == {
        "NOW": "2026-11-20T12:30:15+00:00",
        "TODAY": "2026-11-20",
        "YESTERDAY": "2026-11-19",
        "LAST_7_DAYS": "2026-11-13 to 2026-11-20",
        "LAST_30_DAYS": "2026-10-21 to 2026-11-20",
        "WEEKDAY": "Friday",
        "MONTH": "November",
    }


@pytest.mark.parametrize("zone", [ZoneInfo("Pacific/Auckland"), pytz.timezone("Pacific/Auckland")])
def test_the_day_is_the_zones(zone: dt.tzinfo) -> None:
    """At noon UTC on New Year's Eve it is already January in Auckland."""
    values = time_variables(dt.datetime(2026, 12, 31, 12, tzinfo=dt.UTC), zone)
    assert (values["NOW"], values["YESTERDAY"], values["MONTH"]) == (
        "2027-01-01T01:00:00+13:00",
        "2026-12-31",
        "January",
    )
    assert set(values) == set(TIME_NAMES)


def test_days_are_of_the_calendar() -> None:
    """The day after the clocks go forward has a yesterday, not 24 hours."""
    values = time_variables(dt.datetime(2026, 3, 29, 22, 30, tzinfo=dt.UTC), ZoneInfo("Europe/Zurich"))
    assert (values["TODAY"], values["YESTERDAY"]) == ("2026-03-30", "2026-03-29")


def test_a_naive_instant_is_refused() -> None:
    """Without a zone nobody knows which day it is."""
    with pytest.raises(ValueError, match="time zone"):
        time_variables(dt.datetime(2026, 1, 1), dt.UTC)  # noqa: DTZ001
