"""Signed cookies: who is signed in, and what a sign-in under way must remember."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any, Literal

from cryptography.fernet import Fernet, InvalidToken
from fastapi import Response
from itsdangerous import BadSignature, URLSafeSerializer
from pydantic import BaseModel, ConfigDict, ValidationError

from bot.ports import Account
from bot.settings import Settings

STATE_MINUTES = 10


class SignedIn(BaseModel):
    """A session of a person or of the local single user; `id` names it, so that it can be ended."""

    model_config = ConfigDict(frozen=True)
    kind: Literal["person", "local"]
    id: str
    login: str = "local"
    account: int = 0
    token: str | None = None
    at: datetime


class Underway(BaseModel):
    """A sign-in that has gone to GitHub and not come back."""

    model_config = ConfigDict(frozen=True)
    state: str
    verifier: str
    onward: str = "/"
    at: datetime


class Cookies:
    """Writes and reads them; whatever is forged, foreign or too old reads as nothing."""

    def __init__(self, settings: Settings) -> None:
        self._key = settings.key()
        self._secure = settings.base_url.startswith("https://")
        self._life = timedelta(hours=settings.session_hours)
        self._same_site: Literal["strict", "lax"] = "strict" if settings.local else "lax"
        prefix = "__Host-" if self._secure else ""
        self.session_name = f"{prefix}roundsman"
        self.state_name = f"{prefix}roundsman-state"
        self.notice_name = f"{prefix}roundsman-notice"
        self._vault = Fernet(base64.urlsafe_b64encode(self._derived("vault")))

    def start(self, response: Response, account: Account | None, now: datetime) -> SignedIn:
        """Sign somebody in; None is the local single user."""
        token = self._vault.encrypt(account.token.encode()).decode() if account and account.token else None
        session = SignedIn(
            kind="person" if account else "local", id=secrets.token_urlsafe(12), login=account.login if account else "local",
            account=account.id if account else 0, token=token, at=now,
        )  # fmt: skip
        self._set(response, self.session_name, "session", session, self._life, self._same_site)
        return session

    def session(self, text: str | None, now: datetime) -> SignedIn | None:
        """Who a cookie says is signed in."""
        try:
            session = SignedIn.model_validate(self._read("session", text))
        except (BadSignature, ValidationError, ValueError):
            return None
        return session if now - self._life <= session.at <= now + timedelta(minutes=5) else None

    def account(self, session: SignedIn) -> Account:
        """The account behind a session, with its token opened."""
        token = None
        if session.token:
            try:
                token = self._vault.decrypt(session.token.encode()).decode()
            except InvalidToken:
                token = None
        return Account(login=session.login, id=session.account, token=token)

    def depart(self, response: Response, onward: str, now: datetime) -> Underway:
        """Remember a sign-in while the browser is at GitHub."""
        underway = Underway(
            state=secrets.token_urlsafe(24), verifier=secrets.token_urlsafe(48), onward=onward, at=now
        )
        self.remember(response, underway)
        return underway

    def remember(self, response: Response, underway: Underway) -> None:
        """Put a sign-in under way into its cookie; lax, for GitHub sends the browser back from another site."""
        self._set(response, self.state_name, "state", underway, timedelta(minutes=STATE_MINUTES), "lax")

    def underway(self, text: str | None, now: datetime) -> Underway | None:
        """The sign-in under way that a cookie holds."""
        try:
            underway = Underway.model_validate(self._read("state", text))
        except (BadSignature, ValidationError, ValueError):
            return None
        return underway if now - underway.at <= timedelta(minutes=STATE_MINUTES) else None

    def notice(self, response: Response, told: BaseModel) -> None:
        """Keep for the next page what was just done; signed, for it offers a form that takes it back."""
        self._set(response, self.notice_name, "notice", told, timedelta(minutes=1), "lax")

    def noticed(self, text: str | None) -> Any:
        """What `notice` kept; None where nobody did."""
        try:
            return self._read("notice", text)
        except BadSignature:
            return None

    def end(self, response: Response, name: str) -> None:
        """Take a cookie away."""
        response.delete_cookie(name, path="/", secure=self._secure, httponly=True)

    def csrf(self, session: SignedIn) -> str:
        """The token a session's forms carry."""
        return hmac.new(self._derived("csrf"), session.id.encode(), hashlib.sha256).hexdigest()

    def csrf_holds(self, session: SignedIn, given: str) -> bool:
        """Whether a form's token is this session's."""
        return hmac.compare_digest(self.csrf(session).encode(), given.encode("utf-8", "replace"))

    def _derived(self, purpose: str) -> bytes:
        return hmac.new(self._key, f"roundsman {purpose}".encode(), hashlib.sha256).digest()

    def _set(
        self, response: Response, name: str, salt: str, value: BaseModel, life: timedelta, same_site: Literal["strict", "lax"]
    ) -> None:  # fmt: skip
        text = URLSafeSerializer(self._derived("cookies"), salt=salt).dumps(value.model_dump(mode="json"))
        response.set_cookie(
            name, str(text), max_age=int(life.total_seconds()), path="/", secure=self._secure, httponly=True, samesite=same_site
        )  # fmt: skip

    def _read(self, salt: str, text: str | None) -> Any:
        return URLSafeSerializer(self._derived("cookies"), salt=salt).loads(text or "")


def challenge(verifier: str) -> str:
    """PKCE's S256 challenge. Source: https://www.rfc-editor.org/rfc/rfc7636#section-4.2"""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def onward(place: str | None) -> str:
    """A path of ours to go to after signing in; anything else is the start page."""
    place = place or "/"
    plain = place.startswith("/") and not place.startswith(("//", "/\\"))
    return place if plain and not any(ord(c) < 32 or c == "\\" for c in place) else "/"
