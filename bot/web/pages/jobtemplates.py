"""Jobs to start from: each of real use as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.web.pages.language import gettext as _


@dataclass(frozen=True, slots=True)
class Start:
    """A job to start from; its words are said in the reader's language."""

    slug: str
    icon: str
    title: Callable[[], str]
    about: Callable[[], str]
    name: str
    spec: dict[str, Any]


STARTS: tuple[Start, ...] = (
    Start(
        "daily-triage", "issue-opened", lambda: _("Daily triage"),
        lambda: _("Every weekday at nine: root-cause each open issue labelled needs-triage, ten at most."), "daily-triage",
        {
            "description": "Root-cause every untriaged issue before stand-up", "on": [{"schedule": "0 9 * * 1-5"}], "target": "issues",
            "filter": "state:open label:needs-triage", "command": "issue/root-cause", "max_items": 10,
        },
    ),
    Start(
        "pr-security-review", "shield-check", lambda: _("Pull request security review"),
        lambda: _("Minutes after a pull request is opened or pushed to: look for what an attacker could use."), "pr-security-review",
        {
            "description": "A second pair of eyes on every pull request", "on": [{"events": ["pull_request.opened", "pull_request.synchronize"]}],
            "target": "prs", "filter": "is:open -is:draft", "command": "pr/security-review",
        },
    ),
    Start(
        "weekly-digest", "book", lambda: _("Weekly progress digest"),
        lambda: _("Monday morning: what was merged, opened, decided and left over in the week before."), "weekly-digest",
        {"description": "What the team did last week, in one page", "on": [{"schedule": "0 8 * * 1"}], "target": "codebase", "command": "codebase/weekly-digest"},
    ),
    Start(
        "change-review", "git-compare", lambda: _("Daily review of yesterday’s changes"),
        lambda: _("Every weekday at seven: read what landed since yesterday and say what deserves a second look."), "change-review",
        {"description": "Read what landed since yesterday", "on": [{"schedule": "0 7 * * 1-5"}], "target": "codebase", "command": "codebase/change-review"},
    ),
    Start(
        "nightly-health", "pulse", lambda: _("Nightly health check"),
        lambda: _("Every night at two: the repository's own tests and linters, without a model and without cost."), "nightly-health",
        {"description": "Tests and linters, every night", "on": [{"schedule": "0 2 * * *"}], "target": "codebase", "command": "codebase/health-check"},
    ),
    Start(
        "linear-summary", "project", lambda: _("Linear summary"),
        lambda: _("Every weekday at eight: what moved in Linear, beside what moved in the code."), "linear-summary",
        {
            "description": "What moved in Linear since yesterday", "on": [{"schedule": "0 8 * * 1-5"}], "target": "custom", "command": "custom/linear-summary",
            "context": [{"linear": "ENG"}],
        },
    ),
)  # fmt: skip
SCRATCH: dict[str, Any] = {
    "on": [{"schedule": "0 9 * * 1-5"}], "target": "issues", "filter": "is:open", "prompt": "Read issue #{{ item.number }} and say what is missing.\n\n{{ item.title }}\n\n{{ item.body }}\n",
}  # fmt: skip


def start_named(slug: str) -> Start | None:
    """The template of this name."""
    return next((start for start in STARTS if start.slug == slug), None)
