"""Looking before leaping: what a filter matches right now, and why one item is picked or not."""

from __future__ import annotations

from dataclasses import dataclass

import filters
from bot.flow.selection import Rules, select, why_not
from bot.model.item import Item, RepositoryRef
from bot.model.job import JobSpec
from bot.model.run import Job, LedgerEntry, Repository, Run, RunItem, Session
from bot.model.selection import Selection
from bot.ports import Refusal, Tracker
from bot.store import answers, jobs, ledger, sessions
from bot.store.candidates import candidates_of
from bot.store.database import Db
from bot.web.context import WebContext
from bot.web.problems import Problem


@dataclass(frozen=True, slots=True)
class Looked:
    """What a job would do now: the items it found in all, and what it would pick, skip and defer."""

    examined: int
    found: int
    undecided: tuple[int, ...]
    selection: Selection


@dataclass(frozen=True, slots=True)
class History:
    """What a repository's jobs know of one item."""

    verdicts: list[tuple[Run, RunItem]]
    sessions: list[Session]
    ledger: dict[str, LedgerEntry]


@dataclass(frozen=True, slots=True)
class Explained:
    """Why an item is or is not worked on now: by the filter term by term, then by what was done before."""

    item: Item
    filter: filters.Explanation | None
    kept_out: str | None


async def look(context: WebContext, repository: Repository, spec: JobSpec, job: Job | None) -> Looked:
    """Fetch what matches and select as a run would, writing nothing; raises a Problem where GitHub says no."""
    tracker, now = _tracker(context), context.now()
    if not spec.has_items:
        raise Problem(422, f"target {spec.target} works on no items", code="invalid")
    found = await tracker.matching(ref_of(repository), spec.query or "is:open", spec.target, now)
    if isinstance(found, Refusal):
        raise refused(found)
    candidates = await context.database.read(candidates_of, repository.id, job.id if job else 0, found.items)
    selection = select(candidates, rules_of(spec), now)
    return Looked(found.examined, len(found.items), found.undecided, selection)


async def explain(context: WebContext, repository: Repository, job: Job, number: int) -> Explained:
    """Look at one item as it is now, and say what keeps it out, if anything does."""
    tracker, now, spec = _tracker(context), context.now(), JobSpec.model_validate(job.spec)
    if not spec.has_items:
        raise Problem(422, f"{job.name!r} works on no items", code="invalid")
    item = await tracker.item(ref_of(repository), number)
    if isinstance(item, Refusal):
        raise refused(item)
    if item.is_pull != (spec.target == "prs"):
        kind, wanted = ("a pull request", "issues") if item.is_pull else ("an issue", "pull requests")
        return Explained(item, None, f"#{number} is {kind}; the job works on {wanted}")
    told = filters.explain(filters.compile(spec.query or "is:open", now=now), item.payload)
    if told.verdict is filters.Verdict.NO:
        return Explained(item, told, str(told))
    [candidate] = await context.database.read(candidates_of, repository.id, job.id, [item])
    return Explained(item, told, why_not(candidate, rules_of(spec), now))


def history(db: Db, repository: Repository, job: Job, number: int) -> History:
    """What became of an item so far: the verdicts and sessions of this job, and every job's ledger."""
    names = {one.id: one.name for one in jobs.jobs_of(db, repository.id)}
    known = ledger.history_of(db, list(names), number)
    return History(
        verdicts=answers.verdicts_on(db, job.id, number),
        sessions=sessions.of_item(db, job.id, number),
        ledger={names[job_id]: entry for job_id, entry in known.items()},
    )


def rules_of(spec: JobSpec) -> Rules:
    """What of a job decides."""
    by_filter = "sort:" in (spec.query or "").casefold()
    return Rules(spec.again_rule, spec.max_items, spec.limits.attempts, sorted_by_filter=by_filter)


def ref_of(repository: Repository) -> RepositoryRef:
    """The repository as GitHub knows it."""
    return RepositoryRef(
        repository.owner, repository.name, repository.installation_id, repository.default_branch
    )


def refused(refusal: Refusal) -> Problem:
    """GitHub's refusal as a problem of ours."""
    match refusal.kind:
        case "gone":
            return Problem(404, f"GitHub has no such item: {refusal.words}", code="gone")
        case "invalid":
            return Problem(422, refusal.words, code="invalid")
        case "forbidden" | "busy":
            wait = {"Retry-After": str(int(max(1.0, refusal.retry_after)))} if refusal.kind == "busy" else {}
            return Problem(
                503, f"GitHub does not answer us now: {refusal.words}", code="github", headers=wait
            )


def _tracker(context: WebContext) -> Tracker:
    if context.tracker is None:
        raise Problem(503, "this process has no connection to GitHub; set up the App first", code="no-github")
    return context.tracker
