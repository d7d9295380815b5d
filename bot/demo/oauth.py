"""Signing in: the authorize page, PKCE, tokens with refresh, and the App manifest flow."""

import base64
import hashlib
import hmac
import html
import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from bot.demo import apps, ids, jwt, shapes
from bot.demo import records as r
from bot.demo.call import Call, answer, done, enter
from bot.demo.core import Core
from bot.demo.page import page
from bot.demo.refusal import Refusal, not_found

router = APIRouter()


def _core(request: Request) -> Core:
    core: Core = request.app.state.core
    return core


def _with_query(url: str, **more: str) -> str:
    parts = urlsplit(url)
    query = [*parse_qsl(parts.query), *((k, v) for k, v in more.items() if v)]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _callback(app: r.App, wanted: str) -> str:
    """Where to send people back: a registered callback or, as GitHub allows, a path below one."""
    if not wanted:
        if not app.callback_urls:
            raise Refusal(400, "the App has no callback URL")
        return app.callback_urls[0]
    if urlsplit(wanted).scheme not in ("http", "https"):
        raise Refusal(400, "The redirect_uri is not associated with this application.")
    if app.callback_urls and not any(_below(x, wanted) for x in app.callback_urls):
        raise Refusal(400, "The redirect_uri is not associated with this application.")
    return wanted


def _below(registered: str, wanted: str) -> bool:
    a, b = urlsplit(registered), urlsplit(wanted)
    return (a.scheme, a.netloc) == (b.scheme, b.netloc) and (b.path + "/").startswith(
        a.path.rstrip("/") + "/"
    )


@router.get("/login/oauth/authorize")
async def authorize(request: Request) -> Response:
    """The page that asks as whom to sign in."""
    core, query = _core(request), request.query_params
    app = core.tables.apps.one("client_id", query.get("client_id", ""))
    if app is None:
        raise not_found()
    _callback(app, query.get("redirect_uri", ""))
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(k)}" value="{html.escape(v)}">'
        for k, v in query.multi_items()
    )
    people = [x for x in core.tables.users if x.type == "User"]
    wanted = query.get("login", "").lower()
    people.sort(key=lambda x: x.login.lower() != wanted)
    buttons = "".join(
        f'<button class="btn" name="as" value="{html.escape(x.login)}">{html.escape(x.login)}</button> '
        for x in people
    )
    body = (
        f"<h1>Authorize {html.escape(app.name)}</h1><p>This is the embedded GitHub: choose who you are.</p>"
        f'<form method="post" action="/login/oauth/authorize">{hidden}{buttons}</form>'
    )
    return HTMLResponse(page(core, "Authorize", body))


@router.post("/login/oauth/authorize")
async def authorized(request: Request) -> Response:
    """Back to the App with a code."""
    core, form = _core(request), dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
    app = core.tables.apps.one("client_id", form.get("client_id", ""))
    user = core.user(form.get("as", ""))
    if app is None or user is None:
        raise not_found()
    back = _callback(app, form.get("redirect_uri", ""))
    code = issue_code(
        core, app, user.login, form.get("redirect_uri", ""), form.get("code_challenge", ""),
        form.get("code_challenge_method", ""),
    )  # fmt: skip
    return RedirectResponse(_with_query(back, code=code, state=form.get("state", "")), 302)


def issue_code(
    core: Core, app: r.App, login: str, redirect_uri: str = "", challenge: str = "", method: str = ""
) -> str:
    """A one-time code for ten minutes."""
    if challenge and method != "S256":
        raise Refusal(400, "code_challenge_method must be S256")
    number = core.tables.next_id("grant")
    code = ids.secret("", core.salt, "code", number)[:20]
    detail = {"app": app.id, "login": login, "redirect_uri": redirect_uri, "challenge": challenge}
    core.tables.grants.put(r.Grant(number, code, "oauth", core.auth_now(timedelta(minutes=10)), detail))
    core.save()
    return code


async def _parameters(request: Request) -> dict[str, str]:
    raw = await request.body()
    if "json" in request.headers.get("content-type", ""):
        try:
            value = json.loads(raw)
        except ValueError:
            return {}
        return {k: str(v) for k, v in value.items()} if isinstance(value, dict) else {}
    return {**dict(request.query_params), **dict(parse_qsl(raw.decode(errors="replace")))}


def _oauth_answer(request: Request, body: dict[str, Any]) -> Response:
    """JSON for those who accept it, else GitHub's form encoding; errors are 200, as there."""
    if "json" in request.headers.get("accept", ""):
        return answer(body)
    return Response(urlencode(body), media_type="application/x-www-form-urlencoded")


def _fault(request: Request, code: str, words: str) -> Response:
    return _oauth_answer(
        request, {"error": code, "error_description": words, "error_uri": "https://docs.github.com"}
    )


@router.post("/login/oauth/access_token")
async def access_token(request: Request) -> Response:
    """A token for a code, or for a refresh token."""
    core, form = _core(request), await _parameters(request)
    app = core.tables.apps.one("client_id", form.get("client_id", ""))
    if app is None or not hmac.compare_digest(
        app.client_secret.encode(), form.get("client_secret", "").encode()
    ):
        words = "The client_id and/or client_secret passed are incorrect."
        return _fault(request, "incorrect_client_credentials", words)
    if form.get("grant_type") == "refresh_token":
        return _refreshed(request, core, app, form.get("refresh_token", ""))
    grant = core.tables.grants.one("code", form.get("code", ""))
    if (
        grant is None
        or grant.used
        or grant.kind != "oauth"
        or grant.detail["app"] != app.id
        or grant.expires_at <= core.auth_now()
    ):
        return _fault(request, "bad_verification_code", "The code passed is incorrect or expired.")
    wanted = grant.detail["redirect_uri"]
    if form.get("redirect_uri") and wanted and form["redirect_uri"] != wanted:
        return _fault(
            request, "redirect_uri_mismatch", "The redirect_uri MUST match the registered callback URL."
        )
    if not _proved(grant.detail["challenge"], form.get("code_verifier", "")):
        return _fault(request, "bad_verification_code", "The code verifier does not match the challenge.")
    grant.used = True
    core.tables.grants.put(grant)
    return _oauth_answer(request, _token_body(core, app, str(grant.detail["login"])))


def _proved(challenge: str, verifier: str) -> bool:
    if not challenge:
        return True
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    return hmac.compare_digest(digest, challenge)


def _token_body(core: Core, app: r.App, login: str) -> dict[str, Any]:
    number = core.tables.next_id("token")
    row = core.tables.tokens.put(
        r.Token(number, ids.secret("ghu_", core.salt, "user", number), "user", user=login, app_id=app.id,
                expires_at=core.auth_now(timedelta(hours=8)), refresh=ids.secret("ghr_", core.salt, "refresh", number))
    )  # fmt: skip
    core.save()
    return {
        "access_token": row.token,
        "expires_in": 28_800,
        "refresh_token": row.refresh,
        "refresh_token_expires_in": 15_897_600,
        "scope": "",
        "token_type": "bearer",
    }


def _refreshed(request: Request, core: Core, app: r.App, refresh: str) -> Response:
    row = core.tables.tokens.one("refresh", refresh) if refresh else None
    if row is None or row.app_id != app.id or row.user is None:
        return _fault(request, "bad_refresh_token", "The refresh token passed is incorrect or expired.")
    login = row.user
    core.tables.tokens.drop(row.id)
    return _oauth_answer(request, _token_body(core, app, login))


@router.delete("/applications/{client}/token")
@router.delete("/applications/{client}/grant")
async def forget(request: Request, client: str) -> Response:
    """Revoke a user token."""
    core, form = _core(request), await _parameters(request)
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    try:
        pair = base64.b64decode(secret).decode()
    except ValueError:
        pair = ""
    app = core.tables.apps.one("client_id", client)
    if app is None or scheme.lower() != "basic" or pair != f"{app.client_id}:{app.client_secret}":
        raise not_found()
    row = core.tables.tokens.one("token", form.get("access_token", ""))
    if row is None or row.app_id != app.id:
        raise not_found()
    core.tables.tokens.drop(row.id)
    core.save()
    return done()


# --- the manifest flow ------------------------------------------------------------------------------------------------


@router.post("/settings/apps/new")
@router.post("/organizations/{org}/settings/apps/new")
async def manifest_page(request: Request, org: str = "") -> Response:
    """The page that shows what an App wants before it is registered."""
    form = dict(parse_qsl((await request.body()).decode()))
    manifest = _manifest(form.get("manifest", ""))
    rows = "".join(
        f"<li>{html.escape(str(k))}: {html.escape(str(v))}</li>"
        for k, v in (manifest.get("default_permissions") or {}).items()
    )
    state = html.escape(request.query_params.get("state", "") or form.get("state", ""))
    body = (
        f"<h1>Create GitHub App for {html.escape(str(manifest.get('name')))}</h1><ul>{rows}</ul>"
        '<form method="post" action="/settings/apps/manifest">'
        f'<input type="hidden" name="manifest" value="{html.escape(form["manifest"])}">'
        f'<input type="hidden" name="state" value="{state}"><input type="hidden" name="org" value="{html.escape(org)}">'
        '<button class="btn btn-primary">Create GitHub App</button></form>'
    )
    return HTMLResponse(page(_core(request), "Create GitHub App", body))


def _manifest(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as fault:
        raise Refusal(400, "the manifest is no JSON") from fault
    if not isinstance(value, dict) or not value.get("url") or not value.get("redirect_url"):
        raise Refusal(400, "the manifest needs url and redirect_url")
    return value


@router.post("/settings/apps/manifest")
async def manifest_accepted(request: Request) -> Response:
    """Back to the App with a code that can be converted once, within an hour."""
    core, form = _core(request), dict(parse_qsl((await request.body()).decode()))
    manifest = _manifest(form.get("manifest", ""))
    number = core.tables.next_id("grant")
    code = ids.secret("", core.salt, "manifest", number)
    detail = {"manifest": manifest, "owner": form.get("org") or "octo-operator"}
    core.tables.grants.put(r.Grant(number, code, "manifest", core.auth_now(timedelta(hours=1)), detail))
    core.save()
    return RedirectResponse(
        _with_query(manifest["redirect_url"], code=code, state=form.get("state", "")), 302
    )


@router.post("/app-manifests/{code}/conversions")
async def convert(call: Call = Depends(enter)) -> Response:
    """Register the App of a manifest; its secrets are shown this once."""
    core, grant = call.core, call.core.tables.grants.one("code", call.param("code"))
    if grant is None or grant.used or grant.kind != "manifest" or grant.expires_at <= core.auth_now():
        raise not_found()
    grant.used = True
    core.tables.grants.put(grant)
    app = register(core, grant.detail["manifest"], str(grant.detail["owner"]))
    secrets = {
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "webhook_secret": app.webhook_secret,
        "pem": app.private_key,
    }
    return answer({**shapes.app(core, app), **secrets}, 201)


def register(core: Core, manifest: dict[str, Any], owner: str) -> r.App:
    """Make an App from its manifest."""
    number = core.tables.next_id("app", 1)
    private, public = jwt.key_pair(number)
    name = str(manifest.get("name") or f"app-{number}")
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or f"app-{number}"
    if core.tables.apps.one("slug", slug) is not None:
        slug = f"{slug}-{number}"
    core.ensure_user(owner)
    core.ensure_user(f"{slug}[bot]")
    hook = manifest.get("hook_attributes") or {}
    now = core.now()
    return core.tables.apps.put(
        r.App(
            number, slug, name, owner, f"Iv1.{ids.secret('', core.salt, 'client', number)[:16]}",
            ids.secret("", core.salt, "client-secret", number), private, public,
            ids.secret("", core.salt, "webhook-secret", number), hook.get("url"),
            list(manifest.get("callback_urls") or []), dict(manifest.get("default_permissions") or {}),
            list(manifest.get("default_events") or []), manifest.get("description"), str(manifest["url"]), now, now,
        )
    )  # fmt: skip


@router.get("/apps/{slug}/installations/new")
async def install_page(request: Request, slug: str) -> Response:
    """The page on which an account installs an App."""
    core = _core(request)
    app = core.tables.apps.one("slug", slug)
    if app is None:
        raise not_found()
    owners = sorted({x.owner for x in core.tables.repos})
    buttons = "".join(
        f'<button class="btn" name="account" value="{html.escape(x)}">{html.escape(x)}</button> '
        for x in owners
    )
    body = f'<h1>Install {html.escape(app.name)}</h1><form method="post">{buttons}</form>'
    return HTMLResponse(page(core, "Install", body))


@router.post("/apps/{slug}/installations/new")
async def installed(request: Request, slug: str) -> Response:
    """Install on the chosen account, for all its repositories; back to where the App lives."""
    core, form = _core(request), dict(parse_qsl((await request.body()).decode()))
    app, account = core.tables.apps.one("slug", slug), core.user(form.get("account", ""))
    if app is None or account is None:
        raise not_found()
    held = core.tables.installations.under("account", account.login.lower())
    known = next((x for x in held if x.app_id == app.id), None)
    row = known or apps.install(core, app, account.login, None, dict(app.permissions), account.login)
    core.save()
    action = "update" if known else "install"
    return RedirectResponse(
        _with_query(app.external_url, installation_id=str(row.id), setup_action=action), 302
    )
