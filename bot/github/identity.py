"""Signs people in with GitHub (the App's OAuth with PKCE) and tells their explicit roles.

Source: https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from bot.github.credentials import Credentials
from bot.model.run import Repository
from bot.ports import Account, Refusal, Role

ORDER: tuple[tuple[str, Role], ...] = (
    ("admin", "admin"), ("maintain", "maintain"), ("push", "write"), ("triage", "triage"), ("pull", "read"),
)  # fmt: skip
MOST_PAGES = 20


class GitHubIdentity:
    """The port `Identity`. `credentials` gives the App's OAuth client as it stands (set-up may bring it later)."""

    def __init__(
        self,
        api_url: str,
        web_url: str,
        credentials: Callable[[], Credentials],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._api, self._web, self._credentials = api_url.rstrip("/"), web_url.rstrip("/"), credentials
        self._http = httpx.AsyncClient(transport=transport, timeout=15.0, follow_redirects=False)

    def authorise_url(self, state: str, challenge: str, redirect_uri: str) -> str | Refusal:
        """Where to send the browser; a Refusal while there is no App to sign in with."""
        app = self._credentials()
        if not app.client_id or not app.client_secret:
            return Refusal(kind="forbidden", words="the App's client id and secret are not set")
        query = {
            "client_id": app.client_id, "state": state, "redirect_uri": redirect_uri,
            "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        return f"{self._web}/login/oauth/authorize?{urlencode(query)}"

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Account | Refusal:
        """Trade the code for the account that allowed it."""
        app = self._credentials()
        form = {
            "client_id": app.client_id or "", "client_secret": app.client_secret or "", "code": code, "code_verifier": verifier,
            "redirect_uri": redirect_uri,
        }  # fmt: skip
        told = await self._ask("POST", f"{self._web}/login/oauth/access_token", data=form)
        if isinstance(told, Refusal):
            return told
        token = told.get("access_token")
        if not isinstance(token, str):
            return Refusal(
                kind="invalid",
                words=str(told.get("error_description") or told.get("error") or "no token was given"),
            )
        user = await self._ask("GET", f"{self._api}/user", token=token)
        if isinstance(user, Refusal):
            return user
        if not isinstance(user.get("login"), str) or not isinstance(user.get("id"), int):
            return Refusal(kind="invalid", words="GitHub did not say who this is")
        return Account(login=user["login"], id=user["id"], token=token)

    async def roles(
        self, account: Account, repositories: Sequence[Repository]
    ) -> Mapping[str, Role] | Refusal:
        """The account's explicit roles, from the repositories of our installations that it can reach."""
        wanted = {repository.full_name.lower() for repository in repositories}
        found: dict[str, Role] = {}
        installations = await self._rows("/user/installations", "installations", account)
        if isinstance(installations, Refusal):
            return installations
        ours = {repository.installation_id for repository in repositories if repository.installation_id}
        for installation in installations:
            if ours and installation.get("id") not in ours:
                continue
            rows = await self._rows(
                f"/user/installations/{installation.get('id')}/repositories", "repositories", account
            )
            if isinstance(rows, Refusal):
                return rows
            found |= {
                name: _role(row) for row in rows if (name := str(row.get("full_name")).lower()) in wanted
            }
        return found

    async def close(self) -> None:
        """Let connections go."""
        await self._http.aclose()

    async def _rows(self, path: str, within: str, account: Account) -> list[dict[str, Any]] | Refusal:
        rows: list[dict[str, Any]] = []
        for page in range(1, MOST_PAGES + 1):
            told = await self._ask("GET", f"{self._api}{path}?per_page=100&page={page}", token=account.token)
            if isinstance(told, Refusal):
                return told
            here = [row for row in told.get(within) or () if isinstance(row, dict)]
            rows += here
            if len(here) < 100:
                break
        return rows

    async def _ask(
        self, method: str, url: str, *, token: str | None = None, data: Mapping[str, str] | None = None
    ) -> dict[str, Any] | Refusal:
        headers = {"Accept": "application/json", "User-Agent": "roundsman"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            answer = await self._http.request(method, url, headers=headers, data=dict(data) if data else None)
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            return Refusal(
                kind="busy", words=f"{urlsplit(url).netloc} cannot be asked ({type(error).__name__})"
            )
        spent = answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers
        if answer.status_code == 403 and spent:
            return Refusal(kind="busy", words="GitHub asks us to wait", status=403, retry_after=60.0)
        if answer.status_code in (401, 403):
            return Refusal(
                kind="forbidden", words="GitHub no longer accepts this sign-in", status=answer.status_code
            )
        if answer.status_code >= 400:
            kind: Any = "busy" if answer.status_code >= 500 or answer.status_code == 429 else "invalid"
            return Refusal(
                kind=kind, words=f"GitHub answered {answer.status_code}", status=answer.status_code
            )
        return body if isinstance(body, dict) else {}


def _role(row: Mapping[str, Any]) -> Role:
    """The highest permission GitHub names; that anyone can read a public repository is no role."""
    held = row.get("permissions")
    if not isinstance(held, Mapping):
        return "none"
    return next((role for name, role in ORDER if held.get(name) is True), "none")
