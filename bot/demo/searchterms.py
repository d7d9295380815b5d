"""What each search qualifier asks of an item."""

import re
from collections.abc import Callable
from datetime import timedelta

from bot.demo import records as r
from bot.demo.core import Core
from bot.demo.ids import iso, parse_time
from bot.demo.linked import closed_numbers, closing_pulls
from bot.demo.mentions import mentioned_teams
from bot.demo.refusal import invalid
from bot.demo.searchquery import Branch, Leaf, Node
from bot.demo.statuses import rollup

Item = r.Issue
Test = Callable[["Searcher", Item, str], bool]


class Searcher:
    """Evaluates a query for one asker at one moment."""

    def __init__(self, core: Core, me: str | None, scopes: tuple[str, ...]) -> None:
        self.core = core
        self.me = me
        self.scopes = scopes or ("title", "body", "comments")

    def fits(self, node: Node, row: Item) -> bool:
        """Whether an item is in."""
        if isinstance(node, Branch):
            if node.kind == "not":
                return not self.fits(node.parts[0], row)
            results = (self.fits(x, row) for x in node.parts)
            return any(results) if node.kind == "or" else all(results)
        if node.name == "":
            return self._says(row, node.values[0])
        test = TESTS.get(node.name)
        return test is None or any(test(self, row, self._login(node, x)) for x in node.values)

    def _login(self, leaf: Leaf, value: str) -> str:
        if value == "@me":
            return (self.me or "").lower()
        if leaf.name in PEOPLE and value.lower().startswith("app/"):
            return f"{value[4:].lower()}[bot]"
        return value.lower()

    def _says(self, row: Item, text: str) -> bool:
        """Words with a little stemming, as GitHub's search is not exact."""
        fields = []
        if "title" in self.scopes:
            fields.append(row.title)
        if "body" in self.scopes:
            fields.append(row.body or "")
        if "comments" in self.scopes:
            fields += [x.body for x in self.core.tables.comments.under("issue", row.id)]
        wanted = [_stem(x) for x in re.findall(r"\w+", text.casefold())]
        have = [_stem(x) for x in re.findall(r"\w+", " ".join(fields).casefold())]
        if len(wanted) <= 1:
            return not wanted or wanted[0] in set(have)
        return any(have[i : i + len(wanted)] == wanted for i in range(len(have) - len(wanted) + 1))

    def pull(self, row: Item) -> r.Pull | None:
        """The pull request half."""
        return self.core.tables.pulls.get(row.id) if row.is_pull else None


PEOPLE = {"author", "assignee", "mentions", "commenter", "involves", "reviewed-by", "review-requested",
          "user-review-requested"}  # fmt: skip


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


def _is(s: Searcher, row: Item, value: str) -> bool:
    pull = s.pull(row)
    repo = s.core.repo_of(row)
    answers = {
        "issue": not row.is_pull,
        "pr": row.is_pull,
        "pull-request": row.is_pull,
        "open": row.state == "open",
        "closed": row.state == "closed",
        "merged": pull is not None and pull.merged_at is not None,
        "unmerged": pull is not None and pull.merged_at is None,
        "draft": pull is not None and pull.draft,
        "queued": pull is not None and pull.queued,
        "locked": row.locked,
        "unlocked": not row.locked,
        "public": not repo.private,
        "private": repo.private,
        "blocked": bool(row.blocked_by),
        "archived": repo.archived,
    }
    return answers.get(value, True)


def _type(s: Searcher, row: Item, value: str) -> bool:
    if value in ("issue", "pr"):
        return row.is_pull == (value == "pr")
    return (row.type or "").lower() == value


def _missing(s: Searcher, row: Item, value: str) -> bool:
    answers = {
        "label": not row.labels,
        "assignee": not row.assignees,
        "milestone": row.milestone is None,
        "project": not row.projects,
    }
    return answers.get(value, True)  # others are ignored without a word, as measured on GitHub


def _label(s: Searcher, row: Item, value: str) -> bool:
    names = (s.core.tables.labels.get(i) for i in row.labels)
    return any(x is not None and x.name.casefold() == value.casefold() for x in names)


def _milestone(s: Searcher, row: Item, value: str) -> bool:
    if row.milestone is None:
        return False
    found = s.core.tables.milestones.one("number", (row.repo_id, row.milestone))
    return value == "*" or (found is not None and found.title.lower() == value)


def _author(s: Searcher, row: Item, value: str) -> bool:
    return (row.author or "").lower() == value


def _assignee(s: Searcher, row: Item, value: str) -> bool:
    return bool(row.assignees) if value == "*" else value in map(str.lower, row.assignees)


def _mentions(s: Searcher, row: Item, value: str) -> bool:
    return value in row.mentions


def _commenter(s: Searcher, row: Item, value: str) -> bool:
    return any((x.author or "").lower() == value for x in s.core.tables.comments.under("issue", row.id))


def _involves(s: Searcher, row: Item, value: str) -> bool:
    return any(test(s, row, value) for test in (_author, _assignee, _mentions, _commenter))


def _team(s: Searcher, row: Item, value: str) -> bool:
    texts = [row.body or "", *(x.body for x in s.core.tables.comments.under("issue", row.id))]
    return any(value in mentioned_teams(x) for x in texts)


def _number(of: Callable[[Item], int]) -> Test:
    def test(s: Searcher, row: Item, value: str) -> bool:
        low, high = _span(value)
        try:
            return (not low or _bound(low, of(row), int)) and (not high or _bound(high, of(row), int))
        except ValueError as fault:
            raise invalid("Search", "q") from fault

    return test


def _span(value: str) -> tuple[str, str]:
    """A comparison or range as two bounds with operators."""
    if ".." in value:
        low, _, high = value.partition("..")
        return ("" if low == "*" else f">={low}"), ("" if high == "*" else f"<={high}")
    return (value, "") if value[:1] in "<>" else (f">={value}", f"<={value}")


def _bound(bound: str, have: int, read: Callable[[str], int]) -> bool:
    sign, wanted = re.match(r"[<>]=?", bound), read(re.sub(r"^[<>]=?", "", bound))
    mark = sign[0] if sign else ">="
    return {">": have > wanted, ">=": have >= wanted, "<": have < wanted, "<=": have <= wanted}[mark]


def _when(of: Callable[[Searcher, Item], str | None]) -> Test:
    def test(s: Searcher, row: Item, value: str) -> bool:
        have = of(s, row)
        if have is None:
            return False
        return all(_time_bound(s, x, have) for x in _span(value) if x)

    return test


def _time_bound(s: Searcher, bound: str, have: str) -> bool:
    """A day is all of its UTC day: after it begins when it has ended."""
    mark, text = re.match(r"[<>]=?", bound), re.sub(r"^[<>]=?", "", bound)
    start, end = _period(s, text)
    sign = mark[0] if mark else ">="
    return {">": have >= end, ">=": have >= start, "<": have < start, "<=": have < end}[sign]


def _period(s: Searcher, text: str) -> tuple[str, str]:
    ago = re.fullmatch(r"@today(?:-(\d+)([dwmy]))?", text)
    try:
        if ago is not None:
            days = int(ago[1] or 0) * {"d": 1, "w": 7, "m": 30, "y": 365}[ago[2] or "d"]
            at = s.core.clock().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)
            return iso(at), iso(at + timedelta(days=1))
        at = parse_time(text.upper())
        return iso(at), iso(at + (timedelta(seconds=1) if "t" in text else timedelta(days=1)))
    except (ValueError, OverflowError) as fault:
        raise invalid("Search", "q") from fault


def _review(s: Searcher, row: Item, value: str) -> bool:
    decision = review_decision(s.core, row)
    answers = {
        "none": not s.core.tables.reviews.under("issue", row.id),
        "required": decision == "REVIEW_REQUIRED",
        "approved": decision == "APPROVED",
        "changes_requested": decision == "CHANGES_REQUESTED",
    }
    return row.is_pull and answers.get(value, True)


def review_decision(core: Core, row: r.Issue) -> str | None:
    """GraphQL's `reviewDecision`: each reviewer's last word; required where reviewers are asked."""
    last: dict[str, str] = {}
    for x in core.tables.reviews.under("issue", row.id):
        if x.state in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED") and x.author is not None:
            last[x.author] = x.state
    if "CHANGES_REQUESTED" in last.values():
        return "CHANGES_REQUESTED"
    if "APPROVED" in last.values():
        return "APPROVED"
    pull = core.tables.pulls.get(row.id)
    return "REVIEW_REQUIRED" if pull is not None and (pull.reviewers or pull.team_reviewers) else None


def _reviewed_by(s: Searcher, row: Item, value: str) -> bool:
    return any((x.author or "").lower() == value for x in s.core.tables.reviews.under("issue", row.id))


def _requested(s: Searcher, row: Item, value: str) -> bool:
    pull = s.pull(row)
    if pull is None:
        return False
    if value in map(str.lower, pull.reviewers):
        return True
    teams = [x for x in s.core.tables.teams if x.slug in pull.team_reviewers]
    return any(value in map(str.lower, x.members) for x in teams)


def _user_requested(s: Searcher, row: Item, value: str) -> bool:
    pull = s.pull(row)
    return pull is not None and value in map(str.lower, pull.reviewers)


def _team_requested(s: Searcher, row: Item, value: str) -> bool:
    pull = s.pull(row)
    return pull is not None and value.rpartition("/")[2] in pull.team_reviewers


def _status(s: Searcher, row: Item, value: str) -> bool:
    pull = s.pull(row)
    if pull is None:
        return False
    state = (rollup(s.core, s.core.repo_of(row), pull.head_sha) or "").lower()
    return value == ("failure" if state == "error" else state)


def _linked(s: Searcher, row: Item, value: str) -> bool:
    if value == "issue":
        return row.is_pull and bool(closed_numbers(s.core, row))
    return not row.is_pull and bool(closing_pulls(s.core, row))


def _merged_at(s: Searcher, row: Item) -> str | None:
    pull = s.pull(row)
    return None if pull is None else pull.merged_at


def _repo(s: Searcher, row: Item, value: str) -> bool:
    return s.core.repo_of(row).full_name.lower() == value


def _owner(s: Searcher, row: Item, value: str) -> bool:
    return s.core.repo_of(row).owner.lower() == value


def _reason(s: Searcher, row: Item, value: str) -> bool:
    return not row.is_pull and (row.state_reason or "").replace("_", " ") == value.replace("_", " ")


def _head(s: Searcher, row: Item, value: str) -> bool:
    pull = s.pull(row)
    return pull is not None and pull.head_ref.lower().startswith(value)


def _base(s: Searcher, row: Item, value: str) -> bool:
    pull = s.pull(row)
    return pull is not None and pull.base_ref.lower() == value


TESTS: dict[str, Test] = {
    "is": _is, "type": _type, "no": _missing, "label": _label, "milestone": _milestone, "author": _author,
    "state": _is, "assignee": _assignee, "mentions": _mentions, "commenter": _commenter, "involves": _involves,
    "team": _team, "repo": _repo, "org": _owner, "user": _owner, "reason": _reason, "head": _head, "base": _base,
    "review": _review, "reviewed-by": _reviewed_by, "review-requested": _requested,
    "user-review-requested": _user_requested, "team-review-requested": _team_requested, "status": _status,
    "linked": _linked,
    "draft": lambda s, row, v: row.is_pull and s.core.tables.pulls.rows[row.id].draft == (v == "true"),
    "archived": lambda s, row, v: s.core.repo_of(row).archived == (v == "true"),
    "language": lambda s, row, v: (s.core.repo_of(row).language or "").lower() == v,
    "project": lambda _, row, v: v in map(str.lower, row.projects),
    "comments": _number(lambda row: row.comments),
    "reactions": _number(lambda row: sum(row.reactions.values())),
    "interactions": _number(lambda row: row.comments + sum(row.reactions.values())),
    "created": _when(lambda _, row: row.created_at), "updated": _when(lambda _, row: row.updated_at),
    "closed": _when(lambda _, row: row.closed_at), "merged": _when(_merged_at),
}  # fmt: skip
