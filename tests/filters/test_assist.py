"""Words for people: explanations, descriptions, completions, warnings, carets."""

from typing import Any

import pytest

import filters
from tests.filters.naive import NOW
from tests.filters.test_match import issue, pull


def told(query: str, item: dict[str, Any]) -> tuple[str, list[str]]:
    """The verdict and the deciding terms."""
    found = filters.explain(filters.compile(query, now=NOW), item)
    return found.verdict.value, [reason.text for reason in found.reasons]


EXPLAINED = [
    ("is:open label:x author:y", issue(), ("no", ["label:x"])),
    ("is:open label:bug", issue(), ("yes", ["is:open", "label:bug"])),
    ("label:x OR (is:open label:bug) OR author:bob", issue(), ("yes", ["author:bob"])),
    ("label:x OR label:y", issue(), ("no", ["label:x", "label:y"])),
    ("-label:bug", issue(), ("no", ["label:bug"])),
    ("is:open NOT (label:x OR label:y)", issue(), ("yes", ["is:open", "label:x", "label:y"])),
    ("label:bug status:success commenter:z", pull(), ("unknown", ["status:success", "commenter:z"])),
    ("", issue(), ("yes", [])),
]  # fmt: skip


@pytest.mark.parametrize(("query", "item", "expected"), EXPLAINED)
def test_the_fewest_terms_explain(query: str, item: dict[str, Any], expected: tuple[str, list[str]]) -> None:
    """An explanation names the terms that settle the verdict, and no more."""
    assert told(query, item) == expected


def test_an_explanation_says_what_the_item_has() -> None:
    """The words carry the fact that decided, or the facts that are lacking."""
    matcher = filters.compile("label:x", now=NOW)
    assert "labels: Bug, help wanted" in str(filters.explain(matcher, issue()))
    unknown = filters.explain(filters.compile("status:success", now=NOW), pull())
    assert unknown.needs == {filters.Facet.CHECKS}
    assert "checks" in str(unknown)


DESCRIBED = [
    ("is:open is:issue label:bug,crash -label:wontfix", "Open issues labelled bug or crash, not labelled wontfix."),
    ("is:pr draft:false base:main", "Pull requests that are ready for review, into the branch main."),
    ("is:open updated:<7d comments:>3", "Open issues and pull requests updated less than 7 days ago, with more than 3 comments."),
    ("no:assignee (label:a OR author:b)", "Issues and pull requests without an assignee, either labelled a or opened by b."),
    ("is:closed sort:updated-asc", "Closed issues and pull requests; least recently updated first."),
    ("created:2024-01-01..2024-02-01", "Issues and pull requests opened from 2024-01-01 to 2024-02-01."),
    ("crash in:title", "Issues and pull requests with “crash” in the title."),
    ("crash in:title in:body,comments", "Issues and pull requests with “crash” in the title and in the description or the comments."),
    ("", "Issues and pull requests."),
]  # fmt: skip


@pytest.mark.parametrize(("query", "words"), DESCRIBED)
def test_a_query_in_words(query: str, words: str) -> None:
    """A description reads as a person would say it."""
    assert filters.describe(query) == words


NAMES = {"label": ["bug", "help wanted", "bench"], "author": ["octocat"]}
COMPLETED = [
    ("is:op", ["open"]), ("lab", ["label:"]), ("-lab", ["label:"]), ("(lab", ["label:"]), ("label:b", ["bug", "bench"]), ('label:bug,"he', ['"help wanted"']),
    ("assignee:oct", ["octocat"]), ("is:open O", ["org:", "OR"]), ("sort:updated-a", ["updated-asc"]), ("nonsense:x", []), ("draft:", ["true", "false"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), COMPLETED)
def test_completion(text: str, expected: list[str]) -> None:
    """At the cursor come names, values and operators, quoted where they must be; each may be put in as it is."""
    offered = filters.complete(text, None, NAMES)
    assert [each.text for each in offered] == expected
    for each in offered:
        assert each.end == len(text)


def test_completion_in_the_middle() -> None:
    """Only the word around the cursor counts."""
    [offer] = filters.complete("is:op label:bug", 5)
    assert (
        "is:op label:bug"[: offer.start] + offer.text + "is:op label:bug"[offer.end :]
    ) == "is:open label:bug"


WARNED = [
    ("crash", "reads-comments"), ("a or b in:title", "lowercase-operator"), ("author:a author:b", "never-matches"), ("is:open is:closed", "never-matches"),
    ("is:open in:title", "idle-in"), ("label:“bug”", "curly-quote"), ("$REPOS in:title", "placeholder"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), WARNED)
def test_warnings(text: str, code: str) -> None:
    """What is sound and may not be meant is warned about, and is no fault."""
    found = filters.check(text)
    assert [each.code for each in found] == [code]
    assert {each.severity for each in found} == {"warning"}


def test_a_filter_that_names_no_state_can_be_told() -> None:
    """Jobs warn where no state is named."""
    assert [
        filters.names_state(filters.parse(text))
        for text in ("label:x", "is:open", "x OR -is:closed", "is:merged", "closed:>2026-01-01")
    ] == [False, True, True, True, True]
