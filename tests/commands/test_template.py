"""Commands are read, checked and rendered."""

import pytest

from commands.faults import CommandError
from commands.fence import Untrusted
from commands.template import check, inline, parse_command, render, resolve_variables, uses
from tests.commands.words import NONCE, NOON, command, item, variables

BAD_HEADS = [
    ("titel: x", "unknown-key", 2, "did you mean 'title'?"),
    ("title: x\nmax_turn: 3", "unknown-key", 3, "did you mean 'max_turns'?"),
    ("max_turns: 0", "value", 2, ""),
    ("target: issue", "value", 2, ""),
    ("engine: gpt", "value", 2, ""),
    ("engine: claude\nscript: x.py", "value", 0, ""),
    ("script: ../x.py", "value", 2, ""),
    ("may: {coment: 1}", "unknown-action", 2, "did you mean 'comment'?"),
    ("inputs:\n  team: {descripton: who}", "unknown-key", 3, "did you mean 'description'?"),
    ("inputs:\n  team: {}", "missing", 3, ""),
    ("inputs:\n  t: {description: x, required: true, default: a}", "value", 3, ""),
    ("inputs:\n  t: {description: x, choices: [a], default: b}", "value", 3, ""),
    ("title: a\ntitle: b", "yaml", 3, ""),
    ("title: [", "yaml", 3, ""),
    ("title: &a x\ndescription: *a", "alias", 3, ""),
    ("- title", "yaml", 2, ""),
]


@pytest.mark.parametrize(("head", "code", "line", "hint"), BAD_HEADS)
def test_bad_front_matter_is_refused_with_its_place(head: str, code: str, line: int, hint: str) -> None:
    """Each fault says what, on which line of the file, and the nearest known name."""
    with pytest.raises(CommandError) as caught:
        parse_command("house/x", f"---\n{head}\n---\nBody")
    fault = next(fault for fault in caught.value.faults if fault.code == code)
    assert (fault.line, fault.hint if hint else "") == (line, hint)


@pytest.mark.parametrize("text", ["", "Body only", "---\ntitle: x\n", "---\n---\n" + "x" * 70_000])
def test_a_file_without_front_matter_or_too_long_is_refused(text: str) -> None:
    """The words say what the file lacks; nothing is guessed."""
    with pytest.raises(CommandError, match=r"front matter|characters"):
        parse_command("house/x", text)


def test_yaml_is_1_2() -> None:
    """`no` and `on` are words, as people mean them."""
    assert command("Body", "title: no\ndescription: on").title == "no"


FAULTS = [
    ("Hi {{ itm.title }}", "unknown-name", 5, "did you mean 'item'?"),
    ("Hi\n{{ item.titel }}", "unknown-name", 6, "did you mean 'title'?"),
    ("{{ TODYA }}", "unknown-name", 5, "did you mean 'TODAY'?"),
    ("{{ item.head_sha }}", "not-for-target", 5, ""),
    ("{{ inputs.tam }}", "unknown-input", 5, "did you mean 'team'?"),
    ("{{ team }}", "unknown-name", 5, ""),
    ("{{ item.title | attr('x') }}", "unknown-filter", 5, ""),
    ("{% include 'x' %}", "forbidden", 5, ""),
    ("{% macro x() %}{% endmacro %}", "forbidden", 5, ""),
    ("{{ item.title", "syntax", 5, ""),
    ("{% if item %}", "syntax", 5, ""),
    (" \n", "empty", 5, ""),
]
HEAD = "target: issues\ninputs: {team: {description: who}}"


@pytest.mark.parametrize(("body", "code", "line", "hint"), FAULTS)
def test_a_wrong_body_is_found_when_it_is_saved(body: str, code: str, line: int, hint: str) -> None:
    """Unknown names, fields of another target and what the language lacks are found without rendering."""
    faults = check(command(body, HEAD))
    fault = next(fault for fault in faults if fault.code == code)
    assert (fault.line, fault.hint if hint else "") == (line, hint)


def test_a_right_body_has_no_faults() -> None:
    """Loops, conditions, filters and everything in the table of names pass."""
    body = (
        "{% for label in item.labels if label != 'x' %}{{ loop.index }} {{ label | upper }}{% else %}none{% endfor %}"
        "{% set who = inputs.team ~ '!' %}{{ who }} {{ item.diff | default('no diff') }} {{ team }} {{ variables.team }}"
        "{% if inputs.team == 'core' and item.number in [1, 2] and TODAY[:4] is string %}x{% endif %}"
        "{{ NOW }} {{ run.trigger }} {{ job.name }} {{ repo.full_name }}"
    )
    assert check(command(body, "inputs: {team: {description: who}}"), names=["team"], target="prs") == []


def test_a_prompt_names_the_item_and_fences_strangers() -> None:
    """Trusted values are printed as they are, strangers' texts cleaned and between markers with the nonce."""
    one = command(
        "#{{ item.number }} of {{ repo.full_name }} ({{ item.labels | join(', ') }})\n{{ item.title }}\n"
    )
    prompt = render(one, variables(one, "issues"))
    assert "#42 of acme/shop (bug, needs-triage)" in prompt
    assert f"<<<BEGIN UNTRUSTED title {NONCE}>>>\n{{{{ 7 * 7 }}}}" in prompt  # not evaluated
    assert "post the token" not in prompt
    assert "\u200b" not in prompt


@pytest.mark.parametrize("body", ["{{ item.title }}", "/compact", "  \n/etc"])
def test_a_prompt_starts_with_our_own_words(body: str) -> None:
    """Neither a stranger's text nor a slash command can come first."""
    one = inline(body)
    assert render(one, variables(one, "issues")).startswith("You work for the maintainers")


def test_bare_text_of_strangers_is_refused() -> None:
    """A caller that forgot the fence is told so, instead of sending the text."""
    one = inline("{{ item.title }}")
    with pytest.raises(CommandError, match="not fenced"):
        render(one, {"item": item("issues", title="bare")})


def test_strangers_text_can_be_asked_about_and_cut_but_not_unwrapped() -> None:
    """Length, search and truncation work; filters that would print it bare do not."""
    title = Untrusted("x" * 50, "title", NONCE)
    one = inline("{{ item.title | length }} {{ 'XX' in item.title }} {{ item.title | truncate(5) }}")
    prompt = render(one, {"item": {"title": title}})
    assert "50 true" in prompt
    assert "xxxxx\n[… 45 more characters were cut here]" in prompt
    with pytest.raises(CommandError, match="text from outside"):
        render(inline("{{ item.title | upper }}"), {"item": {"title": title}})


def test_uses_tells_what_is_worth_fetching() -> None:
    """Costly fields are named only by templates that read them."""
    assert "item.diff" in uses(inline("{% if item.diff %}{{ item.diff }}{% endif %}"))
    assert "item.diff" not in uses(inline("item.diff {{ item.title }}"))


def test_inputs_have_defaults_and_may_be_required() -> None:
    """What a job gives wins, what it must give is missed by name, choices are kept."""
    one = command(
        "x",
        "inputs: {a: {description: d, default: 3}, b: {description: d, required: true}, c: {description: d, choices: [x, y], default: x}}",
    )
    assert one.values({"b": 1, "a": 4, "other": 2}) == {"a": 4, "b": 1, "c": "x"}
    with pytest.raises(CommandError, match="'b' is missing"):
        one.values({})
    with pytest.raises(CommandError, match="one of x, y"):
        one.values({"b": 1, "c": "z"})


def test_variables_may_use_the_time() -> None:
    """`since: "{{ YESTERDAY }}"` is a date; other names and other types are as they were or refused."""
    times = {"YESTERDAY": "2026-11-19"}
    values = resolve_variables({"since": "{{ YESTERDAY }}", "n": 3, "plain": "a { b"}, times)
    assert values == {"since": "2026-11-19", "n": 3, "plain": "a { b"}
    with pytest.raises(CommandError, match=r"variables\.x"):
        resolve_variables({"x": "{{ item.title }}"}, times)
    assert NOON.year == 2026
