"""Who looks, and what they may do: for every page and every call, through these dependencies alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Path, Request

from bot.model.run import Repository
from bot.ports import Doing, Refusal, Role, Viewer, authorise
from bot.store import repositories, tokens, words
from bot.web.context import WebContext, context_of
from bot.web.cookies import Cookies, SignedIn
from bot.web.problems import Problem
from bot.web.roles import Roles

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SIGN_IN_FIRST = {"WWW-Authenticate": 'Bearer realm="roundsman"'}
_SCOPE_ROLE: dict[tokens.Scope, Role] = {
    "see": "triage",
    "run": "write",
    "edit": "maintain",
    "operate": "admin",
}
_ORDER: tuple[tokens.Scope, ...] = ("see", "run", "edit", "operate")

Owner = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,100}$", description="The repository's owner.")]
Repo = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,100}$", description="The repository's name.")]


async def viewer_of(request: Request) -> Viewer | None:
    """Who asks: a machine by its token, else a person or the local user by their cookie; None for a stranger."""
    if not hasattr(request.state, "viewer"):
        request.state.session = None
        request.state.viewer = await _viewer(request)
    viewer: Viewer | None = request.state.viewer
    return viewer


async def signed_in(request: Request) -> Viewer:
    """Whoever asks, if they have signed in."""
    viewer = await viewer_of(request)
    if viewer is None:
        raise Problem(401, "sign in first", code="sign-in", headers=SIGN_IN_FIRST)
    return viewer


async def operator(request: Request) -> Viewer:
    """Whoever asks, if they operate this service."""
    viewer = await signed_in(request)
    require(viewer, "operate", None)
    return viewer


def require(viewer: Viewer | None, doing: Doing, repository: Repository | None) -> None:
    """Raise unless `viewer` may: 401 for strangers, 404 where they may not even see, 403 where seeing is all."""
    refused = authorise(viewer, doing, repository)
    if refused is None:
        return
    if viewer is None:
        raise Problem(401, refused, code="sign-in", headers=SIGN_IN_FIRST)
    if repository is not None and authorise(viewer, "see", repository) is not None:
        raise nothing_here(repository.full_name)
    raise Problem(403, refused, code="role")


def nothing_here(full_name: str) -> Problem:
    """The answer for a repository that is not there, and for one that is not theirs to see: the same."""
    return Problem(404, f"there is no repository {full_name} here that you may see", code="unknown")


def is_open(request: Request, repository: Repository) -> bool:
    """Whether anybody may look: the operator opened public repositories, and GitHub told us that this is one."""
    open_house = context_of(request).settings.public_view
    return open_house and repository.github_id is not None and not repository.private


def at_repository(doing: Doing, *, public: bool = False) -> Callable[..., Awaitable[Repository]]:
    """A dependency: the repository of the path, for somebody who may do this there; `public` where anybody may look."""

    async def found(request: Request, owner: Owner, repo: Repo) -> Repository:
        context = context_of(request)
        if public and context.settings.public_view:
            known = await context.database.read(repositories.by_name, f"{owner}/{repo}")
            if known is not None and is_open(request, known):
                return known
        viewer = await signed_in(request)
        repository = await context.database.read(repositories.by_name, f"{owner}/{repo}")
        if repository is None:
            raise nothing_here(f"{owner}/{repo}")
        require(viewer, doing, repository)
        return repository

    found.guards = doing  # type: ignore[attr-defined]
    return found


async def visible_repositories(request: Request) -> list[Repository]:
    """The repositories whoever asks may see, by name."""
    viewer = await signed_in(request)
    every = await context_of(request).database.read(repositories.every)
    return [repository for repository in every if authorise(viewer, "see", repository) is None]


async def open_repositories(request: Request) -> list[Repository]:
    """The repositories whoever asks may look at, public ones too where the operator opened them, by name."""
    context = context_of(request)
    viewer = await viewer_of(request) if context.settings.public_view else await signed_in(request)
    every = await context.database.read(repositories.every)
    return [one for one in every if authorise(viewer, "see", one) is None or is_open(request, one)]


def csrf_token(request: Request) -> str:
    """What a form of this page carries in its field `csrf` (or a script in `X-CSRF-Token`)."""
    session: SignedIn | None = getattr(request.state, "session", None)
    return cookies_of(request).csrf(session) if session else ""


async def no_forgery(request: Request) -> None:
    """For the whole app: whoever changes something by cookie does it from our own page."""
    if request.method in SAFE or request.url.path.startswith("/webhooks/"):
        return
    await viewer_of(request)
    session: SignedIn | None = request.state.session
    if session is None:
        return
    if not _from_here(request):
        raise Problem(403, "this request came from another site", code="csrf")
    given = request.headers.get("x-csrf-token") or await _field(request)
    if not cookies_of(request).csrf_holds(session, given):
        raise Problem(403, "this form is too old; load the page again and repeat", code="csrf")


async def _field(request: Request) -> str:
    kind = request.headers.get("content-type", "")
    if not kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        return ""
    given = (await request.form()).get("csrf")
    return given if isinstance(given, str) else ""


def _from_here(request: Request) -> bool:
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    ours = {
        request.headers.get("host", "").lower(),
        urlsplit(context_of(request).settings.base_url).netloc.lower(),
    }
    return origin is None or urlsplit(origin).netloc.lower() in ours


def cookies_of(request: Request) -> Cookies:
    """The app's cookies."""
    cookies: Cookies = request.app.state.cookies
    return cookies


async def _viewer(request: Request) -> Viewer | None:
    context = context_of(request)
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme:
        return await _machine(context, text.strip()) if scheme.lower() == "bearer" else None
    session = cookies_of(request).session(
        request.cookies.get(cookies_of(request).session_name), context.now()
    )
    if session is None:
        return None
    viewer = (
        await _local(context, session)
        if session.kind == "local"
        else await _person(request, context, session)
    )
    request.state.session = session if viewer else None
    return viewer


async def _local(context: WebContext, session: SignedIn) -> Viewer | None:
    if not context.settings.local or await _ended(context, session):
        return None
    return Viewer(login="local", kind="local", operator=True)


async def _person(request: Request, context: WebContext, session: SignedIn) -> Viewer | None:
    roles: Roles | None = request.app.state.roles
    if roles is None or await _ended(context, session):
        return None
    every = await context.database.read(repositories.every)
    answer = await roles.of(session.id, cookies_of(request).account(session), every, context.now())
    if isinstance(answer, Refusal):
        if answer.kind == "busy":
            raise Problem(
                503, "GitHub cannot say what you may do here right now; try again in a minute", code="github",
                headers={"Retry-After": str(int(max(answer.retry_after, 30)))},
            )  # fmt: skip
        return None
    operators = {login.lower() for login in context.settings.operators}
    return Viewer(login=session.login, roles=dict(answer), operator=session.login.lower() in operators)


async def _machine(context: WebContext, text: str) -> Viewer | None:
    if not text.startswith(tokens.PREFIX) or not text.isascii():
        return None
    now = context.now()
    token = await context.database.read(tokens.find, text, now)
    if token is None:
        return None
    if token.last_used_at is None or now - token.last_used_at > timedelta(minutes=1):
        await context.database.write(tokens.used, token.id, now)
    every = await context.database.read(repositories.every)
    names = [repository.full_name.lower() for repository in every]
    role = _SCOPE_ROLE[max(token.scopes, key=_ORDER.index)]
    roles = {name: role for name in names if token.repositories is None or name in token.repositories}
    everything = "operate" in token.scopes and token.repositories is None
    return Viewer(login=f"token:{token.name}", kind="machine", roles=roles, operator=everything)


def _goodbye(session: SignedIn) -> str:
    return f"signed-out/{session.id}"


async def _ended(context: WebContext, session: SignedIn) -> bool:
    """Whether the session was signed out; a copy of its cookie must not outlive it."""
    return await context.database.read(words.get, _goodbye(session)) is not None


async def end_session(context: WebContext, session: SignedIn, now: datetime) -> None:
    """Sign a session out everywhere."""
    await context.database.write(words.put, _goodbye(session), True, now)


MaybeViewer = Annotated[Viewer | None, Depends(viewer_of)]
SignedInViewer = Annotated[Viewer, Depends(signed_in)]
Operator = Annotated[Viewer, Depends(operator)]
Openly = Annotated[list[Repository], Depends(open_repositories)]
Visible = Annotated[list[Repository], Depends(visible_repositories)]
Context = Annotated[WebContext, Depends(context_of)]
