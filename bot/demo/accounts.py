"""Users, organisations, repositories, collaborators, rate limit and small talk."""

from fastapi import APIRouter, Depends, Response

from bot.demo import records as r
from bot.demo import shapes
from bot.demo.auth import covered_repos
from bot.demo.call import Call, answer, done, enter
from bot.demo.core import at_least
from bot.demo.limits import Quota
from bot.demo.paging import counted, paged
from bot.demo.refusal import Refusal, not_found

router = APIRouter()
ROOT = "/repos/{owner}/{name}"


def _person(call: Call) -> r.User:
    """The person behind a user or personal token."""
    if call.caller.kind == "anonymous":
        raise Refusal(401, "Requires authentication")
    user = call.core.user(call.caller.login or "")
    if call.caller.kind not in ("user", "personal") or user is None:
        raise Refusal(403, "Resource not accessible by integration")
    return user


@router.get("/user")
async def get_me(call: Call = Depends(enter)) -> Response:
    """The person who asks."""
    return answer(shapes.full_user(call.core, _person(call)))


@router.get("/users/{login}")
async def get_user(call: Call = Depends(enter)) -> Response:
    """Anyone."""
    user = call.core.user(call.param("login"))
    if user is None:
        raise not_found()
    return answer(shapes.full_user(call.core, user))


@router.get("/user/installations")
async def my_installations(call: Call = Depends(enter)) -> Response:
    """Installations of the token's App that the person has a part in."""
    person = _person(call)
    rows = [
        x
        for x in call.core.tables.installations.under("app", call.caller.app_id)
        if any(_explicit(call, repo, person.login) for repo in covered_repos(call.core, x))
        or x.account.lower() == person.login.lower()
    ]
    return counted(call, "installations", rows, lambda x: shapes.installation(call.core, x))


def _explicit(call: Call, repo: r.Repo, login: str) -> bool:
    """Whether someone can see a repository, as GitHub judges it: a public one by all."""
    return at_least(call.core.role(repo, login), "read")


@router.get("/user/installations/{installation}/repositories")
async def my_installation_repositories(call: Call = Depends(enter)) -> Response:
    """What both the person and the App may see."""
    person, row = _person(call), call.core.tables.installations.get(call.number("installation"))
    if row is None or row.app_id != call.caller.app_id:
        raise not_found()
    rows = [x for x in covered_repos(call.core, row) if _explicit(call, x, person.login)]
    return counted(call, "repositories", rows, lambda x: shapes.repository(call.core, x, person.login))


@router.get("/user/repos")
async def my_repositories(call: Call = Depends(enter)) -> Response:
    """Repositories with a role of one's own."""
    login = _person(call).login
    rows = [x for x in call.core.tables.repos if _has_part(call, x, login)]
    return paged(call, rows, lambda x: shapes.repository(call.core, x, login))


def _has_part(call: Call, repo: r.Repo, login: str) -> bool:
    named = login.lower() == repo.owner.lower() or login.lower() in map(str.lower, repo.collaborators)
    return named or call.core.association(repo, login) == "MEMBER"


@router.get("/users/{login}/repos")
@router.get("/orgs/{login}/repos")
async def account_repositories(call: Call = Depends(enter)) -> Response:
    """An account's repositories that the caller may see."""
    if call.core.user(call.param("login")) is None:
        raise not_found()
    rows = call.core.tables.repos.under("owner", call.param("login").lower())
    seen = [x for x in rows if _visible(call, x)]
    return paged(call, seen, lambda x: shapes.repository(call.core, x, call.caller.login))


def _visible(call: Call, repo: r.Repo) -> bool:
    if call.caller.kind == "installation":
        return not repo.private or repo.id in (call.caller.repositories or ())
    return at_least(call.core.role(repo, call.caller.login), "read")


def _org(call: Call) -> r.User:
    org = call.core.user(call.param("org"))
    if org is None or org.type != "Organization":
        raise not_found()
    return org


@router.get("/orgs/{org}")
async def get_org(call: Call = Depends(enter)) -> Response:
    """An organisation."""
    return answer(shapes.organization(call.core, _org(call)))


@router.get("/orgs/{org}/members")
async def org_members(call: Call = Depends(enter)) -> Response:
    """Its members."""
    return paged(call, list(_org(call).members), lambda x: shapes.simple_user(call.core, x))


@router.get("/orgs/{org}/members/{login}")
async def is_member(call: Call = Depends(enter)) -> Response:
    """204 for a member."""
    if call.param("login").lower() not in map(str.lower, _org(call).members):
        raise not_found()
    return done()


@router.get("/orgs/{org}/memberships/{login}")
async def membership(call: Call = Depends(enter)) -> Response:
    """A member's part."""
    org, login = _org(call), call.param("login")
    role = next((v for k, v in org.members.items() if k.lower() == login.lower()), None)
    if role is None:
        raise not_found()
    return answer(
        {
            "url": f"{call.core.api_url}/orgs/{org.login}/memberships/{login}",
            "state": "active",
            "role": role,
            "organization_url": f"{call.core.api_url}/orgs/{org.login}",
            "organization": shapes.organization(call.core, org),
            "user": shapes.simple_user(call.core, login),
        }
    )


@router.get("/orgs/{org}/teams/{slug}/members")
async def team_members(call: Call = Depends(enter)) -> Response:
    """A team's members."""
    org = _org(call)
    team = next(
        (x for x in call.core.tables.teams.under("org", org.id) if x.slug == call.param("slug")), None
    )
    if team is None:
        raise not_found()
    return paged(call, team.members, lambda x: shapes.simple_user(call.core, x))


@router.get("/orgs/{org}/teams/{slug}/memberships/{login}")
async def team_membership(call: Call = Depends(enter)) -> Response:
    """Whether someone is in a team."""
    org = _org(call)
    team = next(
        (x for x in call.core.tables.teams.under("org", org.id) if x.slug == call.param("slug")), None
    )
    if team is None or call.param("login").lower() not in map(str.lower, team.members):
        raise not_found()
    url = f"{call.core.api_url}/organizations/{org.id}/team/{team.id}/memberships/{call.param('login')}"
    return answer({"url": url, "role": "member", "state": "active"})


@router.get(ROOT)
async def get_repository(call: Call = Depends(enter)) -> Response:
    """A repository."""
    repo = call.repo("metadata:read")
    return answer(shapes.repository(call.core, repo, call.caller.login))


@router.get(ROOT + "/languages")
async def languages(call: Call = Depends(enter)) -> Response:
    """Bytes by language, roughly."""
    repo = call.repo("metadata:read")
    return answer({repo.language: 1000} if repo.language else {})


@router.get(ROOT + "/topics")
async def topics(call: Call = Depends(enter)) -> Response:
    """Topics."""
    return answer({"names": call.repo("metadata:read").topics})


_BASE = {"triage": "read", "maintain": "write"}


@router.get(ROOT + "/collaborators")
async def collaborators(call: Call = Depends(enter)) -> Response:
    """People with a role in the repository."""
    repo = call.repo("metadata:read")
    call.require_role(repo, "write")
    owner = call.core.user(repo.owner)
    logins = dict.fromkeys([*repo.collaborators, *(owner.members if owner else {})])
    if owner is not None and owner.type == "User":
        logins[owner.login] = None
    return paged(call, list(logins), lambda x: _collaborator(call, repo, x))


def _collaborator(call: Call, repo: r.Repo, login: str) -> dict[str, object]:
    role = call.core.role(repo, login)
    permissions = shapes.repository(call.core, repo, login)["permissions"]
    return {**(shapes.simple_user(call.core, login) or {}), "permissions": permissions, "role_name": role}


@router.get(ROOT + "/collaborators/{login}")
async def is_collaborator(call: Call = Depends(enter)) -> Response:
    """204 for a collaborator."""
    repo = call.repo("metadata:read")
    if not _has_part(call, repo, call.param("login")):
        raise not_found()
    return done()


@router.get(ROOT + "/collaborators/{login}/permission")
async def permission(call: Call = Depends(enter)) -> Response:
    """The base permission and, in `role_name`, the true role; anyone reads a public repository."""
    repo = call.repo("metadata:read")
    user = call.core.user(call.param("login"))
    if user is None:
        raise not_found()
    role = call.core.role(repo, user.login)
    known = role in ("none", "read", "triage", "write", "maintain", "admin")
    base = _BASE.get(role, role) if known else "write"
    shape = {**(shapes.simple_user(call.core, user.login) or {}), "role_name": role}
    shape["permissions"] = shapes.repository(call.core, repo, user.login)["permissions"]
    return answer({"permission": base, "role_name": role, "user": shape})


@router.get("/rate_limit")
async def rate_limit(call: Call = Depends(enter)) -> Response:
    """What is left; asking is free."""

    def numbers(quota: Quota) -> dict[str, object]:
        return {"limit": quota.limit, "used": quota.used, "remaining": quota.remaining, "reset": quota.reset,
                "resource": quota.resource}  # fmt: skip

    now, name = call.core.clock(), call.caller.name
    resources = {x: numbers(call.core.limits.quota(x, name, now)) for x in ("core", "search", "graphql")}
    return answer({"resources": resources, "rate": resources["core"]})


@router.get("/meta")
async def meta() -> Response:
    """What this server is."""
    return answer({"verifiable_password_authentication": False, "installed_version": "demo"})


@router.get("/zen")
async def zen() -> Response:
    """A wise word."""
    return Response("Keep it logically awesome.", media_type="text/plain")
