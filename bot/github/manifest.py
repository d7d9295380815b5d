"""The App's manifest, and what GitHub gives for it.

Source: https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ruamel.yaml import YAML

from bot.github.answers import Answer
from bot.github.client import Client
from bot.github.credentials import Credentials
from bot.github.payload import number, text
from bot.ports import Refusal

PLACES = (Path(__file__).with_name("app.yml"), Path(__file__).parents[2] / "app.yml")


@lru_cache(maxsize=1)
def template() -> Mapping[str, Any]:
    """`app.yml` as it is shipped."""
    found = next(place for place in PLACES if place.is_file())
    shipped: Mapping[str, Any] = YAML(typ="safe").load(found.read_text())
    return shipped


def permissions() -> dict[str, str]:
    """What the App asks for."""
    return {str(name): str(grade) for name, grade in template()["default_permissions"].items()}


def events() -> tuple[str, ...]:
    """What the App listens to."""
    return tuple(map(str, template()["default_events"]))


def manifest_for(base_url: str, name: str, *, pulls: bool = True) -> dict[str, Any]:
    """The manifest for a service at `base_url`; without `pulls` it may not push branches."""
    base = base_url.rstrip("/")
    grants = permissions() | ({} if pulls else {"contents": "read"})
    return {
        **template(),
        "name": name,
        "url": base,
        "hook_attributes": {"url": f"{base}/webhooks/github", "active": True},
        "redirect_url": f"{base}/setup/done",
        "callback_urls": [f"{base}/sign-in/github/callback"],
        "setup_url": f"{base}/setup/installed",
        "default_permissions": grants,
    }


def registration_url(web_url: str, organisation: str, state: str) -> str:
    """Where the browser posts the manifest to: the person's own settings, or an organisation's."""
    path = (
        f"organizations/{quote(organisation, safe='')}/settings/apps/new"
        if organisation
        else "settings/apps/new"
    )
    return f"{web_url.rstrip('/')}/{path}?state={quote(state, safe='')}"


async def convert(client: Client, code: str) -> tuple[Credentials, str] | Refusal:
    """Trade the code GitHub sent the browser back with for the App's credentials and its page."""
    answer = await client.anonymously("POST", f"/app-manifests/{quote(code, safe='')}/conversions")
    return answer if isinstance(answer, Refusal) else _read(answer)


def _read(answer: Answer) -> tuple[Credentials, str] | Refusal:
    row = answer.object
    app_id, key = number(row, "id"), text(row, "pem")
    if app_id is None or "PRIVATE KEY" not in key:
        return Refusal(kind="invalid", words="GitHub's answer holds no App; begin again at /setup")
    secret = text(row, "webhook_secret")
    credentials = Credentials(
        app_id=app_id,
        private_key=key,
        webhook_secrets=(secret,) if secret else (),
        client_id=text(row, "client_id") or None,
        client_secret=text(row, "client_secret") or None,
    )
    return credentials, text(row, "html_url")
