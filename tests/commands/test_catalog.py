"""Commands are found by name, a repository's own first, and inherit."""

import pytest

from commands.catalog import Catalog
from commands.faults import CommandError
from commands.template import check, inline, parse_command, render
from tests.commands.words import LIBRARY, variables


def _own(**texts: str) -> Catalog:
    return Catalog({name.replace("__", "/"): text for name, text in texts.items()})


def test_an_unknown_name_gets_the_nearest() -> None:
    """A slip of the finger and a forgotten folder are both recognised."""
    with pytest.raises(CommandError, match="did you mean 'issue/triage-labels'"):
        LIBRARY.get("issue/triage-label")
    with pytest.raises(CommandError, match="did you mean 'issue/triage-labels'"):
        LIBRARY.get("triage-labels")
    with pytest.raises(CommandError, match="commands list"):
        LIBRARY.get("qqqq")


def test_a_repository_overrides_the_library() -> None:
    """The same name means the repository's own; other repositories keep the library's."""
    own = Catalog({"issue/triage-labels.md": "---\ntitle: Ours\ntarget: issues\n---\nOurs"})
    assert own.get("issue/triage-labels").title == "Ours"
    assert own.get("issue/triage-labels").source == "repository"
    assert LIBRARY.get("issue/triage-labels").title != "Ours"


def test_a_command_inherits_keys_inputs_and_blocks() -> None:
    """What the child leaves open is its parent's; its blocks take the place of the parent's."""
    catalog = _own(
        house__base="---\ntitle: Base\ntarget: issues\nmax_turns: 7\ninputs: {a: {description: d, default: one}}\n---\n"
        "{% block role %}Base role {{ inputs.a }}.{% endblock %}\nThe end.",
        house__child="---\nextends: house/base\ntitle: Child\ninputs: {b: {description: d, default: two}}\n---\n"
        "{% block role %}Child role {{ inputs.a }} {{ inputs.b }}.{% endblock %}",
    )
    child = catalog.get("house/child")
    assert (child.title, child.max_turns, child.target) == ("Child", 7, "issues")
    prompt = render(child, variables(child, "issues"))
    assert "Child role one two." in prompt
    assert "The end." in prompt
    assert "Base role" not in prompt
    assert check(child) == []


@pytest.mark.parametrize("more", ["{% block more %}{% endblock %}\n", ""])
def test_plain_text_of_a_child_adds_to_its_parent(more: str) -> None:
    """Without blocks a child's words stand in the parent's `more` block, or at its end."""
    catalog = _own(
        house__base=f"---\ntitle: Base\n---\nFirst.\n{more}Last.\n",
        house__child="---\nextends: house/base\n---\nHouse rule.\n",
        house__grandchild="---\nextends: house/child\n---\nTeam rule.\n",
    )
    prompt = render(catalog.get("house/grandchild"), {})
    assert prompt.index("First.") < prompt.index("House rule.") < prompt.index("Team rule.")
    assert ("Last." in prompt.partition("Team rule.")[2]) == bool(more)


def test_an_override_may_extend_what_it_overrides() -> None:
    """`extends` with its own name means the library's command."""
    own = Catalog({"issue/triage-labels": "---\nextends: issue/triage-labels\n---\nNever label `wontfix`."})
    prompt = render(own.get("issue/triage-labels"), variables(own.get("issue/triage-labels"), "issues"))
    assert "Never label `wontfix`." in prompt
    assert "#42" in prompt


@pytest.mark.parametrize("texts", [
    {"a": "---\nextends: a\n---\n"},
    {"a": "---\nextends: b\n---\n", "b": "---\nextends: a\n---\n"},
    {"a": "---\nextends: nowhere\n---\n"},
])  # fmt: skip
def test_inheritance_that_leads_nowhere_is_refused(texts: dict[str, str]) -> None:
    """Circles and unknown parents end as one error."""
    with pytest.raises(CommandError, match=r"extends itself|unknown command"):
        Catalog(texts).get("a")


def test_names_leave_out_what_is_broken_and_faults_tell_why() -> None:
    """One bad file does not take the others away."""
    own = Catalog({"house/bad": "no front matter", "house/good": "---\ntarget: prs\n---\nHi {{ itm }}"})
    assert "house/bad" not in own.names()
    assert "house/good" in own.names("prs")
    assert "house/good" not in own.names("issues")
    assert {name: faults[0].code for name, faults in own.faults().items()} == {
        "house/bad": "no-front-matter",
        "house/good": "unknown-name",
    }


def test_a_script_is_found_beside_its_command() -> None:
    """A repository's own program is its own; one that is missing is a fault."""
    own = Catalog(
        {"house/count.md": "---\nengine: script\nscript: count.py\n---\n", "house/count.py": "print(1)"}
    )
    assert own.script(own.get("house/count")) == "print(1)"
    own = Catalog({"house/count.md": "---\nengine: script\nscript: count.py\n---\n"})
    assert own.faults()["house/count"][0].code == "no-script"
    assert parse_command("x", "---\nengine: script\n---\n").is_script
    assert parse_command("x", "---\nscript: count.py\n---\n").is_script
    assert not parse_command("x", "---\nengine: claude\n---\nx").is_script
    assert not inline("x").is_script
