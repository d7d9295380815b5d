"""The one table of qualifiers: its rows drive reading, checking, matching, needs, help, completion and push-down.

To teach Roundsman a new qualifier, add a row here; if it can narrow a request, name its rule in `pushdown.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as _field

from filters import beyond, facts, fields, people, presence, times, values
from filters.context import Context
from filters.errors import BadValueError
from filters.facts import Build
from filters.patterns import names
from filters.values import Choice, Kind, Meaning, Pattern, choice
from filters.verdict import Facet, Item, Test, any_of

LIST = frozenset({Facet.ITEM})
TALK = frozenset({Facet.COMMENTS})
PULL = frozenset({Facet.PULL})
REPOSITORY = frozenset({Facet.REPOSITORY})


@dataclass(frozen=True, slots=True)
class Qualifier:
    """A row: how its values are read, how it is tested, what that takes, and how to speak of it."""

    name: str
    kind: Kind
    help: str
    build: Build
    words: str  # "{}" is where the values go
    facets: frozenset[Facet] = LIST
    choice_facets: Mapping[str, frozenset[Facet]] = _field(default_factory=dict)
    cost: int = 2  # a rough order in which to test: the cheap and telling first
    aliases: tuple[str, ...] = ()
    modifier: bool = False  # says how to search or order, not what
    example: str = ""

    def needs(self, meanings: tuple[Meaning, ...]) -> frozenset[Facet]:
        """What it takes to decide a term with these values."""
        if not self.choice_facets:
            return self.facets
        keys = [meaning.key for meaning in meanings if isinstance(meaning, Choice)]
        return frozenset().union(*(self.choice_facets.get(key, self.facets) for key in keys))


def _context_free(test: Test) -> Callable[[Context], Test]:
    return lambda context: test


IS: Mapping[str, tuple[str, Callable[[Context], Test], frozenset[Facet]]] = {
    "open": ("open", _context_free(facts.state("open")), LIST),
    "closed": ("closed", _context_free(facts.state("closed")), LIST),
    "issue": ("issues", _context_free(facts.is_issue), LIST),
    "pr": ("pull requests", _context_free(facts.is_pull), LIST),
    "merged": ("merged pull requests", _context_free(facts.merged), LIST),
    "unmerged": ("pull requests that are not merged", _context_free(facts.unmerged), LIST),
    "draft": ("drafts", _context_free(facts.of_pulls(facts.flag("draft"))), LIST),
    "queued": ("in the merge queue", _context_free(beyond.in_queue), frozenset({Facet.QUEUE})),
    "locked": ("locked", _context_free(facts.flag("locked")), LIST),
    "unlocked": ("not locked", _context_free(facts.flag("locked", False)), LIST),
    "public": ("in a public repository", beyond.visibility("public"), REPOSITORY),
    "private": ("in a private repository", beyond.visibility("private"), REPOSITORY),
    "internal": ("in an internal repository", beyond.visibility("internal"), REPOSITORY),
    "blocked": ("blocked", _context_free(facts.summary("issue_dependencies_summary", "blocked_by")), LIST),
    "blocking": ("blocking", _context_free(facts.summary("issue_dependencies_summary", "blocking")), LIST),
}


def _is(meanings: tuple[Choice, ...], context: Context) -> Test:
    if len(meanings) == 1 and meanings[0].key in ("open", "closed"):
        return facts.in_state(meanings[0].key)
    return any_of(tuple(IS[meaning.key][1](context) for meaning in meanings))


def _type(meanings: tuple[Choice | Pattern, ...], context: Context) -> Test:
    kinds = tuple(IS[meaning.key][1](context) for meaning in meanings if isinstance(meaning, Choice))
    types = tuple(meaning for meaning in meanings if isinstance(meaning, Pattern))
    return any_of(kinds + ((facts.issue_type(types, context),) if types else ()))


def _read_type(text: str, quoted: bool) -> Choice | Pattern:
    folded = text.casefold()
    return Choice(folded) if folded in ("issue", "pr") else values.read_name(text, quoted)


def _boolean(build: Callable[[bool, Context], Test]) -> Build:
    return lambda meanings, context: any_of(
        tuple(build(meaning.key == "true", context) for meaning in meanings)
    )


def _reason(meanings: tuple[Choice, ...], context: Context) -> Test:
    wanted = {meaning.key for meaning in meanings}

    def test(item: Item) -> bool | None:
        try:
            return facts.reason(item) in wanted
        except KeyError:
            return None

    return test


def _anything(meanings: tuple[Meaning, ...], context: Context) -> Test:
    return lambda item: True


def _language(patterns: tuple[Pattern, ...], context: Context) -> Test:
    meets = names(patterns)
    return beyond.repository_is("language", lambda given: given is not None and meets(given))(context)


def _linked(meanings: tuple[Choice, ...], context: Context) -> Test:
    return any_of(tuple(beyond.linked(meaning.key) for meaning in meanings))


def _user(key: str) -> Build:
    return lambda logins, context: people.user_at(key, people.person(logins, context))


def _author(logins: tuple[values.Login, ...], context: Context) -> Test:
    nobody = any(login.nothing for login in logins)
    test = people.user_at("user", people.person(logins, context))
    return (lambda item: True if "user" in item and item["user"] is None else test(item)) if nobody else test


def _assignee(logins: tuple[values.Login, ...], context: Context) -> Test:
    nobody = any(login.nothing for login in logins)
    return people.users_in(("assignees", "assignee"), people.person(logins, context), nobody)


LOGIN = Kind("login", values.read_login)
COUNT = Kind("number", values.read_count)
DATE = Kind("date", values.read_date)
NAME = Kind("name", values.read_name)
WORD = Kind("word", values.read_word)
TEAM = Kind("team", values.read_team)
BOOLEAN = {"true": "yes", "false": "no"}
OPEN_CLOSED = {"open": "open", "closed": "closed, merged included"}
REASONS = {
    "completed": "done",
    "not planned": "will not be done",
    "duplicate": "told elsewhere",
    "reopened": "opened again",
}
REVIEWS = {
    "none": "not reviewed yet",
    "required": "a review is required",
    "approved": "approved",
    "changes_requested": "changes are requested",
}
SCOPES = {"title": "the title", "body": "the description", "comments": "the comments"}

ROWS: tuple[Qualifier, ...] = (
    Qualifier(
        "is", choice("is:", {key: row[0] for key, row in IS.items()}), "kind, state or property", _is, "that are {}",
        choice_facets={key: row[2] for key, row in IS.items()}, cost=0, example="is:open",
    ),
    Qualifier("state", choice("state:", OPEN_CLOSED), "open or closed", _is, "that are {}", cost=0, example="state:open"),
    Qualifier("type", Kind("type", _read_type, {"issue": "issues", "pr": "pull requests"}),
              "issue, pr, or the name of an issue type", _type, "of type {}", cost=1, example="type:Bug"),
    Qualifier("reason", choice("reason:", REASONS, {"not_planned": "not planned", "not-planned": "not planned"}),
              "why it was closed", _reason, "closed as {}", cost=1, example='reason:"not planned"'),
    Qualifier("draft", choice("draft:", BOOLEAN), "whether a pull request is a draft",
              _boolean(lambda wanted, context: facts.of_pulls(facts.flag("draft", wanted))), "with draft {}",
              cost=1, example="draft:false"),
    Qualifier("archived", choice("archived:", BOOLEAN), "whether the repository is archived",
              _boolean(lambda wanted, context: beyond.repository_is("archived", lambda given: bool(given) is wanted)(context)),
              "in a repository with archived {}", facets=REPOSITORY, example="archived:false"),
    Qualifier("label", NAME, "a label; * is any, none is none", facts.labels, "labelled {}", cost=4,
              aliases=("labels",), example='label:"help wanted",bug'),
    Qualifier("milestone", NAME, "the milestone's title; * is any, none is none", facts.named("milestone", "title"),
              "in milestone {}", cost=2, example="milestone:v1.0"),
    Qualifier("author", LOGIN, "who opened it", _author, "opened by {}", cost=3, example="author:octocat"),
    Qualifier("assignee", LOGIN, "who is assigned; * is anyone, none is no one", _assignee, "assigned to {}", cost=3,
              aliases=("assignees",), example="assignee:@me"),
    Qualifier("mentions", LOGIN, "who is mentioned in the description or a comment", beyond.mentions, "mentioning {}",
              facets=TALK, cost=8, example="mentions:octocat"),
    Qualifier("team", TEAM, "which team is mentioned", beyond.team, "mentioning the team {}", facets=TALK, cost=8,
              example="team:octo-org/core"),
    Qualifier("commenter", LOGIN, "who commented", beyond.commenter, "commented on by {}", facets=TALK, cost=6,
              example="commenter:octocat"),
    Qualifier("involves", LOGIN, "author, assignee, mentioned or commenter", beyond.involves, "involving {}", facets=TALK,
              cost=9, example="involves:@me"),
    Qualifier("comments", COUNT, "how many comments", facts.counted(facts.comments), "with {} comments", cost=2,
              example="comments:>10"),
    Qualifier("reactions", COUNT, "how many reactions", facts.counted(facts.reactions), "with {} reactions", cost=2,
              example="reactions:>=5"),
    Qualifier("interactions", COUNT, "how many comments and reactions", facts.counted(facts.interactions),
              "with {} interactions", cost=3, example="interactions:>20"),
    Qualifier("created", DATE, "when it was opened", times.dated("created_at"), "opened {}", cost=1,
              example="created:>2024-01-01"),
    Qualifier("updated", DATE, "when it last changed", times.dated("updated_at"), "updated {}", cost=1,
              example="updated:<7d"),
    Qualifier("closed", DATE, "when it was closed", times.dated("closed_at"), "closed {}", cost=1,
              example="closed:>@today-14d"),
    Qualifier("merged", DATE, "when it was merged", times.merged_date, "merged {}", cost=2,
              example="merged:2026-01-01..2026-03-31"),
    Qualifier("no", presence.reader("no"), "a field that is missing", presence.lacks, "without {}", cost=2,
              choice_facets={key: row.facets for key, row in presence.FIELDS.items()}, example="no:assignee"),
    Qualifier("has", presence.reader("has"), "a field that is there", presence.has, "with {}", cost=2,
              choice_facets={key: row.facets for key, row in presence.FIELDS.items()}, example="has:label"),
    Qualifier("parent-issue", Kind("issue", values.read_issue_ref), "the issue it is a sub-issue of", facts.parent,
              "under the issue {}", cost=3, example="parent-issue:octo-org/shop#12"),
    Qualifier("project", Kind("project", values.read_project), "the project it is in", beyond.projects,
              "in the project {}", facets=frozenset({Facet.PROJECTS}), cost=4, example="project:octo-org/7"),
    Qualifier("head", WORD, "the beginning of a pull request's own branch", beyond.branch("head", True),
              "from a branch beginning with {}", facets=PULL, cost=3, example="head:fix"),
    Qualifier("base", WORD, "the branch a pull request goes into", beyond.branch("base", False), "into the branch {}",
              facets=PULL, cost=3, example="base:main"),
    Qualifier("review", choice("review:", REVIEWS, {"changes-requested": "changes_requested", "changes requested": "changes_requested"}),
              "the review decision", beyond.review, "whose review is {}",
              choice_facets={"none": frozenset({Facet.REVIEWS})}, facets=frozenset({Facet.DECISION}), cost=4,
              example="review:approved"),
    Qualifier("reviewed-by", LOGIN, "who reviewed it", beyond.reviewed_by, "reviewed by {}",
              facets=frozenset({Facet.REVIEWS}), cost=5, example="reviewed-by:octocat"),
    Qualifier("review-requested", LOGIN, "whose review is asked for, in person or through a team", beyond.requested,
              "waiting for a review by {}", facets=frozenset({Facet.PULL, Facet.TEAMS}), cost=5,
              example="review-requested:@me"),
    Qualifier("user-review-requested", LOGIN, "whose review is asked for in person", beyond.requested_user,
              "waiting for a review by {} in person", facets=PULL, cost=4, example="user-review-requested:@me"),
    Qualifier("team-review-requested", TEAM, "the team whose review is asked for", beyond.requested_team,
              "waiting for a review by the team {}", facets=PULL, cost=4, example="team-review-requested:octo-org/core"),
    Qualifier("status", choice("status:", {"pending": "running", "success": "passed", "failure": "failed"}),
              "the checks of the last commit", beyond.checks, "whose checks are {}", facets=frozenset({Facet.CHECKS}),
              cost=4, example="status:failure"),
    Qualifier("linked", choice("linked:", {"pr": "issues with a pull request", "issue": "pull requests with an issue"}),
              "a linked pull request or issue", _linked, "linked to {}", facets=frozenset({Facet.LINKED}), cost=4,
              example="linked:pr"),
    Qualifier("repo", Kind("repository", values.read_repository), "the repository", beyond.repository, "in {}",
              facets=REPOSITORY, cost=1, example="repo:octo-org/shop"),
    Qualifier("org", Kind("account", values.read_owner), "the organisation that owns the repository", beyond.owner,
              "in repositories of {}", facets=REPOSITORY, cost=1, example="org:octo-org"),
    Qualifier("user", Kind("account", values.read_owner), "the account that owns the repository", beyond.owner,
              "in repositories of {}", facets=REPOSITORY, cost=1, aliases=("owner",), example="user:octocat"),
    Qualifier("language", WORD, "the repository's main language", _language, "in repositories written in {}",
              facets=REPOSITORY, cost=2, example="language:python"),
    Qualifier("in", choice("in:", SCOPES, {"comment": "comments"}), "where the free text is looked for", _anything,
              "in {}", modifier=True, example="in:title,body"),
    Qualifier("sort", Kind("order", values.read_sort, values.SORT_KEYS), "the order of the results", _anything,
              "sorted by {}", modifier=True, example="sort:updated-desc"),
)  # fmt: skip

FIELD = Qualifier(
    "field.", Kind("field value", values.read_field_value), "an issue field, by name or slug", _anything,
    "whose field is {}", cost=4, example="field.priority:high",
)  # fmt: skip


def _table() -> dict[str, Qualifier]:
    return {name: row for row in ROWS for name in (row.name, *row.aliases)}


TABLE: Mapping[str, Qualifier] = _table()
PLACES = ("repo", "org", "user")
"""Qualifiers whose repeats widen the search instead of narrowing it."""


def row_of(name: str) -> Qualifier:
    """The row of a term's canonical name; raises `KeyError` for a name no query can hold."""
    return FIELD if name.startswith("field.") else TABLE[name]


def compile_term(name: str, meanings: tuple[Meaning, ...], context: Context) -> Test:
    """Compile one term, its values joined by OR."""
    if name.startswith("field."):
        return fields.field(name[6:], meanings, context)  # type: ignore[arg-type]
    return TABLE[name].build(meanings, context)


def read_value(name: str, text: str, quoted: bool) -> Meaning:
    """Read one value of a qualifier; raises `BadValueError`."""
    if not text:
        raise BadValueError("empty-value", f"{name}: has no value", "write the value right after the colon")
    return row_of(name).kind.read(text, quoted)
