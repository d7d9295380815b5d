"""A webhook's JSON -> happenings. Tolerant: whatever is missing or of another shape makes a delivery ignored, never a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from bot.model.happening import (
    Actor,
    CheckAsked,
    ChecksDone,
    Commented,
    Happening,
    Installed,
    ItemEvent,
    Place,
    Pushed,
    Renamed,
    RepositoryChanged,
    Selected,
    Shuffled,
)
from bot.model.schedule import EVENT_NAMES

Body = Mapping[str, Any]
MOST_PATHS = 500
MOST_TEXT = 70_000


class Unreadable(ValueError):  # noqa: N818 - a payload is unreadable, as one says
    """A payload lacks what its event must have; the message names it."""


def happenings(event: str, body: Body) -> tuple[Happening, ...]:
    """What a payload tells us; empty for events that mean nothing to us. Raises Unreadable."""
    reader = _READERS.get(event)
    return tuple(reader(body)) if reader else ()


def known(event: str) -> bool:
    """Whether we look at this event at all."""
    return event in _READERS


# ── small readers ────────────────────────────────────────────────────────────────────────────────


def part(body: Any, *path: str) -> Mapping[str, Any]:
    """The object at a path, empty where there is none."""
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    return body if isinstance(body, dict) else {}


def text(body: Any, *path: str) -> str:
    """The text at a path, empty where there is none."""
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    return clean(body) if isinstance(body, str) else ""


def clean(found: str) -> str:
    """Text every database takes: no NUL, no half of a surrogate pair, not endless."""
    found = found[:MOST_TEXT].replace("\0", "")
    return found if found.isascii() else found.encode("utf-8", "replace").decode()


def number(body: Any, *path: str) -> int | None:
    """The whole number at a path; what could not be an id is none."""
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    return body if isinstance(body, int) and not isinstance(body, bool) and 0 < body < 2**63 else None


def rows(body: Any, *path: str) -> list[Mapping[str, Any]]:
    """The objects of the list at a path."""
    found = part(body, *path[:-1]).get(path[-1])
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _must(found: Any, name: str) -> Any:
    if found in (None, ""):
        raise Unreadable(f"there is no {name} in it")
    return found


def actor(row: Mapping[str, Any]) -> Actor:
    """Who a user object names; a deleted account is a ghost."""
    login = text(row, "login") or "ghost"
    return _actor(login, text(row, "type") == "Bot" or login.endswith("[bot]"))


@lru_cache(1024)
def _actor(login: str, bot: bool) -> Actor:
    return Actor(login=login, bot=bot)


def place(row: Mapping[str, Any]) -> Place:
    """The repository an object names."""
    full_name = _must(text(row, "full_name"), "repository")
    if full_name.count("/") != 1:
        raise Unreadable("its repository has no OWNER/NAME")
    return _place(
        full_name, number(row, "id"), row.get("private") is True, text(row, "default_branch") or None,
        row.get("fork") is True, row.get("archived") is True,
    )  # fmt: skip


@lru_cache(1024)
def _place(
    full_name: str, github_id: int | None, private: bool, default_branch: str | None, fork: bool, archived: bool
) -> Place:  # fmt: skip
    return Place(
        full_name=full_name, github_id=github_id, private=private, default_branch=default_branch, fork=fork, archived=archived
    )  # fmt: skip


# ── installations and repositories ───────────────────────────────────────────────────────────────


def _installation(body: Body) -> Iterator[Happening]:
    held = part(body, "installation")
    permissions = part(held, "permissions")
    yield Installed(
        action=text(body, "action"),
        installation=_must(number(held, "id"), "installation id"),
        account=_must(text(held, "account", "login") or text(held, "account", "slug"), "account"),
        account_type=text(held, "account", "type") or text(held, "target_type") or "Organization",
        permissions={k: v for k, v in permissions.items() if isinstance(v, str)},
        events=tuple(name for name in held.get("events") or () if isinstance(name, str)),
        repositories=_places(body, "repositories"),
        by=actor(part(body, "sender")),
    )


def _selected(body: Body) -> Iterator[Happening]:
    held = part(body, "installation")
    yield Selected(
        installation=_must(number(held, "id"), "installation id"),
        account=text(held, "account", "login"),
        added=_places(body, "repositories_added"),
        removed=_places(body, "repositories_removed"),
        by=actor(part(body, "sender")),
    )


def _places(body: Body, name: str) -> tuple[Place, ...]:
    return tuple(place(row) for row in rows(body, name) if text(row, "full_name").count("/") == 1)


def _target(body: Body) -> Iterator[Happening]:
    before = text(body, "changes", "login", "from")
    if text(body, "action") == "renamed" and before:
        yield Renamed(
            installation=_must(number(body, "installation", "id"), "installation id"),
            account=_must(text(body, "account", "login"), "account"),
            before=before,
            by=actor(part(body, "sender")),
        )


def _repository(body: Body) -> Iterator[Happening]:
    where, action = place(part(body, "repository")), text(body, "action")
    owner, _, name = where.full_name.partition("/")
    before = None
    if action == "renamed" and (old := text(body, "changes", "repository", "name", "from")):
        before = f"{owner}/{old}"
    if action == "transferred":
        old = text(body, "changes", "owner", "from", "user", "login") or text(
            body, "changes", "owner", "from", "organization", "login"
        )
        before = f"{old}/{name}" if old else None
    yield RepositoryChanged(
        action=action, place=where, before=before, installation=number(body, "installation", "id"), by=actor(part(body, "sender"))
    )  # fmt: skip


def _push(body: Body) -> Iterator[Happening]:
    ref = text(body, "ref")
    if not ref.startswith("refs/heads/"):
        return
    yield Pushed(
        place=place(part(body, "repository")),
        branch=ref.removeprefix("refs/heads/"),
        head=text(body, "after"),
        deleted=body.get("deleted") is True,
        paths=_paths(body),
        by=actor(part(body, "sender")),
    )


def _paths(body: Body) -> tuple[str, ...] | None:
    """The changed paths; None for a forced push and one of many commits, of which GitHub tells only the first."""
    commits = rows(body, "commits")
    if body.get("forced") is True or body.get("created") is True or len(commits) >= 20:
        return None
    found: set[str] = set()
    for commit in commits:
        for kind in ("added", "removed", "modified"):
            found |= {clean(path) for path in commit.get(kind) or () if isinstance(path, str)}
    return tuple(sorted(found)) if len(found) <= MOST_PATHS else None


# ── items ────────────────────────────────────────────────────────────────────────────────────────


def _issues(body: Body) -> Iterator[Happening]:
    yield from _item("issues", body, part(body, "issue"), pull=False)
    if text(body, "action") in ("deleted", "transferred"):
        yield Shuffled(place=place(part(body, "repository")), what=f"issue {text(body, 'action')}")
    elif part(body, "changes", "old_issue"):
        yield Shuffled(place=place(part(body, "repository")), what="issue came from another repository")


def _pull(body: Body) -> Iterator[Happening]:
    yield from _item("pull_request", body, part(body, "pull_request"), pull=True)


def _review(body: Body) -> Iterator[Happening]:
    yield from _item("pull_request_review", body, part(body, "pull_request"), pull=True)


def _item(event: str, body: Body, row: Mapping[str, Any], *, pull: bool, **more: Any) -> Iterator[Happening]:
    name = f"{event}.{text(body, 'action')}"
    if name not in EVENT_NAMES:
        return
    base = part(body, "repository")
    source = text(row, "head", "repo", "full_name")
    yield ItemEvent(
        event=name,
        place=place(base),
        number=_must(number(row, "number"), "item number"),
        pull=pull,
        head=text(row, "head", "sha") or None,
        fork=pull and bool(row.get("head")) and source.lower() != text(base, "full_name").lower(),
        at=text(row, "updated_at"),
        by=actor(part(body, "sender")),
        **more,
    )


def _comment(body: Body) -> Iterator[Happening]:
    issue, comment = part(body, "issue"), part(body, "comment")
    pull, said = "pull_request" in issue, text(comment, "body")
    if text(body, "action") in ("created", "edited"):
        yield Commented(
            action=text(body, "action"),
            place=place(part(body, "repository")),
            number=_must(number(issue, "number"), "item number"),
            pull=pull,
            comment=_must(number(comment, "id"), "comment id"),
            body=said,
            before=text(body, "changes", "body", "from") if part(body, "changes", "body") else None,
            at=text(comment, "updated_at"),
            by=actor(part(body, "sender")),
        )
    yield from _item("issue_comment", body, issue, pull=pull)


def _suite(body: Body) -> Iterator[Happening]:
    suite, action = part(body, "check_suite"), text(body, "action")
    pulls = tuple(n for row in rows(suite, "pull_requests") if (n := number(row, "number")) is not None)
    where, by = place(part(body, "repository")), actor(part(body, "sender"))
    head = text(suite, "head_sha")
    if action == "completed":
        yield ChecksDone(
            event="check_suite.completed", place=where, head=head, pulls=pulls, at=text(suite, "updated_at"), by=by
        )  # fmt: skip
    if action == "rerequested":
        yield CheckAsked(place=where, head=head, app=number(suite, "app", "id"), pulls=pulls, by=by)


def _run(body: Body) -> Iterator[Happening]:
    run = part(body, "check_run")
    if text(body, "action") == "rerequested":
        pulls = tuple(n for row in rows(run, "pull_requests") if (n := number(row, "number")) is not None)
        yield CheckAsked(
            place=place(part(body, "repository")), head=text(run, "head_sha"), app=number(run, "app", "id"), pulls=pulls,
            by=actor(part(body, "sender")),
        )  # fmt: skip


def _labels(body: Body) -> Iterator[Happening]:
    if text(body, "action") in ("edited", "deleted"):
        yield Shuffled(place=place(part(body, "repository")), what="labels or milestones")


_READERS: dict[str, Callable[[Body], Iterator[Happening]]] = {
    "installation": _installation,
    "installation_repositories": _selected,
    "installation_target": _target,
    "repository": _repository,
    "push": _push,
    "issues": _issues,
    "issue_comment": _comment,
    "pull_request": _pull,
    "pull_request_review": _review,
    "check_suite": _suite,
    "check_run": _run,
    "label": _labels,
    "milestone": _labels,
}
