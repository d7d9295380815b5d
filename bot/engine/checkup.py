"""What `roundsman doctor` looks at beside the agents: each check is a function that gives findings, in words with what to do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import sqlalchemy as sa
from pydantic import ValidationError

from bot.github.client import Client, moment
from bot.github.manifest import events, permissions
from bot.github.payload import part, text
from bot.model.job import JobSpec
from bot.model.run import Job
from bot.ports import Clock, Refusal
from bot.settings import Settings
from bot.store import deliveries, installations, jobs, outbox, repositories
from bot.store.database import Database, Db

NEEDS = {
    "comment": ("issues", "write"), "labels": ("issues", "write"), "assign": ("issues", "write"),
    "milestone": ("issues", "write"), "close": ("issues", "write"), "reopen": ("issues", "write"),
    "issue": ("issues", "write"), "review": ("pull_requests", "write"), "check": ("checks", "write"),
    "pull_request": ("contents", "write"),
}  # fmt: skip
LEAST_FREE = 1024**3
GRADES = {"": 0, "read": 1, "write": 2, "admin": 3}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it works, and what it is or what to do."""

    what: str
    ok: bool
    words: str


@dataclass(frozen=True)
class Patient:
    """What is looked at. `visit` asks the service's own public address."""

    settings: Settings
    database: Database
    clock: Clock
    client: Client
    visit: Callable[[str], Awaitable[int | str]]


Check = Callable[[Patient], Awaitable[Sequence[Finding]]]


async def examine(patient: Patient, checks: Sequence[Check] | None = None) -> list[Finding]:
    """All findings, in order; a check that stumbles is a finding, too."""
    found: list[Finding] = []
    for check in checks or CHECKS:
        try:
            found += await check(patient)
        except Exception as fault:
            found.append(Finding(check.__name__.strip("_"), False, f"could not be looked at: {fault}"[:300]))
    return found


async def status_of(url: str) -> int | str:
    """The status an address answers with, or why it does not."""
    try:
        async with httpx.AsyncClient(timeout=10) as client:
            return (await client.get(url)).status_code
    except httpx.HTTPError as fault:
        return type(fault).__name__


# ── the checks ───────────────────────────────────────────────────────────────────────────────────


async def _settings(patient: Patient) -> list[Finding]:
    settings = patient.settings
    found = []
    if settings.secret_key is None:
        words = f"kept in {settings.data_dir / 'secret.key'}; back it up, or set ROUNDSMAN_SECRET_KEY"
        found.append(Finding("key", True, words))
    if settings.public_url is None and not settings.local:
        words = "ROUNDSMAN_PUBLIC_URL is not set: GitHub cannot reach this service, and links lead nowhere"
        found.append(Finding("address", False, words))
    elif settings.public_url and not settings.public_url.startswith("https://"):
        found.append(
            Finding("address", False, f"{settings.public_url} is not https; put a proxy with TLS before it")
        )
    elif settings.public_url:
        found.append(Finding("address", True, settings.public_url))
    return found


async def _database(patient: Patient) -> list[Finding]:
    def look(db: Db) -> str:
        db.execute(sa.text("SELECT 1"))
        return db.get_bind().dialect.name

    kind = await patient.database.read(look)
    waiting = await patient.database.read(deliveries.waiting)
    return [Finding("database", True, f"{kind}, {waiting} deliveries waiting")]


async def _disk(patient: Patient) -> list[Finding]:
    place = patient.settings.data_dir.absolute()
    there = next(folder for folder in (place, *place.parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    words = f"{free / 1024**3:.1f} GiB free for {place}"
    if not os.access(there, os.W_OK):
        words = f"{there} cannot be written; make it writable or set ROUNDSMAN_DATA_DIR"
        return [Finding("disk", False, words)]
    good = free >= LEAST_FREE
    return [Finding("disk", good, words if good else f"{words}; mirrors and workspaces need more, make room")]


async def _channels(patient: Patient) -> list[Finding]:
    """Channels that jobs tell and nobody named; words that nobody took."""
    named, found = set(patient.settings.notify), []
    for repository in await patient.database.read(repositories.every):
        for job in await patient.database.read(jobs.jobs_of, repository.id):
            lost = sorted({str(wish.get("to")) for wish in job.spec.get("notify") or ()} - named)
            if lost:
                words = f"{job.name} tells {', '.join(lost)}, which ROUNDSMAN_NOTIFY does not name"
                found.append(Finding(f"notify of {repository.full_name}", False, words))
    lost_words = await patient.database.read(outbox.given_up, patient.clock.now() - timedelta(days=1))
    if lost_words:
        words = f"{len(lost_words)} words of the last day were given up, the last: {lost_words[-1]}"
        found.append(Finding("notify", False, f"{words}; try roundsman notify test CHANNEL"))
    elif named and not found:
        found.append(Finding("notify", True, f"channels {', '.join(sorted(named))}"))
    return found


async def _app(patient: Patient) -> list[Finding]:
    client = patient.client
    if not client.credentials.present:
        words = (
            "no credentials; open /setup, or set ROUNDSMAN_GITHUB_APP_ID and key, or ROUNDSMAN_GITHUB_TOKEN"
        )
        return [Finding("GitHub", False, words)]
    me = await client.me()
    if isinstance(me, Refusal):
        return [Finding("GitHub", False, me.words)]
    found = [Finding("GitHub", True, f"{me or 'somebody it does not name'} at {client.api_url}")]
    if not client.credentials.is_app:
        return found
    answer = await client.as_app("GET", "/app")
    if isinstance(answer, Refusal):
        return [*found, Finding("App", False, answer.words)]
    lacking = _lacking(part(answer.object, "permissions"), permissions())
    told = answer.object.get("events")
    deaf = sorted(set(events()) - set(told if isinstance(told, list) else []))
    if lacking:
        found.append(
            Finding(
                "permissions", False, f"the App lacks {', '.join(lacking)}; add them on its settings page"
            )
        )
    if deaf:
        found.append(
            Finding("events", False, f"the App does not listen to {', '.join(deaf)}; add them there, too")
        )
    if not lacking and not deaf:
        found.append(Finding("App", True, "all permissions and events"))
    return found


def _lacking(held: Any, wanted: dict[str, str]) -> list[str]:
    return [
        f"{name}: {grade}"
        for name, grade in wanted.items()
        if GRADES.get(str(held.get(name, "")), 0) < GRADES[grade]
    ]


async def _clock(patient: Patient) -> list[Finding]:
    answer = await patient.client.anonymously("GET", "/zen")
    if isinstance(answer, Refusal):
        return [Finding("clock", False, f"GitHub's could not be read: {answer.words}")]
    if "date" not in answer.headers:
        return []
    apart = abs((answer.at - patient.clock.now()).total_seconds())
    words = f"{apart:.0f} s from GitHub's"
    return [Finding("clock", apart < 30, words if apart < 30 else f"{words}; synchronise it (NTP)")]


async def _webhook(patient: Patient) -> list[Finding]:
    client = patient.client
    if not client.credentials.is_app:
        return []
    found = []
    if not client.credentials.webhook_secrets:
        found.append(
            Finding("webhook secret", False, "none; set ROUNDSMAN_GITHUB_WEBHOOK_SECRET to the App's")
        )
    answer = await client.as_app("GET", "/app/hook/config")
    if isinstance(answer, Refusal):
        return [*found, Finding("webhook", False, answer.words)]
    wanted, url = f"{patient.settings.base_url}/webhooks/github", text(answer.object, "url")
    if url.rstrip("/") != wanted:
        found.append(Finding("webhook", False, f"the App sends to {url or 'nowhere'}; make it {wanted}"))
    status = await patient.visit(f"{patient.settings.base_url}/healthz")
    ok = isinstance(status, int) and status < 500
    words = (
        f"{patient.settings.base_url} answers"
        if ok
        else f"{patient.settings.base_url} does not answer: {status}"
    )
    found.append(
        Finding(
            "reachable", ok, words if ok else f"{words}; is `serve` running, and does its name lead here?"
        )
    )
    return [*found, *await _delivered(patient)]


async def _delivered(patient: Patient) -> list[Finding]:
    answer = await patient.client.as_app("GET", "/app/hook/deliveries", params={"per_page": 100})
    if isinstance(answer, Refusal):
        return [Finding("deliveries", False, answer.words)]
    bad = [row for row in answer.rows if not 200 <= int(row.get("status_code") or 0) < 400]
    if not bad:
        return [Finding("deliveries", True, f"the last {len(answer.rows)} arrived")]
    last = moment(bad[0].get("delivered_at"), patient.clock.now())
    words = f"{len(bad)} of the last {len(answer.rows)} failed, the newest at {last:%Y-%m-%d %H:%M} UTC with {bad[0].get('status_code')}"
    return [
        Finding("deliveries", len(bad) < len(answer.rows) / 2, f"{words}; they are read back by themselves")
    ]


async def _installations(patient: Patient) -> list[Finding]:
    """What installations granted, against what their jobs may do."""
    if not patient.client.credentials.is_app:
        return []
    found = []
    for held in await patient.database.read(installations.every):
        mine = await patient.database.read(installations.of_installation, held.id)
        wanted: dict[str, str] = {}
        for repository in mine:
            for job in await patient.database.read(jobs.jobs_of, repository.id):
                wanted |= dict(needs_of(job))
        lacking = _lacking(held.permissions or {}, wanted)
        words = (
            f"{len(mine)} repositories"
            if not lacking
            else f"its jobs need {', '.join(lacking)}, not granted; accept them on GitHub"
        )
        words = f"suspended; {words}" if held.suspended_at else words
        found.append(
            Finding(f"installation {held.account}", not lacking and held.suspended_at is None, words)
        )
    return found or [Finding("installations", False, "none yet; install the App on an account")]


def needs_of(job: Job) -> set[tuple[str, str]]:
    """The permissions a job's actions take."""
    try:
        spec = JobSpec.model_validate(job.spec)
    except ValidationError:
        return set()
    needs = {("contents", "read")} if spec.target in ("prs", "codebase") else set()
    if spec.report != "none":
        needs.add(
            (
                "checks"
                if spec.report == "check"
                else "pull_requests"
                if spec.report == "review"
                else "issues",
                "write",
            )
        )
    if spec.may is not None:
        needs |= {NEEDS[kind] for kind in NEEDS if getattr(spec.may, kind).max}
    return needs


async def _configuration(patient: Patient) -> list[Finding]:
    found = []
    for repository in await patient.database.read(repositories.every):
        _, error = await patient.database.read(installations.configuration_of, repository.id)
        if error:
            first = next(iter(error.get("faults") or ()), "faulty")
            found.append(Finding(f"configuration of {repository.full_name}", False, str(first)))
    return found


CHECKS: tuple[Check, ...] = (
    _settings, _disk, _database, _clock, _app, _webhook, _installations, _configuration, _channels,
)  # fmt: skip
