"""Composition root: the only place that builds real things."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
from fastapi import FastAPI
from opentelemetry.sdk.trace import TracerProvider

from bot import traces
from bot.agents.build import agents_of
from bot.agents.work import Agents
from bot.contexts import Contexts
from bot.engine import Worker
from bot.engine import build as build_worker
from bot.engine.configuration import ceilings_of
from bot.engine.credentials import known_credentials
from bot.engine.housekeeping import EVERY, Housekeeping
from bot.engine.memory import Keeper
from bot.engine.pace import SharedPace
from bot.engine.side import GitHubSide, attach
from bot.engine.undo import undo_run
from bot.engine.watch import Watch
from bot.flow.clock import SystemClock
from bot.flow.crew import Crew
from bot.github.client import Client, ref_of
from bot.github.identity import GitHubIdentity
from bot.github.items import GitHubTracker
from bot.github.publish import GitHubPublisher
from bot.github.sources import GitHubSources
from bot.model.item import RepositoryRef
from bot.notify import Post
from bot.notify.post import PERIOD
from bot.ports import Agent, Book, Clock, Refusal, Seat
from bot.settings import Settings, SettingsError
from bot.store import indexed, installations, repositories, setup
from bot.store.admission import Caps
from bot.store.database import Database, connect
from bot.store.indexed import KeptItems
from bot.store.migrate import migrate
from bot.store.retention import Kept
from bot.web.hooks import Hooks
from bot.web.server import WebContext, create_app
from bot.web.setup import Setup

_log = logging.getLogger("roundsman")


@dataclass
class Roundsman:
    """One process: its parts, and the worker that uses them."""

    settings: Settings
    clock: Clock
    database: Database
    client: Client
    tracker: GitHubTracker
    publisher: GitHubPublisher
    agents: Agents
    worker: Worker
    side: GitHubSide
    post: Post
    keeper: Keeper
    identity: GitHubIdentity | None = None
    start_token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _tracing: TracerProvider | None = None

    async def start(self) -> None:
        """Sweep what a dead process left, then begin to work."""
        self._tracing = traces.set_up(self.settings.otlp_endpoint)
        await asyncio.to_thread(self.agents.sweep)
        await self.worker.start()

    def web(self) -> FastAPI:
        """The pages, the API and the doors."""
        return create_app(
            WebContext(
                database=self.database,
                settings=self.settings,
                clock=self.clock,
                identity=self.identity,
                tracker=self.tracker,
                undo=self.undo,
                tell=self.post.test,
                parts=self._doors(),
                start_token=self.start_token if self.settings.local else None,
            )
        )

    def _doors(self) -> dict[str, object]:
        """What the webhook's door, the metrics and set-up need; a single user sets nothing up over the web."""
        self.side.hearing.open()
        hooks = Hooks(
            lambda: self.client.credentials.webhook_secrets, self.side.recorder.keep, self.side.hearing.doubt
        )
        doors: dict[str, object] = {"hooks": hooks, "quotas": self.quotas}
        return doors if self.settings.local else {**doors, "setup": Setup(self.client, self.client.use)}

    async def setup_link(self) -> str | None:
        """Where an operator sets the App up, with a secret that counts once; None where there are credentials."""
        if self.client.credentials.present or self.settings.local:
            return None
        secret = await self.database.write(setup.open_door, self.clock.now())
        return f"{self.settings.base_url}/setup?secret={secret}" if secret else None

    def quotas(self) -> dict[tuple[str, str], tuple[int, int]]:
        """What GitHub last said of each account and resource: the limit, and what is left."""
        return {name: (quota.limit, quota.remaining) for name, quota in self.client.quotas.seen.items()}

    async def undo(self, run_id: int, by: str) -> list[str]:
        """Take back what a run did on GitHub; gives the words of what could not be."""
        left = await undo_run(self.database, self.publisher, self.clock, run_id)
        _log.info("run %s taken back by %s, %s deeds left", run_id, by, len(left))
        return left

    def front_door(self) -> str:
        """Where to begin: in single-user mode the link lets its reader in."""
        return (
            f"{self.settings.base_url}/start/{self.start_token}"
            if self.settings.local
            else self.settings.base_url
        )

    async def read_configuration(self, repository: RepositoryRef) -> None:
        """Read the repository's roundsman.yml and keep its jobs."""
        here = await self.database.write(
            repositories.ensure_repository, repository.full_name, self.clock.now(), installation_id=repository.installation
        )  # fmt: skip
        outcome = await self.side.configurator.apply(here, by="command line")
        if isinstance(outcome, Refusal):
            _log.warning("the configuration of %s cannot be read: %s", repository.full_name, outcome.words)

    async def poll_configuration(self) -> None:
        """Read the configuration of every repository this process looks after, and what was missed meanwhile."""
        await self.side.catch_up()

    async def faulty(self) -> dict[str, list[str]]:
        """Repositories whose configuration is faulty, with its faults in words."""
        return await self.database.read(installations.faulty)

    async def stop(self) -> None:
        """End in good order."""
        await self.worker.stop()
        await self.side.intake.stop()
        await self.agents.close()
        await self.client.close()
        if self.identity is not None:
            await self.identity.close()
        self.database.close()
        if self._tracing is not None:
            await asyncio.to_thread(self._tracing.shutdown)


def open_database(settings: Settings) -> Database:
    """Connect and bring the tables up to date; raises DatabaseError where there is no such place."""
    if settings.database_url is None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = connect(settings.database)
    migrate(engine)
    return Database(engine)


def build(
    settings: Settings, *, clock: Clock | None = None, transport: httpx.AsyncBaseTransport | None = None,
    agent: Agent | None = None, database: Database | None = None, recalls: bool = False,
) -> Roundsman:  # fmt: skip
    """Build one working process from its settings; tests pass a clock, a transport and an agent of their own."""
    clock = clock or SystemClock()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        ceilings = ceilings_of(settings)
    except ValueError as error:
        raise SettingsError(f"{error}; correct it in the environment or .env") from error
    database = database or open_database(settings)
    credentials = known_credentials(database, settings, clock)
    client = Client(
        settings, clock, credentials=credentials, async_transport=transport, pace=SharedPace(database, clock)
    )
    tracker, publisher = GitHubTracker(client, KeptItems(database)), GitHubPublisher(client)
    agents = agents_of(settings, _token_of(client), _size_of(client))
    sources = GitHubSources(client, tracker, Contexts(settings, clock).read)

    def crew(watch: Watch, book: Book) -> Crew:
        return Crew(
            book=book, tracker=tracker, publisher=publisher, agent=agent or agents, sources=sources, clock=clock,
            key=settings.key(), base_url=settings.links_url, clone_url=_clone_url(settings), watch=watch.over,
            default_engine=settings.default_engine, default_model=settings.default_model, ceilings=ceilings,
            secrets=settings.all_secrets(), mcp=settings.mcp_servers, recalls=recalls,
            steered=lambda: client.credentials.is_app,
        )  # fmt: skip

    worker = build_worker(
        database, settings.database, clock, settings.data_dir, crew,
        caps=Caps(settings.max_sessions, settings.max_sessions_per_worker, settings.max_sessions_per_repo),
        poll=settings.poll_seconds, grace=settings.grace_seconds, slot=settings.slot, zone=settings.timezone,
        ceilings=ceilings, default_engine=settings.default_engine, secrets=settings.all_secrets(),
    )  # fmt: skip
    identity = None  # the single user of a machine has a start link instead
    if not settings.local:
        identity = GitHubIdentity(
            settings.github_api_url, settings.github_url, lambda: client.credentials, transport
        )
    worker.chores["workspaces"] = (3600.0, lambda: agents.tidy(clock.now().timestamp()))
    worker.chores["orphans"] = (600.0, lambda: asyncio.to_thread(agents.sweep))
    house = Housekeeping(database, clock, worker.durable, _kept(settings))
    worker.chores["housekeeping"] = (EVERY, house.sweep)
    worker.chores["index"] = (3600.0, lambda: database.write(indexed.purge, clock.now() - 2 * indexed.OLD))
    side = attach(worker, database, clock, client, publisher, tracker, settings, ceilings)
    post = Post(database, settings, clock)

    async def notify() -> int:
        return await post.look() if worker.seen.messages else 0

    worker.chores |= {"notify": (PERIOD, notify), "notify tidy": (3600.0, post.tidy)}
    keeper = Keeper(database, clock, client, publisher, settings.key())
    return Roundsman(
        settings, clock, database, client, tracker, publisher, agents, worker, side, post, keeper, identity
    )


def _kept(settings: Settings) -> Kept:
    told = settings.retention
    return Kept(
        timedelta(days=told.runs_days),
        told.runs_last,
        timedelta(days=told.transcripts_days),
        timedelta(days=told.audit_days),
    )


def _clone_url(settings: Settings) -> Any:
    def of(seat: Seat) -> str:
        return f"{settings.github_url.rstrip('/')}/{seat.repository.full_name}.git"

    return of


def _token_of(client: Client) -> Any:
    async def token(repository: str) -> str | None:
        given = await client.token(ref_of(repository), "clone")
        return None if isinstance(given, Refusal) else given

    return token


def _size_of(client: Client) -> Any:
    async def size(repository: str) -> int | None:
        """In kB, as GitHub counts it."""
        answer = await client.get(ref_of(repository), "")
        found = None if isinstance(answer, Refusal) else answer.object.get("size")
        return found if isinstance(found, int) else None

    return size
