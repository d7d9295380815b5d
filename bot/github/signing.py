"""In whose name a request goes: the App's, an installation's, or a plain token's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.flow.clock import Clock
from bot.github.credentials import Credentials
from bot.github.tokens import AsApp, Need, Token, Tokens
from bot.model.item import RepositoryRef
from bot.ports import Refusal


@dataclass(frozen=True, slots=True)
class Signed:
    """How a request is signed, and on whose allowance it counts."""

    account: str
    header: str
    token: Token | None = None


class Signer:
    """Signs with what a step needs and no more; knows which installation a repository belongs to."""

    def __init__(self, credentials: Credentials, clock: Clock, as_app: AsApp) -> None:
        self.credentials, self._clock, self._as_app = credentials, clock, as_app
        self.tokens = Tokens(credentials, clock, as_app)
        self._installations: dict[str, int] = {}

    def use(self, credentials: Credentials) -> None:
        """Sign as somebody else from now on."""
        self.credentials = credentials
        self.tokens = Tokens(credentials, self._clock, self._as_app)
        self._installations.clear()

    def heed(self, told: datetime) -> None:
        """Take GitHub's clock for the App's next signature."""
        self.tokens.heed(told)

    def quota_of(self, repository: RepositoryRef) -> str:
        """The name of the allowance a repository's requests count on."""
        return (
            f"installation:{repository.installation or repository.owner.lower()}"
            if self.credentials.is_app
            else "token"
        )

    async def sign(self, repository: RepositoryRef | None, need: Need) -> Signed | Refusal:
        """How a request about a repository is signed; without one, in the App's own name."""
        if not self.credentials.is_app:
            return Signed("token", f"Bearer {self.credentials.token}") if self.credentials.token else nobody()
        if repository is None:
            return Signed("app", f"Bearer {self.tokens.jwt()}")
        token = await self.token(repository, need)
        if isinstance(token, Refusal):
            return token
        return Signed(self.quota_of(repository), f"Bearer {token.secret}", token)

    async def token(self, repository: RepositoryRef, need: Need) -> Token | Refusal:
        """The installation token for one repository and step."""
        installation = repository.installation or await self._installation_of(repository)
        if isinstance(installation, Refusal):
            return installation
        return await self.tokens.of(installation, repository.name or None, need)

    async def _installation_of(self, repository: RepositoryRef) -> int | Refusal:
        known = self._installations.get(repository.full_name.lower())
        if known is not None:
            return known
        answer = await self._as_app("GET", f"/repos/{repository.full_name}/installation")
        if isinstance(answer, Refusal):
            return answer
        found = int(answer.object.get("id") or 0)
        self._installations[repository.full_name.lower()] = found
        return found

    def better(self, signed: Signed, refusal: Refusal) -> bool:
        """Whether it is worth signing anew: the token was revoked, or our clock is off and now corrected."""
        if refusal.status != 401:
            return False
        if signed.token is not None:
            self.tokens.drop(signed.token)
            return True
        return signed.account == "app" and signed.header != f"Bearer {self.tokens.jwt()}"


def nobody() -> Refusal:
    """There is nobody to sign as."""
    return Refusal(
        kind="forbidden",
        words="there are no credentials for GitHub; open /setup, or set ROUNDSMAN_GITHUB_APP_ID or ROUNDSMAN_GITHUB_TOKEN",
    )
