"""A web process of its own for a test: a fresh database, people with roles, and browsers that reach it in process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from fastapi import FastAPI

from bot.model.job import JobSpec
from bot.model.run import Job, Repository, Run, Trigger, TriggerKind
from bot.ports import Account, Refusal, Role
from bot.settings import Settings
from bot.store import jobs, repositories, runs, tokens
from bot.store.database import Database
from bot.web.context import WebContext
from bot.web.server import create_app
from tests.clock import FakeClock

BASE = "https://roundsman.example"
SPEC: dict[str, Any] = {
    "on": {"schedule": "0 9 * * 1-5"},
    "filter": "is:open label:bug",
    "prompt": "Look at #{{ item.number }}.",
}


class PeopleOfGitHub:
    """GitHub as far as signing in goes: codes, accounts, roles; it can be down, and it can end a token."""

    def __init__(self) -> None:
        self.roles_of: dict[str, dict[str, Role]] = {}
        self.codes: dict[str, tuple[str, str]] = {}
        self.refusal: Refusal | None = None
        self.asked = 0

    def authorise_url(self, state: str, challenge: str, redirect_uri: str) -> str | Refusal:
        query = {"state": state, "code_challenge": challenge, "redirect_uri": redirect_uri}
        return f"https://github.com/login/oauth/authorize?{urlencode(query)}"

    def consents(self, login: str, address: str) -> dict[str, str]:
        """A person agrees at the address; gives the parameters the browser comes back with."""
        query = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = (login, query["code_challenge"])
        return {"code": code, "state": query["state"]}

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Account | Refusal:
        from bot.web.cookies import challenge

        login, expected = self.codes.pop(code, ("", ""))
        if not login or challenge(verifier) != expected:
            return Refusal(kind="invalid", words="bad verification code")
        return Account(login=login, id=len(login), token=f"ghu_{login}")

    async def roles(self, account: Account, wanted: Sequence[Repository]) -> Mapping[str, Role] | Refusal:
        self.asked += 1
        if self.refusal:
            return self.refusal
        assert account.token == f"ghu_{account.login}"
        known = self.roles_of.get(account.login, {})
        return {r.full_name.lower(): known.get(r.full_name.lower(), "none") for r in wanted}


class House:
    """An app with one repository `acme/shop`, and the means to visit it."""

    def __init__(self, database: Database, folder: Path, **settings: Any) -> None:
        self.clock = FakeClock()
        self.people = PeopleOfGitHub()
        given = {
            "data_dir": folder,
            "public_url": BASE,
            "secret_key": "s" * 40,
            "operators": ["olga"],
        } | settings
        self.settings = Settings(_env_file=None, **given)
        self.database = database
        self.context = WebContext(
            database, self.settings, self.clock, identity=self.people, start_token="start-" + "x" * 30
        )
        self.app: FastAPI = create_app(self.context)
        self.shop = self.repository("acme/shop", private=True)

    def repository(self, full_name: str, **more: Any) -> Repository:
        """A repository Roundsman knows."""
        return self.database.write_now(repositories.ensure_repository, full_name, self.clock.now(), **more)

    def job(self, name: str = "triage", repository: Repository | None = None, **spec: Any) -> Job:
        """A job."""
        where = (repository or self.shop).id
        return self.database.write_now(
            jobs.save_job, where, name, JobSpec.model_validate(SPEC | spec), now=self.clock.now()
        )

    def run(self, job: Job, occasion: str = "one") -> Run:
        """A run that waits."""
        trigger = Trigger(kind=TriggerKind.manual, occasion=occasion, by="ada")
        run = self.database.write_now(runs.fire, job.id, trigger, self.clock.now())
        assert run is not None
        return run

    def stranger(self, **more: Any) -> httpx.AsyncClient:
        """A browser nobody has signed in with."""
        given: dict[str, Any] = {"base_url": self.settings.base_url, "follow_redirects": False} | more
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app, raise_app_exceptions=False), **given)

    async def person(
        self, login: str, role: Role = "none", repository: str = "acme/shop"
    ) -> httpx.AsyncClient:
        """A browser in which somebody with this role has signed in, the whole way."""
        self.people.roles_of.setdefault(login, {})[repository] = role
        browser = self.stranger()
        away = await browser.get("/sign-in/github")
        back = await browser.get(
            "/sign-in/github/callback", params=self.people.consents(login, away.headers["location"])
        )
        assert back.status_code == 303, back.text
        browser.headers["X-CSRF-Token"] = await self.csrf(browser)
        return browser

    async def csrf(self, browser: httpx.AsyncClient) -> str:
        """What the pages of this browser would carry in their forms."""
        cookies = self.app.state.cookies
        session = cookies.session(browser.cookies.get(cookies.session_name), self.clock.now())
        return "" if session is None else str(cookies.csrf(session))

    def machine(self, *scopes: tokens.Scope, repositories: Sequence[str] | None = None) -> httpx.AsyncClient:
        """A program with a token."""
        _, text = self.database.write_now(
            tokens.create, "ci", scopes or ("edit",), repositories, by="ada", now=self.clock.now()
        )
        return self.stranger(headers={"Authorization": f"Bearer {text}"})
