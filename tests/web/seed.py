"""A believable past: jobs, runs and sessions as the store's own functions make them, without an engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.model.job import JobSpec
from bot.model.run import Job, Repository, Run, RunItem, SessionStatus, Trigger, TriggerKind
from bot.store import (
    admission,
    budget,
    effects,
    jobs,
    ledger,
    reactions,
    repositories,
    runs,
    sessions,
    transcripts,
)
from bot.store.database import Database

TRIAGE: dict[str, Any] = {
    "description": "Root-cause every untriaged issue before stand-up",
    "on": {"schedule": "0 9 * * 1-5"}, "timezone": "Europe/Zurich", "filter": "state:open label:needs-triage",
    "command": "issue/triage-labels", "max_items": 10, "may": {"comment": 1, "labels": ["bug", "needs-info"]},
    "limits": {"budget": {"session": 1, "run": 5, "day": 20}},
}  # fmt: skip
SECURITY: dict[str, Any] = {
    "description": "A second pair of eyes on every pull request, within minutes",
    "on": {"events": ["pull_request.opened", "pull_request.synchronize"]}, "target": "prs", "filter": "is:open -is:draft",
    "prompt": "Review #{{ item.number }} for security.", "report": "review", "may": {"review": True},
}  # fmt: skip
DIGEST: dict[str, Any] = {
    "description": "What the team did this week, in one page",
    "on": {"schedule": "0 8 * * 1"}, "timezone": "Europe/Zurich", "target": "codebase", "prompt": "Write the digest of {{ LAST_7_DAYS }}.",
}  # fmt: skip
NIGHTLY: dict[str, Any] = {
    "description": "Tests and linters, every night",
    "on": {"schedule": "30 2 * * *"},
    "target": "codebase",
    "prompt": "Run the checks.",
}
SAID = "Happens in `cart.total()`: the discount is taken **before** the empty check.\n\n- reproduced on `main`\n- since 4f1c2d9\n\n| input | got | expected |\n|---|---|---|\n| no lines | ZeroDivisionError | 0 |"


@dataclass
class Piece:
    """One item of a round and how its session ends; `None` leaves it at work."""

    number: int
    title: str
    ends: SessionStatus | None = SessionStatus.succeeded
    reason: str | None = None
    cost: float = 0.21
    takes: timedelta = timedelta(seconds=74)
    says: str = SAID
    is_pull: bool = False


@dataclass
class Seed:
    """Writes a past into a database, up to `now`."""

    db: Any
    now: datetime
    runs: list[Run] = field(default_factory=list)

    def repository(self, name: str, **more: Any) -> Repository:
        """A repository."""
        return repositories.ensure_repository(self.db, name, self.now - timedelta(days=90), **more)

    def job(
        self, where: Repository, name: str, spec: dict[str, Any], days_ago: float = 40, **more: Any
    ) -> Job:
        """A job made some days ago."""
        made = self.now - timedelta(days=days_ago)
        job = jobs.save_job(self.db, where.id, name, JobSpec.model_validate(spec), now=made, by="ada", **more)
        if job.status == "active":
            jobs.resume(self.db, job.id, self.now)
        return job

    def round(
        self, job: Job, at: datetime, pieces: Sequence[Piece], *, kind: TriggerKind = TriggerKind.schedule, by: str | None = None,
        skipped: Sequence[tuple[int, str, str]] = (), deferred: Sequence[tuple[int, str]] = (), dry_run: bool = False,
    ) -> Run:  # fmt: skip
        """One run from beginning to end."""
        trigger = Trigger(
            kind=kind, occasion=f"{at.isoformat()}", by=by, dry_run=dry_run,
            scheduled_for=at - timedelta(milliseconds=310) if kind is TriggerKind.schedule else None,
        )  # fmt: skip
        run = runs.fire(self.db, job.id, trigger, at)
        assert run is not None
        _play(self.db, run, job, at, list(pieces), list(skipped), list(deferred), self._title(job))
        found = runs.get(self.db, run.id)
        assert found is not None
        self.runs.append(found)
        return found

    def _title(self, job: Job) -> Repository:
        found = repositories.get(self.db, job.repository_id)
        assert found is not None
        return found


def _play(
    db: Any, run: Run, job: Job, at: datetime, pieces: list[Piece], skipped: list[tuple[int, str, str]],
    deferred: list[tuple[int, str]], repository: Repository,
) -> None:  # fmt: skip
    runs.begin(db, run.id, "seed", at + timedelta(seconds=1))
    ledger.take(db, job.id, run.id, [p.number for p in pieces], at)
    verdicts = [
        *(
            RunItem(run_id=run.id, number=p.number, verdict="picked", reason="picked", title=p.title)
            for p in pieces
        ),
        *(RunItem(run_id=run.id, number=n, verdict="skipped", reason=why, title=t) for n, t, why in skipped),
        *(
            RunItem(
                run_id=run.id,
                number=n,
                verdict="deferred",
                reason="deferred: this run takes 10 at most",
                title=t,
            )
            for n, t in deferred
        ),
    ]
    runs.record_items(db, verdicts)
    rows = [
        {
            "run_id": run.id, "job_id": job.id, "repository_id": job.repository_id, "number": p.number, "is_pull": p.is_pull,
            "title": p.title, "url": f"https://github.com/{repository.full_name}/{'pull' if p.is_pull else 'issues'}/{p.number}" if p.number else "",
            "status": "queued", "attempt": 1, "crashes": 0, "priority": run.priority, "concurrency": 50, "turns": 0, "tokens_in": 0, "tokens_out": 0, "cost": 0.0,
            "queued_at": at + timedelta(seconds=1),
        }
        for p in pieces
    ]  # fmt: skip
    sessions.queue(db, rows)
    found = len(pieces) + len(skipped) + len(deferred)
    runs.chosen(
        db, run.id, found=found, skipped=len(skipped), deferred=len(deferred), requests=1, facts={"chosen": 1}
    )
    if not pieces:
        runs.close_if_done(db, run.id, at + timedelta(seconds=2))
    caps = admission.Caps(10_000, 10_000, 10_000)
    admission.admit(
        db, "seed", caps, at + timedelta(seconds=2),
        reserve=lambda _db, _s: budget.Reserved("yes"), most=50,
    )  # fmt: skip
    for piece, session in zip(pieces, sessions.of_run(db, run.id), strict=False):
        _work(db, session, piece, at, repository, job)


def _work(db: Any, session: Any, piece: Piece, at: datetime, repository: Repository, job: Job) -> None:
    begun, end = at + timedelta(seconds=2), at + timedelta(seconds=2) + piece.takes
    for n, event in enumerate(_events(piece)):
        transcripts.say(
            db, session.id, 1, n + 1, [event], begun + n * min(piece.takes, timedelta(seconds=54)) / 9
        )
    known: dict[str, Any] = {
        "engine": "claude", "model": "sonnet",
        "prompt": f"You work for the maintainers of this repository.\n\n# Issue #{piece.number}\n\n<<<BEGIN UNTRUSTED title 7f3a>>>\n{piece.title}\n<<<END UNTRUSTED title 7f3a>>>\n",
    }  # fmt: skip
    if piece.ends is None:
        sessions.note(db, session.id, 1, **known)
        return
    if piece.ends is SessionStatus.succeeded:
        known["decision"] = {
            "summary": piece.says,
            "allowed": [
                {"kind": "comment", "body": piece.says},
                {"kind": "labels.add", "labels": ["bug"]},
            ],
            "refused": [
                {
                    "kind": "close",
                    "reason": "the job may not close (may.close is false)",
                    "action": {"kind": "close"},
                }
            ],
        }
        url = f"https://github.com/{repository.full_name}/issues/{piece.number}#issuecomment-{9000 + session.id}"
        known["comment_url"] = url
        _effects(db, session, piece, job, url, end)
    known |= {"turns": 7, "tokens_in": 18_400, "tokens_out": 1_260, "cost": piece.cost}
    sessions.note(db, session.id, 1, **known)
    sessions.finish(
        db, session.id, 1, piece.ends, end, reason=piece.reason,
        failure="api" if piece.ends is SessionStatus.failed else None, cost=piece.cost,
    )  # fmt: skip


def _effects(db: Any, session: Any, piece: Piece, job: Job, url: str, at: datetime) -> None:
    place = {
        "session_id": session.id,
        "run_id": session.run_id,
        "job_id": job.id,
        "repository_id": job.repository_id,
    }
    for kind, facet, before, after in (
        ("comment", "comments", None, None),
        ("labels.add", "labels", ["needs-triage"], ["needs-triage", "bug"]),
    ):
        key = f"{session.id}-{kind}"
        effects.intend(
            db, key, **place, number=piece.number, kind=kind, facet=facet, before=before, after=after
        )
        effects.did(db, key, at=at, target_id=str(session.id), url=url)


def _events(piece: Piece) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = [
        {"type": "started", "agent_session": "a1", "model": "claude-sonnet-4-5", "version": "2.1.0", "tools": ["Read", "Grep"]},
        {"type": "said", "text": "I look for where the total is computed."},
        {"type": "tool_used", "tool": "Grep", "call": "c1", "argument": "def total"},
        {"type": "tool_answered", "call": "c1", "text": "shop/cart.py:41:    def total(self) -> Decimal:", "failed": False},
        {"type": "spent", "model": "sonnet", "tokens_in": 9200, "tokens_out": 310, "tokens_cached": 4000, "cost_usd": 0.09},
    ]  # fmt: skip
    if piece.ends is SessionStatus.failed:
        events.append(
            {"type": "noted", "level": "error", "text": piece.reason or "the model's API answered 529"}
        )
    elif piece.ends is not None:
        events += [{"type": "said", "text": piece.says}, {"type": "ended", "ending": "done"}]
    return events


TITLES = (
    "Crash on empty cart", "Checkout hangs when the address has an umlaut", "Prices rounded twice on the invoice",
    "Dark mode: total is unreadable", "Export to CSV drops the last line", "Coupon can be used after it has expired",
    "Search ignores accents", "Timeout when 200 items are in the cart", "Wrong VAT for Swiss customers", "Typo on the thank-you page",
)  # fmt: skip


def shop(database: Database, now: datetime, days: int = 28) -> None:
    """Four repositories with a month behind them; one run is at work. All in one transaction, for speed."""
    database.write_now(_shop, now, days)


def _shop(db: Any, now: datetime, days: int) -> None:
    seed = Seed(db, now)
    acme = seed.repository("acme/shop", github_id=1, default_branch="main", private=True)
    triage = seed.job(acme, "morning-triage", TRIAGE)
    review = seed.job(acme, "security-review", SECURITY)
    digest = seed.job(acme, "weekly-digest", DIGEST)
    nightly = seed.job(acme, "nightly-health", NIGHTLY)
    for day in range(days, 0, -1):
        at = (now - timedelta(days=day)).replace(hour=8, minute=0, second=0, microsecond=0)
        if at.weekday() < 5:
            first = (28 - day) * 3 % 10
            pieces = [
                Piece(
                    100 + n + day,
                    TITLES[n % 10],
                    *_ending(day + n),
                    cost=0.12 + 0.03 * (n % 5),
                    takes=timedelta(seconds=40 + 13 * n % 90),
                )
                for n in range(first, first + 3)
            ]
            skipped = [
                (90, "Typo on the thank-you page", "already done by run 1"),
                (91, "Slow start", "parked: ignored by ada"),
            ]
            seed.round(triage, at, pieces, skipped=skipped, deferred=[(99, "Old one")] if day % 3 == 0 else [])  # fmt: skip
        if at.weekday() == 0:
            seed.round(
                digest,
                at,
                [Piece(0, "acme/shop", says="## The week\n\n12 pull requests merged.", cost=0.48)],
            )
        bad = day in (2, 3)
        seed.round(
            nightly, at.replace(hour=2, minute=30),
            [Piece(0, "acme/shop", SessionStatus.failed if bad else SessionStatus.quiet, "3 tests failed" if bad else None, cost=0.0)],
        )  # fmt: skip
        if day % 2:
            seed.round(
                review,
                at.replace(hour=14),
                [
                    Piece(
                        300 + day,
                        "Add gift cards",
                        cost=0.33,
                        is_pull=True,
                        says="No finding above *low*. See the inline comments.",
                    )
                ],
                kind=TriggerKind.event,
                by="grace",
            )
    seed.round(
        triage,
        now - timedelta(seconds=95),
        [
            Piece(141, "Crash on empty cart", None),
            Piece(142, "Search ignores accents", None),
            Piece(143, "Wrong VAT for Swiss customers", SessionStatus.succeeded),
        ],
        kind=TriggerKind.manual,
        by="ada",
    )
    others(seed, now)
    for n, comment in enumerate(reactions.due(db, now, 200)):
        reactions.saw(db, comment, {"+1": n % 3, "-1": int(n % 7 == 0), "eyes": int(n % 5 == 0)}, now)


def _ending(n: int) -> tuple[SessionStatus, str | None]:
    if n % 11 == 0:
        return SessionStatus.failed, "the model's API answered 529 three times"
    if n % 5 == 0:
        return SessionStatus.quiet, "nothing to say: the labels were right"
    return SessionStatus.succeeded, None


def others(seed: Seed, now: datetime) -> None:
    """Smaller repositories beside it."""
    api = seed.repository("acme/api", github_id=2)
    job = seed.job(api, "stale-check", TRIAGE | {"on": {"every": "1d"}, "description": "Ask after silence"})
    for day in range(9, 0, -1):
        seed.round(job, now - timedelta(days=day), [Piece(10 + day, "Rate limit is off by one", cost=0.08)])
    docs = seed.repository("acme/docs", github_id=3)
    seed.job(docs, "typos", TRIAGE | {"on": {"schedule": "0 6 * * *"}, "status": "paused"})
    seed.repository("acme/empty", github_id=4)
