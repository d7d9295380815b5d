"""Who may do what: JWT rules, reduced and expired tokens, roles, sign-in with PKCE, the manifest flow."""

import base64
import hashlib
import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from bot.demo import App, GitHub, Installation
from bot.demo.jwt import issue_jwt, key_pair
from tests.contract.github.conftest import HandClock

SHOP = "/repos/acme/shop"


def bearer(token: str) -> dict[str, str]:
    """An Authorization header."""
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("issuer", "skew", "lifetime", "status", "words"),
    [
        ("1", 30, 540, 200, ""),
        ("1", -120, 540, 401, "'Issued at' claim"),
        ("1", 3600, 540, 401, "'Expiration time' claim"),
        ("1", 0, 3600, 401, "too far in the future"),
        ("99", 30, 540, 404, "Integration not found"),
    ],
)
async def test_jwt_rules(
    github: GitHub,
    app: App,
    anyone: httpx.AsyncClient,
    issuer: str,
    skew: int,
    lifetime: int,
    status: int,
    words: str,
) -> None:
    """`iat` must have passed, `exp` must be ahead by at most ten minutes, `iss` must be known."""
    token = issue_jwt(app.private_key, issuer, github.auth_clock(), lifetime=lifetime, skew=skew)
    answer = await anyone.get("/app", headers=bearer(token))
    assert answer.status_code == status
    assert words in answer.json().get("message", "")


async def test_a_foreign_key_is_refused(github: GitHub, app: App, anyone: httpx.AsyncClient) -> None:
    """The signature counts, and `alg` cannot be chosen by the caller; a client id is an issuer, too."""
    forged = issue_jwt(key_pair(77)[0], app.id, github.clock())
    head = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    unsigned = f"{head}.{forged.split('.')[1]}."
    by_client_id = issue_jwt(app.private_key, app.client_id, github.clock())
    answers = [
        (await anyone.get("/app", headers=bearer(x))).status_code for x in (forged, unsigned, by_client_id)
    ]
    assert answers == [401, 401, 200]


async def test_reduced_tokens(github: GitHub, installation: Installation, anyone: httpx.AsyncClient) -> None:
    """A token does what it was minted for, where it was minted for, for an hour."""
    shop, vault = github.repository("acme/shop"), github.add_repo("acme/vault", private=True)
    shop.issue("a")
    vault.issue("b")
    reading = bearer(
        github.installation_token(installation, repositories=["shop"], permissions={"issues": "read"})
    )
    assert (await anyone.get(f"{SHOP}/issues/1", headers=reading)).status_code == 200
    refused = await anyone.post(f"{SHOP}/issues/1/comments", json={"body": "x"}, headers=reading)
    assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by integration")
    assert "issues=write" in refused.headers["x-accepted-github-permissions"]
    assert (await anyone.get("/repos/acme/vault/issues", headers=reading)).status_code == 404


async def test_tokens_expire(
    github: GitHub, installation: Installation, anyone: httpx.AsyncClient, clock: HandClock
) -> None:
    """After an hour an installation token is nothing; suspension ends it at once."""
    first, second = (bearer(github.installation_token(installation)) for _ in range(2))
    clock.forward(minutes=59)
    assert (await anyone.get(SHOP, headers=first)).status_code == 200
    github.suspend(installation)
    assert (await anyone.get(SHOP, headers=first)).status_code == 403
    github.suspend(installation, suspended=False)
    clock.forward(minutes=1)
    assert (await anyone.get(SHOP, headers=second)).status_code == 401


async def test_minting_refuses_too_much(
    github: GitHub, app: App, installation: Installation, anyone: httpx.AsyncClient
) -> None:
    """Neither more permissions than granted nor repositories out of reach."""
    path, headers = f"/app/installations/{installation.id}/access_tokens", bearer(github.app_jwt(app))
    for body in ({"permissions": {"administration": "write"}}, {"repositories": ["elsewhere"]}):
        assert (await anyone.post(path, json=body, headers=headers)).status_code == 422


async def test_roles_of_people(github: GitHub, installation: Installation, anyone: httpx.AsyncClient) -> None:
    """Readers comment but do not label; labels of an outsider's new issue are dropped; `role_name` tells the truth."""
    shop = github.repository("acme/shop")
    shop.issue("a")
    shop.collaborator("mia", "maintain")
    stranger = bearer(github.personal_token("stranger"))
    assert (
        await anyone.post(f"{SHOP}/issues/1/comments", json={"body": "x"}, headers=stranger)
    ).status_code == 201
    assert (
        await anyone.post(f"{SHOP}/issues/1/labels", json={"labels": ["x"]}, headers=stranger)
    ).status_code == 403
    made = await anyone.post(f"{SHOP}/issues", json={"title": "t", "labels": ["x"]}, headers=stranger)
    assert made.json()["labels"] == []
    assert (await anyone.post(f"{SHOP}/issues/1/comments", json={"body": "x"})).status_code == 401
    boss = bearer(github.personal_token("boss"))
    told = [
        (await anyone.get(f"{SHOP}/collaborators/{x}/permission", headers=boss)).json()
        for x in ("mia", "stranger", "boss")
    ]
    assert [(x["permission"], x["role_name"]) for x in told] == [
        ("write", "maintain"),
        ("read", "read"),
        ("admin", "admin"),
    ]


async def sign_in(http: httpx.AsyncClient, app: App, **more: str) -> dict[str, list[str]]:
    """Choose to be ann on the authorize page; the parameters of the way back."""
    query = {"client_id": app.client_id, "state": "s1", **more}
    shown = await http.get("/login/oauth/authorize", params=query)
    assert "ann" in shown.text
    back = await http.post("/login/oauth/authorize", data={**query, "as": "ann"})
    assert back.status_code == 302
    return parse_qs(urlsplit(back.headers["location"]).query)


async def test_sign_in_with_pkce(github: GitHub, anyone: httpx.AsyncClient) -> None:
    """Code for token, once, only with the verifier; a refresh token gives a new pair and ends the old."""
    github.add_user("ann")
    app = github.add_app("door", callback_urls=["https://bot.test/auth"])
    verifier = "v" * 50
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    proof = {"code_challenge": challenge, "code_challenge_method": "S256"}
    secrets = {"client_id": app.client_id, "client_secret": app.client_secret}

    async def exchange(**form: str) -> dict[str, str]:
        answer = await anyone.post(
            "/login/oauth/access_token", data=secrets | form, headers={"accept": "application/json"}
        )
        found: dict[str, str] = answer.json()
        return found

    back = await sign_in(anyone, app, **proof)
    assert back["state"] == ["s1"]
    code = back["code"][0]
    assert (await exchange(code=code, code_verifier="wrong"))["error"] == "bad_verification_code"
    tokens = await exchange(code=code, code_verifier=verifier)
    assert (await anyone.get("/user", headers=bearer(tokens["access_token"]))).json()["login"] == "ann"
    assert (await exchange(code=code, code_verifier=verifier))["error"] == "bad_verification_code"
    newer = await exchange(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert (await anyone.get("/user", headers=bearer(tokens["access_token"]))).status_code == 401
    assert (await anyone.get("/user", headers=bearer(newer["access_token"]))).status_code == 200
    elsewhere = {"client_id": app.client_id, "redirect_uri": "https://evil.test/"}
    assert (await anyone.get("/login/oauth/authorize", params=elsewhere)).status_code == 400


async def test_manifest_flow(github: GitHub, anyone: httpx.AsyncClient) -> None:
    """A manifest becomes an App whose key signs; its code converts once."""
    manifest = {
        "name": "My Rounds", "url": "https://bot.test", "redirect_url": "https://bot.test/setup/done",
        "hook_attributes": {"url": "https://bot.test/webhooks/github"},
        "default_permissions": {"issues": "write"}, "default_events": ["issues"],
    }  # fmt: skip
    shown = await anyone.post("/settings/apps/new?state=s", data={"manifest": json.dumps(manifest)})
    assert "issues: write" in shown.text
    back = await anyone.post("/settings/apps/manifest", data={"manifest": json.dumps(manifest), "state": "s"})
    code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
    made = await anyone.post(f"/app-manifests/{code}/conversions")
    assert made.status_code == 201
    assert (await anyone.post(f"/app-manifests/{code}/conversions")).status_code == 404
    token = issue_jwt(made.json()["pem"], made.json()["id"], github.clock())
    assert (await anyone.get("/app", headers=bearer(token))).json()["slug"] == "my-rounds"


async def test_renamed_repositories_redirect(
    github: GitHub, bot: httpx.AsyncClient, installation: Installation
) -> None:
    """The old name leads to the numbered address, for all below it and for writes, too."""
    github.repository("acme/shop").issue("a")
    github.rename_repo("acme/shop", "store")
    moved = await bot.get(f"{SHOP}/issues?state=all")
    found = await bot.get(moved.headers["location"])
    assert (moved.status_code, len(found.json())) == (301, 1)
    written = await bot.post(f"{SHOP}/issues/1/comments", json={"body": "x"}, follow_redirects=True)
    assert [x.status_code for x in (*written.history, written)] == [307, 201]


async def test_deleted_issues_are_gone(github: GitHub, bot: httpx.AsyncClient) -> None:
    """A deleted issue answers 410, leaves the list, and its number is not used again."""
    shop = github.repository("acme/shop")
    github.delete_issue(shop.issue("a"))
    assert (await bot.get(f"{SHOP}/issues/1")).status_code == 410
    assert (await bot.get(f"{SHOP}/issues?state=all")).json() == []
    assert shop.issue("b").number == 2


async def test_user_tokens_end(github: GitHub, app: App, anyone: httpx.AsyncClient, clock: HandClock) -> None:
    """A user token lives eight hours."""
    token = bearer(github.user_token(app, "ann", lifetime=timedelta(hours=8)))
    clock.forward(hours=8)
    assert (await anyone.get("/user", headers=token)).status_code == 401


async def test_user_tokens_reach_what_both_reach(
    github: GitHub, installation: Installation, app: App, anyone: httpx.AsyncClient
) -> None:
    """Where the App is not installed, its user token reads what is public and no more."""
    github.add_repo("ann/secret", private=True).issue("a")
    github.add_repo("ann/open").issue("a")
    token = bearer(github.user_token(app, "ann"))
    assert (await anyone.get("/repos/ann/secret", headers=token)).status_code == 404
    assert (await anyone.get("/repos/ann/open", headers=token)).status_code == 200
    refused = await anyone.post("/repos/ann/open/issues/1/comments", json={"body": "x"}, headers=token)
    assert refused.status_code == 403


async def test_secondary_limits(github: GitHub, bot: httpx.AsyncClient, clock: HandClock) -> None:
    """Too many writes in a minute are refused with Retry-After until the minute is over."""
    github.limits.content_per_minute = 2
    github.repository("acme/shop").issue("a")
    answers = [await bot.post(f"{SHOP}/issues/1/comments", json={"body": str(n)}) for n in range(3)]
    assert [x.status_code for x in answers] == [201, 201, 403]
    assert answers[2].headers["retry-after"] == "60"
    clock.forward(minutes=1)
    assert (await bot.post(f"{SHOP}/issues/1/comments", json={"body": "later"})).status_code == 201


async def test_installing_by_hand(github: GitHub, app: App, anyone: httpx.AsyncClient) -> None:
    """The page installs on the chosen account once, tells the App, and leads back to it."""
    github.add_repo("ann/open")
    assert 'value="ann"' in (await anyone.get("/apps/roundsman/installations/new")).text
    backs = [
        await anyone.post("/apps/roundsman/installations/new", data={"account": "ann"}) for _ in range(2)
    ]
    assert [x.headers["location"].rpartition("=")[2] for x in backs] == ["install", "update"]
    assert [(x.event, x.action) for x in github.deliveries] == [("installation", "created")]
