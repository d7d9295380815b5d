"""The time variables every template knows, in the job's time zone."""

from datetime import date, datetime, timedelta, tzinfo

TIME_NAMES = ("NOW", "TODAY", "YESTERDAY", "LAST_7_DAYS", "LAST_30_DAYS", "WEEKDAY", "MONTH")

# Not strftime: its names follow the process's locale.
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def time_variables(now: datetime, zone: tzinfo) -> dict[str, str]:
    """`NOW TODAY YESTERDAY LAST_7_DAYS LAST_30_DAYS WEEKDAY MONTH` at the aware instant `now`, as seen in `zone`."""
    if now.tzinfo is None:
        raise ValueError("time variables need an instant with a time zone")
    local = now.astimezone(zone)
    today = local.date()
    return {
        "NOW": local.replace(microsecond=0).isoformat(),
        "TODAY": today.isoformat(),
        "YESTERDAY": (today - timedelta(days=1)).isoformat(),
        "LAST_7_DAYS": _span(today, 7),
        "LAST_30_DAYS": _span(today, 30),
        "WEEKDAY": _WEEKDAYS[today.weekday()],
        "MONTH": _MONTHS[today.month - 1],
    }


def _span(today: date, days: int) -> str:
    return f"{(today - timedelta(days=days)).isoformat()} to {today.isoformat()}"
