"""What makes a house with a past look lived in: an installation, a worker, issues on GitHub, deeds of people, tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bot.model.happening import Place
from bot.store import audit, executors, installations, repositories, tokens
from bot.store.database import Database, Db
from tests.fakes import HandClock, MemoryGitHub
from tests.web.seed import TITLES

DEEDS = (
    (310, "grace", "job.created", "weekly-digest", {}), (290, "ada", "job.edited", "morning-triage", {"keys": ["filter", "max_items"]}),
    (200, "grace", "job.run", "security-review", {"number": 301}), (170, "github", "configuration.applied", "acme/api", {"jobs": ["stale-check"]}),
    (122, "ada", "job.paused", "typos", {"reason": "the team is on holiday"}), (98, "ada", "token.created", "grafana", {"scopes": ["see"]}),
    (51, "lin", "session.cancelled", "session 88", {}), (26, "grace", "job.resumed", "security-review", {}),
    (3, "ada", "job.edited", "morning-triage", {"keys": ["limits"]}), (0.03, "ada", "job.run", "morning-triage", {}),
)  # fmt: skip
"""Hours ago, who, what, on what, and more."""
HERE = {"typos": "acme/docs", "acme/api": "acme/api"}


def furnish(database: Database, now: datetime) -> None:
    """Put it all into a database that `shop` has filled."""
    database.write_now(_furnish, now)


def _furnish(db: Db, now: datetime) -> None:
    installations.came(db, 4711, "acme", now - timedelta(days=90))
    for number, name in enumerate(("acme/shop", "acme/api", "acme/docs", "acme/empty"), 1):
        place = Place(full_name=name, github_id=number, private=name == "acme/shop", default_branch="main")
        there = installations.join(db, 4711, place, now - timedelta(days=90))
        if name != "acme/empty":
            installations.configured(db, there.id, f"v{number}", None, now - timedelta(hours=7 * number))  # fmt: skip
    executors.beat(db, "serve-1", "rounds", 4217, "0.1.0", now)
    for ago, who, what, on, more in DEEDS:
        here = repositories.by_name(db, HERE.get(on, "acme/shop"))
        where = None if here is None or what.startswith("token.") else here.id
        audit.note(db, who, what, on, now - timedelta(hours=ago), repository_id=where, detail=more or None)
    grafana, _ = tokens.create(db, "grafana", ["operate"], None, by="ada", now=now - timedelta(hours=98))
    ends = now + timedelta(days=12)
    shop, begun = ["acme/shop"], now - timedelta(days=18)
    release, _ = tokens.create(db, "release workflow", ["run"], shop, by="grace", now=begun, expires_at=ends)
    old = now - timedelta(days=40)
    tokens.create(db, "spike", ["edit"], ["acme/docs", "acme/api"], by="lin", now=old, expires_at=now - timedelta(days=10))  # fmt: skip
    tokens.used(db, grafana.id, now - timedelta(seconds=40))
    tokens.used(db, release.id, now - timedelta(days=2))


def issues(now: datetime) -> MemoryGitHub:
    """GitHub with a dozen issues that need triage, 141 among them, and some that do not."""
    github = MemoryGitHub(HandClock(now - timedelta(hours=20)))
    for number in range(133, 149):
        row: dict[str, Any] = {"number": number, "html_url": f"https://github.com/acme/shop/issues/{number}"}
        label = "needs-triage" if number % 4 else "enhancement"
        github.issue(TITLES[number % 10] if number != 141 else TITLES[0], label, **row)
    github.rows = {row["number"]: row for row in github.rows.values()}
    return github
