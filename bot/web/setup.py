"""`/setup`: from a fresh service to a registered App, by GitHub's manifest flow; closed for good once done."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from bot.github.client import Client
from bot.github.credentials import Credentials
from bot.github.manifest import convert, manifest_for, registration_url
from bot.github.vault import seal
from bot.ports import Refusal
from bot.store import setup
from bot.web.auth import Context
from bot.web.context import WebContext
from bot.web.pages.render import page
from bot.web.problems import Problem

router = APIRouter(include_in_schema=False)
PART = "setup"
PROVIDERS = {
    "claude": "Anthropic",
    "codex": "OpenAI",
    "gemini": "Google",
    "opencode": "the provider of the chosen model",
}

Secret = Annotated[str, Form(max_length=200)]


@dataclass(frozen=True)
class Setup:
    """What set-up needs, under `parts["setup"]`: GitHub, and who is told of the new credentials."""

    client: Client
    use: Callable[[Credentials], None]


def _part(context: WebContext) -> Setup:
    part = context.parts.get(PART)
    if not isinstance(part, Setup):
        raise Problem(404, "this process has no set-up", code="unknown")
    return part


async def _open(context: WebContext) -> Setup:
    """Set-up, while it is open; a service with credentials has none, and never has again."""
    part = _part(context)
    if part.client.credentials.present or await context.database.read(setup.is_done):
        raise Problem(404, "set-up is done and closed; credentials change by settings now", code="closed")
    return part


@router.get("/setup")
async def ask(
    request: Request, context: Context, secret: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Ask for the secret printed in the log."""
    await _open(context)
    return await page(request, "setup.html", {"tab": "", "step": "secret", "secret": secret, "wrong": False})


@router.post("/setup")
async def begin(
    request: Request, context: Context, secret: Secret, name: Annotated[str, Form(max_length=34)] = "",
    organisation: Annotated[str, Form(max_length=100, pattern=r"^[A-Za-z0-9-]*$")] = "", pulls: Annotated[str, Form(max_length=10)] = "",
    step: Annotated[str, Form(max_length=10)] = "secret",
) -> Response:  # fmt: skip
    """Check the secret; then show what will be registered, and send the browser to GitHub with it."""
    await _open(context)
    if not await context.database.read(setup.holds, secret):
        values = {"tab": "", "step": "secret", "secret": "", "wrong": True}
        return await page(request, "setup.html", values, status=403)
    settings = context.settings
    values = {"tab": "", "secret": secret, "providers": _providers(context), "base_url": settings.base_url}
    if step != "register":
        local = settings.public_url is None
        return await page(request, "setup.html", {**values, "step": "choose", "local": local})
    state = await context.database.write(setup.depart, context.now())
    manifest = manifest_for(settings.base_url, name.strip() or "Roundsman", pulls=bool(pulls))
    action = registration_url(settings.github_url, organisation, state)
    grants = sorted(manifest["default_permissions"].items())
    shown = {
        **values,
        "step": "register",
        "action": action,
        "manifest": json.dumps(manifest),
        "grants": grants,
    }
    return await page(request, "setup.html", shown)


def _providers(context: WebContext) -> list[tuple[str, str]]:
    """Engine and who receives what agents read: the engines with a key, else the default one."""
    settings = context.settings
    engines = sorted({*settings.model_keys, settings.default_engine} - {"script"})
    return [(engine, settings.model_urls.get(engine) or PROVIDERS.get(engine, engine)) for engine in engines]


@router.get("/setup/done")
async def done(
    request: Request, context: Context, code: Annotated[str, Query(max_length=200)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
) -> Response:  # fmt: skip
    """Back from GitHub: trade the code for the App's credentials, keep them encrypted, close the door."""
    part = await _open(context)
    if not await context.database.write(setup.arrive, state, context.now()):
        raise Problem(403, "this did not begin here, or too long ago; begin again at /setup", code="state")
    made = await convert(part.client, code)
    if isinstance(made, Refusal):
        raise Problem(502, f"{made.words}; begin again at /setup", code="github")
    credentials, html_url = made
    sealed = seal(credentials, context.settings.key())
    if not await context.database.write(setup.finish, sealed, credentials.app_id or 0, context.now()):
        raise Problem(409, "somebody else has finished set-up meanwhile", code="closed")
    part.use(credentials)
    values = {
        "tab": "",
        "step": "done",
        "install": f"{html_url}/installations/new",
        "providers": _providers(context),
    }
    return await page(request, "setup.html", values)


@router.get("/setup/installed")
async def installed(
    request: Request, context: Context, installation_id: Annotated[int, Query(ge=0)] = 0
) -> Response:
    """Where GitHub sends people who have installed the App: welcome, or a polite refusal."""
    part = _part(context)
    answer = (
        await part.client.as_app("GET", f"/app/installations/{installation_id}") if installation_id else None
    )
    if answer is None or isinstance(answer, Refusal):
        return RedirectResponse("/", 303)
    account = str((answer.object.get("account") or {}).get("login") or "")
    allowed = {name.lower() for name in context.settings.allowed_accounts}
    welcome = not allowed or account.lower() in allowed
    values = {
        "tab": "",
        "step": "installed",
        "welcome": welcome,
        "account": account,
        "providers": _providers(context),
    }
    return await page(request, "setup.html", values, status=200 if welcome else 403)
