"""A comment command in its place: who said it where, and which jobs it may mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.engine.configuration import ref_of
from bot.model.happening import Commented
from bot.model.item import RepositoryRef
from bot.model.run import Job, Repository


@dataclass(frozen=True, slots=True)
class Scene:
    """One command in its place."""

    said: Commented
    repository: Repository
    jobs: tuple[Job, ...]
    guid: str

    @property
    def ref(self) -> RepositoryRef:
        """Where it was said, as GitHub knows it."""
        return ref_of(self.repository)

    @property
    def here(self) -> list[Job]:
        """The jobs that look at items of this kind."""
        target = "prs" if self.said.pull else "issues"
        return [job for job in self.jobs if job.spec.get("target", "issues") == target]


def named(among: Sequence[Job], name: str) -> Job | None:
    """A job by its name, in any case."""
    exact = [job for job in among if job.name == name]
    return exact[0] if exact else next((job for job in among if job.name.casefold() == name.casefold()), None)
