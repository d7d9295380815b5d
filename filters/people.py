"""Who did what: tests on logins, mentions and teams."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from filters.context import Context
from filters.patterns import glob
from filters.values import Login
from filters.verdict import Item, Test

Person = Callable[[Any], bool | None]
"""Whether a REST user (`{"login", "type"}`, a plain login, or null) is one of those meant."""

MEMO = 20_000


def person(logins: Iterable[Login], context: Context) -> Person:
    """Compile logins; remembers each login it has judged, because lists repeat them."""
    judges = tuple(_judge(login, context) for login in logins)
    memo: dict[Any, bool | None] = {}

    def meets(user: Any) -> bool | None:
        if user is None:
            return False
        login, kind = (user, None) if isinstance(user, str) else (user["login"], user.get("type"))
        key = (login, "") if kind == "Bot" else login
        if key in memo:
            return memo[key]
        if len(memo) > MEMO:
            memo.clear()
        answer = memo[key] = _either(judge(login.casefold(), kind) for judge in judges)
        return answer

    return meets


def _either(answers: Iterable[bool | None]) -> bool | None:
    found: bool | None = False
    for answer in answers:
        if answer:
            return True
        if answer is None:
            found = None
    return found


def _judge(login: Login, context: Context) -> Callable[[str, Any], bool | None]:
    if login.me:
        if context.me is None:
            return lambda folded, kind: None
        me = context.me
        return lambda folded, kind: folded == me
    if login.nothing:
        return lambda folded, kind: False
    if login.anything:
        return lambda folded, kind: True
    if login.bot:
        holds = glob(login.folded)
        return lambda folded, kind: (
            (folded.endswith("[bot]") or kind == "Bot") and holds(folded.removesuffix("[bot]"))
        )
    if login.wild:
        wild = glob(login.folded)
        return lambda folded, kind: wild(folded)
    # A bot of the same name is somebody else: GitHub names apps `app/NAME`.
    return lambda folded, kind: folded == login.folded and kind != "Bot"


def user_at(key: str, meets: Person) -> Test:
    """Test the user under a key; null is nobody, an absent key unknown."""

    def test(item: Item) -> bool | None:
        user = item.get(key)
        if user is None:
            return False if key in item else None
        return meets(user)

    return test


def users_in(keys: tuple[str, ...], meets: Person, nobody: bool) -> Test:
    """Test the users in the first of these lists that is there; `nobody` is the answer for an empty list."""

    def test(item: Item) -> bool | None:
        for key in keys:
            users = item.get(key)
            if users is not None:
                return _any_user(users if isinstance(users, list | tuple) else (users,), meets, nobody)
        return nobody if any(key in item for key in keys) else None

    return test


def _any_user(users: Iterable[Any], meets: Person, nobody: bool) -> bool | None:
    if not users:
        return nobody
    answer: bool | None = False
    for user in users:
        one = meets(user)
        if one:
            return True
        if one is None:
            answer = None
    return answer


_MENTION = re.compile(r"(?<!\w)@(\w[\w-]*+(?:\[bot\])?)(?:/(\w[\w.-]*+))?(?!\.\w)")


def mentioned(text: str) -> set[tuple[str, str | None]]:
    """The folded (login, None) and (org, team) pairs a text mentions, as GitHub's renderer finds them."""
    if "@" not in text:
        return set()
    return {(found[1], found[2]) for found in _MENTION.finditer(text.casefold())}


def mentions_user(meets: Person) -> Callable[[str], bool | None]:
    """Whether a text mentions one of the users meant; a bot is mentioned by its bare name."""

    def test(text: str) -> bool | None:
        logins = [login for login, team in mentioned(text) if team is None]
        return _either(meets(name) for login in logins for name in (login, f"{login}[bot]"))

    return test


def team_names(item: Item, context: Context) -> list[tuple[str | None, str]] | None:
    """The (org, slug) of each requested team; None where the list does not say."""
    teams = item.get("requested_teams")
    if teams is None:
        return [] if "requested_teams" in item else None
    return [_team_name(team, item, context) for team in teams]


def _team_name(team: Any, item: Item, context: Context) -> tuple[str | None, str]:
    if isinstance(team, str):
        org, _, slug = team.casefold().rpartition("/")
        return org or owner_of(item, context), slug
    slug = str(team.get("slug") or team.get("name") or "").casefold()
    organization = team.get("organization")
    if isinstance(organization, Mapping) and organization.get("login"):
        return str(organization["login"]).casefold(), slug
    parts = str(team.get("html_url") or "").casefold().split("/")
    if "orgs" in parts[:-1]:
        return parts[parts.index("orgs") + 1], slug
    return owner_of(item, context), slug


def owner_of(item: Item, context: Context) -> str | None:
    """The folded login of the account that owns the item's repository."""
    name = repository_name(item, context)
    if name:
        return name.partition("/")[0]
    for repository in (item.get("_repository"), item.get("repository"), context.repository):
        owner = repository.get("owner") if isinstance(repository, Mapping) else None
        if isinstance(owner, Mapping) and isinstance(owner.get("login"), str):
            return str(owner["login"]).casefold()
    return None


def repository_name(item: Item, context: Context) -> str | None:
    """The folded `owner/name` of the item's repository, from whatever tells it."""
    url = item.get("repository_url")
    if isinstance(url, str):
        return "/".join(url.casefold().rstrip("/").split("/")[-2:])
    base = item.get("base")
    within = base.get("repo") if isinstance(base, Mapping) else None
    for repository in (item.get("_repository"), item.get("repository"), within, context.repository):
        if isinstance(repository, Mapping) and isinstance(repository.get("full_name"), str):
            return str(repository["full_name"]).casefold()
    for key in ("url", "html_url"):
        parts = str(item.get(key) or "").casefold().split("/")
        if len(parts) > 4 and parts[-2] in ("issues", "pulls", "pull"):
            return f"{parts[-4]}/{parts[-3]}"
    return None
