from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from bot.model.condition import holds
from bot.model.duration import format_duration, parse_duration
from bot.model.job import AfterTime, JobSpec
from bot.model.schedule import After, Cron, Events

MORNING: dict[str, Any] = {
    "description": "Root-cause every untriaged issue before stand-up",
    "on": {"schedule": "0 9 * * 1-5"},
    "target": "issues",
    "filter": "is:open label:needs-triage -label:wontfix -author:app/dependabot",
    "command": "issue/root-cause",
    "variables": {"team": "core"},
    "context": [{"github": "comments"}, {"file": "CONTRIBUTING.md"}],
    "max_items": 10,
    "again": "on-update",
    "may": {"comment": 1, "labels": ["bug", "needs-info", "duplicate"], "close": False},
    "report": "sticky",
    "limits": {
        "timeout": "15m",
        "retries": 3,
        "concurrency": 3,
        "budget": {"session": 1, "run": 5, "day": 20},
    },
    "overlap": "skip",
    "catch_up": {"mode": "latest", "window": "1h"},
    "jitter": "5m",
    "priority": "normal",
    "session": "new",
    "when": 'items > 0 and weekday != "Sat"',
    "gate": {"skip_if": {"filter": "is:pr is:open author:@me", "more_than": 9}},
    "expires": "2027-06-30",
    "notify": [{"to": "slack", "on": ["failed", "partial"]}],
    "status": "active",
}


def made(**keys: Any) -> JobSpec:
    """A small job with these keys."""
    return JobSpec.model_validate({"on": {"schedule": "@daily"}, "prompt": "Look."} | keys)


def faults(**keys: Any) -> list[tuple[str, str, str]]:
    """The faults of a job as (where, message, hint)."""
    given = {
        key: value
        for key, value in ({"on": {"schedule": "@daily"}, "prompt": "Look."} | keys).items()
        if value is not ...
    }
    with pytest.raises(ValidationError) as caught:
        JobSpec.model_validate(given)
    return [
        (".".join(str(part) for part in fault["loc"]), fault["msg"], fault.get("ctx", {}).get("hint", ""))
        for fault in caught.value.errors()
    ]


def test_the_example_of_the_contract_is_a_job() -> None:
    """Every key of the contract's example is understood."""
    spec = JobSpec.model_validate(MORNING)
    assert spec.on == (Cron(schedule="0 9 * * 1-5"),)
    assert spec.limits.timeout == timedelta(minutes=15)
    assert spec.expires == date(2027, 6, 30)
    assert spec.gate is not None
    assert spec.gate.skip_if.more_than == 9


@pytest.mark.parametrize("unset", [False, True])
def test_a_job_survives_its_row(unset: bool) -> None:
    """What is stored as JSON comes back equal, whole or with only what was written."""
    spec = JobSpec.model_validate(MORNING)
    assert JobSpec.model_validate_json(spec.model_dump_json(exclude_unset=unset)) == spec


def test_defaults_are_those_of_the_table() -> None:
    """A job of two keys has the contract's defaults."""
    spec = made()
    assert (spec.timezone, spec.target, spec.query, spec.max_items) == ("UTC", "issues", "is:open", 10)
    assert (spec.again_rule, spec.report, spec.overlap, spec.priority) == (
        "on-update",
        "sticky",
        "skip",
        "normal",
    )
    assert (spec.catch_up.mode, spec.catch_up.window, spec.jitter) == (
        "latest",
        timedelta(hours=1),
        timedelta(),
    )
    assert (spec.session, spec.status, spec.notify) == ("new", "active", ())
    assert (spec.limits.timeout, spec.limits.retries, spec.limits.attempts) == (timedelta(minutes=5), 3, 3)
    assert (spec.limits.concurrency, spec.limits.give_up) == (3, 5)
    assert spec.limits.budget.model_dump() == {"session": 1.0, "run": 5.0, "day": 20.0}


@pytest.mark.parametrize(
    ("target", "rule", "query"),
    [
        ("issues", "on-update", "is:open"),
        ("prs", "on-push", "is:open"),
        ("codebase", "always", None),
        ("custom", "always", None),
    ],
)
def test_again_and_filter_follow_the_target(target: str, rule: str, query: str | None) -> None:
    """When an item is worked on again depends on what it is, unless said."""
    assert made(target=target).again_rule == rule
    assert made(target=target).query == query
    assert made(target=target, again={"after": "7d"}).again_rule == AfterTime(after=timedelta(days=7))


def test_triggers_come_alone_or_in_a_list() -> None:
    """One trigger needs no list, several do."""
    spec = made(on=[{"every": "4h"}, {"events": ["issues.opened"]}, {"after": "other job"}])
    assert [type(trigger).__name__ for trigger in spec.on] == ["Every", "Events", "After"]
    assert spec.on[2] == After.model_validate({"after": {"job": "other job", "on": ["completed"]}})
    assert made(on={"events": ["issues.opened"], "bots": ["renovate[bot]"]}).on == (
        Events(events=("issues.opened",), bots=("renovate[bot]",)),
    )


@pytest.mark.parametrize(
    ("keys", "where", "words"),
    [
        ({"on": ...}, "on", "required"),
        ({"on": []}, "on", "at least 1"),
        ({"on": "daily"}, "on.0", "exactly one of"),
        ({"on": {"every": "4h", "at": "2026-12-01T09:00"}}, "on.0", "exactly one of"),
        ({"on": {"every": "90s"}}, "on.0.every.every", "whole minutes"),
        ({"on": {"every": 15}}, "on.0.every.every", "without a unit"),
        ({"on": {"every": "0m"}}, "on.0.every.every", "nothing"),
        ({"on": {"at": 1764579600}}, "on.0.at.at", "not an instant"),
        ({"on": {"at": "2026-12-01"}}, "on.0.at.at", "not an instant"),
        ({"on": {"at": "2026-13-01T09:00"}}, "on.0.at.at", "datetime"),
        ({"on": {"events": ["issue.opened"]}}, "on.0.events.events.0", "'issues.opened'"),
        ({"on": {"events": ["issues.opened"]}, "target": "codebase"}, "on", "has none"),
        ({"on": {"events": ["pull_request.opened"]}}, "on", "never names"),
        ({"on": {"after": "-x"}}, "on.0.after.after.job", "not a name"),
        ({"timezone": "Europe/Zurih"}, "timezone", "unknown time zone"),
        ({"timezone": "CRST"}, "timezone", "unknown time zone"),
        ({"prompt": ...}, "", "needs a command or a prompt"),
        ({"command": "issue/root-cause"}, "prompt", "not both"),
        ({"prompt": ""}, "prompt", "at least 1"),
        ({"prompt": "  "}, "prompt", "blank"),
        ({"prompt": "x" * 5001}, "prompt", "at most 5000"),
        ({"command": "../secrets", "prompt": ...}, "command", "pattern"),
        ({"description": "x" * 1001}, "description", "at most 1000"),
        ({"filter": "is:open", "target": "codebase"}, "filter", "no items to filter"),
        ({"filter": "is:open", "target": "custom"}, "filter", "no items to filter"),
        ({"filter": " "}, "filter", "blank"),
        ({"max_items": 0}, "max_items", "greater than or equal to 1"),
        ({"max_items": 51}, "max_items", "less than or equal to 50"),
        ({"max_items": True}, "max_items", "integer"),
        ({"max_items": "10"}, "max_items", "integer"),
        ({"again": "on-push"}, "again", "pushes"),
        ({"again": "on-update", "target": "custom"}, "again", "updated"),
        ({"again": {"after": 7}}, "again.part.after", "without a unit"),
        ({"report": "review"}, "report", "pull requests"),
        ({"report": {"issue": 7}}, "report", "the item itself"),
        ({"report": {"issue": 0}, "target": "custom"}, "report.part.issue", "greater than"),
        ({"limits": {"timeout": "29s"}}, "limits.timeout", "out of bounds"),
        ({"limits": {"timeout": "7h"}}, "limits.timeout", "out of bounds"),
        ({"limits": {"timeout": 300}}, "limits.timeout", "without a unit"),
        ({"limits": {"retries": 11}}, "limits.retries", "less than or equal to 10"),
        ({"limits": {"idle": "10m"}}, "limits", "longer than"),
        ({"limits": {"budget": {"session": 6}}}, "limits.budget", "more than budget.run"),
        ({"limits": {"budget": {"session": 0}}}, "limits.budget.session", "greater than 0"),
        ({"limits": {"budget": {"session": float("nan")}}}, "limits.budget.session", "greater than 0"),
        ({"limits": {"budget": {"day": True}}}, "limits.budget.day", "not an amount"),
        ({"overlap": "drop"}, "overlap", "'skip'"),
        ({"catch_up": "some"}, "catch_up.mode", "'none'"),
        ({"jitter": "5"}, "jitter", "without a unit"),
        ({"jitter": "1h", "on": {"every": "1h"}}, "jitter", "not less"),
        ({"when": "items >"}, "when", "breaks off"),
        ({"expires": "someday"}, "expires", "not a day"),
        ({"expires": 20270630}, "expires", "not a day"),
        ({"notify": [{"to": "slack", "on": ["sneezed"]}]}, "notify.0.on.0", "'completed'"),
        ({"notify": [{"on": ["failed"]}]}, "notify.0.to", "required"),
        ({"status": "on"}, "status", "'active'"),
        ({"context": [{"github": "secrets"}]}, "context.0.github.github", "'comments'"),
        ({"context": [{"file": "../../etc/passwd"}]}, "context.0.file.file", "inside the repository"),
        ({"context": [{"file": "/etc/passwd"}]}, "context.0.file.file", "inside the repository"),
        ({"context": [{"http": "file:///etc/passwd"}]}, "context.0.http.http", "not a web address"),
        ({"context": [{"http": "https://me:pw@host/"}]}, "context.0.http.http", "password"),
        ({"context": [{"ftp": "x"}]}, "context.0", "exactly one of"),
        ({"context": [{"database": "main"}]}, "context.0.database.query", "required"),
        ({"variables": {"item": "x"}}, "variables", "Roundsman's own"),
        ({"variables": {"a b": "x"}}, "variables", "not a name"),
        ({"variables": {"a": [1]}}, "variables", "single value"),
        ({"agent": {"engine": "gpt"}}, "agent.engine", "'claude'"),
        ({"agent": {"model": "--dangerous"}}, "agent.model", "pattern"),
        ({"agent": {"max_turns": 0}}, "agent.max_turns", "greater than"),
        ({"max_item": 3}, "max_item", "not permitted"),
        ({"limits": {"timeot": "5m"}}, "limits.timeot", "not permitted"),
        ({"gate": {"skip_if": {"more_than": 1}}}, "gate.skip_if.filter", "required"),
    ],
)
def test_a_job_refuses(keys: dict[str, Any], where: str, words: str) -> None:
    """Each key has its bounds, and the fault names the key."""
    found = faults(**keys)
    assert [place for place, _, _ in found] == [where], found
    assert words in found[0][1], found


def test_faults_of_keys_and_between_keys_come_together() -> None:
    """Who mends a job hears of everything at once, but not of what follows from another fault."""
    found = faults(target="codebase", filter="is:open", command="a b", max_items=99, lable=1)
    assert {place for place, _, _ in found} == {"filter", "command", "max_items", "lable"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("4h", 14_400),
        ("7d", 604_800),
        ("2w", 1_209_600),
        ("1h30m", 5_400),
        ("0s", 0),
        ("0", 0),
    ],
)
def test_lengths_of_time(text: str, seconds: int) -> None:
    """A number and a unit, or several in falling order."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("seconds", [0, 1, 59, 60, 90, 3_600, 5_400, 86_400, 604_800, 1_209_600, 777_777])
def test_a_length_of_time_is_written_as_it_is_read(seconds: int) -> None:
    """Writing and reading again changes nothing."""
    length = timedelta(seconds=seconds)
    assert parse_duration(format_duration(length)) == length


@pytest.mark.parametrize(
    "text", ["", "15", "m", "1.5h", "-5m", "5 m", "30m1h", "5min", "٣m", None, True, 7, [], "9" * 99 + "d"]
)
def test_what_is_no_length_of_time(text: Any) -> None:
    """Without a unit, out of order or in other words it is refused."""
    assert faults(jitter=text)


@pytest.mark.parametrize(
    ("text", "values", "answer"),
    [
        ('items > 0 and weekday != "Sat"', {"items": 2, "weekday": "Mon"}, True),
        ('items > 0 and weekday != "Sat"', {"items": 2, "weekday": "Sat"}, False),
        ('weekday in ("Sat", "Sun")', {"weekday": "Sun"}, True),
        ('weekday not in ["Sat", "Sun"]', {"weekday": "Sun"}, False),
        ("9 <= hour < 17", {"hour": 9}, True),
        ("9 <= hour < 17", {"hour": 17}, False),
        ("day % 2 == 0 or not (month > 6)", {"day": 3, "month": 7}, False),
        ('last.status == "failed"', {"last.status": "failed"}, True),
        ("items % day == 0", {"items": 5, "day": 0}, True),
        ("items > -1", {"items": 0}, True),
    ],
)
def test_a_condition_holds_or_not(text: str, values: dict[str, Any], answer: bool) -> None:
    """Comparisons, and, or, not, in, and a little counting."""
    assert made(when=text).when == text
    assert holds(text, values) is answer


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("itms > 0", "did you mean 'items'"),
        ("items", "yes or no"),
        ('weekday == "Saturday"', "never 'Saturday'"),
        ('weekday > "Mon"', "not larger"),
        ('items == "3"', "cannot be compared"),
        ("items > 0 and day", "not a yes or no"),
        ("__import__('os').system('true')", "may not: Call"),
        ("().__class__ == 1", "unknown name"),
        ("[x for x in (1,)] == 1", "may not"),
        ("(lambda: 1)() == 1", "may not"),
        ("items ** 99999999 > 1", "may not"),
        ("'a' * 99999999 == 'a'", "may not"),
        ("items is 3", "`is`"),
        ("items in weekday", "followed by a list"),
        ("items > 0; items < 9", "misspelt"),
        ("items > 0\x00", "condition"),
        ("(" * 300 + "items" + ")" * 99, "condition"),
        ("not " * 120 + "items > 0 and x", "unknown name"),
    ],
)
def test_a_condition_is_refused(text: str, words: str) -> None:
    """Anything that is not the small grammar, misspelt, or could never hold."""
    [(where, message, hint)] = faults(when=text)
    assert where == "when"
    assert words in message + hint
