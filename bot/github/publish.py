"""The flow's `Publisher`: each write once, each taken back on request."""

from __future__ import annotations

from typing import assert_never

from bot.github import checks, comments, edits, openings, reviews
from bot.github.client import Client
from bot.model.agent import Patch
from bot.model.item import RepositoryRef
from bot.model.outcome import (
    Action,
    AddLabels,
    Assign,
    Check,
    Close,
    Comment,
    NewIssue,
    NewPullRequest,
    RemoveLabels,
    Reopen,
    Review,
    SetMilestone,
)
from bot.model.run import Effect
from bot.ports import Refusal, Written


class GitHubPublisher:
    """Writes to GitHub through one client."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def comment(
        self, repository: RepositoryRef, number: int, marker: str, body: str, known_id: str | None
    ) -> Written | Refusal:
        """Create or edit the comment that carries `marker`."""
        return await comments.put(self.client, repository, number, marker, body, known_id)

    async def apply(
        self,
        repository: RepositoryRef,
        number: int,
        action: Action,
        key: str,
        patch: Patch | None,
        head: str | None,
        origin: str = "",
    ) -> Written | Refusal:
        """Do one allowed action; a second time under the same key it is found done."""
        client = self.client
        match action:
            case AddLabels():
                return await edits.add_labels(client, repository, number, action.labels)
            case RemoveLabels():
                return await edits.remove_labels(client, repository, number, action.labels)
            case Assign():
                return await edits.assign(client, repository, number, action.assignees)
            case SetMilestone():
                return await edits.set_milestone(client, repository, number, action.title)
            case Close():
                return await edits.set_state(client, repository, number, "closed", action.reason)
            case Reopen():
                return await edits.set_state(client, repository, number, "open")
            case Review():
                return await reviews.submit(client, repository, number, action, key, head)
            case Check():
                return await checks.report(client, repository, action, key, head)
            case NewIssue():
                return await openings.open_issue(client, repository, action, key, origin)
            case NewPullRequest():
                return await openings.open_pull(client, repository, number, action, key, patch, head, origin)
            case Comment():
                return Refusal(kind="invalid", words="a comment is published by its marker, not applied")
            case _:
                assert_never(action)

    async def undo(self, repository: RepositoryRef, effect: Effect) -> Refusal | None:
        """Take one recorded effect back; what is gone already counts as taken back."""
        number, target = effect.number, effect.target_id or ""
        match effect.kind:
            case "comment" if effect.before:
                return await comments.minimise(self.client, repository, target)
            case "comment":
                return await comments.withdraw(self.client, repository, target)
            case "review":
                return await reviews.withdraw(self.client, repository, number, target)
            case "check":
                return await checks.withdraw(self.client, repository, target)
            case "issue":
                return await openings.withdraw_issue(self.client, repository, target)
            case "pull_request":
                return await openings.withdraw_pull(self.client, repository, target)
            case _:
                return await self._restore(repository, effect)

    async def _restore(self, repository: RepositoryRef, effect: Effect) -> Refusal | None:
        """Put one facet of an item back to how it was."""
        name, _, value = (effect.facet or "").partition(":")
        was, number = str(effect.before or ""), effect.number
        match name:
            case "label":
                label = edits.add_labels if was else edits.remove_labels
                done = await label(self.client, repository, number, [value])
            case "assignee":
                person = edits.assign if was else edits.unassign
                done = await person(self.client, repository, number, [value])
            case "milestone":
                done = await edits.set_milestone(self.client, repository, number, was or None)
            case "state":
                done = await edits.set_state(self.client, repository, number, was or "open")
            case _:
                return Refusal(kind="invalid", words=f"{effect.kind} cannot be taken back")
        return done if isinstance(done, Refusal) and done.kind != "gone" else None

    async def react(self, repository: RepositoryRef, comment_id: int, content: str) -> Refusal | None:
        """Put a reaction on a comment."""
        return await comments.react(self.client, repository, comment_id, content)
