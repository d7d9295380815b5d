"""What the agent proposed, against what its job may do: allowed, or refused with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar, assert_never

from pydantic import BaseModel

from bot.flow.outcome_json import Fault, from_message, parse
from bot.flow.protected import faults, matches
from bot.flow.safe_text import one_line, publishable, redact, visible
from bot.model.agent import Patch
from bot.model.outcome import (
    Action,
    AddLabels,
    Allowance,
    Assign,
    Check,
    Close,
    Comment,
    Decision,
    May,
    NewIssue,
    NewPullRequest,
    Outcome,
    Refused,
    RemoveLabels,
    Reopen,
    Review,
    SetMilestone,
)

__all__ = ["Fault", "decide", "from_message", "parse"]

_V = TypeVar("_V", bound=BaseModel)

On = Literal["issue", "pull_request", "nothing"]
"""What the session worked on; `nothing` for codebase and custom jobs, which report to an issue of ours."""


def decide(
    outcome: Outcome,
    may: May,
    *,
    on: On = "issue",
    patch: Patch | None = None,
    secrets: Sequence[str] = (),
    keep_mentions: frozenset[str] = frozenset(),
) -> Decision:
    """Decide on every proposed action. Texts of what is allowed are made safe to publish."""
    desk = _Desk(may, on, patch, tuple(secrets), keep_mentions)
    for bad in outcome.malformed:
        desk.refused.append(Refused(kind=bad.kind, reason=redact(visible(bad.reason), secrets)))
    for action in outcome.actions:
        desk.judge(action)
    return Decision(
        summary=desk.text(outcome.summary), allowed=tuple(desk.allowed), refused=tuple(desk.refused)
    )


@dataclass
class _Desk:
    may: May
    on: On
    patch: Patch | None
    secrets: tuple[str, ...]
    keep: frozenset[str]
    allowed: list[Action] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    used: Counter[str] = field(default_factory=Counter)

    def text(self, markdown: str) -> str:
        return publishable(markdown, secrets=self.secrets, keep=self.keep)

    def line(self, title: str) -> str:
        return one_line(title, secrets=self.secrets)

    def path(self, path: str) -> str:
        """A path as it may be shown: where the diff has no such line, it stands in the review's own words."""
        return redact(visible(path), self.secrets).replace("`", "").replace("\n", " ").strip() or "?"

    def judge(self, action: Action) -> None:
        allowance = self.may.of(action.kind)
        if allowance.max == 0:
            return self.refuse(action, f"the job may not {_VERBS[action.kind]}")
        if reason := self._misplaced(action):
            return self.refuse(action, reason)
        if isinstance(action, AddLabels | RemoveLabels):
            return self._labels(action, allowance)
        if isinstance(action, Assign):
            return self._assign(action, allowance)
        if self.used[action.kind] >= allowance.max:
            return self.refuse(action, f"the job may {_VERBS[action.kind]} at most {allowance.max} time(s)")
        reason = self._faults(action, allowance)
        if reason:
            return self.refuse(action, reason)
        return self.allow(action)

    def allow(self, action: Action, count: int = 1) -> None:
        cleaned = self._cleaned(action)
        if isinstance(cleaned, Comment | NewIssue | NewPullRequest) and not _words(cleaned):
            return self.refuse(action, "nothing is left of its text once hidden parts are removed")
        self.used[action.kind] += count
        return self.allowed.append(cleaned)

    def refuse(self, action: Action, reason: str) -> None:
        self.refused.append(
            Refused(
                kind=action.kind, reason=redact(visible(reason), self.secrets), action=self._cleaned(action)
            )
        )

    def _misplaced(self, action: Action) -> str | None:
        if self.on == "nothing" and action.kind not in {"comment", "issue", "pull_request"}:
            return "the session worked on no issue or pull request"
        if self.on == "issue" and action.kind in {"review", "check"}:
            return "the item is no pull request"
        return None

    def _faults(self, action: Action, allowance: Allowance) -> str | None:
        """Give the reason against an action that is permitted by kind and number."""
        match action:
            case Review(event=event):
                return self._unlisted(event, allowance, "review event")
            case SetMilestone(title=title):
                return self._unlisted(title or "none", allowance, "milestone")
            case Check(name=name):
                return self._unlisted(name, allowance, "check name")
            case Close(reason=reason):
                return self._unlisted(reason or "completed", allowance, "reason to close")
            case NewIssue(labels=labels):
                may_add = self.may.of("labels.add")
                return next((r for label in labels if (r := self._unlisted(label, may_add, "label"))), None)
            case NewPullRequest():
                if self.patch is None:
                    return "the session had no workspace to make a change in"
                reasons = list(faults(self.patch, allowance.values))
                return "; ".join(reasons[:5]) or None
            case Comment() | Reopen() | AddLabels() | RemoveLabels() | Assign():
                return None
            case _:
                assert_never(action)

    def _unlisted(self, value: str, allowance: Allowance, what: str) -> str | None:
        if allowance.max == 0:
            return f"the job may set no {what}"
        if one_line(value, secrets=self.secrets, most=len(value) + 1) != value.strip():
            return f"the {what} holds hidden characters, a mention or what looks like a secret"
        if allowance.values is None or any(matches(value, pattern) for pattern in allowance.values):
            return None
        return f"{what} {value!r} is not among those the job may use ({', '.join(allowance.values)})"

    def _labels(self, action: AddLabels | RemoveLabels, allowance: Allowance) -> None:
        kept = self._within(action, action.labels, allowance, "label")
        if kept:
            self.allow(action.model_copy(update={"labels": kept}), len(kept))

    def _assign(self, action: Assign, allowance: Allowance) -> None:
        names = tuple(name.lstrip("@") for name in action.assignees)
        kept = self._within(action, names, allowance, "assignee")
        if kept:
            self.allow(action.model_copy(update={"assignees": kept}), len(kept))

    def _within(
        self,
        action: AddLabels | RemoveLabels | Assign,
        values: tuple[str, ...],
        allowance: Allowance,
        what: str,
    ) -> tuple[str, ...]:
        """Keep the values the job may use, refusing each other one with its reason."""
        kept: list[str] = []
        for value in dict.fromkeys(v.strip() for v in values):
            reason = self._unlisted(value, allowance, what)
            if reason is None and self.used[action.kind] + len(kept) >= allowance.max:
                reason = f"{what} {value!r}: the job may {_VERBS[action.kind]} at most {allowance.max}"
            if reason:
                self.refuse(action, reason)
            else:
                kept.append(value)
        return tuple(kept)

    def _cleaned(self, action: Action) -> Action:
        match action:
            case Comment():
                return _copy(action, body=self.text(action.body))
            case Review():
                comments = tuple(
                    _copy(c, path=self.path(c.path), body=self.text(c.body) or "…") for c in action.comments
                )
                return _copy(action, body=self.text(action.body), comments=comments)
            case Check():
                notes = tuple(
                    _copy(
                        a,
                        path=self.path(a.path),
                        message=redact(visible(a.message), self.secrets),
                        title=self.line(a.title),
                    )
                    for a in action.annotations
                )
                changes = {"name": self.line(action.name), "title": self.line(action.title)}
                return _copy(action, **changes, summary=self.text(action.summary), annotations=notes)
            case NewIssue() | NewPullRequest():
                return _copy(action, title=self.line(action.title), body=self.text(action.body))
            case AddLabels() | RemoveLabels() | Assign() | SetMilestone() | Close() | Reopen():
                return action
            case _:
                assert_never(action)


def _copy(value: _V, **changes: object) -> _V:
    return value.model_copy(update=changes)


def _words(action: Comment | NewIssue | NewPullRequest) -> str:
    return action.body if isinstance(action, Comment) else action.title


_VERBS: dict[str, str] = {
    "comment": "comment",
    "labels.add": "add labels",
    "labels.remove": "remove labels",
    "assign": "assign people",
    "milestone": "set a milestone",
    "close": "close the item",
    "reopen": "reopen the item",
    "review": "review",
    "check": "report a check",
    "issue": "open an issue",
    "pull_request": "open a pull request",
}
