"""Why an item is in or out: the smallest set of terms that settle it, with what the item says to each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from filters.facts import is_pull, merged_at, reason
from filters.match import Asked, Compiled, Denied, Matcher, Some, answer, ask, missing
from filters.nodes import Text
from filters.phrases import listed
from filters.verdict import Facet, Item, Verdict


@dataclass(frozen=True, slots=True)
class Reason:
    """A term that settles the verdict: its place, its own answer, and words with what the item says."""

    start: int
    end: int
    text: str
    verdict: Verdict
    words: str
    needs: frozenset[Facet] = frozenset()


@dataclass(frozen=True, slots=True)
class Explanation:
    """A verdict and the fewest terms that bring it about; an unknown one names the facts that would decide."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    needs: frozenset[Facet]

    def __str__(self) -> str:
        because = "; ".join(reason.words for reason in self.reasons)
        match self.verdict:
            case Verdict.YES:
                return f"matches: {because}" if because else "matches: the query asks for nothing"
            case Verdict.NO:
                return f"does not match: {because}"
            case Verdict.UNKNOWN:
                return f"not known yet: {because}; it takes {listed(sorted(self.needs), 'and')}"


def explain(matcher: Matcher, item: Item) -> Explanation:
    """Say which terms let an item in, keep it out, or cannot be answered from what it carries."""
    verdict = matcher(item)
    found = _deciding(matcher.tree, item)
    reasons = tuple(
        dict.fromkeys(
            _reason(asked, matcher, item) for asked in sorted(found, key=lambda each: each.leaf.start)
        )
    )
    return Explanation(verdict, reasons, matcher.needs(item))


def _deciding(tree: Compiled, item: Item) -> list[Asked]:
    """The fewest leaves that settle the node's answer; those of different branches never overlap."""
    if isinstance(tree, Asked):
        return [tree]
    if isinstance(tree, Denied):
        return _deciding(tree.part, item)
    settled = answer(tree, item)
    telling = isinstance(tree, Some)
    sets = [_deciding(part, item) for part in tree.parts if answer(part, item) is settled]
    if settled is telling:
        return min(sets, key=lambda found: (len(found), min((each.leaf.start for each in found), default=0)))
    return [each for found in sets for each in found]


def _reason(asked: Asked, matcher: Matcher, item: Item) -> Reason:
    leaf, one = asked.leaf, ask(asked, item)
    text = matcher.query.text[leaf.start : leaf.end]
    saying = _fact(leaf.name, item) if not isinstance(leaf, Text) else None
    lacking = missing(asked, item) if one is None else frozenset()
    if one is None:
        words = f"{text} is not known (it takes {listed(sorted(lacking), 'and')})"
    else:
        words = f"{text} {'holds' if one else 'does not hold'}" + (f" ({saying})" if saying else "")
    return Reason(leaf.start, leaf.end, text, Verdict.of(one), words, lacking)


def _fact(name: str, item: Item) -> str | None:
    """What the item says about a qualifier, in a few words; None where that is more than a few."""
    try:
        return _FACTS[name](item) if name in _FACTS else None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None


def _names(entries: Any, key: str, what: str) -> str:
    names = [entry if isinstance(entry, str) else str(entry[key]) for entry in entries]
    if not names:
        return f"it has no {what}"
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return f"{what}: {', '.join(names[:6])}{more}"


def _kind(item: Item) -> str:
    what = "pull request" if is_pull(item) else "issue"
    state = "merged" if is_pull(item) and item.get("state") == "closed" and _merged(item) else item["state"]
    return f"it is {'an' if state == 'open' else 'a'} {state} {what}"


def _merged(item: Item) -> bool:
    try:
        return merged_at(item) is not None
    except KeyError:
        return False


def _date(key: str, what: str) -> Any:
    return lambda item: f"{what} {item[key]}" if item[key] else f"never {what}"


_FACTS: Mapping[str, Any] = {
    "is": _kind,
    "state": _kind,
    "type": lambda item: (
        _kind(item) if is_pull(item) or not item.get("type") else f"its type is {item['type']['name']}"
    ),
    "reason": lambda item: f"closed as {reason(item)}" if reason(item) else "it has no reason",
    "label": lambda item: _names(item["labels"], "name", "labels"),
    "author": lambda item: f"opened by {item['user']['login']}" if item["user"] else "its author is gone",
    "assignee": lambda item: _names(item["assignees"], "login", "assignees"),
    "milestone": lambda item: (
        f"milestone: {item['milestone']['title']}" if item["milestone"] else "it has no milestone"
    ),
    "comments": lambda item: f"it has {item['comments']}",
    "reactions": lambda item: f"it has {item['reactions']['total_count']}",
    "created": _date("created_at", "opened"),
    "updated": _date("updated_at", "updated"),
    "closed": _date("closed_at", "closed"),
    "merged": lambda item: f"merged {merged_at(item)}" if merged_at(item) else "never merged",
    "base": lambda item: f"it goes into {item['base']['ref']}",
    "head": lambda item: f"it comes from {item['head']['ref']}",
    "status": lambda item: f"its checks: {item['_checks'] or 'none'}",
    "review": lambda item: f"its review: {item['_review_decision'] or 'no decision'}",
    "repo": lambda item: f"it is in {item['repository_url'].partition('/repos/')[2]}",
    "review-requested": lambda item: _names(item["requested_reviewers"], "login", "asked"),
    "user-review-requested": lambda item: _names(item["requested_reviewers"], "login", "asked"),
}
