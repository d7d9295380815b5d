"""Tests on facts beyond the list's item: comments, reviews, checks, the repository, and free text over all of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from filters.context import Context
from filters.facts import is_issue, is_pull
from filters.patterns import glob, has_phrase, names
from filters.people import (
    Person,
    mentioned,
    mentions_user,
    owner_of,
    person,
    repository_name,
    team_names,
    user_at,
    users_in,
)
from filters.values import Choice, Login, Pattern
from filters.verdict import Item, Test, any_of


def texts(item: Item, fields: frozenset[str]) -> Iterable[str | None]:
    """The folded texts of the fields asked for, cheapest first; None for each that is not at hand."""
    for key in ("title", "body"):
        if key in fields:
            value = item.get(key)
            yield value.casefold() if value else "" if key in item else None
    if "comments" in fields:
        if item.get("_comments") is None:
            yield None
        else:
            for comment in item["_comments"]:
                yield (comment if isinstance(comment, str) else comment.get("body") or "").casefold()


def in_texts(fields: frozenset[str], holds: Callable[[str], bool | None]) -> Test:
    """Whether any of the texts holds; unknown when none does and one is not at hand."""

    def test(item: Item) -> bool | None:
        answer: bool | None = False
        for text in texts(item, fields):
            one = None if text is None else holds(text) if text else False
            if one:
                return True
            if one is None:
                answer = None
        return answer

    return test


EVERYWHERE = frozenset({"title", "body", "comments"})
WRITTEN = frozenset({"body", "comments"})
_SHA = re.compile(r"[0-9a-f]{7,40}\Z")


def free_text(text: str, quoted: bool, scope: frozenset[str] | None) -> Test:
    """Whole words in the fields of `in:`, or everywhere; a bare word of seven hex digits may be a commit, too."""
    phrase = " ".join(text.casefold().split())
    found = in_texts(scope or EVERYWHERE, lambda written: has_phrase(written, phrase))
    return any_of((commit(phrase), found)) if names_commit(text, quoted, scope) else found


def names_commit(text: str, quoted: bool, scope: frozenset[str] | None) -> bool:
    """Whether a free word may be meant as the beginning of a commit's SHA."""
    return not quoted and scope is None and _SHA.match(text.casefold()) is not None


def commit(sha: str) -> Test:
    """Whether a pull request contains a commit whose SHA begins so."""

    def test(item: Item) -> bool | None:
        if not is_pull(item):
            return False
        head = item.get("head")
        if isinstance(head, Mapping) and str(head.get("sha") or "").casefold().startswith(sha):
            return True
        commits = item.get("_commits")
        if commits is None:
            return None
        shas = (each if isinstance(each, str) else each["sha"] for each in commits)
        return any(each.casefold().startswith(sha) for each in shas)

    return test


def mentions(logins: tuple[Login, ...], context: Context) -> Test:
    """Whether the body or a comment mentions one of the users."""
    return in_texts(WRITTEN, mentions_user(person(logins, context)))


def team(patterns: tuple[Pattern, ...], context: Context) -> Test:
    """Whether the body or a comment mentions one of the teams."""
    meets = names(patterns)
    return in_texts(
        WRITTEN,
        lambda text: any(name is not None and meets(f"{org}/{name}") for org, name in mentioned(text)),
    )


def said_by(key: str, logins: tuple[Login, ...], context: Context) -> Test:
    """Whether one of the users wrote an entry of the list that rides along under a key."""
    meets = person(logins, context)

    def test(item: Item) -> bool | None:
        given = item.get(key)
        if given is None:
            return None
        answers = [meets(entry.get("user")) for entry in given]
        return True if True in answers else None if None in answers else False

    return test


def commenter(logins: tuple[Login, ...], context: Context) -> Test:
    """Whether one of the users commented."""
    return said_by("_comments", logins, context)


def reviewed_by(logins: tuple[Login, ...], context: Context) -> Test:
    """Whether one of the users reviewed the pull request."""
    test = said_by("_reviews", logins, context)
    return lambda item: test(item) if is_pull(item) else False


def involves(logins: tuple[Login, ...], context: Context) -> Test:
    """Author, assignee, mentioned or commenter."""
    meets = person(logins, context)
    return any_of(
        (
            user_at("user", meets),
            users_in(("assignees", "assignee"), meets, False),
            mentions(logins, context),
            commenter(logins, context),
        )
    )


def review(meanings: tuple[Choice, ...], context: Context) -> Test:
    """The review decision; `none` means that nobody has reviewed yet."""
    wanted = {meaning.key for meaning in meanings}
    decided = {_DECISIONS[key] for key in wanted if key in _DECISIONS}

    def decision(item: Item) -> bool | None:
        return item["_review_decision"] in decided if "_review_decision" in item else None

    def unreviewed(item: Item) -> bool | None:
        reviews = item.get("_reviews")
        if reviews is not None:
            return all(entry.get("state") == "PENDING" for entry in reviews)
        return False if item.get("_review_decision") in ("APPROVED", "CHANGES_REQUESTED") else None

    tests = ((decision,) if decided else ()) + ((unreviewed,) if "none" in wanted else ())
    found = any_of(tests)
    return lambda item: found(item) if is_pull(item) else False


_DECISIONS = {"approved": "APPROVED", "changes_requested": "CHANGES_REQUESTED", "required": "REVIEW_REQUIRED"}


def requested_user(logins: tuple[Login, ...], context: Context) -> Test:
    """Whether a review is asked of one of the users in person."""
    meets = person(logins, context)
    test = users_in(("requested_reviewers",), meets, any(login.nothing for login in logins))
    return lambda item: test(item) if is_pull(item) else False


def requested_team(patterns: tuple[Pattern, ...], context: Context) -> Test:
    """Whether a review is asked of one of the teams."""
    meets = names(patterns)
    slugs = names([Pattern(pattern.folded.rpartition("/")[2], pattern.wild, False) for pattern in patterns])

    def test(item: Item) -> bool | None:
        if not is_pull(item):
            return False
        given = team_names(item, context)
        if given is None:
            return None
        return any(meets(f"{org}/{slug}") if org else slugs(slug) for org, slug in given)

    return test


def requested(logins: tuple[Login, ...], context: Context) -> Test:
    """Whether a review is asked of one of the users, in person or through a team of theirs."""
    directly, meets = requested_user(logins, context), person(logins, context)

    def through_team(item: Item) -> bool | None:
        if not is_pull(item):
            return False
        given = team_names(item, context)
        if given is None:
            return None
        answers = [_team_has(org, slug, meets, context) for org, slug in given]
        return True if True in answers else None if None in answers else False

    return any_of((directly, through_team))


def _team_has(org: str | None, slug: str, meets: Person, context: Context) -> bool | None:
    known = context.teams.get(f"{org}/{slug}") if org else None
    if known is None and org is None:
        rosters = [members for team, members in context.teams.items() if team.rpartition("/")[2] == slug]
        known = frozenset().union(*rosters) if rosters else None
    if known is None:
        return None
    answers = [meets(login) for login in known]
    return True if True in answers else None if None in answers else False


def branch(key: str, prefix: bool) -> Callable[[tuple[Pattern, ...], Context], Test]:
    """Whether a pull request's branch is one of those named, or begins with it."""

    def build(patterns: tuple[Pattern, ...], context: Context) -> Test:
        holds = [glob(pattern.folded + "*" if prefix else pattern.folded) for pattern in patterns]

        def test(item: Item) -> bool | None:
            if is_issue(item):
                return False
            if key not in item:
                return None
            side = item[key]
            ref = side if isinstance(side, str) or side is None else side.get("ref")
            return ref is not None and any(hold(ref.casefold()) for hold in holds)

        return test

    return build


def checks(meanings: tuple[Choice, ...], context: Context) -> Test:
    """The combined status of the head commit; null is none at all."""
    wanted = {meaning.key for meaning in meanings}

    def test(item: Item) -> bool | None:
        if not is_pull(item):
            return False
        if "_checks" not in item:
            return None
        given = (item["_checks"] or "").casefold()
        return {"error": "failure", "expected": "pending"}.get(given, given) in wanted

    return test


def linked(kind: str) -> Test:
    """Whether an issue has a linked pull request (`pr`), or a pull request a linked issue (`issue`)."""
    fits = is_issue if kind == "pr" else is_pull

    def test(item: Item) -> bool | None:
        if not fits(item):
            return False
        given = item.get("_linked")
        return None if given is None else bool(given)

    return test


def in_queue(item: Item) -> bool | None:
    """Whether a pull request is in the merge queue."""
    if not is_pull(item):
        return False
    given = item.get("_merge_queue")
    return None if given is None else bool(given)


def projects(patterns: tuple[Pattern, ...], context: Context) -> Test:
    """Whether the item is in one of the projects."""
    meets = names(patterns)

    def test(item: Item) -> bool | None:
        given = item.get("_projects")
        return None if given is None else any(meets(project) for project in given)

    return test


def repository_fact(item: Item, context: Context, key: str) -> Any:
    """A fact of the item's repository; `KeyError` where nothing tells it."""
    for repository in (item.get("_repository"), item.get("repository"), context.repository):
        if isinstance(repository, Mapping) and key in repository:
            return repository[key]
    raise KeyError(key)


def repository_is(key: str, holds: Callable[[Any], bool]) -> Callable[[Context], Test]:
    """A test on a fact of the repository."""

    def build(context: Context) -> Test:
        def test(item: Item) -> bool | None:
            try:
                return holds(repository_fact(item, context, key))
            except KeyError:
                return None

        return test

    return build


def visibility(wanted: str) -> Callable[[Context], Test]:
    """Public, private or internal; the older flag `private` decides where it can."""

    def build(context: Context) -> Test:
        def test(item: Item) -> bool | None:
            try:
                return bool(repository_fact(item, context, "visibility") == wanted)
            except KeyError:
                pass
            try:
                private = repository_fact(item, context, "private")
            except KeyError:
                return None
            if private and wanted == "internal":
                return None  # internal repositories are private to the older flag
            return (wanted == "private") if private else wanted == "public"

        return test

    return build


def repository(patterns: tuple[Pattern, ...], context: Context) -> Test:
    """Whether the item is in one of the repositories."""
    meets = names(patterns)

    def test(item: Item) -> bool | None:
        name = repository_name(item, context)
        return None if name is None else meets(name)

    return test


def owner(logins: tuple[Login, ...], context: Context) -> Test:
    """Whether one of the accounts owns the item's repository."""
    meets = person(logins, context)

    def test(item: Item) -> bool | None:
        login = owner_of(item, context)
        return None if login is None else meets(login)

    return test
