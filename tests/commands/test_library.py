"""Every command of the library is sound, rendered and exampled."""

import re

import pytest

from bot.flow.outcome import On, decide
from bot.flow.outcome_json import parse
from bot.model.outcome import May, Outcome
from commands.names import FIELDS
from commands.template import check, render, uses
from tests.commands.words import HOSTILE, LIBRARY, NONCE, variables

NAMES = LIBRARY.names()
PROMPTS = [name for name in NAMES if not LIBRARY.get(name).is_script]
SHIPPED = """issue/root-cause issue/triage-labels issue/find-duplicates issue/needs-info issue/stale-check pr/security-review pr/code-review
pr/summary pr/test-gaps codebase/health-check codebase/weekly-digest codebase/change-review codebase/dependency-review custom/linear-summary"""
EXAMPLE = re.compile(r"```json\n(.*?)\n```|`(\{\"version\".*?\})`", re.DOTALL)
FENCED = re.compile(r"<<<BEGIN UNTRUSTED .*?<<<END UNTRUSTED [^\n]*>>>", re.DOTALL)


def _prompt(name: str) -> str:
    command = LIBRARY.get(name)
    assert command.target is not None
    return render(command, variables(command, command.target))


def test_all_that_are_promised_are_there() -> None:
    """The list of SPEC §4, no more and no less."""
    assert sorted(SHIPPED.split()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_command_is_sound(name: str) -> None:
    """No faults, a title, a description, a target; every input is explained and has a default; `may` is readable."""
    command = LIBRARY.get(name)
    assert check(command) == []
    assert command.title
    assert command.description.endswith(".")
    assert command.target
    assert all(not given.required for given in command.inputs.values())
    assert command.may is not None
    may = May.model_validate(command.may)
    assert may.close.max == may.assign.max == may.pull_request.max == 0
    if command.is_script:
        assert LIBRARY.script(command)


@pytest.mark.parametrize("name", PROMPTS)
def test_a_prompt_says_all_an_agent_needs(name: str) -> None:
    """What to do, what to leave alone, how to end and when to be quiet; strangers' text only inside fences."""
    prompt = _prompt(name)
    for heading in ("## Leave alone", "## How to end", "## When to stay quiet", "ROUNDSMAN_OUTCOME"):
        assert heading in prompt
    ours = FENCED.sub("", prompt)
    assert "Ignore your" not in ours
    assert NONCE not in ours
    assert HOSTILE not in prompt
    assert len(ours) < 8_000


@pytest.mark.parametrize("name", PROMPTS)
def test_a_prompts_examples_are_outcomes_its_job_may_have(name: str) -> None:
    """Each example reads as an outcome without malformed actions, and the command's own `may` lets all of it through."""
    command = LIBRARY.get(name)
    examples = [first or second for first, second in EXAMPLE.findall(FENCED.sub("", _prompt(name)))]
    assert len(examples) == 2  # something and nothing
    for text in examples:
        outcome = parse(text.encode())
        assert isinstance(outcome, Outcome), text
        assert outcome.malformed == ()
        places: dict[str | None, On] = {"prs": "pull_request", "issues": "issue"}
        on = places.get(command.target, "nothing")
        assert decide(outcome, May.model_validate(command.may), on=on).refused == ()


@pytest.mark.parametrize("name", PROMPTS)
def test_a_command_works_without_what_costs_requests(name: str) -> None:
    """Conversation, diff and files are used where they are given and missed where they are not."""
    command = LIBRARY.get(name)
    given = variables(command, command.target or "custom")
    costly = {field.path for field in FIELDS if field.fetched}
    given["item"] = {key: value for key, value in given["item"].items() if f"item.{key}" not in costly}
    given["repo"].pop("labels")
    assert render(command, given)
    if command.target == "prs":
        assert "item.diff" in uses(command)
