"""The GitHub side of a process: deliveries, configuration, commands, what was missed; put together and hung on its worker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.engine import plain
from bot.engine.commands import Commander
from bot.engine.configuration import Configurator, surroundings
from bot.engine.dashboard import DashboardIssue
from bot.engine.hearing import EVERY as EVERY_LOOK
from bot.engine.hearing import Hearing
from bot.engine.intake import Intake
from bot.engine.jobsfile import LOOK_EVERY, JobsFile
from bot.engine.reactions import EVERY_SECONDS as LISTEN_EVERY
from bot.engine.reactions import Listener
from bot.engine.reconcile import Reconciler
from bot.engine.worker import Worker
from bot.flow.ceilings import Ceilings
from bot.github.client import Client
from bot.github.items import GitHubTracker
from bot.github.lists import Shuffled
from bot.model.item import RepositoryRef
from bot.ports import Clock, Publisher
from bot.settings import Settings
from bot.store import words
from bot.store.database import Database
from bot.store.recorder import Recorder

RECONCILE_EVERY = 60.0
"""Seconds between looks for missed deliveries, or for changed configuration where there are no webhooks."""


@dataclass
class GitHubSide:
    """The parts, for doors and tests."""

    intake: Intake
    configurator: Configurator
    commander: Commander
    reconciler: Reconciler
    recorder: Recorder
    hearing: Hearing
    jobs_file: JobsFile | None = None

    async def catch_up(self) -> None:
        """Look for what was missed and work off everything that waits."""
        await self.reconciler.look()
        if self.jobs_file is not None:
            await self.jobs_file.look()
        await self.intake.drain()


def attach(
    worker: Worker, database: Database, clock: Clock, client: Client, publisher: Publisher, tracker: GitHubTracker,
    settings: Settings, ceilings: Ceilings,
) -> GitHubSide:  # fmt: skip
    """Build the GitHub side and let the worker's loops drive it."""
    configurator = Configurator(database, clock, client, publisher, tracker, surroundings(settings, ceilings))
    commander = Commander(database, clock, client, publisher, tracker, settings.base_url, ceilings)
    intake = Intake(
        database, clock, client, configurator, commander, DashboardIssue(database, clock, client), worker.executor, settings.allowed_accounts, worker.nudge,
        settings.poll_seconds,
    )  # fmt: skip
    reconciler = Reconciler(database, clock, client, intake, settings)
    hearing = Hearing(database, clock, client)
    tracker.lists.shuffled, tracker.lists.hearing = _shuffled(database), hearing.stretch
    worker.chores["hearing"] = (EVERY_LOOK, hearing.beat)
    worker.chores["deliveries"] = (0.0, intake.turn)
    worker.onlookers.append(intake.saw)
    file = None
    if settings.jobs_file is not None:
        file = JobsFile(database, clock, client, configurator.around, settings.jobs_file)
        worker.chores["jobs file"] = (LOOK_EVERY, file.look)
    worker.chores["reconcile"] = (RECONCILE_EVERY, reconciler.look)
    worker.chores["reactions"] = (LISTEN_EVERY, Listener(database, clock, client).look)
    return GitHubSide(
        intake,
        configurator,
        commander,
        reconciler,
        Recorder(database, clock, intake.wake, plain.settled),
        hearing,
        file,
    )


def _shuffled(database: Database) -> Shuffled:
    async def at(repository: RepositoryRef) -> datetime | None:
        return await database.read(words.since, f"shuffled:{repository.full_name.lower()}")

    return at
