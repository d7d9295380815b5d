"""Sign-in with GitHub against the embedded one: PKCE, one-time codes, explicit roles."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from bot.demo import GitHub
from bot.demo.oauth import issue_code
from bot.github.credentials import Credentials
from bot.github.identity import GitHubIdentity
from bot.model.run import Repository
from bot.ports import Account, Refusal

NOW = datetime(2026, 6, 1, tzinfo=UTC)
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
BACK = "https://rounds.test/callback"


class Gate:
    """A GitHub with one App and who signs in there."""

    def __init__(self) -> None:
        self.github = GitHub(clock=lambda: NOW)
        self.app = self.github.add_app("roundsman", callback_urls=[BACK])
        self.installation = self.github.install(self.app, "acme")
        self.github.add_repo(
            "acme/shop",
            files={"a": "b"},
            collaborators={"wren": "write", "tess": "triage", "mai": "maintain", "rea": "read"},
        )
        held = Credentials(client_id=self.app.client_id, client_secret=self.app.client_secret)
        self.identity = GitHubIdentity(
            "https://github.test", "https://github.test", lambda: held, httpx.ASGITransport(self.github.app)
        )

    async def enter(self, login: str) -> Account:
        """Sign in as somebody."""
        self.github.add_user(login)
        code = issue_code(self.github, self.app, login, BACK, CHALLENGE, "S256")
        account = await self.identity.exchange(code, VERIFIER, BACK)
        assert isinstance(account, Account)
        return account

    def shop(self) -> Repository:
        """The repository as we know it."""
        return Repository(id=1, owner="acme", name="shop", installation_id=self.installation.id)


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    """A gate."""
    gate = Gate()
    yield gate
    await gate.identity.close()


@pytest.mark.parametrize(
    ("login", "role"),
    [("acme", "admin"), ("wren", "write"), ("tess", "triage"), ("mai", "maintain"), ("stranger", "none")],
)
async def test_roles_are_the_explicit_ones(gate: Gate, login: str, role: str) -> None:
    """A public repository is readable by all; that is no role."""
    account = await gate.enter(login)
    roles = await gate.identity.roles(account, [gate.shop()])
    assert not isinstance(roles, Refusal)
    assert roles.get("acme/shop", "none") in ({role, "read"} if role == "none" else {role})


async def test_a_code_works_once_and_only_with_its_verifier(gate: Gate) -> None:
    """A stolen code is worth nothing, a used one neither."""
    gate.github.add_user("wren")
    code = issue_code(gate.github, gate.app, "wren", BACK, CHALLENGE, "S256")
    stolen = await gate.identity.exchange(code, "x" * 50, BACK)
    assert isinstance(stolen, Refusal)
    assert stolen.kind == "invalid"
    assert isinstance(await gate.identity.exchange(code, VERIFIER, BACK), Account)
    assert isinstance(await gate.identity.exchange(code, VERIFIER, BACK), Refusal)


async def test_a_revoked_token_is_forbidden(gate: Gate) -> None:
    """Who took the App's access back is asked to sign in again."""
    account = await gate.enter("wren")
    gate.github.revoke(account.token or "")
    refused = await gate.identity.roles(account, [gate.shop()])
    assert isinstance(refused, Refusal)
    assert refused.kind == "forbidden"


def test_the_browser_is_sent_with_state_and_challenge(gate: Gate) -> None:
    """The link carries the App, the state, the challenge and where to come back to."""
    query = parse_qs(urlsplit(gate.identity.authorise_url("s1", CHALLENGE, BACK)).query)
    assert query["state"] == ["s1"]
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == [BACK]
