"""`has:` and `no:`: every field an item may lack, and how to see whether it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from filters import beyond, facts, fields
from filters.context import Context
from filters.errors import BadValueError
from filters.values import Choice, Kind, Login, unknown_value
from filters.verdict import Facet, Item, Test, any_of


@dataclass(frozen=True, slots=True)
class Field:
    """A field that may be missing: its words, what it takes to know, and the test that it is there."""

    words: str
    build: Callable[[Context], Test]
    facets: frozenset[Facet] = frozenset({Facet.ITEM})


ANYONE = (Login("*", False, False, True, False),)


def _always(test: Test) -> Callable[[Context], Test]:
    return lambda context: test


def _issue_only(test: Test) -> Callable[[Context], Test]:
    return lambda context: facts.of_issues(test)


def _linked(item: Item) -> bool | None:
    given = item.get("_linked")
    return None if given is None else bool(given)


def _projects(item: Item) -> bool | None:
    given = item.get("_projects")
    return None if given is None else bool(given)


def _assignees(item: Item) -> bool | None:
    given = item.get("assignees")
    if given is not None:
        return len(given) > 0
    for key in ("assignees", "assignee"):
        if item.get(key) is not None:
            return bool(item[key])
    return False if "assignees" in item or "assignee" in item else None


def _unassigned(item: Item) -> bool | None:
    given = item.get("assignees")
    if given is not None:
        return not given
    answer = _assignees(item)
    return None if answer is None else not answer


def _count(number: Callable[[Item], int | None]) -> Callable[[Context], Test]:
    def test(item: Item) -> bool | None:
        value = number(item)
        return None if value is None else value > 0

    return lambda context: test


def _merged(context: Context) -> Test:
    return facts.merged


def _reviews(item: Item) -> bool | None:
    given = item.get("_reviews")
    return None if given is None else bool(given)


def _reviewers(item: Item) -> bool | None:
    people, teams = item.get("requested_reviewers"), item.get("requested_teams")
    if people or teams:
        return True
    return None if people is None or teams is None else False


FIELDS: Mapping[str, Field] = {
    "assignee": Field("an assignee", _always(_assignees)),
    "author": Field("an author", _always(facts.present("user"))),
    "body": Field("a description", _always(facts.present("body"))),
    "closed": Field("a closing date", _always(facts.present("closed_at"))),
    "comments": Field("comments", _count(facts.comments)),
    "label": Field("a label", _always(facts.present("labels"))),
    "language": Field("a language", beyond.repository_is("language", bool), frozenset({Facet.REPOSITORY})),
    "linked": Field("something linked", _always(_linked), frozenset({Facet.LINKED})),
    "merged": Field("a merge date", _merged),
    "milestone": Field("a milestone", _always(facts.present("milestone"))),
    "parent-issue": Field("a parent issue", _issue_only(facts.present("parent_issue_url"))),
    "project": Field("a project", _always(_projects), frozenset({Facet.PROJECTS})),
    "reactions": Field("reactions", _count(facts.reactions)),
    "reason": Field("a reason for closing", _issue_only(facts.present("state_reason"))),
    "review": Field("a review", lambda context: facts.of_pulls(_reviews), frozenset({Facet.REVIEWS})),
    "review-requested": Field(
        "a requested reviewer", lambda context: facts.of_pulls(_reviewers), frozenset({Facet.PULL})
    ),
    "sub-issue": Field("sub-issues", _always(facts.summary("sub_issues_summary", "total"))),
    "type": Field("a type", _issue_only(facts.present("type"))),
}

SYNONYMS: Mapping[str, str] = {
    "assignees": "assignee",
    "comment": "comments",
    "description": "body",
    "labels": "label",
    "parent": "parent-issue",
    "projects": "project",
    "reaction": "reactions",
    "reviewers": "review-requested",
    "sub-issues": "sub-issue",
    "types": "type",
}


def reader(name: str) -> Kind:
    """The kind of value `has:` and `no:` take: a field's name, or `field.NAME`."""

    def read(text: str, quoted: bool) -> Choice:
        folded = text.casefold()
        if folded.startswith("field."):
            if not fields.slug(folded[6:]):
                raise BadValueError("empty-value", f"'{text}' names no field", "write field.NAME")
            return Choice(folded)
        key = SYNONYMS.get(folded, folded)
        if key not in FIELDS:
            raise unknown_value(f"{name}:", text, dict.fromkeys(FIELDS, ""))
        return Choice(key)

    return Kind("field", read, {key: field.words for key, field in FIELDS.items()})


def has(meanings: tuple[Choice, ...], context: Context) -> Test:
    """Any of the fields is there."""
    return any_of(tuple(_has(meaning.key, context) for meaning in meanings))


def lacks(meanings: tuple[Choice, ...], context: Context) -> Test:
    """Any of the fields is missing."""
    if len(meanings) == 1 and meanings[0].key == "assignee":
        return _unassigned  # asked of every item by many a filter
    return any_of(tuple(_not(_has(meaning.key, context)) for meaning in meanings))


def _not(test: Test) -> Test:
    def missing(item: Item) -> bool | None:
        answer = test(item)
        return None if answer is None else not answer

    return missing


def _has(key: str, context: Context) -> Test:
    if key in FIELDS:
        return FIELDS[key].build(context)
    field = fields.slug(key[6:])

    def test(item: Item) -> bool | None:
        given = fields.field_values(item, field)
        return None if given is None else bool(given)

    return test


def facets(key: str) -> frozenset[Facet]:
    """What it takes to see whether a field is there."""
    return FIELDS[key].facets if key in FIELDS else frozenset({Facet.ITEM})
