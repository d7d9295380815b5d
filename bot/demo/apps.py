"""The App's own endpoints: itself, installations, tokens, webhook configuration and deliveries."""

import json
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Depends, Response

from bot.demo import ids, shapes, webhooks
from bot.demo import records as r
from bot.demo.auth import GRADES, covered_repos
from bot.demo.call import Call, answer, done, enter
from bot.demo.core import Core
from bot.demo.paging import counted, paged
from bot.demo.refusal import Refusal, bad_credentials, invalid, not_found

router = APIRouter()


def app_of(call: Call) -> r.App:
    """The App that signed the request."""
    if call.caller.kind != "app" or call.caller.app_id is None:
        raise Refusal(401, "A JSON web token could not be decoded")
    return call.core.tables.apps.rows[call.caller.app_id]


@router.get("/app")
async def get_app(call: Call = Depends(enter)) -> Response:
    """The App itself."""
    app = app_of(call)
    count = call.core.tables.installations.count("app", app.id)
    return answer({**shapes.app(call.core, app), "installations_count": count})


@router.get("/apps/{slug}")
async def get_app_by_slug(call: Call = Depends(enter)) -> Response:
    """Any App's public face."""
    row = call.core.tables.apps.one("slug", call.param("slug"))
    if row is None:
        raise not_found()
    return answer(shapes.app(call.core, row))


@router.get("/app/installations")
async def list_installations(call: Call = Depends(enter)) -> Response:
    """Where the App is installed."""
    rows = call.core.tables.installations.under("app", app_of(call).id)
    return paged(call, rows, lambda x: shapes.installation(call.core, x))


def _installation_of(call: Call) -> r.Installation:
    app, row = app_of(call), call.core.tables.installations.get(call.number("installation"))
    if row is None or row.app_id != app.id:
        raise not_found()
    return row


@router.get("/app/installations/{installation}")
async def get_installation(call: Call = Depends(enter)) -> Response:
    """One installation."""
    return answer(shapes.installation(call.core, _installation_of(call)))


@router.delete("/app/installations/{installation}")
async def delete_installation(call: Call = Depends(enter)) -> Response:
    """Leave an account."""
    row = _installation_of(call)
    uninstall(call.core, row, row.account)
    return done()


def install(
    core: Core,
    app: r.App,
    account: str,
    repositories: list[int] | None,
    permissions: dict[str, str],
    actor: str,
) -> r.Installation:
    """Install an App on an account; the App hears of it."""
    now = core.now()
    row = core.tables.installations.put(
        r.Installation(core.tables.next_id("installation", 70_001), app.id, account, repositories, permissions,
                       list(app.events), now, now)
    )  # fmt: skip
    webhooks.emit_installation(core, row, "installation", "created", actor,
                               repositories=brief_repositories(core, row), requester=None)  # fmt: skip
    return row


def uninstall(core: Core, row: r.Installation, actor: str) -> None:
    """End an installation: its tokens die and the App hears of it."""
    repos = [_brief(x) for x in covered_repos(core, row)]
    webhooks.emit_installation(core, row, "installation", "deleted", actor, repositories=repos)
    for token in core.tables.tokens:
        if token.installation_id == row.id:
            core.tables.tokens.drop(token.id)
    core.tables.installations.drop(row.id)


def _brief(repo: r.Repo) -> dict[str, Any]:
    return {
        "id": repo.id,
        "node_id": ids.node_id("repo", repo.id),
        "name": repo.name,
        "full_name": repo.full_name,
        "private": repo.private,
    }


def brief_repositories(core: Core, row: r.Installation) -> list[dict[str, Any]]:
    """Repositories as installation webhooks name them."""
    return [_brief(x) for x in covered_repos(core, row)]


@router.get("/repos/{owner}/{name}/installation")
async def repository_installation(call: Call = Depends(enter)) -> Response:
    """The App's installation on a repository."""
    app = app_of(call)
    repo = call.core.repo(f"{call.param('owner')}/{call.param('name')}")
    if repo is None:
        raise not_found()
    for row in call.core.tables.installations.under("account", repo.owner.lower()):
        if row.app_id == app.id and (row.repositories is None or repo.id in row.repositories):
            return answer(shapes.installation(call.core, row))
    raise not_found()


@router.get("/users/{login}/installation")
@router.get("/orgs/{login}/installation")
async def account_installation(call: Call = Depends(enter)) -> Response:
    """The App's installation on an account."""
    app = app_of(call)
    for row in call.core.tables.installations.under("account", call.param("login").lower()):
        if row.app_id == app.id:
            return answer(shapes.installation(call.core, row))
    raise not_found()


@router.post("/app/installations/{installation}/access_tokens")
async def create_token(call: Call = Depends(enter)) -> Response:
    """A token for an hour, for all or some repositories, with all or fewer permissions."""
    found, body = _installation_of(call), call.body
    if found.suspended_at is not None:
        raise Refusal(403, "This installation has been suspended")
    repositories = _wanted_repositories(call, found, body)
    permissions = _wanted_permissions(found, body)
    row = mint(call.core, found, repositories, permissions)
    shape: dict[str, Any] = {
        "token": row.token,
        "expires_at": row.expires_at,
        "permissions": {"metadata": "read", **(permissions or found.permissions)},
        "repository_selection": "selected"
        if repositories is not None or found.repositories is not None
        else "all",
    }
    if repositories is not None:
        rows = [call.core.tables.repos.rows[i] for i in repositories]
        shape["repositories"] = [shapes.repository(call.core, x) for x in rows]
    return answer(shape, 201)


def mint(
    core: Core, found: r.Installation, repositories: list[int] | None, permissions: dict[str, str] | None
) -> r.Token:
    """An installation token."""
    for old in core.tables.tokens:  # expired ones are nothing any more
        if old.kind == "installation" and old.expires_at is not None and old.expires_at <= core.auth_now():
            core.tables.tokens.drop(old.id)
    number = core.tables.next_id("token")
    return core.tables.tokens.put(
        r.Token(
            id=number,
            token=ids.secret("ghs_", core.salt, "installation", number),
            kind="installation",
            app_id=found.app_id,
            installation_id=found.id,
            repositories=repositories,
            permissions=permissions,
            expires_at=core.auth_now(timedelta(hours=1)),
        )
    )


def _wanted_repositories(call: Call, found: r.Installation, body: dict[str, Any]) -> list[int] | None:
    names, numbers = body.get("repositories"), body.get("repository_ids")
    if names is None and numbers is None:
        return None
    covered = {x.id: x.name.lower() for x in covered_repos(call.core, found)}
    wanted = [i for i, name in covered.items() if name in {str(x).lower() for x in names or []}]
    wanted += [i for i in numbers or [] if i in covered and i not in wanted]
    if len(wanted) != len(names or []) + len(numbers or []):
        raise Refusal(
            422,
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        )
    return wanted


def _wanted_permissions(found: r.Installation, body: dict[str, Any]) -> dict[str, str] | None:
    wanted = body.get("permissions")
    if wanted is None:
        return None
    if not isinstance(wanted, dict) or any(v not in GRADES for v in wanted.values()):
        raise invalid("Installation", "permissions")
    held = {"metadata": "read", **found.permissions}
    if any(GRADES[v] > GRADES.get(held.get(k, ""), 0) for k, v in wanted.items()):
        raise Refusal(422, "The permissions requested are not granted to this installation.")
    return wanted


@router.delete("/installation/token")
async def revoke_token(call: Call = Depends(enter)) -> Response:
    """End the token at once."""
    row = call.core.tables.tokens.one("token", call.caller.token)
    if row is None or call.caller.kind != "installation":
        raise bad_credentials()
    call.core.tables.tokens.drop(row.id)
    return done()


@router.get("/installation/repositories")
async def installation_repositories(call: Call = Depends(enter)) -> Response:
    """What the token may see."""
    if call.caller.kind != "installation":
        raise Refusal(
            403,
            "You must authenticate with an installation access token in order to list repositories for an installation.",
        )
    rows = [call.core.tables.repos.rows[i] for i in sorted(call.caller.repositories or ())]
    found = call.core.tables.installations.rows[call.caller.installation_id or 0]
    selection = "all" if found.repositories is None else "selected"
    return counted(
        call, "repositories", rows, lambda x: shapes.repository(call.core, x), repository_selection=selection
    )


@router.put("/app/installations/{installation}/suspended")
async def suspend(call: Call = Depends(enter)) -> Response:
    """Suspend an installation."""
    row = _installation_of(call)
    set_suspended(call.core, row, call.core.now(), row.account)
    return done()


@router.delete("/app/installations/{installation}/suspended")
async def unsuspend(call: Call = Depends(enter)) -> Response:
    """Take the suspension back."""
    row = _installation_of(call)
    set_suspended(call.core, row, None, row.account)
    return done()


def set_suspended(core: Core, row: r.Installation, at: str | None, actor: str) -> None:
    """Suspend or unsuspend; the App hears of it."""
    row.suspended_at, row.suspended_by = at, actor if at else None
    core.tables.installations.put(row)
    webhooks.emit_installation(core, row, "installation", "suspend" if at else "unsuspend", actor)


@router.get("/app/hook/config")
async def get_hook(call: Call = Depends(enter)) -> Response:
    """Where webhooks go."""
    return answer(_hook(app_of(call)))


def _hook(app: r.App) -> dict[str, Any]:
    shape = {"content_type": "json", "insecure_ssl": "0", "url": app.webhook_url or ""}
    return {**shape, "secret": "********"} if app.webhook_secret else shape


@router.patch("/app/hook/config")
async def edit_hook(call: Call = Depends(enter)) -> Response:
    """Move webhooks elsewhere or change their secret."""
    app, body = app_of(call), call.body
    app.webhook_url = body.get("url", app.webhook_url)
    app.webhook_secret = body.get("secret", app.webhook_secret)
    call.core.tables.apps.put(app)
    return answer(_hook(app))


def _delivery_item(row: r.Delivery) -> dict[str, Any]:
    return {
        "id": row.id,
        "guid": row.guid,
        "delivered_at": row.delivered_at or row.created_at,
        "redelivery": row.redelivery,
        "duration": row.duration,
        "status": row.status or "pending",
        "status_code": row.status_code,
        "event": row.event,
        "action": row.action,
        "installation_id": row.installation_id,
        "repository_id": row.repository_id,
        "throttled_at": None,
    }


@router.get("/app/hook/deliveries")
async def list_deliveries(call: Call = Depends(enter)) -> Response:
    """Attempts of the last three days, newest first, by cursor."""
    app = app_of(call)
    oldest = ids.iso(call.core.clock() - timedelta(days=3))
    rows = [
        x
        for x in call.core.tables.deliveries.under("app", app.id)
        if x.state != "waiting" and (x.delivered_at or x.created_at) >= oldest
    ]
    rows.sort(key=lambda x: x.id, reverse=True)
    wanted = call.query("status")
    if wanted:
        rows = [x for x in rows if (200 <= x.status_code < 400) == (wanted == "success")]
    return _by_cursor(call, rows)


def _by_cursor(call: Call, rows: list[r.Delivery]) -> Response:
    per_page = min(max(int(call.query("per_page", "30") or 30), 1), 100)
    cursor = call.query("cursor").removeprefix("v1_")
    if cursor:
        if not cursor.isdecimal():
            raise Refusal(400, "Invalid cursor")
        rows = [x for x in rows if x.id <= int(cursor)]
    part, rest = rows[:per_page], rows[per_page:]
    headers = {}
    if rest:
        url = call.request.url.include_query_params(cursor=f"v1_{rest[0].id}", per_page=per_page)
        headers["link"] = f'<{url}>; rel="next"'
    return answer([_delivery_item(x) for x in part], headers=headers)


def _delivery_of(call: Call) -> r.Delivery:
    app, row = app_of(call), call.core.tables.deliveries.get(call.number("delivery"))
    if row is None or row.app_id != app.id:
        raise not_found()
    return row


@router.get("/app/hook/deliveries/{delivery}")
async def get_delivery(call: Call = Depends(enter)) -> Response:
    """One attempt with what went out and came back."""
    row = _delivery_of(call)
    return answer(
        {
            **_delivery_item(row),
            "url": call.core.tables.apps.rows[row.app_id].webhook_url or "",
            "request": {"headers": row.request_headers, "payload": json.loads(row.body)},
            "response": {"headers": row.response_headers, "payload": row.response_body},
        }
    )


@router.post("/app/hook/deliveries/{delivery}/attempts")
async def redeliver(call: Call = Depends(enter)) -> Response:
    """Deliver again, under the same guid."""
    webhooks.redeliver(call.core, _delivery_of(call))
    return answer({}, 202)
