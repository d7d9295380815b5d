"""Schedules and filters in words: `0 9 * * 1-5` is "At 09:00, Monday through Friday"."""

import re
from functools import lru_cache
from typing import assert_never

from babel.dates import get_day_names, get_month_names
from cron_descriptor import (
    FormatException,
    MissingFieldException,
    Options,
    WrongArgumentException,
    get_description,
)

import filters
from bot.model.cron import CronError, cron_fields, parse_cron
from bot.model.duration import format_duration
from bot.model.schedule import After, At, Cron, Events, Every

LOCALES = {"en": "en_US", "tr": "tr_TR", "de": "de_DE", "fr": "fr_FR", "es": "es_ES", "it": "it_IT"}


def describe_cron(line: str, locale: str = "en", identity: str = "") -> str:
    """Say a cron line in words of a language (`en`, `tr`, `de`, `fr`, `es`, `it`; others in English).

    `identity` is the job `H` spreads by. A line that cannot be read, or that the words would not hold, is given back as it is.
    """
    try:
        parse_cron(line, identity)
        fields = cron_fields(line, identity)
    except CronError:
        return line
    if _beyond_words(fields):
        return line
    code = LOCALES.get(locale.split("-")[0].split("_")[0].lower(), "en_US")
    options = Options(locale_code=code, use_24hour_time_format=True)
    # cron-descriptor writes the last Friday 5L
    written = " ".join([*fields[:4], re.sub(r"\bL(\d)", r"\1L", fields[4])])
    try:
        return _named(str(get_description(written, options)), code)
    except (FormatException, MissingFieldException, WrongArgumentException, ValueError):
        return line


def _beyond_words(fields: tuple[str, ...]) -> bool:
    """Whether cron-descriptor would leave something out: several `#`, `L` among other days, `#` beside days of the month."""
    day, weekday = fields[2], fields[4]
    return ("#" in weekday and ("," in weekday or day != "*")) or ("L" in day and "," in day)


def describe_trigger(trigger: Cron | Every | At | Events | After, identity: str = "") -> str:
    """Say in English when a trigger fires."""
    match trigger:
        case Cron():
            return describe_cron(trigger.schedule, identity=identity)
        case Every():
            return f"Every {format_duration(trigger.every)}"
        case At():
            return f"Once, at {trigger.at:%Y-%m-%d %H:%M}"
        case Events():
            return f"When GitHub says {', '.join(trigger.events)}"
        case After():
            return f"After the job {trigger.after.job} ended as {' or '.join(trigger.after.on)}"
        case never:
            assert_never(never)


def describe_filter(query: str, target: str) -> str:
    """Say a job's filter in English, with the kind its target implies; raises filters.QueryError."""
    kind = {"issues": "is:issue ", "prs": "is:pr "}.get(target, "")
    return filters.describe(f"{kind}({query})" if " OR " in query else f"{kind}{query}")


def _named(words: str, locale: str) -> str:
    """Replace the English names of days and months cron-descriptor leaves in every language."""
    names = _names(locale)
    return re.sub(r"\b(" + "|".join(names) + r")\b", lambda found: names[found[0]], words)


@lru_cache
def _names(locale: str) -> dict[str, str]:
    days, english_days = get_day_names(locale=locale), get_day_names(locale="en_US")
    months, english_months = get_month_names(locale=locale), get_month_names(locale="en_US")
    return {english_days[n]: days[n] for n in range(7)} | {english_months[n]: months[n] for n in range(1, 13)}
