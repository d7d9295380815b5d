"""The App's JWT and installation tokens: minted for one repository with what one step needs, kept till they are old."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, Protocol

import jwt
from jwt.algorithms import RSAAlgorithm

from bot.flow.clock import Clock
from bot.github.answers import Answer
from bot.github.credentials import Credentials
from bot.ports import Refusal

Need = Literal["read", "item", "review", "check", "code", "clone"]
"""What a step does: look; write to an item; review; report a check; push a branch; fetch with git."""

PERMISSIONS: Mapping[Need, Mapping[str, str]] = {
    "read": {
        "metadata": "read", "issues": "read", "pull_requests": "read", "contents": "read", "checks": "read",
        "statuses": "read",
    },
    "item": {"metadata": "read", "issues": "write", "pull_requests": "write"},
    "review": {"metadata": "read", "pull_requests": "write"},
    "check": {"metadata": "read", "checks": "write"},
    "code": {"metadata": "read", "contents": "write", "pull_requests": "write"},
    "clone": {"metadata": "read", "contents": "read"},
}  # fmt: skip
FRESH = timedelta(minutes=5)
"""How long before its end a token is no longer used: a request may wait, a fetch may take a while."""
JWT_LIFE = timedelta(minutes=9)
GONE_FOR = timedelta(seconds=60)
SKEW_MARGIN = timedelta(seconds=60)


class AsApp(Protocol):
    """How tokens are asked for: one request signed by the App."""

    async def __call__(
        self, method: str, path: str, *, json: Any = None
    ) -> Answer | Refusal:  # fmt: skip
        """Send it."""
        ...


@dataclass(frozen=True, slots=True)
class Token:
    """An installation token and when it ends, by GitHub's clock."""

    secret: str = field(repr=False)
    ends_at: datetime
    permissions: Mapping[str, str] = field(default_factory=dict)


Key = tuple[int, str | None, Need]


@lru_cache(maxsize=4)
def _key(pem: str) -> Any:
    """The key itself, tried once: that takes longer than signing."""
    return RSAAlgorithm(RSAAlgorithm.SHA256).prepare_key(pem)


class Tokens:
    """Tokens of one App for all its installations. `skew` is GitHub's clock minus ours."""

    def __init__(self, credentials: Credentials, clock: Clock, as_app: AsApp) -> None:
        self.credentials = credentials
        self.clock = clock
        self.skew = timedelta()
        self._as_app = as_app
        self._jwt: tuple[str, datetime] | None = None
        self._kept: dict[Key, Token] = {}
        self._gone: dict[Key, tuple[Refusal, datetime]] = {}
        self._minting: dict[tuple[int, Key], asyncio.Lock] = {}
        self._held: dict[int, tuple[Mapping[str, str], datetime]] = {}

    def jwt(self) -> str:
        """The App's own signed word, good for nine minutes and dated back a minute for clocks that differ.

        Source: https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
        """
        now = self.clock.now() + self.skew
        if self._jwt is None or not now < self._jwt[1]:
            ends = now + JWT_LIFE
            claims = {
                "iat": int((now - SKEW_MARGIN).timestamp()),
                "exp": int(ends.timestamp()),
                "iss": str(self.credentials.app_id),
            }
            self._jwt = (
                jwt.encode(claims, _key(self.credentials.private_key or ""), "RS256"),
                ends - 2 * SKEW_MARGIN,
            )
        return self._jwt[0]

    def heed(self, github_now: datetime) -> bool:
        """Note by how much the clocks differ; True where it is worth signing again."""
        skew = github_now - self.clock.now()
        changed = abs(skew - self.skew) > timedelta(seconds=20)
        if changed:
            self.skew, self._jwt = skew, None
        return changed

    async def of(self, installation: int, repository: str | None, need: Need) -> Token | Refusal:
        """A token for one repository (its bare name; None for all) that may do what `need` says."""
        key = (installation, repository.lower() if repository else None, need)
        kept = self._good(key) or self._known_gone(key)
        if kept is not None:
            return kept
        async with self._minting.setdefault((id(asyncio.get_running_loop()), key), asyncio.Lock()):
            kept = self._good(key)
            if kept is not None:
                return kept
            minted = await self._mint(installation, repository, need)
            if isinstance(minted, Token):
                self._forget_old()
                self._kept[key] = minted
            elif minted.kind == "gone":
                self._gone[key] = (minted, self.clock.now())
            return minted

    def drop(self, token: Token) -> None:
        """Never use this token again; GitHub would not have it."""
        self._kept = {key: kept for key, kept in self._kept.items() if kept is not token}

    def forget(self, installation: int) -> None:
        """Drop what is kept of an installation: it is gone, suspended, or was granted something else."""
        self._kept = {key: kept for key, kept in self._kept.items() if key[0] != installation}
        self._gone = {key: gone for key, gone in self._gone.items() if key[0] != installation}
        self._held.pop(installation, None)

    def _known_gone(self, key: Key) -> Refusal | None:
        """A repository we were refused a moment ago is not asked for again and again."""
        gone = self._gone.get(key)
        return gone[0] if gone and self.clock.now() - gone[1] < GONE_FOR else None

    def _good(self, key: Key) -> Token | None:
        kept = self._kept.get(key)
        return kept if kept and self.clock.now() + self.skew < kept.ends_at - FRESH else None

    def _forget_old(self) -> None:
        now = self.clock.now() + self.skew
        self._kept = {key: kept for key, kept in self._kept.items() if now < kept.ends_at - FRESH}
        self._gone = {key: gone for key, gone in self._gone.items() if now - gone[1] < GONE_FOR}
        if len(self._minting) > 1000:
            self._minting = {k: lock for k, lock in self._minting.items() if lock.locked()}

    async def _mint(self, installation: int, repository: str | None, need: Need) -> Token | Refusal:
        """Ask for the step's permissions; where not all of them were granted, for those that were."""
        wanted = dict(PERMISSIONS[need])
        answer = await self._ask(installation, repository, wanted)
        if isinstance(answer, Refusal) and answer.kind == "invalid" and "permission" in answer.words:
            held = await self._granted(installation)
            if isinstance(held, Refusal):
                return held
            fewer = {name: grade for name, grade in wanted.items() if _covers(held.get(name), grade)}
            answer = await self._ask(installation, repository, fewer)
        if isinstance(answer, Refusal):
            return answer
        return _read(answer, self.clock.now())

    async def _ask(
        self, installation: int, repository: str | None, permissions: Mapping[str, str]
    ) -> Answer | Refusal:
        body: dict[str, Any] = {"permissions": dict(permissions)}
        if repository is not None:
            body["repositories"] = [repository]
        answer = await self._as_app("POST", f"/app/installations/{installation}/access_tokens", json=body)
        if isinstance(answer, Refusal) and answer.kind == "invalid" and "repository" in answer.words:
            # Renamed, deleted or no longer selected: to us it is gone until a webhook says where.
            return answer.model_copy(update={"kind": "gone"})
        return answer

    async def _granted(self, installation: int) -> Mapping[str, str] | Refusal:
        now = self.clock.now()
        known = self._held.get(installation)
        if known and now - known[1] < timedelta(minutes=10):
            return known[0]
        answer = await self._as_app("GET", f"/app/installations/{installation}")
        if isinstance(answer, Refusal):
            return answer
        held = {"metadata": "read", **(answer.object.get("permissions") or {})}
        self._held[installation] = (held, now)
        return held


def _covers(held: str | None, wanted: str) -> bool:
    grades = {"read": 1, "write": 2, "admin": 3}
    return grades.get(held or "", 0) >= grades[wanted]


def _read(answer: Answer, now: datetime) -> Token | Refusal:
    """Parse at the door: a token without its secret is no token."""
    row = answer.object
    secret = row.get("token")
    if not isinstance(secret, str) or not secret:
        return Refusal(kind="busy", words="GitHub answered a token request without a token", retry_after=30)
    try:
        ends_at = datetime.fromisoformat(str(row.get("expires_at")).replace("Z", "+00:00"))
    except ValueError:
        ends_at = now + timedelta(minutes=55)
    permissions = row.get("permissions")
    return Token(secret, ends_at, permissions if isinstance(permissions, dict) else {})
