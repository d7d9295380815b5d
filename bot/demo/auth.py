"""Who is calling: App JWT, installation token, user token, personal token or nobody."""

import base64
import binascii
from dataclasses import dataclass, field

from bot.demo import jwt
from bot.demo import records as r
from bot.demo.core import Actor, Core
from bot.demo.refusal import Refusal, bad_credentials

GRADES = {"read": 1, "write": 2, "admin": 3}


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated caller; `kind` is `anonymous`, `app`, `installation`, `user` or `personal`."""

    kind: str
    login: str | None = None
    app_id: int | None = None
    installation_id: int | None = None
    repositories: frozenset[int] | None = None
    permissions: dict[str, str] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()
    token: str = ""

    @property
    def name(self) -> str:
        """Whose allowance requests count against."""
        if self.kind == "installation":
            return f"installation:{self.installation_id}"
        if self.kind == "app":
            return f"app:{self.app_id}"
        return "anonymous" if self.login is None else f"user:{self.login}"

    def grade(self, permission: str) -> int:
        """0 none, 1 read, 2 write, 3 admin."""
        return GRADES.get(self.permissions.get(permission, ""), 0)

    @property
    def actor(self) -> Actor:
        """Who the records name."""
        if self.login is None:
            raise Refusal(401, "Requires authentication")
        return Actor(self.login, self.app_id)


ANONYMOUS = Caller("anonymous")


def identify(core: Core, authorization: str | None) -> Caller:
    """Read the Authorization header; raises 401 for a credential that does not hold."""
    if not authorization:
        return ANONYMOUS
    scheme, _, secret = authorization.partition(" ")
    secret = secret.strip()
    if scheme.lower() == "basic":
        return _basic(core, secret)
    if scheme.lower() not in ("bearer", "token") or not secret:
        raise bad_credentials()
    return _jwt(core, secret) if secret.count(".") == 2 else by_token(core, secret)


def _basic(core: Core, encoded: str) -> Caller:
    try:
        name, _, password = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, ValueError) as fault:
        raise bad_credentials() from fault
    app = core.tables.apps.one("client_id", name)
    if app is not None and password == app.client_secret:
        return Caller("client", app_id=app.id)
    return by_token(core, password if password and password != "x-oauth-basic" else name)


def _jwt(core: Core, token: str) -> Caller:
    claims = jwt.read_claims(token)
    issuer = str(claims.get("iss", ""))
    app = (
        core.tables.apps.get(int(issuer)) if issuer.isdecimal() else core.tables.apps.one("client_id", issuer)
    )
    if app is None:
        raise Refusal(404, "Integration not found")
    jwt.verify(token, claims, app.public_key, core.auth_clock())
    return Caller("app", app_id=app.id, token=token)


def by_token(core: Core, secret: str) -> Caller:
    """The caller a stored token stands for."""
    row = core.tables.tokens.one("token", secret)
    if row is None or (row.expires_at is not None and row.expires_at <= core.auth_now()):
        raise bad_credentials()
    if row.kind == "installation":
        return _installation(core, row)
    scopes = tuple(row.scopes)
    kind = "user" if row.kind == "user" else "personal"
    return Caller(kind, login=row.user, app_id=row.app_id, scopes=scopes, token=secret)


def _installation(core: Core, row: r.Token) -> Caller:
    found = core.tables.installations.get(row.installation_id or 0)
    if found is None:
        raise bad_credentials()
    if found.suspended_at is not None:
        raise Refusal(403, "This installation has been suspended")
    app = core.tables.apps.rows[found.app_id]
    wanted = found.permissions if row.permissions is None else row.permissions
    held = {k: v for k, v in wanted.items() if GRADES.get(found.permissions.get(k, ""), 0) >= GRADES[v]}
    repos = _covered(core, found)
    if row.repositories is not None:
        repos &= frozenset(row.repositories)
    return Caller(
        "installation",
        login=app.bot_login,
        app_id=app.id,
        installation_id=found.id,
        repositories=repos,
        permissions={"metadata": "read", **held},
        token=row.token,
    )


def _covered(core: Core, installation: r.Installation) -> frozenset[int]:
    everything = core.tables.repos.under("owner", installation.account.lower())
    if installation.repositories is None:
        return frozenset(x.id for x in everything)
    return frozenset(x.id for x in everything if x.id in installation.repositories)


def covered_repos(core: Core, installation: r.Installation) -> list[r.Repo]:
    """The repositories an installation may see, in order of their ids."""
    return [core.tables.repos.rows[i] for i in sorted(_covered(core, installation))]
