import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from typer.testing import CliRunner

from bot.cli import app
from bot.flow.ceilings import Ceilings
from bot.flow.config import Configuration, Source, read_configuration, read_repositories
from bot.flow.document import UnreadableError, read_document
from bot.flow.review import Surroundings
from bot.flow.schema import file_schema, reference
from bot.flow.tree import plain
from bot.model.job import JobSpec
from commands.catalog import Catalog

MAIN = ".github/roundsman.yml"
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
OWN = Catalog(
    {
        "issue/look": "---\ntitle: Look\ntarget: issues\ninputs:\n  team: {description: Who, required: true}\n---\nLook, {{ variables.team }}."
    }
)

EXAMPLE = """\
version: 1
defaults:
  timezone: Europe/Zurich
  agent: {engine: claude, model: sonnet, max_turns: 30, permission_mode: acceptEdits, allowed_tools: [Read, Grep, Bash]}
  limits: {budget: {day: 20}}
jobs:
  morning-triage:
    description: Root-cause every untriaged issue before stand-up
    on: {schedule: "0 9 * * 1-5"}
    target: issues
    filter: 'is:open label:needs-triage -label:wontfix -author:app/dependabot'
    command: issue/look
    variables: {team: core}
    context: [{github: comments}, {file: CONTRIBUTING.md}]
    max_items: 10
    again: on-update
    may: {comment: 1, labels: [bug, needs-info, duplicate], close: false}
    report: sticky
    limits: {timeout: 15m, retries: 3, concurrency: 3, budget: {session: 1, run: 5, day: 20}}
    overlap: skip
    catch_up: {mode: latest, window: 1h}
    jitter: 5m
    priority: normal
    session: new
    when: 'items > 0 and weekday != "Sat"'
    gate: {skip_if: {filter: 'is:pr is:open author:@me', more_than: 9}}
    expires: 2027-06-30
    notify: [{to: slack, on: [failed, partial]}]
    status: active
"""


def read(text: str | bytes, *more: Source, organisation: str | None = None, **around: Any) -> Configuration:
    """Read a main file (and more) as the repository acme/shop on a Monday morning."""
    given = Surroundings(**({"now": NOW, "repository": "acme/shop", "catalog": OWN} | around))
    above = Source("acme/.github:roundsman.yml", organisation) if organisation else None
    return read_configuration([Source(MAIN, text), *more], given, above)


def job(keys: str, **around: Any) -> list[str]:
    """The faults of one job that is sound but for these lines, as `line:column where: message; hint`."""
    lines = "".join(f"    {line}\n" for line in keys.strip("\n").split("\n"))
    text = f"jobs:\n  one:\n{lines}"
    if not re.search(r"^on:", keys, re.M):
        text += "    on: {every: 4h}\n"
    if not re.search(r"^(prompt|command):", keys, re.M):
        text += "    prompt: Look.\n"
    found = read(text, **around)
    return [str(fault).removeprefix(f"{MAIN}:") for fault in (*found.faults, *found.warnings)]


def test_the_example_of_the_contract_is_sound() -> None:
    """It gives one job, with its defaults, and nothing to complain of."""
    found = read(EXAMPLE)
    assert (found.faults, found.warnings) == ((), ())
    [only] = found.jobs
    assert (only.name, only.path, only.line) == ("morning-triage", MAIN, 7)
    assert (only.spec.timezone, only.spec.agent.model, only.spec.limits.budget.day) == (
        "Europe/Zurich",
        "sonnet",
        20,
    )


def test_every_command_of_the_library_makes_a_job() -> None:
    """What we ship can be used as it is, on the target it is for."""
    library = Catalog()
    jobs = [
        f"  j{n}: {{on: {{every: 4h}}, target: {command.target}, command: {command.name}}}\n"
        for n, command in enumerate(library.commands())
    ]
    found = read("jobs:\n" + "".join(jobs), catalog=library)
    assert found.faults == ()
    assert len(found.jobs) >= 14


def test_yaml_of_today_not_of_2005() -> None:
    """`on` is a key, `no` a word, `12:30` a time, `1.10` a version, `007` an agent."""
    [only] = read(
        "jobs:\n  no:\n    on: {every: 4h}\n    prompt: Look at {{ variables.a }}.\n"
        "    variables: {a: no, b: 12:30, c: 1.10, d: 007, e: 1.5, f: 12, g: true, h: 'true', i: 0x1F, j: 2027-06-30, k: 1e3}\n"
    ).jobs
    assert only.name == "no"
    assert only.spec.variables == {
        "a": "no", "b": "12:30", "c": "1.10", "d": "007", "e": 1.5, "f": 12, "g": True, "h": "true", "i": "0x1F",
        "j": "2027-06-30", "k": "1e3",
    }  # fmt: skip


def test_defaults_lie_in_layers() -> None:
    """The organisation's below the main file's, below the file's own, below the job's; maps of limits key by key."""
    organisation = (
        "defaults:\n  timezone: Asia/Tokyo\n  max_items: 3\n  limits: {retries: 1, budget: {day: 9}}\n"
    )
    main = "defaults:\n  timezone: Europe/Zurich\n  limits: {budget: {run: 4}}\njobs:\n  a: {on: {every: 4h}, prompt: Look., limits: {timeout: 9m}}\n"
    more = "defaults: {timezone: UTC}\njobs:\n  b: {on: {every: 4h}, prompt: Look., max_items: 7}\n"
    a, b = read(main, Source(".github/roundsman/more.yml", more), organisation=organisation).jobs
    assert (a.spec.timezone, a.spec.max_items, b.spec.timezone, b.spec.max_items) == (
        "Europe/Zurich",
        3,
        "UTC",
        7,
    )
    assert a.spec.limits.budget.model_dump() == {"session": 1, "run": 4, "day": 9}
    assert (a.spec.limits.retries, a.spec.limits.timeout.total_seconds(), b.spec.limits.budget.run) == (
        1,
        540,
        4,
    )
    assert (b.path, b.line) == (".github/roundsman/more.yml", 3)


def test_another_engine_leaves_the_models_of_the_default_one_behind() -> None:
    """A job that says codex does not get claude's model, permissions and tools."""
    text = EXAMPLE.replace("    status: active\n", "    agent: {engine: codex}\n")
    agent = read(text).jobs[0].spec.agent
    assert (agent.engine, agent.model, agent.permission_mode, agent.allowed_tools, agent.max_turns) == (
        "codex",
        None,
        None,
        None,
        30,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: the file is empty; start with `version: 1` and `jobs:`"),
        ("# nothing\n", "1:1: the file is empty"),
        ("- a\n", "1:1: the file is not a mapping of keys"),
        ("just words", "1:1: the file is not a mapping of keys"),
        ("version: 2\njobs: {}\n", "1:10: version: an unknown version; write version: 1"),
        ("version: '1'\njobs: {}\n", "1:10: version: an unknown version"),
        ("job: {}\n", "1:1: unknown key 'job'; did you mean 'jobs'?"),
        ("max_items: 3\n", "1:1: unknown key 'max_items'; a job's keys stand under jobs: NAME:"),
        ("jobs: [a]\n", "1:7: jobs: not a mapping"),
        ("jobs: {a: 1}\n", "1:11: jobs.a: not a mapping"),
        ("jobs: {a/b: {}}\n", "1:8: jobs: 'a/b' is not a name for a job"),
        ("jobs:\n  a: {on: {every: 1h}, prompt: x, prompt: y}\n", "2:35: duplicate key 'prompt'; it stands in line 2 already"),
        ("jobs:\n\ta: 1\n", "2:1: not YAML"),
        ("jobs: {a: [}\n", "1:12: not YAML"),
        ("a: 'x\n", "not YAML"),
        ("a: b: c\n", "1:5: not YAML"),
        ("jobs: {}\n---\njobs: {}\n", "2:1: a second document"),
        ("%YAML 1.1\n---\njobs: {}\n", "the file is YAML 1.2"),
        ("jobs: !!python/object:os.system {}\n", "1:7: a tag"),
        ("jobs: !x {}\n", "1:7: a tag"),
        ("jobs: *x\n", "names nothing before it"),
        ("jobs: &x {a: *x}\n", "names nothing before it"),
        ("? [a]\n: b\n", "a key that is not a word"),
        ("a: \x00\n", "1:4: a character that YAML does not allow"),
        ("a: b\n\x1b[31m: c\n", "2:1: a character that YAML does not allow"),
        ("jobs: " + "[" * 100_000, "nested too deeply; at most 16 levels"),
        ("jobs: " + "{a: " * 60_000, "nested too deeply"),
        ("- " * 100_000, "nested too deeply"),
        ("#" * 300_000, "1:1: the file has 292 kB; at most 256 kB"),
        (b"jobs: {a: \xff}\n", "1:1: the file is not UTF-8 text"),
        ("a: \"\\UFFFFFFFF\"\n", "not YAML"),
        ("defaults: {timezon: UTC}\n", "1:12: defaults: unknown key 'timezon'; did you mean 'timezone'?"),
        ("defaults: {target: prs}\n", "1:12: defaults: 'target' has no default; write it in each job"),
        ("defaults: {max_items: 99}\n", "1:23: defaults.max_items: 99 is too large; at most 50"),
        ("defaults: {limits: {timeot: 5m}}\n", "1:21: defaults.limits.timeot: unknown key 'timeot'; did you mean 'timeout'?"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_configuration(text: str | bytes, expected: str) -> None:
    """One fault, at its place, that says what to do; nothing hostile gets further."""
    found = read(text)
    assert len(found.faults) == 1, found.faults
    assert expected in str(found.faults[0])
    assert not found.ok


def test_a_bomb_of_aliases_is_refused_quickly() -> None:
    """Aliases of aliases are counted for what they stand for; a few plain ones are welcome."""
    layers = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)
    ]
    [fault] = read("\n".join(layers)).faults
    assert "aliases that multiply" in fault.message
    shared = "jobs:\n  a: {on: &when {every: 4h}, prompt: Look.}\n  b: {on: *when, prompt: Look.}\n"
    assert [each.name for each in read(shared).jobs] == ["a", "b"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("lable: x", ["3:5: jobs.one.lable: unknown key 'lable'"]),
        ("max_item: 3", ["3:5: jobs.one.max_item: unknown key 'max_item'; did you mean 'max_items'?"]),
        ("timeout: 5m", ["3:5: jobs.one.timeout: unknown key 'timeout'; it belongs under `limits`"]),
        ("engine: claude", ["3:5: jobs.one.engine: unknown key 'engine'; it belongs under `agent`"]),
        ("<<: {max_items: 3}", ["3:5: jobs.one.<<: unknown key '<<'; share keys by `defaults:`"]),
        ("limits: {budget: {daily: 3}}", ["3:23: jobs.one.limits.budget.daily: unknown key 'daily'; did you mean 'day'?"]),
        ("may: {labls: [bug]}", ["3:11: jobs.one.may.labls: unknown key 'labls'; did you mean 'labels'?"]),
        ("max_items: 0", ["3:16: jobs.one.max_items: 0 is too small; at least 1"]),
        ("max_items: ten", ["3:16: jobs.one.max_items: 'ten' is not a whole number"]),
        ("max_items:", ["3:5: jobs.one.max_items: no value; write one, or remove the key"]),
        ("filter:", ["3:5: jobs.one.filter: no value"]),
        ("overlap: skp", ["3:14: jobs.one.overlap: 'skp' is not known here; did you mean 'skip'?"]),
        ("limits: {timeout: 5}", ["3:23: jobs.one.limits.timeout: a length of time without a unit: 5; did you mean 5s or 5m?"]),
        ('on: {schedule: "61 * * * *"}', ["3:20: jobs.one.on.schedule: minute '61' is not 0 to 59"]),
        ('on: {schedule: "0 0 31 2 *"}', ["3:20: jobs.one.on.schedule: '0 0 31 2 *' can never fire"]),
        ("on: [{every: 4h}, {schedul: x}]", ["3:23: jobs.one.on.1: unknown key 'schedul'; did you mean 'schedule'?"]),
        ("on: 0 9 * * *", ["3:9: jobs.one.on: '0 9 * * *' is no trigger; write {schedule:"]),
        ("on: {every: 4h, after: x}", ["3:9: jobs.one.on: every and after in one; write a list"]),
        ("on: {at: 2026-11-23T08:00}", ["3:14: jobs.one.on.at: the instant is past"]),
        ("on: {at: 2026-11-23T09:00}\ntimezone: Europe/Zurich", ["3:14: jobs.one.on.at: the instant is past"]),
        ("on: {after: tow}", ["3:17: jobs.one.on.after: unknown job 'tow'; known: one"]),
        ("on: {after: one}", ["3:9: jobs.one.on: it follows itself; break the circle"]),
        ("timezone: Europe/Zurih", ["3:15: jobs.one.timezone: unknown time zone 'Europe/Zurih'; did you mean 'Europe/Zurich'?"]),
        ("filter: is:open lable:x", ["3:13: jobs.one.filter: unknown qualifier 'lable' at column 9; did you mean 'label'?"]),
        ("filter: is:open (label:x", ["3:13: jobs.one.filter:"]),
        ("filter: label:bug", ["warning: jobs.one.filter: the filter names no state"]),
        ("filter: is:open repo:other/x", ["3:13: jobs.one.filter: repo:other/x lies outside acme/shop"]),
        ("filter: is:open org:other", ["org:other lies outside acme/shop"]),
        ("gate: {skip_if: {filter: 'is:open nope:x'}}", ["3:30: jobs.one.gate.skip_if.filter: unknown qualifier 'nope'"]),
        ("command: issue/lok", ["3:14: jobs.one.command: unknown command 'issue/lok'; did you mean 'issue/look'?"]),
        ("command: issue/look", ["variables: the input 'team' is missing"]),
        ("command: issue/look\ntarget: prs", ["3:14: jobs.one.command: issue/look works on issues, the job on prs"]),
        ("prompt: '{{ itm.title }}'", ["3:13: jobs.one.prompt: unknown name 'itm'; did you mean 'item'?"]),
        ("prompt: x\ncommand: issue/look", ["3:13: jobs.one.prompt: a job has a command or a prompt, not both"]),
        ("jitter: 5m\non: {schedule: '*/5 * * * *'}", ["3:13: jobs.one.jitter: the jitter is not less than the 5m between two fires"]),
        ("expires: 2026-11-22", ["3:14: jobs.one.expires: the job expires before it ever fires"]),
        ("target: codebase\ncontext: [{github: diff}]", ["4:24: jobs.one.context.0.github: target codebase has no diff"]),
        ("max_items: 99\nfilter: lable:x\nlabel: y", ["3:16", "4:13", "5:5"]),
    ],
)  # fmt: skip
def test_a_job_at_fault(keys: str, expected: list[str]) -> None:
    """Every fault of a job, each with line, column, key and what to do."""
    found = [line for line in job(keys) if "names no state" not in line or "names no state" in expected[0]]
    assert len(found) == len(expected), found
    for line, words in zip(found, expected, strict=True):
        assert words in line


def test_denying_another_repository_is_harmless() -> None:
    """Only what a filter reaches for is refused, and the job's own repository may be named."""
    assert job("filter: is:open -repo:other/x repo:Acme/Shop org:acme user:acme") == []


def test_jobs_of_one_name_in_two_files() -> None:
    """The second is refused and told where the first is."""
    text = "jobs:\n  a: {on: {every: 4h}, prompt: Look.}\n"
    found = read(text, Source(".github/roundsman/b.yml", text))
    assert [str(fault) for fault in found.faults] == [
        ".github/roundsman/b.yml:2:3: jobs: a second job 'a'; the first is at .github/roundsman.yml:2; rename one"
    ]


def test_circles_of_jobs() -> None:
    """Jobs that follow each other round and round are refused, each of them; a chain is fine."""
    text = "jobs:\n" + "".join(
        f"  {a}: {{on: {{after: {b}}}, prompt: Look.}}\n" for a, b in ("ab", "bc", "ca", "da")
    )
    assert [fault.where for fault in read(text).faults] == ["jobs.a.on", "jobs.b.on", "jobs.c.on"]


def test_a_fault_in_defaults_is_told_once_and_where_it_is() -> None:
    """However many jobs share it."""
    jobs = "".join(f"  j{n}: {{on: {{every: 4h}}, prompt: Look.}}\n" for n in range(9))
    found = read(f"defaults:\n  timezone: Nowhere\njobs:\n{jobs}")
    assert [str(fault).split(";")[0] for fault in found.faults] == [
        f"{MAIN}:2:13: defaults.timezone: unknown time zone 'Nowhere'"
    ]


CEILINGS: dict[str, Any] = {
    "engines": ["claude"], "models": ["claude-*", "sonnet"], "permission_modes": ["default", "acceptEdits"], "max_items": 5,
    "timeout": "10m", "budget": {"session": 1, "day": 20}, "runs_per_day": 24, "minimum_period": "15m",
}  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("max_items: 5", None),
        ("max_items: 6", "3:16: jobs.one.max_items: 6 is above the operator's ceiling `max_items`; at most 5"),
        ("agent: {engine: codex}", "3:21: jobs.one.agent.engine: 'codex' is above the operator's ceiling `engines`; allowed: claude"),
        ("agent: {model: claude-opus-9}", None),
        ("agent: {model: gpt-9}", "ceiling `models`"),
        ("agent: {permission_mode: bypassPermissions}", "ceiling `permission_modes`"),
        ("limits: {timeout: 11m}", "3:23: jobs.one.limits.timeout: 11m is above the operator's ceiling `timeout`; at most 10m"),
        ("limits: {budget: {session: 2}}", "ceiling `budget.session`; at most 1 USD"),
        ("limits: {budget: {run: 20}}", None),
        ("limits: {budget: {run: 20, day: 21}}", "ceiling `budget.day`; at most 20 USD"),
        ("on: {schedule: '*/10 * * * *'}", "it fires 10m apart, under the operator's ceiling `minimum_period`; leave at least 15m"),
        ("on: [{schedule: '0 9 * * *'}, {schedule: '5 9 * * *'}]", "it fires 5m apart"),
        ("on: {every: 14m}", "it fires 14m apart"),
        ("on: {schedule: '0 * * * *'}", None),
        ("on: {schedule: '*/30 * * * *'}", "3:9: jobs.one.on: it fires more often than the operator's ceiling `runs_per_day`"),
        ("on: {events: [issues.opened]}", None),
    ],
)  # fmt: skip
def test_no_job_exceeds_a_ceiling(keys: str, expected: str | None) -> None:
    """A job above a ceiling is refused with its name; one at it is not."""
    base = "" if "max_items" in keys else "\nmax_items: 5"
    found = job(keys + base, ceilings=Ceilings.model_validate(CEILINGS))
    assert len(found) == (expected is not None), found
    assert expected is None or expected in found[0]


def test_ceilings_come_from_the_operators_settings() -> None:
    """The shortest period of the settings holds unless the ceilings say otherwise; nonsense is refused."""
    assert Ceilings.of({}, 900).minimum_period == timedelta(minutes=15)
    assert Ceilings.of({"minimum_period": "1h"}, 900).minimum_period == timedelta(hours=1)
    assert Ceilings.of({}, 1).minimum_period == timedelta(minutes=1)
    for wrong in ({"engines": ["gpt"]}, {"max_item": 3}, {"minimum_period": "30s"}, {"budget": {"day": -1}}):
        with pytest.raises(ValidationError):
            Ceilings.of(wrong)


def test_what_the_operator_never_configured_is_refused() -> None:
    """Channels, MCP servers, databases and hosts are the operator's to name; unknown ones are faults where known."""
    keys = "notify: [{to: slak}]\nagent: {mcp: [jira]}\ncontext: [{database: main, query: SELECT 1}, {http: 'https://a.example/x'}]"
    assert job(keys) == []
    found = job(keys, channels=["slack"], mcp_servers=[], databases=["prod"], hosts=["b.example"])
    assert [line.split(": ", 2)[2] for line in found] == [
        "unknown channel 'slak'; did you mean 'slack'?",
        "unknown MCP server 'jira'; known: none",
        "unknown database 'main'; known: prod",
        "unknown host 'a.example'; did you mean 'b.example'?",
    ]


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        alphabet=st.sampled_from(list("jobs: \n\t-[]{}&*!|>'\"%@`#?,aon0193.\\u\x00\x85\ufeff")), max_size=200
    )
)
def test_no_text_gets_past_the_door_as_an_exception(text: str) -> None:
    """Whatever the text, there is a configuration or a fault."""
    found = read(text)
    assert found.jobs or found.faults or read_document("x", text)


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["4h", "issues", "0 9 * * *"]),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from([*JobSpec.model_fields, "schedule", "issue", "after", "filter", "skip_if"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([*JobSpec.model_fields, "nope"]), _VALUES, max_size=6))
def test_no_value_of_any_key_escapes_as_an_exception(keys: dict[str, Any]) -> None:
    """JSON is YAML: odd values under true keys end in faults with a place."""
    found = read(json.dumps({"jobs": {"one": keys}}))
    assert found.jobs or all(fault.line >= 1 and fault.message for fault in found.faults)


def test_the_published_schema_accepts_the_example() -> None:
    """Editors that use it find nothing wrong with what we find sound."""
    Draft202012Validator.check_schema(file_schema())
    document, _ = read_document(MAIN, EXAMPLE)
    assert list(Draft202012Validator(file_schema()).iter_errors(plain(document))) == []


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("max_items: 10", "max_items: 51"),
        ("max_items: 10", "max_item: 10"),
        ("overlap: skip", "overlap: skp"),
        ("timeout: 15m", "timeout: 15"),
        ("timezone: Europe/Zurich", "timezone: Europe/Zurih"),
        ("target: issues", "target: codebase"),
        ("command: issue/look", "variables2: {}"),
        ("command: issue/look", "command: issue/look\n    prompt: x"),
        ("on: {schedule: \"0 9 * * 1-5\"}", "on: {schedule: \"0 9 * *\"}"),
        ("on: {schedule: \"0 9 * * 1-5\"}", "on: {every: 4h, at: 2026-12-01T09:00}"),
        ("on: {schedule: \"0 9 * * 1-5\"}", "on: {at: soon}"),
        ("on: {schedule: \"0 9 * * 1-5\"}", "on: {events: [issue.opened]}"),
        ("expires: 2027-06-30", "expires: someday"),
        ("{github: comments}", "{github: secrets}"),
        ("labels: [bug, needs-info, duplicate]", "labls: [bug]"),
        ("version: 1", "version: 2"),
        ("morning-triage:", "morning/triage:"),
    ],
)  # fmt: skip
def test_the_published_schema_refuses_mistakes(written: str, instead: str) -> None:
    """And so do we."""
    assert written in EXAMPLE
    text = EXAMPLE.replace(written, instead, 1)
    document, _ = read_document(MAIN, text)
    assert list(Draft202012Validator(file_schema()).iter_errors(plain(document)))
    assert read(text).faults


@pytest.mark.parametrize(
    "triggers",
    [
        "{every: 4h}",
        "{at: 2026-12-01T09:00}",
        "[{events: [issues.opened]}, {schedule: '@daily'}]",
        "{after: a}",
        "{after: {job: a, on: [failed]}}",
    ],
)
def test_schema_and_program_agree_on_triggers(triggers: str) -> None:
    """Each form of `on:` is fine with both."""
    text = f"jobs:\n  a: {{on: {{every: 4h}}, prompt: Look.}}\n  b: {{on: {triggers}, prompt: Look.}}\n"
    document, _ = read_document(MAIN, text)
    assert list(Draft202012Validator(file_schema()).iter_errors(plain(document))) == []
    assert read(text).ok


def test_the_reference_page_is_current() -> None:
    """docs/job-reference.md is what `roundsman schema --reference` prints."""
    page = Path(__file__).resolve().parents[2] / "docs" / "job-reference.md"
    assert page.read_text("utf-8") == reference(), "run: roundsman schema --reference > docs/job-reference.md"
    for key in JobSpec.model_fields:
        assert f"| `{key}` |" in reference()


def test_every_key_of_every_part_says_what_it_means() -> None:
    """A key without a description is a key nobody understands."""
    parts = JobSpec.model_json_schema()["$defs"]
    ours = {
        name: part
        for name, part in {**parts, "JobSpec": JobSpec.model_json_schema()}.items()
        if name not in ("May", "Allowance")
    }
    silent = [
        f"{name}.{key}"
        for name, part in ours.items()
        for key, info in part.get("properties", {}).items()
        if not info.get("description")
    ]
    assert silent == []


def validate(*arguments: str) -> tuple[int, str, str]:
    """Call `roundsman jobs validate`."""
    ended = CliRunner().invoke(app, ["jobs", "validate", *arguments])
    return ended.exit_code, ended.stdout, ended.stderr


def test_validate_says_valid(tmp_path: Path) -> None:
    """Exit code 0, the jobs and when they fire next; the repository's own commands lie beside the file."""
    folder = tmp_path / ".github" / "roundsman" / "commands" / "issue"
    folder.mkdir(parents=True)
    (folder / "look.md").write_text("---\ntitle: Look\ntarget: issues\n---\nLook at {{ item.title }}.\n")
    file = tmp_path / ".github" / "roundsman.yml"
    file.write_text(EXAMPLE)
    code, out, err = validate(str(file))
    assert (code, err) == (0, "")
    assert out.splitlines()[0].endswith("valid, 1 job")
    assert json.loads(validate(str(file), "--json")[1]) == {
        "ok": True,
        "jobs": ["morning-triage"],
        "faults": [],
        "warnings": [],
    }


def test_validate_lists_faults(tmp_path: Path) -> None:
    """Exit code 1, each fault as path:line:col: message; hint."""
    file = tmp_path / "roundsman.yml"
    file.write_text("jobs:\n  a: {on: {every: 4h}, prompt: Look., max_item: 3, jitter: 5}\n")
    code, out, err = validate(str(file))
    assert code == 1
    assert [line.split(": ")[0] for line in out.splitlines()] == [f"{file}:2:39", f"{file}:2:60"]
    assert err == f"roundsman: {file} is invalid: 2 faults; mend what is listed and validate again\n"
    told = json.loads(validate(str(file), "--json")[1])
    assert (told["ok"], told["faults"][0]["line"], told["faults"][0]["column"]) == (False, 2, 39)


@pytest.mark.parametrize("path", ["missing.yml", "."])
def test_validate_of_what_cannot_be_read(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2 and one line."""
    monkeypatch.chdir(tmp_path)
    code, out, err = validate(path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("roundsman: ")


def test_unreadable_documents_carry_their_faults() -> None:
    """The error of the lower door holds the same places."""
    with pytest.raises(UnreadableError) as caught:
        read_document("x.yml", "a: [")
    assert caught.value.faults[0].path == "x.yml"


def test_the_schema_is_printed_alone() -> None:
    """`roundsman schema` is JSON and nothing else."""
    ended = CliRunner().invoke(app, ["schema"])
    assert json.loads(ended.stdout) == file_schema()


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("repositories: {}", None, None),
        ("version: 1", "", "1:1: it names no repositories"),
        ("jobs: {}", "", "1:1: unknown key 'jobs'; known here: version, defaults, repositories"),
        ("repositories: {shop: {jobs: {}}}", "shop", "1:16: repositories: 'shop' is no repository; write OWNER/REPO"),
        ("repositories: {a/b: {}, A/B: {}}", "A/B", "1:25: repositories: a second 'A/B'"),
        ("repositories: {a/b: 1}", "a/b", "repositories.a/b: not a mapping"),
        ("repositories: {a/b: {job: {}}}", "a/b", "unknown key 'job'; did you mean 'jobs'?"),
        ("repositories: {a/b: {jobs: {x: {on: {every: 1h}, prompt: y, filter: 'repo:c/d is:open'}}}}", "a/b", "repo:c/d lies outside a/b"),
    ],
)  # fmt: skip
def test_jobs_of_several_repositories(text: str, name: str | None, expected: str | None) -> None:
    """Each repository's faults are its own, and stand where they are written."""
    found = read_repositories(Source("jobs.yml", text))
    if name is None or expected is None:
        assert found == {}
        return
    assert any(expected in str(fault) for fault in found[name].faults), found[name].faults
